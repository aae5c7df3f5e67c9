//! A leader's decisions: how it starts, what it answers to fetches, what it refuses.

use types::{ErrorCode, LeaderEpoch, NodeId, Offset};

use super::node::{
    Node, answer_to, config, endpoints, fetch, formatted, high_watermark, key, sent, voters,
};
use crate::message::{BeginQuorumEpochRequest, FetchSnapshotRequest, Found, VoteRequest};
use crate::{
    Answer, ControlRecord, Effect, EpochStart, Input, LogEnd, QuorumState, Request, RoleKind,
    Stored,
};

fn only_voter() -> Node {
    Node::open(config(1, &[]), formatted(&[1])).0
}

#[test]
fn the_only_voter_leads_at_once_and_writes_its_epoch_before_it_says_so() {
    let (node, effects) = Node::open(config(1, &[]), formatted(&[1]));
    assert_eq!((node.raft.role(), node.raft.epoch()), (RoleKind::Leader, LeaderEpoch(1)));
    let persisted: Vec<&QuorumState> = effects
        .iter()
        .filter_map(|e| if let Effect::Persist(state) = e { Some(state) } else { None })
        .collect();
    let votes: Vec<_> = persisted.iter().map(|s| (s.epoch.0, s.leader, s.voted)).collect();
    let leads = (1, Some(NodeId(1)), None);
    assert_eq!(votes, [(0, None, None), (1, None, Some(key(1))), leads]);
    let position = |f: &dyn Fn(&Effect) -> bool| effects.iter().position(f).expect("is there");
    let append = position(&|e| matches!(e, Effect::Append { .. }));
    let last_persist = effects.iter().rposition(|e| matches!(e, Effect::Persist(_)));
    assert!(last_persist.expect("written") < append);
    let Effect::Append { base, epoch, records } = &effects[append] else { unreachable!() };
    assert_eq!((*base, *epoch), (Offset(0), LeaderEpoch(1)));
    // voters that came from formatting are written to the log, where replicas find them
    let ids = voters(&[1]).ids();
    let change =
        ControlRecord::LeaderChange { leader: NodeId(1), voters: ids.clone(), granting: ids };
    let expected = [change, ControlRecord::KraftVersion(1), ControlRecord::Voters(voters(&[1]))];
    assert_eq!(records.as_slice(), expected);
    assert_eq!(high_watermark(&effects), Some(Offset(3)));
}

#[test]
fn nothing_is_committed_before_it_is_durable() {
    let mut effects = Vec::new();
    let now = types::TimestampMs(5);
    let mut raft = crate::Raft::open(config(1, &[]), formatted(&[1]), now, &mut effects);
    assert_eq!(high_watermark(&effects), None);
    raft.step(now, Input::Appended { epoch: LeaderEpoch(1), end: Offset(9) }, &mut effects);
    raft.step(now, Input::Flushed { end: Offset(5) }, &mut effects);
    assert_eq!(high_watermark(&effects), Some(Offset(5)));
}

#[test]
fn a_restarted_leader_takes_the_next_epoch() {
    let state = QuorumState {
        epoch: LeaderEpoch(4),
        leader: Some(NodeId(1)),
        voted: None,
        static_voters: None,
    };
    let (node, _) =
        Node::open(config(1, &[]), Stored { quorum_state: Some(state), ..formatted(&[1]) });
    assert_eq!((node.raft.role(), node.raft.epoch()), (RoleKind::Leader, LeaderEpoch(5)));
}

#[test]
fn fetches_are_judged_as_kafka_does() {
    let mut node = only_voter();
    node.append(7);
    // replica, epoch, offset, last fetched epoch -> code, what is found
    let records = |from| Found::Records { from: Offset(from), bytes_max: 1 << 20 };
    let diverging =
        |epoch, end| Found::Diverging(LogEnd { epoch: LeaderEpoch(epoch), offset: Offset(end) });
    for ((replica, epoch, offset, last), code, found) in [
        ((2, 1, 0, 0), ErrorCode::None, records(0)),
        ((2, 1, 4, 1), ErrorCode::None, records(4)),
        ((2, 1, 10, 1), ErrorCode::None, records(10)),
        ((2, 1, 11, 1), ErrorCode::None, diverging(1, 10)),
        ((2, 1, 3, 0), ErrorCode::None, diverging(0, 0)),
        ((2, 0, 0, 0), ErrorCode::FencedLeaderEpoch, Found::Nothing),
        ((2, 2, 0, 0), ErrorCode::UnknownLeaderEpoch, Found::Nothing),
        ((2, 1, 4, 2), ErrorCode::InvalidRequest, Found::Nothing),
        ((2, 1, -1, 1), ErrorCode::InvalidRequest, Found::Nothing),
        ((2, 1, 4, -1), ErrorCode::InvalidRequest, Found::Nothing),
        ((1, 1, 4, 1), ErrorCode::UnknownServerError, Found::Nothing),
    ] {
        let answer = node.fetch(fetch(replica, epoch, offset, last));
        assert_eq!(
            (answer.error, answer.found),
            (code, found),
            "{replica} {epoch} {offset} {last}"
        );
        assert_eq!(answer.leader.id, Some(NodeId(1)));
        assert_eq!(answer.leader.endpoints, endpoints(1));
    }
}

