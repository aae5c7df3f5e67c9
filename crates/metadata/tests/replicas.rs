//! Who is in sync, where replicas are and go, and who should lead: told by leaders, asked by admins.

mod cluster;

use cluster::{CLUSTER, Cluster, registration};
use metadata::decide::{
    AlterPartition, AlterPartitionReassignments, AssignReplicasToDirs, BalanceLeaders,
    ELECTIONS_PER_DECISION_MAX, ElectUncleanLeaders, ListPartitionReassignments, RegisterBroker,
};
use metadata::image::DIRECTORY_LOST;
use types::{ErrorCode, TopicId, Uuid};
use wire::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use wire::alter_partition_request::{AlterPartitionRequest, BrokerState, PartitionData, TopicData};
use wire::alter_partition_response;
use wire::assign_replicas_to_dirs_request::{self, AssignReplicasToDirsRequest};
use wire::list_partition_reassignments_request::{
    ListPartitionReassignmentsRequest, ListPartitionReassignmentsTopics,
};

/// What the leader of `t-0` would ask for: the partition as it is, with this ISR.
fn ask(cluster: &Cluster, isr: &[i32]) -> AlterPartition {
    let topic = cluster.image().topics().named("t").expect("created");
    let state = &topic.partitions[&0];
    let epoch = |id: i32| cluster.image().cluster().broker(types::NodeId(id)).map(|b| b.epoch.0);
    let member = |id: &i32| BrokerState { broker_id: *id, broker_epoch: epoch(*id).unwrap_or(-1) };
    let partition = PartitionData {
        partition_index: 0,
        leader_epoch: state.leader_epoch.0,
        new_isr: Vec::new(),
        new_isr_with_epochs: isr.iter().map(member).collect(),
        leader_recovery_state: i8::from(state.recovering),
        partition_epoch: state.partition_epoch,
    };
    AlterPartition(AlterPartitionRequest {
        broker_id: state.leader.0,
        broker_epoch: cluster.epoch(state.leader.0),
        topics: vec![TopicData { topic_id: topic.id, partitions: vec![partition] }],
    })
}

fn alter(
    cluster: &mut Cluster,
    command: &AlterPartition,
) -> Result<alter_partition_response::PartitionData, ErrorCode> {
    let reply = cluster.run(command);
    match ErrorCode::from_wire(reply.error_code) {
        ErrorCode::None => {}
        error => return Err(error),
    }
    let partition = reply.topics[0].partitions[0].clone();
    match ErrorCode::from_wire(partition.error_code) {
        ErrorCode::None => Ok(partition),
        error => Err(error),
    }
}

/// The leader of `t-0` has this ISR from here on.
fn set_isr(cluster: &mut Cluster, isr: &[i32]) {
    let command = ask(cluster, isr);
    let altered = alter(cluster, &command).expect("a leader may");
    assert_eq!(altered.isr, isr);
}

#[test]
fn a_leader_shrinks_and_grows_its_isr() {
    let mut cluster = Cluster::of(3);
    cluster.place("t", &[&[1, 2, 3]]);
    let command = ask(&cluster, &[1, 3]);
    let altered = alter(&mut cluster, &command).expect("allowed");
    assert_eq!((altered.leader_id, altered.leader_epoch, altered.partition_epoch), (1, 0, 1));
    assert_eq!(cluster.show("t", 0), "1@0 isr 1,3");
    set_isr(&mut cluster, &[1, 3, 2]);
    let command = ask(&cluster, &[1, 3, 2]);
    let altered = alter(&mut cluster, &command).expect("allowed");
    assert_eq!(altered.partition_epoch, 2, "what is already so writes nothing");
}

#[test]
fn before_3_6_a_smaller_isr_was_another_leader_epoch() {
    let mut cluster = Cluster::at(11);
    (1..=3).for_each(|id| cluster.join(id));
    cluster.place("t", &[&[1, 2, 3]]);
    set_isr(&mut cluster, &[1, 3]);
    assert_eq!(cluster.show("t", 0), "1@1 isr 1,3");
    set_isr(&mut cluster, &[1, 2, 3]);
    assert_eq!(cluster.show("t", 0), "1@1 isr 1,2,3");
}

