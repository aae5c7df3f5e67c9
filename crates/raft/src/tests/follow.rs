//! An observer's decisions: how it finds its leader, and what it does with what the leader answers.

use types::{ErrorCode, LeaderEpoch, NodeId, Offset};

use super::node::{Node, config, endpoint, endpoints, high_watermark, sent, voters};
use crate::control::LeaderInfo;
use crate::message::{FetchReply, FetchRequest, FetchSnapshotReply, Fetched, FetchedRecords};
use crate::{
    ControlRecord, CorrelationId, Destination, Effect, EpochStart, Input, LogEnd, PlacedControl,
    Reply, Request, RoleKind, SnapshotControl, Stored,
};

fn leader(id: i32, epoch: i32) -> LeaderInfo {
    LeaderInfo { id: Some(NodeId(id)), epoch: LeaderEpoch(epoch), endpoints: endpoints(id) }
}

fn reply(error: ErrorCode, leader: LeaderInfo, high_watermark: i64, fetched: Fetched) -> Reply {
    Reply::Fetch(FetchReply { error, leader, high_watermark: Offset(high_watermark), fetched })
}

fn records(base: i64, end: i64, epoch: i32) -> Fetched {
    Fetched::Records(FetchedRecords {
        base: Offset(base),
        end: Offset(end),
        epochs: vec![EpochStart { epoch: LeaderEpoch(epoch), start: Offset(base) }],
        controls: Vec::new(),
    })
}

fn only_fetch(effects: &[Effect]) -> (Destination, CorrelationId, FetchRequest) {
    let mut all = sent(effects);
    assert_eq!(all.len(), 1, "{effects:?}");
    let (to, correlation, request) = all.remove(0);
    let Request::Fetch(fetch) = request else { panic!("sent {request:?}") };
    (to, correlation, fetch)
}

/// An observer that follows node 1 in epoch 3 and holds ten records of epoch 2, and its next fetch.
fn observer() -> (Node, CorrelationId) {
    let mut stored = Stored::default();
    stored.log.append(LeaderEpoch(2), Offset(10));
    stored.log.durable_end = Offset(10);
    let (mut node, effects) = Node::open(config(9, &[1]), stored);
    let (_, first, _) = only_fetch(&effects);
    let redirect = reply(ErrorCode::FencedLeaderEpoch, leader(1, 3), -1, Fetched::Nothing);
    let (_, second, _) = only_fetch(&node.reply(first, redirect));
    (node, second)
}

#[test]
fn an_observer_asks_bootstrap_servers_until_one_names_the_leader() {
    let (mut node, effects) = Node::open(config(9, &[5, 6]), Stored::default());
    let (to, correlation, fetch) = only_fetch(&effects);
    assert!(to.id.0 <= -2, "{to:?}: whom a bootstrap address leads to is not known");
    assert_eq!((fetch.current_epoch, fetch.offset), (LeaderEpoch(0), Offset(0)));
    let (other, correlation, _) = only_fetch(&node.step(Input::Failed { correlation }));
    assert_ne!(other.id, to.id);
    let redirect = reply(ErrorCode::FencedLeaderEpoch, leader(1, 3), -1, Fetched::Nothing);
    let effects = node.reply(correlation, redirect);
    assert_eq!(node.raft.role(), RoleKind::Follower);
    let (to, correlation, fetch) = only_fetch(&effects);
    assert_eq!(to, Destination { id: NodeId(1), endpoint: endpoint(1) });
    assert_eq!(fetch.current_epoch, LeaderEpoch(3));
    assert!(effects.iter().any(|e| matches!(e, Effect::Persist(s) if s.leader == Some(NodeId(1)))));
    // the leader is gone: whoever else is known is asked, and the observer never stands for election
    node.step(Input::Failed { correlation });
    for _ in 0..200 {
        let mut effects = node.wait();
        while let Some((_, correlation, _)) = sent(&effects).pop() {
            effects = node.step(Input::Failed { correlation });
        }
    }
    assert_eq!((node.raft.role(), node.raft.epoch()), (RoleKind::Follower, LeaderEpoch(3)));
}

