//! Elections: who stands when, who gets which vote, who gives up.

use types::{ErrorCode, LeaderEpoch, NodeId, Offset};

use super::node::{
    Node, config, endpoints, fetch, formatted, high_watermark, key, lead, sent, vote_answer,
};
use crate::config::{GONE_SPREAD_MS, LOST_PAUSE_MS, LOST_SPREAD_MS};
use crate::message::{BeginQuorumEpochRequest, EndQuorumEpochRequest, VoteRequest};
use crate::{
    Answer, Destination, Effect, Input, LogEnd, QuorumState, Reply, Request, RoleKind, Stored,
};

const VOTERS: [i32; 3] = [1, 2, 3];

fn stored_as(epoch: i32, leader: Option<i32>, voted: Option<i32>) -> Stored {
    let state = QuorumState {
        epoch: LeaderEpoch(epoch),
        leader: leader.map(NodeId),
        voted: voted.map(key),
        static_voters: None,
    };
    Stored { quorum_state: Some(state), ..formatted(&VOTERS) }
}

fn vote(candidate: i32, epoch: i32, last: (i32, i64), pre_vote: bool) -> Request {
    Request::Vote(VoteRequest {
        voter: Some(key(1)),
        replica: key(candidate),
        epoch: LeaderEpoch(epoch),
        last: LogEnd { epoch: LeaderEpoch(last.0), offset: Offset(last.1) },
        pre_vote,
    })
}

fn is_granted(node: &mut Node, request: Request) -> bool {
    let Answer::Vote(answer) = node.ask(request) else { panic!("another answer") };
    assert_eq!(answer.error, ErrorCode::None);
    answer.granted
}

fn served(node: &mut Node) {
    let reply = crate::message::FetchReply {
        error: ErrorCode::None,
        leader: crate::LeaderInfo {
            id: Some(NodeId(2)),
            epoch: LeaderEpoch(5),
            endpoints: endpoints(2),
        },
        high_watermark: Offset(-1),
        fetched: crate::message::Fetched::Nothing,
    };
    let correlation = node.last_sent.expect("a follower fetches");
    node.reply(correlation, Reply::Fetch(reply));
}

#[test]
fn a_node_starts_where_it_stopped() {
    for (epoch, leader, voted, role) in [
        (5, None, None, RoleKind::Unattached),
        (5, Some(2), None, RoleKind::Follower),
        (5, Some(2), Some(1), RoleKind::Follower),
        (5, Some(1), None, RoleKind::Resigned),
        (5, None, Some(1), RoleKind::Candidate),
        (5, None, Some(2), RoleKind::Unattached),
        // where the leader listens is not known any more
        (5, Some(9), None, RoleKind::Unattached),
    ] {
        let (node, _) = Node::open(config(1, &[2]), stored_as(epoch, leader, voted));
        assert_eq!((node.raft.role(), node.raft.epoch().0), (role, epoch), "{leader:?} {voted:?}");
    }
    // the log is ahead of the file: the file's vote is of a former epoch
    let mut stored = stored_as(3, None, Some(1));
    stored.log.append(LeaderEpoch(4), Offset(7));
    let (mut node, _) = Node::open(config(1, &[2]), stored);
    assert_eq!((node.raft.role(), node.raft.epoch().0), (RoleKind::Unattached, 4));
    assert!(is_granted(&mut node, vote(2, 5, (4, 7), false)));
}

/// In which state, and how it came there.
fn states() -> Vec<(&'static str, Node)> {
    let open = |stored| Node::open(config(1, &[2]), stored).0;
    let mut prospective = open(stored_as(5, None, None));
    prospective.wait_for(RoleKind::Prospective);
    let mut of_leader = open(stored_as(5, Some(2), None));
    of_leader.wait_for(RoleKind::Prospective);
    let mut follower = open(stored_as(5, Some(2), None));
    served(&mut follower);
    vec![
        ("unattached", open(stored_as(5, None, None))),
        ("unattached, voted for 2", open(stored_as(5, None, Some(2)))),
        ("unattached, voted for 3", open(stored_as(5, None, Some(3)))),
        ("unattached, knows a leader", open(stored_as(5, Some(9), None))),
        ("prospective", prospective),
        ("prospective, had a leader", of_leader),
        ("candidate", open(stored_as(5, None, Some(1)))),
        ("follower, not served", open(stored_as(5, Some(2), None))),
        ("follower, served", follower),
        ("resigned", open(stored_as(5, Some(1), None))),
    ]
}

