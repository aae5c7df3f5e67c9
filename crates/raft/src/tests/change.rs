//! Voters that come, go and move: Kafka's codes in Kafka's order, one change at a time.

use types::{ErrorCode, LeaderEpoch, NodeId, Offset, Uuid};

use super::node::{
    Node, answer_to, config, endpoints, fetch, formatted, key, lead, sent, voter, voters,
};
use crate::message::{AddVoterRequest, UpdateVoterRequest};
use crate::{
    Answer, ControlRecord, Effect, Endpoints, Input, ReplicaKey, Reply, Request, RequestId,
    RoleKind, Stored, VersionRange, VoterSet,
};

/// A leader of these voters, which all have its whole log.
fn leader(ids: &[i32]) -> Node {
    let mut node = Node::open(config(1, &[]), formatted(ids)).0;
    if node.raft.role() != RoleKind::Leader {
        lead(&mut node);
    }
    replicate(&mut node, &ids[1..]);
    node
}

fn replicate(node: &mut Node, replicas: &[i32]) -> Vec<Effect> {
    let (epoch, end) = (node.raft.epoch().0, node.raft.log().end.0);
    let fetched =
        replicas.iter().map(|id| node.request(Request::Fetch(fetch(*id, epoch, end, epoch))).1);
    fetched.flatten().collect()
}

fn add(id: i32) -> Request {
    Request::AddVoter(AddVoterRequest {
        voter: key(id),
        endpoints: endpoints(id),
        ack_when_committed: true,
    })
}

fn code(answer: Option<Answer>) -> Option<ErrorCode> {
    answer.map(|answer| match answer {
        Answer::AddVoter(answer) | Answer::RemoveVoter(answer) => answer.error,
        Answer::UpdateVoter(answer) => answer.error,
        other => panic!("another answer: {other:?}"),
    })
}

const RANGE: VersionRange = VersionRange { min: 0, max: 1 };

#[test]
fn a_voter_is_asked_what_it_runs_then_added_then_committed() {
    let mut node = leader(&[1, 2]);
    replicate(&mut node, &[3]);
    let (id, effects) = node.request(add(3));
    let (to, correlation, request) = sent(&effects).remove(0);
    assert_eq!((to.id, request), (NodeId(3), Request::ApiVersions));
    let effects = node.reply(correlation, Reply::ApiVersions(Some(RANGE)));
    assert_eq!(answer_to(id, &effects), None, "not committed");
    assert_eq!(node.raft.voters(), &voters(&[1, 2, 3]));
    assert!(effects.iter().any(|e| matches!(e, Effect::Append { records, .. }
        if records.as_slice() == [ControlRecord::Voters(voters(&[1, 2, 3]))])));
    let effects = replicate(&mut node, &[3]);
    assert_eq!(code(answer_to(id, &effects)), Some(ErrorCode::None), "two of three have it");
}

#[test]
fn an_addition_that_need_not_be_committed_is_answered_from_the_log() {
    let mut node = leader(&[1, 2]);
    replicate(&mut node, &[3]);
    let Request::AddVoter(mut request) = add(3) else { unreachable!() };
    request.ack_when_committed = false;
    let (id, effects) = node.request(Request::AddVoter(request));
    let correlation = sent(&effects)[0].1;
    let effects = node.reply(correlation, Reply::ApiVersions(Some(RANGE)));
    assert_eq!(code(answer_to(id, &effects)), Some(ErrorCode::None));
    let (second, effects) = node.request(add(4));
    let refused = code(answer_to(second, &effects));
    assert_eq!(refused, Some(ErrorCode::RequestTimedOut), "the first is not committed");
}

#[test]
fn additions_are_refused_as_kafka_does() {
    let mut no_listener = add(3);
    if let Request::AddVoter(add) = &mut no_listener {
        add.endpoints = Endpoints::default();
    }
    let mut no_directory = add(3);
    if let Request::AddVoter(add) = &mut no_directory {
        add.voter.directory = None;
    }
    let refusal = |node: &mut Node, request: Request| {
        let (id, effects) = node.request(request);
        code(answer_to(id, &effects))
    };
    let mut node = leader(&[1, 2]);
    assert_eq!(refusal(&mut node, no_listener), Some(ErrorCode::InvalidRequest));
    assert_eq!(refusal(&mut node, no_directory), Some(ErrorCode::InvalidRequest));
    assert_eq!(refusal(&mut node, add(2)), Some(ErrorCode::DuplicateVoter));
    let mut follower = Node::open(config(1, &[]), formatted(&[1, 2])).0;
    assert_eq!(refusal(&mut follower, add(3)), Some(ErrorCode::NotLeaderOrFollower));
    let mut fresh = Node::open(config(1, &[]), formatted(&[1, 2])).0;
    lead(&mut fresh);
    assert_eq!(refusal(&mut fresh, add(3)), Some(ErrorCode::RequestTimedOut), "no watermark");
    let mut fixed = static_leader();
    assert_eq!(refusal(&mut fixed, add(3)), Some(ErrorCode::UnsupportedVersion));
}