#[test]
fn who_leaves_an_isr_that_is_too_small_stays_eligible() {
    let mut cluster = Cluster::of(3);
    cluster.place_with("t", &[&[1, 2, 3]], &[("min.insync.replicas", "2")]);
    set_isr(&mut cluster, &[1]);
    assert_eq!(cluster.show("t", 0), "1@0 isr 1 eligible 2,3");
    set_isr(&mut cluster, &[1, 2]);
    assert_eq!(cluster.show("t", 0), "1@0 isr 1,2");
}

#[test]
fn a_leader_that_does_not_know_better_is_refused() {
    let mut cluster = Cluster::of(4);
    cluster.place("t", &[&[1, 2, 3]]);
    cluster.fence(3);
    cluster.beat(3, false, false);
    cluster.beat_with(2, false, |request| request.want_shut_down = true);
    cluster.fence(4);
    let mut check = |isr: &[i32], change: &dyn Fn(&mut AlterPartitionRequest), expected| {
        let mut command = ask(&cluster, isr);
        change(&mut command.0);
        let before = cluster.log.len();
        assert_eq!(alter(&mut cluster, &command).err(), Some(expected), "{isr:?}");
        assert_eq!(cluster.log.len(), before);
    };
    let of = |request: &mut AlterPartitionRequest| request.topics[0].partitions.remove(0);
    check(&[1], &|r| r.broker_epoch += 1, ErrorCode::StaleBrokerEpoch);
    check(&[1], &|r| r.broker_id = 9, ErrorCode::StaleBrokerEpoch);
    check(&[1], &|r| r.topics[0].topic_id = TopicId::ZERO, ErrorCode::UnknownTopicId);
    let edit = |change: fn(&mut PartitionData)| {
        move |request: &mut AlterPartitionRequest| {
            let mut partition = of(request);
            change(&mut partition);
            request.topics[0].partitions.push(partition);
        }
    };
    check(&[1], &edit(|p| p.partition_index = 7), ErrorCode::UnknownTopicOrPartition);
    check(&[1], &edit(|p| p.leader_epoch += 1), ErrorCode::NotController);
    check(&[1], &edit(|p| p.partition_epoch += 1), ErrorCode::NotController);
    check(&[1], &edit(|p| p.leader_epoch -= 1), ErrorCode::FencedLeaderEpoch);
    check(&[1], &edit(|p| p.partition_epoch -= 1), ErrorCode::InvalidUpdateVersion);
    check(&[1], &edit(|p| p.leader_recovery_state = 1), ErrorCode::InvalidRequest);
    check(&[1], &edit(|p| p.leader_recovery_state = 7), ErrorCode::InvalidRequest);
    for isr in [&[][..], &[3], &[1, 1], &[1, 9], &[1, 4]] {
        check(isr, &|_| {}, ErrorCode::InvalidRequest);
    }
    check(&[1, 2], &|_| {}, ErrorCode::IneligibleReplica);
    let stale = edit(|p| p.new_isr_with_epochs[1].broker_epoch -= 1);
    check(&[1, 3], &stale, ErrorCode::IneligibleReplica);
    cluster.fence(3);
    let command = ask(&cluster, &[1, 3]);
    assert_eq!(alter(&mut cluster, &command).err(), Some(ErrorCode::IneligibleReplica));
    let mut command = ask(&cluster, &[1]);
    (command.0.broker_id, command.0.broker_epoch) = (2, cluster.epoch(2));
    assert_eq!(alter(&mut cluster, &command).err(), Some(ErrorCode::InvalidRequest));
}