#[test]
fn votes_are_granted_as_kafka_does() {
    // state -> whether 2 gets our pre-vote, and our vote, of the epoch that we are in
    let expected = [
        (true, true),
        (true, true),
        (true, false),
        (true, false),
        (true, true),
        (true, false),
        (true, false),
        (true, false),
        (false, false),
        (true, false),
    ];
    for (place, (pre_vote, real)) in expected.into_iter().enumerate() {
        for (is_pre, granted) in [(true, pre_vote), (false, real)] {
            let (name, mut node) = states().remove(place);
            let is = is_granted(&mut node, vote(2, 5, (0, 0), is_pre));
            assert_eq!(is, granted, "{name}, pre-vote {is_pre}");
            let written = node.persisted.clone().expect("written at the start");
            if granted && !is_pre {
                assert_eq!(written.voted, Some(key(2)), "{name}");
                assert!(!is_granted(&mut node, vote(3, 5, (0, 0), false)), "{name}: one vote");
                assert!(is_granted(&mut node, vote(2, 5, (0, 0), false)), "{name}: and again");
            }
        }
    }
}

#[test]
fn a_log_that_is_behind_gets_no_vote() {
    for (last, granted) in
        [((4, 7), true), ((4, 8), true), ((5, 1), true), ((4, 6), false), ((3, 99), false)]
    {
        for pre_vote in [true, false] {
            let mut stored = stored_as(5, None, None);
            stored.log.append(LeaderEpoch(4), Offset(7));
            let (mut node, _) = Node::open(config(1, &[2]), stored);
            let is = is_granted(&mut node, vote(2, 6, last, pre_vote));
            assert_eq!(is, granted, "{last:?}, pre-vote {pre_vote}");
            assert_eq!(node.raft.epoch(), LeaderEpoch(6));
        }
    }
}

#[test]
fn an_election_is_asked_for_before_it_is_held() {
    let (mut node, _) = Node::open(config(1, &[]), formatted(&VOTERS));
    let effects = node.wait_for(RoleKind::Prospective);
    let asked: Vec<_> = sent(&effects)
        .into_iter()
        .map(|(to, _, request)| match request {
            Request::Vote(vote) => (to.id.0, vote.epoch.0, vote.pre_vote, vote.voter),
            other => panic!("sent {other:?}"),
        })
        .collect();
    assert_eq!(asked, [(2, 0, true, Some(key(2))), (3, 0, true, Some(key(3)))]);
    let correlation = sent(&effects)[1].1;
    let effects = node.reply(correlation, vote_answer(0, true));
    assert_eq!((node.raft.role(), node.raft.epoch()), (RoleKind::Candidate, LeaderEpoch(1)));
    let persist = effects.iter().position(|effect| matches!(effect, Effect::Persist(_)));
    let speak = effects.iter().position(|effect| matches!(effect, Effect::Send { .. }));
    assert!(persist.expect("written") < speak.expect("sent"), "{effects:?}");
    let correlation = sent(&effects)[0].1;
    let effects = node.reply(correlation, vote_answer(1, true));
    assert_eq!(node.raft.role(), RoleKind::Leader);
    let told: Vec<_> = sent(&effects)
        .iter()
        .map(|(to, _, request)| (to.id.0, matches!(request, Request::BeginQuorumEpoch(_))))
        .collect();
    assert_eq!(told, [(2, true), (3, true)]);
}

