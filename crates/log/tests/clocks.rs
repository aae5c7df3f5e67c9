//! Clocks that differ by an hour: a follower's log is the leader's all the same, and what decides
//! who is right, epochs and offsets, has no time in it.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

mod common;

use common::*;
use log::{Log, MemDisk, Origin};
use types::{LeaderEpoch, Offset, TimestampMs};

const HOUR_MS: i64 = 60 * 60 * 1000;
const NOON: i64 = 1_800_000_000_000;

/// A log on a machine whose clock is off by so much.
struct Replica {
    log: Log<MemDisk>,
    skew_ms: i64,
}

impl Replica {
    fn new(skew_ms: i64) -> Self {
        Self { log: Folder::in_memory().open(small_segments(), clean()), skew_ms }
    }

    fn now(&self, true_ms: i64) -> TimestampMs {
        TimestampMs(true_ms + self.skew_ms)
    }

    fn lead(&mut self, true_ms: i64, epoch: i32, round: i32) {
        let now = self.now(true_ms);
        for made in [
            batch_at(&[now.0], b"the leader's own time", NOBODY),
            batch_at(&[now.0 + 1], b"in order", producer(7, 0, round)),
        ] {
            self.log.append(&made, Origin::Client, LeaderEpoch(epoch), now).unwrap();
        }
    }

    /// Cuts what the leader does not have and copies the rest.
    fn follow(&mut self, leader: &mut Self, true_ms: i64) {
        let now = self.now(true_ms);
        if let Some(epoch) = self.log.latest_epoch() {
            let common = leader.log.epoch_end_offset(epoch).map_or(Offset(0), |end| end.end_offset);
            self.log.truncate_to(common, now).unwrap();
        }
        let bytes = read_all(&mut leader.log, self.log.end_offset(), 1 << 20);
        self.log.append_replicated(&bytes, now).unwrap();
    }

    fn check_same(&mut self, other: &mut Self) {
        assert_eq!(values(&mut self.log), values(&mut other.log));
        assert_eq!(self.log.epochs(), other.log.epochs());
        assert_eq!(self.log.producers(), other.log.producers());
        assert_eq!(self.log.segment_count(), other.log.segment_count());
        let youngest = |log: &mut Log<MemDisk>| log.max_timestamp().unwrap();
        assert_eq!(youngest(&mut self.log), youngest(&mut other.log));
    }
}

#[test]
fn a_follower_whose_clock_is_off_has_the_leaders_log() {
    for skew_ms in [-HOUR_MS, 0, HOUR_MS] {
        let (mut leader, mut follower) = (Replica::new(0), Replica::new(skew_ms));
        for round in 0..30 {
            leader.lead(NOON + i64::from(round), 0, round);
            follower.follow(&mut leader, NOON + i64::from(round));
        }
        follower.check_same(&mut leader);
    }
}

#[test]
fn the_newer_epoch_is_right_although_its_leader_is_an_hour_behind() {
    for skew_ms in [-HOUR_MS, HOUR_MS] {
        let (mut old, mut new) = (Replica::new(HOUR_MS), Replica::new(skew_ms));
        old.lead(NOON, 3, 0);
        new.follow(&mut old, NOON);
        // what only the old leader has is not committed, however young its time makes it
        old.lead(NOON + 1, 3, 1);
        old.lead(NOON + 2, 3, 2);
        new.lead(NOON + 3, 4, 1);
        old.follow(&mut new, NOON + 4);
        old.check_same(&mut new);
        assert_eq!(old.log.end_offset(), Offset(4));
        assert_eq!(old.log.epochs().last().unwrap().epoch, LeaderEpoch(4));
    }
}
