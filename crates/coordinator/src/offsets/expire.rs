//! When offsets are forgotten (KIP-211): never while a group may still come back to them in time.

use types::TimestampMs;

use super::{CommittedOffset, Topics, tombstone};
use crate::groups::{Group, GroupShard};
use crate::{ClassicGroup, Decision, Now, Record, Reply, State, StoredRecord, Text};

/// From when on an offset's retention counts.
enum Clock {
    /// The group still uses what it committed.
    Stopped,
    /// From the last commit.
    Commit,
    /// From when the group became empty.
    Since(TimestampMs),
}

impl GroupShard {
    /// Drops what has expired, and empty groups that hold nothing then.
    pub(crate) fn decide_expiry(&self, now: Now) -> Decision<Record, Reply> {
        let mut records = Vec::new();
        for (id, group) in &self.groups {
            let Group::Classic(group) = group else { continue };
            let offsets = self.offsets.of_group(id);
            let expired = offsets.map(|t| self.expired(now, group, t)).unwrap_or_default();
            let kept = offsets.map_or(0, count) - expired.len();
            let tombstones = expired.into_iter().map(|(topic, p)| tombstone(id, topic, p));
            records.extend(tombstones.map(Record::Stored));
            if kept == 0 && group.is_empty() && group.pending.is_empty() {
                let gone = StoredRecord::Group { group: id.clone(), value: None };
                records.push(Record::Stored(gone));
            }
        }
        Decision { records, replies: Vec::new() }
    }

    fn expired<'a>(
        &self,
        now: Now,
        group: &ClassicGroup,
        topics: &'a Topics,
    ) -> Vec<(&'a Text, i32)> {
        let clock = clock(group);
        let retention_ms = self.config.offsets_retention_ms;
        let mut expired = Vec::new();
        for (topic, partitions) in topics.iter().filter(|(t, _)| !group.is_subscribed_to(t)) {
            for (partition, offset) in partitions {
                if has_expired(&clock, offset, now.wall, retention_ms) {
                    expired.push((topic, *partition));
                }
            }
        }
        expired
    }
}

fn clock(group: &ClassicGroup) -> Clock {
    if group.protocol_type.is_none() {
        return Clock::Commit; // only clients without a group have committed here
    }
    match group.state {
        State::Empty => group.since.map_or(Clock::Commit, Clock::Since),
        State::Stable { .. } if group.is_of_consumers() && group.subscribed.is_some() => {
            Clock::Commit
        }
        State::Stable { .. }
        | State::PreparingRebalance { .. }
        | State::CompletingRebalance { .. } => Clock::Stopped,
    }
}

fn has_expired(
    clock: &Clock,
    offset: &CommittedOffset,
    now: TimestampMs,
    retention_ms: i64,
) -> bool {
    let start = match clock {
        Clock::Stopped => return false,
        Clock::Commit => offset.committed_at,
        Clock::Since(since) => *since,
    };
    match offset.expires_at {
        Some(at) => now >= at,
        None => now.0.saturating_sub(start.0) >= retention_ms,
    }
}

fn count(topics: &Topics) -> usize {
    topics.values().map(|partitions| partitions.len()).sum()
}