#[test]
fn who_knows_nothing_better_is_asked_again_after_a_pause() {
    let lost = LeaderInfo { epoch: LeaderEpoch(3), ..LeaderInfo::default() };
    for (error, info) in [
        (ErrorCode::NotLeaderOrFollower, lost.clone()),
        (ErrorCode::NotLeaderOrFollower, leader(1, 3)),
        (ErrorCode::UnknownLeaderEpoch, LeaderInfo { epoch: LeaderEpoch(2), ..lost }),
    ] {
        let (mut node, correlation) = observer();
        let case = format!("{error:?} {info:?}");
        let mut effects = node.reply(correlation, reply(error, info, -1, Fetched::Nothing));
        // the bootstrap server may be asked meanwhile
        while let Some((to, correlation, _)) = sent(&effects).pop() {
            assert_ne!(to.id, NodeId(1), "{case}");
            effects = node.step(Input::Failed { correlation });
        }
    }
}

#[test]
fn a_follower_appends_what_continues_its_log_and_nothing_else() {
    for (fetched, appends) in [
        (records(10, 12, 2), true),
        (records(10, 12, 3), true),
        (records(9, 12, 2), false),
        (records(11, 12, 2), false),
        (records(10, 12, 1), false),
        (records(10, 12, 4), false),
    ] {
        let (mut node, correlation) = observer();
        let case = format!("{fetched:?}");
        let effects = node.reply(correlation, reply(ErrorCode::None, leader(1, 3), 11, fetched));
        let (base, end) = (Offset(10), Offset(12));
        let append = Effect::AppendFetched { correlation, base, end };
        assert_eq!(effects.contains(&append), appends, "{case}");
        assert_eq!(node.raft.log().end, if appends { end } else { base }, "{case}");
        assert_eq!(high_watermark(&effects), appends.then_some(Offset(11)), "{case}");
    }
}

#[test]
fn a_follower_fetches_again_when_what_it_has_is_durable() {
    let (mut node, correlation) = observer();
    let mut effects = Vec::new();
    let answer = reply(ErrorCode::None, leader(1, 3), 12, records(10, 12, 2));
    node.raft.step(node.now, Input::Reply { correlation, reply: answer }, &mut effects);
    assert!(sent(&effects).is_empty(), "{effects:?}");
    assert_eq!(high_watermark(&effects), Some(Offset(10)), "what is not durable is not committed");
    let effects = node.step(Input::Flushed { end: Offset(12) });
    let (_, _, fetch) = only_fetch(&effects);
    assert_eq!((fetch.offset, fetch.last_fetched_epoch), (Offset(12), LeaderEpoch(2)));
    assert_eq!(high_watermark(&effects), Some(Offset(12)));
}

#[test]
fn a_diverging_follower_cuts_its_log_but_not_what_is_committed() {
    let end = |epoch, offset| LogEnd { epoch: LeaderEpoch(epoch), offset: Offset(offset) };
    for (known, said, cut) in [
        (-1, end(2, 7), Some(7)),
        (-1, end(1, 3), Some(0)),
        (7, end(2, 7), Some(7)),
        (8, end(2, 7), None),
    ] {
        let (mut node, mut correlation) = observer();
        let effects =
            node.reply(correlation, reply(ErrorCode::None, leader(1, 3), known, Fetched::Nothing));
        correlation = only_fetch(&effects).1;
        let effects = node.reply(
            correlation,
            reply(ErrorCode::None, leader(1, 3), known, Fetched::Diverging(said)),
        );
        let truncate = effects.iter().find_map(|effect| match effect {
            Effect::TruncateTo(offset) => Some(offset.0),
            _ => None,
        });
        assert_eq!(truncate, cut, "{said:?} at {known}");
        assert_eq!(node.raft.log().end, Offset(cut.unwrap_or(10)));
    }
}