#[test]
fn a_lost_pre_vote_leads_back_and_costs_no_epoch() {
    for (leader, back) in [(None, RoleKind::Unattached), (Some(2), RoleKind::Follower)] {
        let (mut node, _) = Node::open(config(1, &[]), stored_as(5, leader, None));
        let effects = node.wait_for(RoleKind::Prospective);
        for (_, correlation, _) in sent(&effects) {
            node.reply(correlation, vote_answer(5, false));
        }
        assert_eq!((node.raft.role(), node.raft.epoch()), (back, LeaderEpoch(5)));
    }
}

#[test]
fn a_voter_that_knows_no_pre_votes_is_not_asked_for_them_twice() {
    let (mut node, _) = Node::open(config(1, &[]), formatted(&VOTERS));
    let effects = node.wait_for(RoleKind::Prospective);
    node.reply(sent(&effects)[0].1, Reply::VoteUnsupported);
    assert_eq!((node.raft.role(), node.raft.epoch()), (RoleKind::Candidate, LeaderEpoch(1)));
}

#[test]
fn a_candidate_that_lost_asks_again_soon() {
    let (mut node, _) = Node::open(config(1, &[]), formatted(&VOTERS));
    let mut asks = node.wait_for(RoleKind::Prospective);
    for (lost, wait_ms_max) in [(0, 120), (1, 220), (2, 420), (3, 820), (4, 1_620)] {
        let epoch = node.raft.epoch().0;
        let effects = node.reply(sent(&asks)[0].1, vote_answer(epoch, true));
        let (start, epoch) = (node.now, node.raft.epoch());
        for (_, correlation, _) in sent(&effects) {
            let effects = node.reply(correlation, vote_answer(epoch.0, false));
            assert!(sent(&effects).is_empty());
        }
        assert_eq!(node.raft.role(), RoleKind::Candidate);
        asks = node.wait_for(RoleKind::Prospective);
        assert_eq!(node.raft.epoch(), epoch, "no epoch is taken before it is asked for");
        assert!(node.now.0 - start.0 <= wait_ms_max, "lost {lost} before");
    }
}

/// Two voters of three that lose a silent leader at once split the vote: neither waits for the third.
#[test]
fn a_vote_that_is_split_beside_a_silent_leader_is_lost() {
    let (mut node, _) = Node::open(config(1, &[]), stored_as(5, Some(2), None));
    served(&mut node);
    let (start, asks) = (node.now, node.wait_for(RoleKind::Prospective));
    let waited_ms = node.now.0 - start.0;
    assert!((2_000 - i64::from(GONE_SPREAD_MS)..=2_000).contains(&waited_ms), "{waited_ms}");
    let of_third = |effects: &[Effect]| {
        let is_third = |to: &Destination| to.id == NodeId(3);
        sent(effects).into_iter().find(|(to, ..)| is_third(to)).expect("all are asked").1
    };
    let effects = node.reply(of_third(&asks), vote_answer(5, true));
    let start = node.now;
    node.reply(of_third(&effects), vote_answer(6, false));
    assert_eq!(node.raft.role(), RoleKind::Candidate);
    node.wait_for(RoleKind::Prospective);
    let waited_ms = node.now.0 - start.0;
    assert!(waited_ms <= i64::from(LOST_PAUSE_MS + LOST_SPREAD_MS), "{waited_ms}");
}

#[test]
fn who_follows_a_leader_that_is_gone_does_not_wait_for_it() {
    let follower = || {
        let (mut node, _) = Node::open(config(1, &[]), stored_as(5, Some(2), None));
        served(&mut node);
        node
    };
    let mut node = follower();
    node.step(Input::LeaderGone(NodeId(3)));
    assert!(!is_granted(&mut node, vote(3, 5, (0, 0), true)), "another node's end is no news");
    node.step(Input::LeaderGone(NodeId(2)));
    assert!(is_granted(&mut node, vote(3, 5, (0, 0), true)));
    let start = node.now;
    let effects = node.wait_for(RoleKind::Prospective);
    assert!(node.now.0 - start.0 <= 100);
    // the other voter is served by the leader: it was only our connection that was refused
    for (to, correlation, _) in sent(&effects) {
        match to.id {
            NodeId(2) => node.step(Input::Failed { correlation }),
            _ => node.reply(correlation, vote_answer(5, false)),
        };
    }
    assert_eq!((node.raft.role(), node.raft.epoch()), (RoleKind::Follower, LeaderEpoch(5)));
}

