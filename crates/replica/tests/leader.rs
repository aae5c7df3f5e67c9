//! A leader's promises to those who write and delete, one by one: Kafka's rules of the least ISR.

use replica::{
    Acknowledgement, Assignment, Cluster, Leader, LeaderEffect, LeaderInput, LogPosition, Rules,
};
use types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, PartitionEpoch, TimestampMs};

const ME: NodeId = NodeId(1);
const NOW: TimestampMs = TimestampMs(1_000_000);

/// Brokers, of which some are fenced.
struct Brokers(&'static [i32]);

impl Cluster for Brokers {
    fn broker_epoch(&self, _: NodeId) -> Option<BrokerEpoch> {
        Some(BrokerEpoch(7))
    }

    fn is_active(&self, node: NodeId) -> bool {
        !self.0.contains(&node.0)
    }
}

const ALL_THERE: Brokers = Brokers(&[]);

fn assigned(partition_epoch: i32, replicas: &[i32], isr: &[i32]) -> Assignment {
    let nodes = |ids: &[i32]| ids.iter().copied().map(NodeId).collect();
    Assignment {
        leader: ME,
        leader_epoch: LeaderEpoch(3),
        partition_epoch: PartitionEpoch(partition_epoch),
        replicas: nodes(replicas),
        isr: nodes(isr),
    }
}

/// The leader of an empty log that began at 0.
fn leader(in_sync_min: usize, replicas: &[i32], isr: &[i32]) -> Leader {
    let rules = Rules { lag_ms_max: 30_000, in_sync_min };
    let position = LogPosition { log_start: Offset(0), end: Offset(0), high_watermark: Offset(0) };
    let me = (ME, assigned(0, replicas, isr));
    Leader::start(NOW, &ALL_THERE, me, rules, position, &mut Vec::new())
}

fn step(leader: &mut Leader, input: LeaderInput) {
    leader.step(NOW, &ALL_THERE, input, &mut Vec::new());
}

fn fetch(leader: &mut Leader, node: i32, offset: i64, log_start: i64) -> Vec<LeaderEffect> {
    let by = (NodeId(node), BrokerEpoch(7));
    let mut effects = Vec::new();
    let at = (Offset(offset), Offset(log_start));
    leader.fetched(NOW, &ALL_THERE, by, at, &mut effects).expect("a broker of this run");
    effects
}

/// A client asks again within its backoff of a second at most; what is lost is said to be lost then.
#[test]
fn what_was_refused_is_waited_for_a_while_and_what_went_elsewhere_for_longer() {
    let leader = leader(1, &[1, 2], &[1, 2]);
    let after = |ms: i64| TimestampMs(NOW.0 + ms);
    let waits = |ms| (leader.awaits_refused(after(ms)), leader.awaits_stragglers(after(ms)));
    assert_eq!(waits(0), (true, true));
    assert_eq!(waits(4_999), (true, true));
    assert_eq!(waits(5_000), (false, true));
    assert_eq!(waits(44_999), (false, true));
    assert_eq!(waits(45_000), (false, false));
}

#[test]
fn no_more_must_be_in_sync_than_there_are_replicas() {
    for (in_sync_min, replicas, isr, is_enough) in [
        (3, &[1, 2][..], &[1, 2][..], true),
        (3, &[1, 2], &[1], false),
        (2, &[1], &[1], true),
        (2, &[1, 2, 3], &[1, 2], true),
        (2, &[1, 2, 3], &[1], false),
    ] {
        let leader = leader(in_sync_min, replicas, isr);
        let what = format!("{in_sync_min} of {replicas:?}, in sync {isr:?}");
        assert_eq!(leader.has_enough_in_sync(), is_enough, "{what}");
    }
}

#[test]
fn with_too_few_in_sync_nothing_more_is_committed_for_anybody() {
    let mut leader = leader(2, &[1, 2], &[1, 2]);
    step(&mut leader, LeaderInput::Appended(Offset(5)));
    fetch(&mut leader, 2, 5, 0);
    assert_eq!(leader.high_watermark(), Offset(5));
    step(&mut leader, LeaderInput::Assigned(assigned(1, &[1, 2], &[1])));
    step(&mut leader, LeaderInput::Appended(Offset(9)));
    assert_eq!(leader.high_watermark(), Offset(5), "although the only one in sync has it");
    let effects = fetch(&mut leader, 2, 9, 0);
    assert_eq!(leader.high_watermark(), Offset(5), "nor when one is level that is not in sync");
    assert!(matches!(effects[..], [LeaderEffect::ProposeIsr(_)]), "{effects:?}");
    step(&mut leader, LeaderInput::Assigned(assigned(2, &[1, 2], &[1, 2])));
    assert_eq!(leader.high_watermark(), Offset(9));
}

#[test]
fn a_write_that_is_committed_with_too_few_left_is_told_apart() {
    let mut leader = leader(2, &[1, 2], &[1, 2]);
    step(&mut leader, LeaderInput::Appended(Offset(1)));
    assert_eq!(leader.acknowledgement(Offset(1)), Acknowledgement::Waiting);
    fetch(&mut leader, 2, 1, 0);
    assert_eq!(leader.acknowledgement(Offset(1)), Acknowledgement::Committed);
    step(&mut leader, LeaderInput::Assigned(assigned(1, &[1, 2], &[1])));
    assert_eq!(leader.acknowledgement(Offset(1)), Acknowledgement::TooFewInSync);
    step(&mut leader, LeaderInput::Appended(Offset(2)));
    assert_eq!(leader.acknowledgement(Offset(2)), Acknowledgement::Waiting);
}

#[test]
fn records_count_as_deleted_when_every_active_replica_has_deleted_them() {
    let mut leader = leader(1, &[1, 2, 3], &[1, 2, 3]);
    step(&mut leader, LeaderInput::Appended(Offset(9)));
    fetch(&mut leader, 2, 9, 0);
    fetch(&mut leader, 3, 9, 0);
    step(&mut leader, LeaderInput::StartsAt(Offset(4)));
    assert_eq!(leader.low_watermark(&ALL_THERE), Offset(0));
    fetch(&mut leader, 2, 9, 4);
    assert_eq!(leader.low_watermark(&ALL_THERE), Offset(0), "one has not");
    assert_eq!(leader.low_watermark(&Brokers(&[3])), Offset(4), "nobody waits for who is gone");
    fetch(&mut leader, 3, 9, 4);
    assert_eq!(leader.low_watermark(&ALL_THERE), Offset(4));
}