#[test]
fn who_lags_or_cannot_run_the_version_is_not_added() {
    for (catches_up, range, expected) in [
        (true, Some(VersionRange { min: 0, max: 0 }), ErrorCode::InvalidRequest),
        (true, None, ErrorCode::InvalidRequest),
        (false, Some(RANGE), ErrorCode::RequestTimedOut),
    ] {
        let mut node = leader(&[1, 2]);
        if catches_up {
            replicate(&mut node, &[3]);
        }
        let (id, effects) = node.request(add(3));
        let correlation = sent(&effects)[0].1;
        let effects = node.reply(correlation, Reply::ApiVersions(range));
        assert_eq!(code(answer_to(id, &effects)), Some(expected), "{range:?}");
        assert_eq!(node.raft.voters(), &voters(&[1, 2]));
    }
    let mut node = leader(&[1, 2]);
    let (id, effects) = node.request(add(3));
    let failed = node.step(Input::Failed { correlation: sent(&effects)[0].1 });
    assert_eq!(code(answer_to(id, &failed)), Some(ErrorCode::RequestTimedOut));
}

#[test]
fn a_change_that_nobody_confirms_is_answered_in_time() {
    let mut node = leader(&[1, 2, 3]);
    let (id, effects) = node.request(Request::RemoveVoter(key(3)));
    assert_eq!(answer_to(id, &effects), None);
    let (second, effects) = node.request(Request::RemoveVoter(key(2)));
    assert_eq!(code(answer_to(second, &effects)), Some(ErrorCode::RequestTimedOut));
    let start = node.now;
    let mut effects = Vec::new();
    while answer_to(id, &effects).is_none() {
        effects = node.wait();
    }
    assert_eq!(code(answer_to(id, &effects)), Some(ErrorCode::RequestTimedOut));
    assert_eq!(node.now.0 - start.0, 2_000);
}

#[test]
fn a_removed_voter_must_be_named_exactly_and_the_last_one_stays() {
    let mut node = leader(&[1, 2]);
    let other_disk = ReplicaKey::new(NodeId(2), Uuid([9; 16]));
    let nameless = ReplicaKey { id: NodeId(2), directory: None };
    for (voter, expected) in [
        (other_disk, ErrorCode::VoterNotFound),
        (key(7), ErrorCode::VoterNotFound),
        (nameless, ErrorCode::InvalidRequest),
    ] {
        assert_eq!(code(Some(node.ask(Request::RemoveVoter(voter)))), Some(expected), "{voter:?}");
    }
    let mut alone = leader(&[1]);
    let last = code(Some(alone.ask(Request::RemoveVoter(key(1)))));
    assert_eq!(last, Some(ErrorCode::VoterNotFound));
}

#[test]
fn a_leader_that_is_removed_leads_until_that_is_committed() {
    let mut node = leader(&[1, 2, 3]);
    let (id, effects) = node.request(Request::RemoveVoter(key(1)));
    assert_eq!(answer_to(id, &effects), None);
    replicate(&mut node, &[2]);
    assert_eq!(node.raft.role(), RoleKind::Leader, "one of two does not commit: it has no vote");
    let effects = replicate(&mut node, &[3]);
    assert_eq!(code(answer_to(id, &effects)), Some(ErrorCode::None));
    assert_eq!(node.raft.role(), RoleKind::Resigned);
}

#[test]
fn a_removed_voter_stands_until_its_removal_is_committed() {
    let mut node = leader(&[1, 2]);
    node.request(Request::RemoveVoter(key(1)));
    node.wait_for(RoleKind::Resigned);
    let effects = node.wait_for(RoleKind::Prospective);
    let asked: Vec<_> = sent(&effects).iter().map(|(to, _, _)| to.id.0).collect();
    assert_eq!(asked, [2], "who lacks the record could not be elected without it");
}