#[test]
fn the_watermark_is_where_a_majority_is_in_this_epoch() {
    // where 2 and 3 are, in a log that starts its epoch at 5 and ends at 10 -> what is committed
    for (second, third, committed) in [
        (0, 0, None),
        (5, 0, None),
        (5, 5, None),
        (6, 0, Some(6)),
        (6, 9, Some(9)),
        (10, 10, Some(10)),
    ] {
        let mut stored = formatted(&VOTERS);
        stored.log.append(LeaderEpoch(1), Offset(5));
        stored.log.durable_end = Offset(5);
        let (mut node, _) = Node::open(config(1, &[]), stored);
        let mut effects = lead(&mut node);
        let epoch = node.raft.epoch().0;
        effects.extend(node.append(10 - node.raft.log().end.0));
        for (replica, at) in [(2, second), (3, third)] {
            let last = if at > 5 { epoch } else { i32::from(at > 0) };
            let (_, more) = node.request(Request::Fetch(fetch(replica, epoch, at, last)));
            effects.extend(more);
        }
        assert_eq!(high_watermark(&effects), committed.map(Offset), "{second} {third}");
    }
}

#[test]
fn a_leader_without_a_majority_resigns_and_one_with_it_stays() {
    let (mut node, _) = Node::open(config(1, &[]), formatted(&VOTERS));
    lead(&mut node);
    let epoch = node.raft.epoch().0;
    for _ in 0..20 {
        node.now.0 += 1_000;
        let last = node.raft.log().end.0;
        node.request(Request::Fetch(fetch(2, epoch, last, epoch)));
        assert_eq!(node.raft.role(), RoleKind::Leader, "one of two others is a majority");
    }
    let heard = node.now;
    let effects = node.wait_for(RoleKind::Resigned);
    assert_eq!(node.now.0 - heard.0, 3_000);
    let ends: Vec<_> = sent(&effects)
        .into_iter()
        .filter_map(|(to, _, request)| match request {
            Request::EndQuorumEpoch(end) => Some((to.id.0, end.successors)),
            _ => None,
        })
        .collect();
    // 2 has fetched, so it comes first
    assert_eq!(ends, [(2, vec![key(2), key(3)]), (3, vec![key(2), key(3)])]);
    node.wait_for(RoleKind::Prospective);
    assert_eq!(node.raft.epoch().0, epoch + 1, "it never leads that epoch again");
}

#[test]
fn an_observer_does_not_keep_a_leader_alive() {
    let (mut node, _) = Node::open(config(1, &[]), formatted(&VOTERS));
    lead(&mut node);
    let epoch = node.raft.epoch().0;
    for _ in 0..4 {
        node.now.0 += 1_000;
        node.request(Request::Fetch(fetch(9, epoch, 0, 0)));
    }
    assert_eq!(node.raft.role(), RoleKind::Resigned);
}

#[test]
fn successors_stand_one_after_the_other() {
    // who is named before us, and how many in all -> how long we wait
    for (successors, wait) in [
        (vec![1, 3], 0),
        (vec![3, 1], 500),
        (vec![3, 1, 4], 250),
        (vec![3, 4, 1], 500),
        (vec![3, 4, 5, 1], 500),
        (vec![3, 4], 1_000),
        (vec![], 1_000),
    ] {
        let (mut node, _) = Node::open(config(1, &[]), stored_as(5, Some(2), None));
        served(&mut node);
        let end = Request::EndQuorumEpoch(EndQuorumEpochRequest {
            leader: NodeId(2),
            epoch: LeaderEpoch(5),
            successors: successors.iter().map(|id| key(*id)).collect(),
            endpoints: endpoints(2),
        });
        let start = node.now;
        let Answer::EndQuorumEpoch(answer) = node.ask(end) else { panic!("another answer") };
        assert_eq!(answer.error, ErrorCode::None);
        if node.raft.role() == RoleKind::Follower {
            assert!(is_granted(&mut node, vote(3, 5, (0, 0), true)), "its leader has left it");
            node.wait_for(RoleKind::Prospective);
        }
        assert_eq!(node.now.0 - start.0, wait, "{successors:?}");
    }
}