#[test]
fn an_unclean_leader_recovers_alone_and_then_takes_others_in() {
    let mut cluster = Cluster::at(21);
    (1..=2).for_each(|id| cluster.join(id));
    cluster.place("t", &[&[1, 2]]);
    set_isr(&mut cluster, &[1]);
    cluster.fence(1);
    assert_eq!(cluster.show("t", 0), "none@1 isr 1");
    assert!(!cluster.run(&ElectUncleanLeaders));
    assert_eq!(cluster.show("t", 0), "none@1 isr 1", "the topic would rather wait");
    cluster.settings.unclean_leader_election = true;
    assert!(!cluster.run(&ElectUncleanLeaders));
    assert_eq!(cluster.show("t", 0), "2@2 isr 2 recovering");
    cluster.beat(1, false, false);
    let early = ask(&cluster, &[2, 1]);
    assert_eq!(alter(&mut cluster, &early).err(), Some(ErrorCode::InvalidRequest));
    let mut recovered = ask(&cluster, &[2]);
    recovered.0.topics[0].partitions[0].leader_recovery_state = 0;
    alter(&mut cluster, &recovered).expect("it has recovered");
    set_isr(&mut cluster, &[2, 1]);
    assert_eq!(cluster.show("t", 0), "2@2 isr 2,1");
}

/// Asks for other replicas of `t-0`; `None` cancels.
fn reassign(cluster: &mut Cluster, replicas: Option<&[i32]>, allow: bool) -> ErrorCode {
    let partition =
        ReassignablePartition { partition_index: 0, replicas: replicas.map(<[i32]>::to_vec) };
    let request = AlterPartitionReassignmentsRequest {
        allow_replication_factor_change: allow,
        topics: vec![ReassignableTopic { name: "t".into(), partitions: vec![partition] }],
        ..AlterPartitionReassignmentsRequest::default()
    };
    let reply = cluster.run(&AlterPartitionReassignments(request));
    ErrorCode::from_wire(reply.responses[0].partitions[0].error_code)
}

#[test]
fn a_reassignment_ends_when_what_it_adds_is_in_sync() {
    let mut cluster = Cluster::of(4);
    cluster.place("t", &[&[1, 2, 3]]);
    assert_eq!(reassign(&mut cluster, Some(&[4, 2, 3]), false), ErrorCode::None);
    assert_eq!(cluster.replicas("t", 0), [4, 2, 3, 1]);
    assert_eq!(cluster.show("t", 0), "1@0 isr 1,2,3 adding 4 removing 1");
    let command = ask(&cluster, &[1, 2, 3, 4]);
    // the leader itself is thrown out: another one leads
    assert_eq!(alter(&mut cluster, &command).err(), Some(ErrorCode::NewLeaderElected));
    assert_eq!(cluster.replicas("t", 0), [4, 2, 3]);
    assert_eq!(cluster.show("t", 0), "4@1 isr 2,3,4");
    let directories = &cluster.image().partition("t", 0).unwrap().directories;
    assert_eq!(directories.to_vec(), [104, 102, 103].map(|byte| Uuid([byte; 16])));
}

#[test]
fn a_leader_that_stays_gets_another_epoch_when_replicas_go() {
    let mut cluster = Cluster::of(3);
    cluster.place("t", &[&[1, 2, 3]]);
    assert_eq!(reassign(&mut cluster, Some(&[1, 2]), true), ErrorCode::None);
    assert_eq!(cluster.replicas("t", 0), [1, 2]);
    assert_eq!(cluster.show("t", 0), "1@1 isr 1,2");
}

#[test]
fn fewer_replicas_must_all_be_in_sync_before_others_go() {
    let mut cluster = Cluster::of(3);
    cluster.place("t", &[&[1, 2, 3]]);
    set_isr(&mut cluster, &[1, 3]);
    assert_eq!(reassign(&mut cluster, Some(&[1, 2]), true), ErrorCode::None);
    assert_eq!(cluster.show("t", 0), "1@0 isr 1,3 removing 3");
    let command = ask(&cluster, &[1, 3, 2]);
    assert_eq!(alter(&mut cluster, &command).expect("allowed").isr, [1, 2]);
    assert_eq!(cluster.replicas("t", 0), [1, 2]);
}