#[test]
fn voters_tell_where_they_listen() {
    let mut node = leader(&[1, 2]);
    let epoch = node.raft.epoch();
    let mut moved = voter(2);
    moved.endpoints = endpoints(22);
    let update = |voter: &crate::Voter, epoch| {
        Request::UpdateVoter(UpdateVoterRequest { current_epoch: epoch, voter: voter.clone() })
    };
    let mut wrong = moved.clone();
    wrong.kraft_versions = VersionRange { min: 0, max: 0 };
    let mut stranger = voter(3);
    stranger.endpoints = endpoints(3);
    for (voter, epoch, expected) in [
        (&moved, LeaderEpoch(epoch.0 - 1), ErrorCode::FencedLeaderEpoch),
        (&moved, LeaderEpoch(epoch.0 + 1), ErrorCode::UnknownLeaderEpoch),
        (&wrong, epoch, ErrorCode::InvalidRequest),
        (&stranger, epoch, ErrorCode::VoterNotFound),
        (&moved, epoch, ErrorCode::None),
        (&moved, epoch, ErrorCode::RequestTimedOut),
    ] {
        let answer = node.ask(update(voter, epoch));
        assert_eq!(code(Some(answer)), Some(expected), "{voter:?} in {epoch:?}");
    }
    assert_eq!(node.raft.voters().endpoints(NodeId(2)), endpoints(22));
}

/// Leads three voters that `controller.quorum.voters` names.
fn static_leader() -> Node {
    let nameless = |id: i32| {
        let mut voter = voter(id);
        voter.key.directory = None;
        voter
    };
    let mut config = config(1, &[]);
    config.static_voters = [1, 2, 3].into_iter().map(nameless).collect::<VoterSet>();
    let mut node = Node::open(config, Stored::default()).0;
    lead(&mut node);
    replicate(&mut node, &[2, 3]);
    node
}

#[test]
fn static_voters_become_dynamic_when_all_have_said_who_they_are() {
    let mut node = static_leader();
    let upgrade = |node: &mut Node| {
        let effects = node.step(Input::UpgradeKraftVersion { id: RequestId(99), version: 1 });
        effects.into_iter().find_map(|effect| match effect {
            Effect::RespondUpgrade { result, .. } => Some(result),
            _ => None,
        })
    };
    let current_epoch = node.raft.epoch();
    for id in [2, 3] {
        let refused = upgrade(&mut node).expect("answered");
        assert!(refused.is_err(), "{id} has not said yet which disk it has");
        let update = Request::UpdateVoter(UpdateVoterRequest { current_epoch, voter: voter(id) });
        assert_eq!(code(Some(node.ask(update))), Some(ErrorCode::None));
    }
    assert_eq!(upgrade(&mut node), Some(Ok(())));
    assert_eq!((node.raft.kraft_version(), node.raft.voters()), (1, &voters(&[1, 2, 3])));
    assert_eq!(node.raft.log().end, Offset(3), "the change of leader, the version, the voters");
}

#[test]
fn a_controller_joins_by_itself_and_puts_its_former_disk_out_first() {
    for (voting, expected) in [(vec![2], "add"), (vec![1, 2], "remove")] {
        let mut config = config(1, &[2]);
        (config.auto_join, config.directory) = (true, Uuid([42; 16]));
        let me = config.key();
        let state = crate::QuorumState {
            epoch: LeaderEpoch(5),
            leader: Some(NodeId(2)),
            voted: None,
            static_voters: None,
        };
        let stored = Stored { quorum_state: Some(state), ..formatted(&voting) };
        let (mut node, effects) = Node::open(config, stored);
        let mut all = sent(&effects);
        let asked = loop {
            while let Some((_, correlation, request)) = all.pop() {
                match request {
                    Request::Fetch(_) => {
                        all.extend(sent(&node.step(Input::Failed { correlation })))
                    }
                    other => {
                        all.clear();
                        all.push((
                            crate::Destination {
                                id: NodeId(0),
                                endpoint: super::node::endpoint(0),
                            },
                            correlation,
                            other,
                        ));
                        break;
                    }
                }
            }
            if let Some((_, _, request)) = all.pop() {
                break request;
            }
            all = sent(&node.wait());
        };
        match expected {
            "remove" => assert_eq!(asked, Request::RemoveVoter(key(1))),
            _ => assert_eq!(
                asked,
                Request::AddVoter(AddVoterRequest {
                    voter: me,
                    endpoints: endpoints(1),
                    ack_when_committed: false
                })
            ),
        }
    }
}