#[test]
fn a_position_before_the_log_is_sent_to_the_snapshot() {
    let mut node = only_voter();
    node.append(7);
    let snapshot = LogEnd { offset: Offset(6), epoch: LeaderEpoch(1) };
    node.step(Input::SnapshotTaken(snapshot));
    let to_snapshot = Found::Snapshot(snapshot);
    assert_eq!(node.fetch(fetch(2, 1, 0, 0)).found, to_snapshot, "an empty log is filled by it");
    let from_3 = Found::Records { from: Offset(3), bytes_max: 1 << 20 };
    assert_eq!(node.fetch(fetch(2, 1, 3, 1)).found, from_3, "still in the log");
    node.step(Input::LogCleaned { start: Offset(6), snapshots: vec![snapshot] });
    for (offset, epoch, found) in [
        (3, 1, to_snapshot.clone()),
        (6, 0, to_snapshot),
        (6, 1, Found::Records { from: Offset(6), bytes_max: 1 << 20 }),
    ] {
        assert_eq!(node.fetch(fetch(2, 1, offset, epoch)).found, found, "{offset} {epoch}");
    }
    let other = LogEnd { offset: Offset(5), epoch: LeaderEpoch(1) };
    for (snapshot, epoch, code) in [
        (snapshot, 1, ErrorCode::None),
        (other, 1, ErrorCode::SnapshotNotFound),
        (crate::BOOTSTRAP_SNAPSHOT, 1, ErrorCode::SnapshotNotFound),
        (snapshot, 0, ErrorCode::FencedLeaderEpoch),
        (snapshot, 2, ErrorCode::UnknownLeaderEpoch),
    ] {
        let current_epoch = LeaderEpoch(epoch);
        let request = Request::FetchSnapshot(FetchSnapshotRequest {
            replica: key(2),
            current_epoch,
            snapshot,
            position: 0,
            bytes_max: 9,
        });
        let Answer::FetchSnapshot(answer) = node.ask(request) else { panic!("another answer") };
        assert_eq!(answer.error, code, "{snapshot:?} in {epoch}");
    }
}

#[test]
fn a_fetch_waits_for_records_for_the_watermark_or_for_its_time() {
    let mut node = only_voter();
    let mut at_end = fetch(2, 1, 3, 1);
    (at_end.wait_ms_max, at_end.high_watermark) = (500, Offset(3));
    let (first, effects) = node.request(Request::Fetch(at_end.clone()));
    assert_eq!(answer_to(first, &effects), None);
    let effects = node.append(1);
    let Some(Answer::Fetch(answer)) = answer_to(first, &effects) else { panic!("{effects:?}") };
    assert_eq!(answer.found, Found::Records { from: Offset(3), bytes_max: 1 << 20 });
    at_end.offset = Offset(4);
    let (second, effects) = node.request(Request::Fetch(at_end.clone()));
    assert!(answer_to(second, &effects).is_some(), "the watermark is 4 and the replica knows of 3");
    at_end.high_watermark = Offset(4);
    let (third, effects) = node.request(Request::Fetch(at_end));
    assert_eq!(answer_to(third, &effects), None);
    let waited = node.now;
    let effects = node.wait();
    assert!(answer_to(third, &effects).is_some());
    assert_eq!(node.now.0 - waited.0, 500);
}

#[test]
fn a_leader_refuses_elections_of_its_epoch_and_yields_to_a_higher_one() {
    // pre-vote, epoch, last epoch, last offset, addressee -> code, granted, our epoch afterwards
    for ((pre_vote, epoch, last, offset, voter), code, granted, then) in [
        ((false, 0, 0, 9, 1), ErrorCode::InvalidRequest, false, 1),
        ((true, 0, 0, 9, 1), ErrorCode::FencedLeaderEpoch, false, 1),
        ((false, 1, 1, 9, 1), ErrorCode::InvalidRequest, false, 1),
        ((false, 1, 0, 9, 1), ErrorCode::None, false, 1),
        ((true, 1, 1, 9, 1), ErrorCode::None, false, 1),
        ((false, 2, 1, 2, 1), ErrorCode::None, false, 2),
        ((false, 2, 1, 3, 1), ErrorCode::None, true, 2),
        ((true, 2, 1, 3, 1), ErrorCode::None, true, 2),
        ((false, 2, 1, 3, 7), ErrorCode::InvalidVoterKey, false, 2),
        ((false, -1, -2, 3, 1), ErrorCode::InvalidRequest, false, 1),
    ] {
        let mut node = only_voter();
        let last = LogEnd { offset: Offset(offset), epoch: LeaderEpoch(last) };
        let request = Request::Vote(VoteRequest {
            voter: Some(key(voter)),
            replica: key(2),
            epoch: LeaderEpoch(epoch),
            last,
            pre_vote,
        });
        let case = format!("{request:?}");
        let Answer::Vote(answer) = node.ask(request) else { panic!("another answer") };
        assert_eq!((answer.error, answer.granted), (code, granted), "{case}");
        assert_eq!(answer.leader.epoch, LeaderEpoch(then), "{case}");
    }
}