#[test]
fn a_reassignment_is_cancelled_and_replaced() {
    let mut cluster = Cluster::of(5);
    cluster.place("t", &[&[1, 2]]);
    assert_eq!(reassign(&mut cluster, None, true), ErrorCode::NoReassignmentInProgress);
    assert_eq!(reassign(&mut cluster, Some(&[3, 4]), true), ErrorCode::None);
    assert_eq!(cluster.show("t", 0), "1@0 isr 1,2 adding 3,4 removing 1,2");
    assert_eq!(reassign(&mut cluster, Some(&[3, 1]), true), ErrorCode::None);
    assert_eq!(cluster.replicas("t", 0), [3, 1, 2, 4]);
    assert_eq!(cluster.show("t", 0), "1@0 isr 1,2 removing 2,4");
    assert_eq!(reassign(&mut cluster, None, true), ErrorCode::None);
    assert_eq!(cluster.replicas("t", 0), [3, 1, 2, 4], "nothing of it was being added");
    assert_eq!(reassign(&mut cluster, Some(&[1, 2]), true), ErrorCode::None);
    assert_eq!(cluster.show("t", 0), "1@1 isr 1,2");
    assert_eq!(reassign(&mut cluster, Some(&[3, 4]), true), ErrorCode::None);
    assert_eq!(reassign(&mut cluster, None, true), ErrorCode::None);
    assert_eq!(cluster.replicas("t", 0), [1, 2]);
    assert_eq!(cluster.show("t", 0), "1@2 isr 1,2");
}

#[test]
fn a_cancel_that_would_lose_records_needs_the_topics_consent() {
    let mut cluster = Cluster::at(21);
    (1..=2).for_each(|id| cluster.join(id));
    cluster.place("t", &[&[1]]);
    assert_eq!(reassign(&mut cluster, Some(&[1, 2]), true), ErrorCode::None);
    // 2 is in sync only with the reassignment over: the ISR has nothing but 2 in between
    cluster.write(vec![
        wire::partition_change_record::PartitionChangeRecord {
            partition_id: 0,
            topic_id: cluster.image().topics().named("t").unwrap().id,
            isr: Some(vec![2]),
            leader: 2,
            ..Default::default()
        }
        .into(),
    ]);
    assert_eq!(reassign(&mut cluster, None, true), ErrorCode::InvalidReplicaAssignment);
    cluster.settings.unclean_leader_election = true;
    assert_eq!(reassign(&mut cluster, None, true), ErrorCode::None);
    assert_eq!(cluster.replicas("t", 0), [1]);
    assert_eq!(cluster.show("t", 0), "1@2 isr 1");
}

#[test]
fn impossible_reassignments_are_refused() {
    let mut cluster = Cluster::of(3);
    cluster.place("t", &[&[1, 2]]);
    for (replicas, allow, expected) in [
        (&[1, 2, 3][..], false, ErrorCode::InvalidReplicationFactor),
        (&[], true, ErrorCode::InvalidReplicaAssignment),
        (&[1, 1], true, ErrorCode::InvalidReplicaAssignment),
        (&[1, 9], true, ErrorCode::InvalidReplicaAssignment),
    ] {
        assert_eq!(reassign(&mut cluster, Some(replicas), allow), expected, "{replicas:?}");
    }
    assert_eq!(reassign(&mut cluster, Some(&[3, 1]), true), ErrorCode::None);
    assert_eq!(reassign(&mut cluster, Some(&[3, 2]), false), ErrorCode::None, "2 as before");
    cluster.beat_with(1, true, |r| r.cordoned_log_dirs = Some(vec![Uuid([101; 16])]));
    let cordoned = reassign(&mut cluster, Some(&[1, 2]), true);
    assert_eq!(cordoned, ErrorCode::InvalidReplicaAssignment);
}