#[test]
fn an_observer_that_is_served_no_more_refuses_no_pre_votes() {
    let (mut node, _) = Node::open(config(9, &[]), stored_as(5, Some(2), None));
    served(&mut node);
    let ask = |pre_vote| {
        let Request::Vote(mut vote) = vote(3, 5, (0, 0), pre_vote) else { unreachable!() };
        vote.voter = Some(key(9));
        Request::Vote(vote)
    };
    assert!(!is_granted(&mut node, ask(true)));
    node.now.0 += 2_000;
    assert!(is_granted(&mut node, ask(true)));
    assert!(!is_granted(&mut node, ask(false)), "its epoch has a leader");
}

#[test]
fn a_voter_with_another_disk_follows_but_says_who_it_is_not() {
    let (mut node, _) = Node::open(config(1, &[]), formatted(&VOTERS));
    let begin = Request::BeginQuorumEpoch(BeginQuorumEpochRequest {
        voter: Some(crate::ReplicaKey::new(NodeId(1), types::Uuid([77; 16]))),
        leader: NodeId(2),
        epoch: LeaderEpoch(3),
        endpoints: endpoints(2),
    });
    let Answer::BeginQuorumEpoch(answer) = node.ask(begin) else { panic!("another answer") };
    assert_eq!(answer.error, ErrorCode::InvalidVoterKey);
    assert_eq!((node.raft.role(), node.raft.epoch()), (RoleKind::Follower, LeaderEpoch(3)));
}

#[test]
fn a_leader_that_stops_hands_over_before_it_is_done() {
    let (mut node, _) = Node::open(config(1, &[]), formatted(&VOTERS));
    lead(&mut node);
    let effects = node.step(Input::Shutdown { within_ms: 5_000 });
    assert!(!effects.contains(&Effect::ShutdownDone), "{effects:?}");
    assert!(sent(&effects).iter().any(|(_, _, r)| matches!(r, Request::EndQuorumEpoch(_))));
    let epoch = node.raft.epoch().0 + 1;
    let begin = Request::BeginQuorumEpoch(BeginQuorumEpochRequest {
        voter: None,
        leader: NodeId(2),
        epoch: LeaderEpoch(epoch),
        endpoints: endpoints(2),
    });
    let (_, effects) = node.request(begin);
    assert!(effects.contains(&Effect::ShutdownDone));
}

#[test]
fn a_leader_tells_whom_it_took_the_place_of_because_of_silence() {
    let gone = |node: &mut Node| drop(node.step(Input::LeaderGone(NodeId(2))));
    let resigned = |node: &mut Node| {
        let end = EndQuorumEpochRequest {
            leader: NodeId(2),
            epoch: LeaderEpoch(5),
            successors: Vec::new(),
            endpoints: endpoints(2),
        };
        node.ask(Request::EndQuorumEpoch(end));
    };
    let nothing = |_: &mut Node| {};
    let of_silence = Some((NodeId(2), 2_000));
    for (before, is_served, silenced) in [
        (&nothing as &dyn Fn(&mut Node), true, of_silence),
        // it was never heard of in the first place
        (&nothing, false, None),
        (&gone, true, None),
        (&resigned, true, None),
    ] {
        let (mut node, _) = Node::open(config(1, &[]), stored_as(5, Some(2), None));
        if is_served {
            served(&mut node);
        }
        before(&mut node);
        assert_eq!(node.raft.silenced(), None, "it does not lead yet");
        lead(&mut node);
        assert_eq!(node.raft.silenced(), silenced);
    }
}