#[test]
fn voters_hold_from_where_they_stand_until_they_are_cut() {
    let (mut node, correlation) = observer();
    let mut fetched = records(10, 14, 3);
    if let Fetched::Records(records) = &mut fetched {
        for (offset, record) in
            [(10, ControlRecord::KraftVersion(1)), (12, ControlRecord::Voters(voters(&[1, 9])))]
        {
            records.controls.push(PlacedControl { offset: Offset(offset), record });
        }
    }
    let effects = node.reply(correlation, reply(ErrorCode::None, leader(1, 3), -1, fetched));
    assert!(node.raft.is_voter() && node.raft.kraft_version() == 1);
    let correlation = only_fetch(&effects).1;
    let diverging = Fetched::Diverging(LogEnd { epoch: LeaderEpoch(3), offset: Offset(12) });
    node.reply(correlation, reply(ErrorCode::None, leader(1, 3), -1, diverging));
    assert!(!node.raft.is_voter() && node.raft.kraft_version() == 1);
}

#[test]
fn a_snapshot_is_loaded_piece_by_piece_and_replaces_the_log() {
    let (mut node, correlation) = observer();
    let snapshot = LogEnd { epoch: LeaderEpoch(3), offset: Offset(40) };
    let effects = node
        .reply(correlation, reply(ErrorCode::None, leader(1, 3), 50, Fetched::Snapshot(snapshot)));
    let mut next = sent(&effects).remove(0);
    for (position, bytes, size) in [(0, 60, 100), (60, 40, 100)] {
        let Request::FetchSnapshot(request) = &next.2 else { panic!("sent {next:?}") };
        assert_eq!((request.snapshot, request.position), (snapshot, position));
        let correlation = next.1;
        let piece = FetchSnapshotReply {
            error: ErrorCode::None,
            leader: leader(1, 3),
            snapshot,
            position,
            bytes,
            size,
        };
        let effects = node.reply(correlation, Reply::FetchSnapshot(piece));
        assert!(effects.contains(&Effect::WriteSnapshot { correlation, snapshot, position }));
        let is_whole = effects.contains(&Effect::InstallSnapshot(snapshot));
        assert_eq!(is_whole, position + bytes == size);
        if is_whole {
            assert!(sent(&effects).is_empty(), "nothing is fetched before it is in its place");
        } else {
            next = sent(&effects).remove(0);
        }
    }
    let control = SnapshotControl { kraft_version: 1, voters: Some(voters(&[1])) };
    let effects = node.step(Input::SnapshotInstalled { snapshot, control });
    let (_, _, fetch) = only_fetch(&effects);
    assert_eq!((fetch.offset, fetch.last_fetched_epoch), (Offset(40), LeaderEpoch(3)));
    assert_eq!(high_watermark(&effects), Some(Offset(40)));
    assert_eq!((node.raft.log().start, node.raft.voters()), (Offset(40), &voters(&[1])));
}

#[test]
fn a_snapshot_that_is_gone_or_does_not_fit_is_given_up() {
    let snapshot = LogEnd { epoch: LeaderEpoch(3), offset: Offset(40) };
    for (error, position, bytes) in [
        (ErrorCode::SnapshotNotFound, 0, 0),
        (ErrorCode::PositionOutOfRange, 0, 0),
        (ErrorCode::None, 0, 200),
        (ErrorCode::None, 0, 0),
    ] {
        let (mut node, correlation) = observer();
        let to_snapshot = reply(ErrorCode::None, leader(1, 3), 50, Fetched::Snapshot(snapshot));
        let (_, correlation, _) = sent(&node.reply(correlation, to_snapshot)).remove(0);
        let leader = leader(1, 3);
        let piece = FetchSnapshotReply { error, leader, snapshot, position, bytes, size: 100 };
        let mut effects = node.reply(correlation, Reply::FetchSnapshot(piece));
        assert!(!effects.iter().any(|e| matches!(e, Effect::WriteSnapshot { .. })));
        if sent(&effects).is_empty() {
            effects = node.wait();
        }
        assert_eq!(only_fetch(&effects).2.offset, Offset(10), "{error:?}: fetches again");
    }
}
