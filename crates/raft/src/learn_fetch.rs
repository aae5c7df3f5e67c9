//! A follower's log, filled from its leader's: records, cuts, snapshots, the watermark.

use types::{ErrorCode, TimestampMs};

use crate::broken::is_broken;
use crate::clock::after;
use crate::config::GONE_SPREAD_MS;
use crate::control::SnapshotControl;
use crate::effect::{Effect, Effects};
use crate::log_state::{LogEnd, SnapshotId};
use crate::machine::Raft;
use crate::message::{CorrelationId, FetchReply, FetchSnapshotReply, Fetched, FetchedRecords};
use crate::role::{Download, Role};

impl Raft {
    /// Whether the answer was one that a leader gives; the next fetch follows at once then.
    pub(crate) fn learn_fetch(
        &mut self,
        now: TimestampMs,
        correlation: CorrelationId,
        reply: FetchReply,
        fx: &mut Effects,
    ) -> bool {
        if let Some(is_good) = self.learn_leader(now, reply.error, &reply.leader, fx) {
            return is_good;
        }
        if reply.error != ErrorCode::None || !matches!(self.role, Role::Follower(_)) {
            return false;
        }
        // the watermark says something of our log only where that is a prefix of the leader's
        let (is_good, is_prefix) = match reply.fetched {
            Fetched::Records(records) => (self.append_fetched(correlation, &records, fx), true),
            Fetched::Nothing => (true, true),
            Fetched::Diverging(end) => (self.truncate(end, fx), false),
            Fetched::Snapshot(snapshot) => (self.start_download(snapshot), false),
        };
        if !is_good {
            return false;
        }
        let counts = is_prefix || is_broken!(self, PrefixWatermark);
        if let Some(follower) = self.role.as_follower_mut()
            && counts
            && reply.high_watermark.0 >= 0
        {
            follower.leader_high_watermark = Some(reply.high_watermark);
        }
        self.raise_follower_watermark(fx);
        self.is_served(now);
        true
    }

    pub(crate) fn learn_fetch_snapshot(
        &mut self,
        now: TimestampMs,
        correlation: CorrelationId,
        reply: FetchSnapshotReply,
        fx: &mut Effects,
    ) -> bool {
        if let Some(is_good) = self.learn_leader(now, reply.error, &reply.leader, fx) {
            return is_good;
        }
        let Some(follower) = self.role.as_follower_mut() else { return false };
        let gone =
            matches!(reply.error, ErrorCode::SnapshotNotFound | ErrorCode::PositionOutOfRange);
        if gone || reply.snapshot.offset.0 < 0 || reply.snapshot.epoch.0 < 0 {
            follower.download = None;
            self.is_served(now);
            return true;
        }
        let Some(download) = follower.download.as_mut().filter(|d| !d.is_whole) else {
            return false;
        };
        let is_next = reply.snapshot == download.snapshot && reply.position == download.position;
        if reply.error != ErrorCode::None || !is_next {
            return false;
        }
        let (snapshot, position) = (download.snapshot, download.position);
        download.position = position.saturating_add(reply.bytes);
        download.is_whole = download.position == reply.size;
        let (is_whole, is_too_long) = (download.is_whole, download.position > reply.size);
        if is_too_long || reply.bytes == 0 && !is_whole {
            follower.download = None;
            return false;
        }
        fx.push(Effect::WriteSnapshot { correlation, snapshot, position });
        if is_whole {
            fx.push(Effect::InstallSnapshot(snapshot));
        }
        self.is_served(now);
        true
    }

    pub(crate) fn snapshot_installed(
        &mut self,
        now: TimestampMs,
        snapshot: SnapshotId,
        control: SnapshotControl,
        fx: &mut Effects,
    ) {
        self.log.restart_at(snapshot);
        self.control.load_snapshot(snapshot.offset, control);
        if let Some(follower) = self.role.as_follower_mut() {
            follower.download = None;
        }
        if self.role.as_leader().is_none() {
            self.raise_high_watermark(snapshot.offset, fx);
        }
        self.is_served(now);
    }

    /// Records that do not continue the log, or go back in epochs, are no answer to our fetch.
    fn append_fetched(
        &mut self,
        correlation: CorrelationId,
        records: &FetchedRecords,
        fx: &mut Effects,
    ) -> bool {
        if records.base == records.end {
            return true;
        }
        let (base, end) = (self.log.end, records.end);
        let mut last = self.log.last_epoch();
        let ascends = records.epochs.iter().all(|entry| {
            let is_next = entry.epoch >= last && entry.epoch <= self.epoch;
            last = entry.epoch;
            is_next && entry.start >= base && entry.start < end
        });
        if records.base != base || !ascends || records.epochs.is_empty() {
            return false;
        }
        for (index, entry) in records.epochs.iter().enumerate() {
            let until = records.epochs.get(index + 1).map_or(end, |next| next.start);
            self.log.append(entry.epoch, until);
        }
        for placed in &records.controls {
            self.control.append(placed.offset, &placed.record);
        }
        fx.push(Effect::AppendFetched { correlation, base, end });
        true
    }

    /// Cuts what the leader does not have; what is committed is never cut.
    fn truncate(&mut self, diverging: LogEnd, fx: &mut Effects) -> bool {
        let end = self.log.truncation_for(diverging);
        let is_committed = self.announced.is_some_and(|committed| end < committed);
        if is_committed || end < self.log.start || diverging.epoch.0 < 0 || diverging.offset.0 < 0 {
            return false;
        }
        if end < self.log.end {
            self.log.truncate_to(end);
            self.control.truncate_to(end);
            fx.push(Effect::TruncateTo(end));
        }
        true
    }

    fn start_download(&mut self, snapshot: SnapshotId) -> bool {
        let is_news = snapshot > self.log.log_end();
        // nothing is committed in an epoch that is still to come
        let is_possible = (0..=self.epoch.0).contains(&snapshot.epoch.0);
        if snapshot.offset.0 < 0 || !is_possible || !is_news {
            return false;
        }
        if let Some(follower) = self.role.as_follower_mut() {
            follower.download = Some(Download { snapshot, position: 0, is_whole: false });
        }
        true
    }

    /// A follower knows to be committed only what it has and does not lose in a crash.
    pub(crate) fn raise_follower_watermark(&mut self, fx: &mut Effects) {
        let durable = self.log.durable_end;
        if let Role::Follower(follower) = &self.role
            && let Some(leaders) = follower.leader_high_watermark
        {
            self.raise_high_watermark(leaders.min(durable), fx);
        }
    }

    pub(crate) fn is_served(&mut self, now: TimestampMs) {
        let fetch_ms = self.config.timeouts.fetch_ms;
        let sooner_ms = self.chance.below(GONE_SPREAD_MS.min(fetch_ms / 10));
        let patience = after(now, fetch_ms - sooner_ms);
        if let Some(follower) = self.role.as_follower_mut() {
            follower.fetch_deadline = patience;
            follower.is_served = true;
            self.silenced = None;
        }
    }
}