#[test]
fn reassignments_are_listed_while_they_last() {
    let mut cluster = Cluster::of(3);
    cluster.place("t", &[&[1], &[2]]);
    cluster.place("u", &[&[1]]);
    assert_eq!(reassign(&mut cluster, Some(&[3]), true), ErrorCode::None);
    let list = |cluster: &mut Cluster, topics: Option<&[(&'static str, i32)]>| {
        let topics = topics.map(|topics| {
            let topic = |(name, index): &(&'static str, i32)| ListPartitionReassignmentsTopics {
                name: (*name).into(),
                partition_indexes: vec![*index],
            };
            topics.iter().map(topic).collect()
        });
        let request = ListPartitionReassignmentsRequest { topics, ..Default::default() };
        cluster.decide(&ListPartitionReassignments(request)).1.topics
    };
    let all = list(&mut cluster, None);
    assert_eq!(all.len(), 1);
    let [ongoing] = &all[0].partitions[..] else { panic!("one partition: {all:?}") };
    assert_eq!(ongoing.replicas, [3, 1]);
    assert_eq!((&*ongoing.adding_replicas, &*ongoing.removing_replicas), (&[3][..], &[1][..]));
    assert_eq!(list(&mut cluster, Some(&[("t", 0)])), all);
    assert_eq!(list(&mut cluster, Some(&[("t", 1), ("t", 9), ("u", 0), ("none", 0)])), []);
    assert_eq!(reassign(&mut cluster, None, true), ErrorCode::None);
    assert_eq!(list(&mut cluster, None), []);
}

/// A broker with two directories says that its replica of `t-0` is in one of them.
fn assign(cluster: &mut Cluster, broker: i32, directory: Uuid, index: i32) -> ErrorCode {
    use assign_replicas_to_dirs_request::{DirectoryData, PartitionData, TopicData};
    let topic_id = cluster.image().topics().named("t").expect("created").id;
    let partitions = vec![PartitionData { partition_index: index }];
    let topics = vec![TopicData { topic_id, partitions }];
    let request = AssignReplicasToDirsRequest {
        broker_id: broker,
        broker_epoch: cluster.epoch(broker),
        directories: vec![DirectoryData { id: directory, topics }],
    };
    let reply = cluster.run(&AssignReplicasToDirs(request));
    assert_eq!(reply.error_code, 0);
    ErrorCode::from_wire(reply.directories[0].topics[0].partitions[0].error_code)
}

#[test]
fn brokers_say_where_their_replicas_are() {
    let mut cluster = Cluster::of(2);
    let directories = [Uuid([201; 16]), Uuid([202; 16])];
    let mut request = registration(3, 1);
    request.log_dirs = directories.to_vec();
    cluster.run(&RegisterBroker { request, cluster: CLUSTER, session_alive: false });
    cluster.beat(3, false, false);
    cluster.place("t", &[&[3, 1], &[1, 2]]);
    let place = |cluster: &Cluster| cluster.image().partition("t", 0).unwrap().directories[0];
    assert_eq!(place(&cluster), Uuid::ONE, "there is a choice that only the broker makes");
    assert_eq!(assign(&mut cluster, 3, directories[1], 0), ErrorCode::None);
    assert_eq!(place(&cluster), directories[1]);
    assert_eq!(cluster.show("t", 0), "3@0 isr 3,1");
    assert_eq!(assign(&mut cluster, 3, directories[1], 1), ErrorCode::NotLeaderOrFollower);
    assert_eq!(assign(&mut cluster, 3, directories[1], 9), ErrorCode::UnknownTopicOrPartition);
    assert_eq!(assign(&mut cluster, 3, DIRECTORY_LOST, 0), ErrorCode::None);
    assert_eq!(place(&cluster), DIRECTORY_LOST);
    assert_eq!(cluster.show("t", 0), "1@1 isr 1", "what is lost neither leads nor is in sync");
}

#[test]
fn preferred_replicas_lead_again_some_at_a_time() {
    let mut cluster = Cluster::of(2);
    let lists: Vec<&[i32]> = vec![&[1, 2]; ELECTIONS_PER_DECISION_MAX + 1];
    cluster.place("t", &lists);
    cluster.fence(1);
    cluster.beat(1, false, false);
    assert!(!cluster.run(&BalanceLeaders), "1 is not in sync");
    assert_eq!(cluster.show("t", 0), "2@1 isr 2");
    let ids: Vec<i32> = (0..).take(lists.len()).collect();
    let topic = cluster.image().topics().named("t").unwrap().id;
    let in_sync = |partition_id: &i32| {
        wire::partition_change_record::PartitionChangeRecord {
            partition_id: *partition_id,
            topic_id: topic,
            isr: Some(vec![2, 1]),
            ..Default::default()
        }
        .into()
    };
    cluster.write(ids.iter().map(in_sync).collect());
    assert!(cluster.run(&BalanceLeaders), "one is left");
    assert!(!cluster.run(&BalanceLeaders));
    assert_eq!(cluster.show("t", 0), "1@2 isr 2,1");
    assert_eq!(cluster.show("t", 1_000), "1@2 isr 2,1");
}
