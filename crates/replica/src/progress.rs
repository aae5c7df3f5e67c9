//! How far a follower is, as its leader has seen it fetch.

use types::{BrokerEpoch, Offset, TimestampMs};

/// A follower that has not fetched in this leader's epoch has no end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Progress {
    pub log_start: Option<Offset>,
    pub end: Option<Offset>,
    /// The leader's end when the follower fetched last.
    leader_end_then: Option<Offset>,
    fetched_at: TimestampMs,
    caught_up_at: TimestampMs,
    /// The epoch that the fetching broker named.
    pub broker_epoch: Option<BrokerEpoch>,
}

/// One fetch of a follower.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Position {
    pub offset: Offset,
    pub log_start: Offset,
    pub broker_epoch: BrokerEpoch,
}

impl Progress {
    /// A follower at the start of a leader's term: one in sync has as much time as any to show it.
    pub(crate) fn at_start(now: TimestampMs, is_in_sync: bool) -> Self {
        Self {
            log_start: None,
            end: None,
            leader_end_then: None,
            fetched_at: TimestampMs(0),
            caught_up_at: if is_in_sync { now } else { TimestampMs(0) },
            broker_epoch: None,
        }
    }

    /// Takes note of a fetch. One that reaches the leader's end is caught up now; one that reaches what
    /// was the end at its last fetch was caught up then.
    pub(crate) fn note(&mut self, now: TimestampMs, position: Position, leader_end: Offset) {
        if position.offset >= leader_end {
            self.caught_up_at = self.caught_up_at.max(now);
        } else if self.leader_end_then.is_some_and(|then| position.offset >= then) {
            self.caught_up_at = self.caught_up_at.max(self.fetched_at);
        }
        self.log_start = Some(position.log_start);
        self.end = Some(position.offset);
        self.leader_end_then = Some(leader_end);
        self.fetched_at = now;
        self.broker_epoch = Some(position.broker_epoch);
    }

    /// At the leader's end, or there not longer ago than `lag_ms_max`.
    pub(crate) fn is_caught_up(
        &self,
        now: TimestampMs,
        leader_end: Offset,
        lag_ms_max: i64,
    ) -> bool {
        self.end == Some(leader_end) || now.0.saturating_sub(self.caught_up_at.0) <= lag_ms_max
    }

    pub(crate) fn caught_up_at(&self) -> TimestampMs {
        self.caught_up_at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(offset: i64) -> Position {
        let broker_epoch = BrokerEpoch(1);
        Position { offset: Offset(offset), log_start: Offset(0), broker_epoch }
    }

    #[test]
    fn who_keeps_pace_one_fetch_behind_stays_caught_up() {
        let mut progress = Progress::at_start(TimestampMs(0), true);
        for step in 1..10 {
            let now = TimestampMs(step * 1000);
            progress.note(now, at((step - 1) * 10), Offset(step * 10));
            assert!(progress.is_caught_up(now, Offset(step * 10), 1000), "{step}: {progress:?}");
        }
    }

    #[test]
    fn who_falls_behind_is_told_by_time() {
        let mut progress = Progress::at_start(TimestampMs(0), true);
        progress.note(TimestampMs(100), at(10), Offset(10));
        progress.note(TimestampMs(900), at(10), Offset(50));
        progress.note(TimestampMs(1200), at(20), Offset(90));
        assert!(progress.is_caught_up(TimestampMs(1100), Offset(90), 1000), "{progress:?}");
        assert!(!progress.is_caught_up(TimestampMs(1101), Offset(90), 1000), "{progress:?}");
    }
}