#[test]
fn another_leader_is_followed_from_a_higher_epoch_only() {
    for (leader, epoch, code, role) in [
        (2, 0, ErrorCode::FencedLeaderEpoch, RoleKind::Leader),
        (2, 1, ErrorCode::InvalidRequest, RoleKind::Leader),
        (2, 2, ErrorCode::None, RoleKind::Follower),
    ] {
        let mut node = only_voter();
        let request = Request::BeginQuorumEpoch(BeginQuorumEpochRequest {
            voter: None,
            leader: NodeId(leader),
            epoch: LeaderEpoch(epoch),
            endpoints: endpoints(leader),
        });
        let Answer::BeginQuorumEpoch(answer) = node.ask(request) else { panic!("another answer") };
        assert_eq!((answer.error, node.raft.role()), (code, role), "epoch {epoch}");
    }
}

#[test]
fn the_quorum_is_described_with_who_fetched_and_when() {
    let mut node = only_voter();
    node.append(4);
    node.now.0 += 10;
    node.fetch(fetch(2, 1, 4, 1));
    node.now.0 += 10;
    node.fetch(fetch(3, 1, 7, 1));
    node.now.0 += 5;
    let Answer::DescribeQuorum(answer) = node.ask(Request::DescribeQuorum) else { panic!() };
    assert_eq!((answer.error, answer.high_watermark), (ErrorCode::None, Offset(7)));
    let row = |s: &crate::message::ReplicaState| {
        (s.key.id.0, s.log_end.0, node.now.0 - s.last_fetch.0, s.last_caught_up.0)
    };
    assert_eq!(answer.voters.iter().map(row).collect::<Vec<_>>(), [(1, 7, 0, node.now.0)]);
    let observers: Vec<_> = answer.observers.iter().map(row).collect();
    assert_eq!(observers, [(2, 4, 15, -1), (3, 7, 5, node.now.0 - 5)]);
    node.now.0 += 300_000;
    let Answer::DescribeQuorum(later) = node.ask(Request::DescribeQuorum) else { panic!() };
    assert!(later.observers.is_empty(), "a session without a fetch");
}

#[test]
fn a_leader_that_stops_answers_who_waits() {
    let mut node = only_voter();
    let mut waits = fetch(2, 1, 3, 1);
    (waits.wait_ms_max, waits.high_watermark) = (500, Offset(3));
    let (id, _) = node.request(Request::Fetch(waits));
    let effects = node.step(Input::Shutdown { within_ms: 1_000 });
    let Some(Answer::Fetch(answer)) = answer_to(id, &effects) else { panic!("{effects:?}") };
    assert_eq!(answer.error, ErrorCode::BrokerNotAvailable);
    assert!(effects.contains(&Effect::ShutdownDone), "there is nobody to hand over to");
    assert!(sent(&effects).is_empty());
}

#[test]
fn epochs_of_the_log_answer_for_the_largest_one_below() {
    let log = crate::LogState {
        end: Offset(20),
        durable_end: Offset(20),
        epochs: [(1, 0), (3, 5), (6, 12)]
            .map(|(epoch, start)| EpochStart { epoch: LeaderEpoch(epoch), start: Offset(start) })
            .to_vec(),
        ..Default::default()
    };
    for (asked, epoch, end) in
        [(0, 0, 0), (1, 1, 5), (2, 1, 5), (3, 3, 12), (5, 3, 12), (6, 6, 20), (9, 6, 20)]
    {
        let found = log.end_of_epoch(LeaderEpoch(asked));
        assert_eq!((found.epoch.0, found.offset.0), (epoch, end), "{asked}");
    }
    // what the leader said of the largest epoch not above ours -> where we cut
    for (epoch, end, cut) in
        [(6, 15, 15), (6, 30, 20), (5, 10, 12), (3, 9, 9), (3, 14, 12), (0, 0, 0)]
    {
        let said = LogEnd { epoch: LeaderEpoch(epoch), offset: Offset(end) };
        assert_eq!(log.truncation_for(said), Offset(cut), "{said:?}");
    }
}
