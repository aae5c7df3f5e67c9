//! Brokers come, go and fail; partitions follow; the cluster agrees on features and producer ids.

mod cluster;

use cluster::{CLUSTER, Cluster, registration};
use metadata::decide::{
    AllocateProducerIds, ElectLeaders, RegisterBroker, RegisterController, UnregisterBroker,
    UnregisterController, UpdateFeatures,
};
use metadata::image::{ConfigResource, ResourceKind};
use types::{BrokerEpoch, ErrorCode, NodeId, ProducerId, Uuid};
use wire::config_record::ConfigRecord;
use wire::controller_registration_request::ControllerRegistrationRequest;
use wire::elect_leaders_request::{ElectLeadersRequest, TopicPartitions};
use wire::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};

/// Leader, its epoch, ISR and eligible leaders of `t-0`.
fn state(cluster: &Cluster) -> (i32, i32, Vec<i32>, Vec<i32>) {
    let state = cluster.image().partition("t", 0).expect("created");
    let ids = |nodes: &[NodeId]| nodes.iter().map(|node| node.0).collect();
    (state.leader.0, state.leader_epoch.0, ids(&state.isr), ids(&state.eligible_leaders))
}

#[test]
fn a_leader_that_stops_hands_over_and_gets_back_by_election() {
    let mut cluster = Cluster::of(2);
    cluster.place("t", &[&[1, 2]]);
    cluster.beat(1, false, true);
    assert_eq!(state(&cluster), (2, 1, vec![2], vec![]));
    assert!(!cluster.image().is_active(NodeId(1)));
    cluster.beat(1, false, true);
    assert!(cluster.image().cluster().broker(NodeId(1)).unwrap().fenced);
}

#[test]
fn who_said_goodbye_comes_back_only_by_registering_again() {
    let mut cluster = Cluster::of(1);
    cluster.place("t", &[&[1]]);
    cluster.beat(1, false, true);
    cluster.beat(1, false, true);
    cluster.beat(1, false, false);
    assert_eq!(state(&cluster).0, -1, "a broker on its way out leads nothing");
    let request = registration(1, 2);
    cluster.run(&RegisterBroker { request, cluster: CLUSTER, session_alive: false });
    cluster.beat(1, false, false);
    assert_eq!(state(&cluster).0, 1);
}

#[test]
fn the_last_replica_stays_eligible_and_leads_again() {
    let mut cluster = Cluster::of(1);
    cluster.place("t", &[&[1]]);
    cluster.beat(1, true, false);
    // the records that Kafka 4.4 writes when its only broker stops
    assert_eq!(state(&cluster), (-1, 1, vec![], vec![1]));
    cluster.beat(1, false, false);
    assert_eq!(state(&cluster), (1, 2, vec![1], vec![]));
}

#[test]
fn without_eligible_leaders_the_isr_keeps_its_last_member() {
    let mut cluster = Cluster::at(21);
    cluster.join(1);
    cluster.place("t", &[&[1]]);
    cluster.beat(1, true, false);
    assert_eq!(state(&cluster), (-1, 1, vec![1], vec![]));
    cluster.beat(1, false, false);
    assert_eq!(state(&cluster), (1, 2, vec![1], vec![]));
}

#[test]
fn a_new_process_of_a_broker_waits_for_the_old_one() {
    let mut cluster = Cluster::of(1);
    cluster.place("t", &[&[1]]);
    let again = |session_alive| RegisterBroker {
        request: registration(1, 2),
        cluster: CLUSTER,
        session_alive,
    };
    let refused = cluster.run(&again(true));
    assert_eq!(refused.error_code, ErrorCode::DuplicateBrokerRegistration.code());
    let old = cluster.epoch(1);
    let accepted = cluster.run(&again(false));
    assert!(accepted.broker_epoch > old);
    assert_eq!(state(&cluster).0, -1, "the old process led it");
    cluster.beat(1, false, false);
    assert_eq!(state(&cluster).0, 1);
}

#[test]
fn registrations_are_checked() {
    let mut cluster = Cluster::of(1);
    let mut check = |change: &dyn Fn(&mut RegisterBroker<'static>), expected: ErrorCode| {
        let mut command =
            RegisterBroker { request: registration(2, 1), cluster: CLUSTER, session_alive: false };
        change(&mut command);
        assert_eq!(cluster.decide(&command).1.error_code, expected.code());
    };
    check(&|_| {}, ErrorCode::None);
    check(&|c| c.request.cluster_id = "another".into(), ErrorCode::InconsistentClusterId);
    check(
        &|c| c.request.features.retain(|f| f.name == "metadata.version"),
        ErrorCode::UnsupportedVersion,
    );
    check(&|c| c.request.log_dirs.clear(), ErrorCode::InvalidRegistration);
    check(&|c| c.request.log_dirs = vec![Uuid::ONE], ErrorCode::InvalidRegistration);
    check(&|c| c.request.log_dirs = vec![Uuid([101; 16])], ErrorCode::InvalidRegistration);
    check(&|c| c.request.features.clear(), ErrorCode::InvalidRegistration);
    check(
        &|c| c.request.features.iter_mut().for_each(|f| f.max_supported_version = 0),
        ErrorCode::UnsupportedVersion,
    );
}

#[test]
fn elections_say_what_they_did() {
    let mut cluster = Cluster::of(3);
    cluster.place("t", &[&[1, 2]]);
    cluster.beat(1, true, false);
    cluster.beat(1, false, false);
    let mut elect = |topic: &'static str, index, kind| {
        let topics = vec![TopicPartitions { topic: topic.into(), partitions: vec![index] }];
        let request = ElectLeadersRequest {
            election_type: kind,
            topic_partitions: Some(topics),
            ..Default::default()
        };
        let reply = cluster.run(&ElectLeaders(request));
        let code = reply
            .replica_election_results
            .first()
            .map_or(reply.error_code, |topic| topic.partition_result[0].error_code);
        ErrorCode::from_wire(code)
    };
    use ErrorCode as E;
    assert_eq!(elect("t", 0, 0), E::PreferredLeaderNotAvailable, "1 is not in sync");
    assert_eq!(elect("t", 0, 1), E::ElectionNotNeeded);
    assert_eq!(elect("t", 7, 0), E::UnknownTopicOrPartition);
    assert_eq!(elect("u", 0, 0), E::UnknownTopicOrPartition);
    assert_eq!(elect("t", 0, 5), E::InvalidRequest);
    let everywhere = ElectLeadersRequest { topic_partitions: None, ..Default::default() };
    let reply = cluster.run(&ElectLeaders(everywhere));
    assert_eq!(reply.replica_election_results.len(), 1);
}

#[test]
fn an_unclean_election_takes_whoever_is_there() {
    let mut cluster = Cluster::of(2);
    cluster.place("t", &[&[1, 2]]);
    cluster.beat(2, true, false);
    cluster.beat(1, true, false);
    cluster.beat(2, false, false);
    assert_eq!(state(&cluster).0, -1, "2 lacks records");
    let topics = vec![TopicPartitions { topic: "t".into(), partitions: vec![0] }];
    let request = ElectLeadersRequest {
        election_type: 1,
        topic_partitions: Some(topics),
        ..Default::default()
    };
    cluster.run(&ElectLeaders(request));
    let (leader, _, isr, _) = state(&cluster);
    assert_eq!((leader, isr), (2, vec![2]));
    assert!(cluster.image().partition("t", 0).unwrap().recovering);
}

#[test]
fn producer_ids_come_in_blocks() {
    let mut cluster = Cluster::of(1);
    let ask = |cluster: &mut Cluster, epoch| {
        cluster.run(&AllocateProducerIds { broker: NodeId(1), epoch: BrokerEpoch(epoch) })
    };
    let epoch = cluster.epoch(1);
    for first in [0, 1000, 2000] {
        let reply = ask(&mut cluster, epoch);
        assert_eq!((reply.producer_id_start, reply.producer_id_len), (first, 1000));
    }
    assert_eq!(cluster.image().next_producer_id(), Some(ProducerId(3000)));
    let stale = ask(&mut cluster, epoch - 1);
    assert_eq!(stale.error_code, ErrorCode::StaleBrokerEpoch.code());
}

#[test]
fn brokers_and_controllers_leave_for_good() {
    let mut cluster = Cluster::of(2);
    cluster.place("t", &[&[1, 2]]);
    assert_eq!(cluster.run(&UnregisterBroker { broker: NodeId(1) }), Ok(()));
    assert_eq!(state(&cluster).0, 2);
    let again = cluster.run(&UnregisterBroker { broker: NodeId(1) });
    assert_eq!(again.unwrap_err().code, ErrorCode::BrokerIdNotRegistered);

    let request = ControllerRegistrationRequest { controller_id: 7, ..Default::default() };
    assert_eq!(cluster.run(&RegisterController(request)), Ok(()));
    assert!(cluster.image().cluster().controllers.contains_key(&NodeId(7)));
    let leave = UnregisterController { controller: NodeId(7) };
    assert_eq!(cluster.run(&leave), Ok(()));
    assert_eq!(cluster.run(&leave).unwrap_err().code, ErrorCode::ControllerIdNotRegistered);
}

#[track_caller]
fn check_update(name: &'static str, level: i16, kind: i8, expected: &str) {
    let mut cluster = Cluster::of(1);
    let update = FeatureUpdateKey {
        feature: name.into(),
        max_version_level: level,
        upgrade_type: kind,
        ..FeatureUpdateKey::default()
    };
    let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
    let reply = cluster.run(&UpdateFeatures { request, version: 2, kraft_version: 1 });
    let message = reply.error_message.as_deref().unwrap_or_default();
    let head = "The update failed for all features since the following feature had an error: ";
    assert_eq!(message.strip_prefix(head).unwrap_or(message), expected);
    let code = if expected.is_empty() { ErrorCode::None } else { ErrorCode::InvalidUpdateVersion };
    assert_eq!(reply.error_code, code.code());
    assert_eq!(cluster.image().features().level(name) == level, expected.is_empty());
}

#[test]
fn features_go_up_and_down_by_kafkas_rules() {
    check_update("group.version", 0, 2, "");
    check_update(
        "group.version",
        0,
        1,
        "Invalid update version 0 for feature group.version. Can't downgrade the version of this \
         feature without setting the upgrade type to either safe or unsafe downgrade.",
    );
    check_update(
        "group.version",
        7,
        1,
        "Invalid update version 7 for feature group.version. Local controller 7 only supports \
         versions 0-1",
    );
    check_update(
        "no.such",
        1,
        1,
        "Invalid update version 1 for feature no.such. Local controller 7 does not support this \
         feature.",
    );
    check_update(
        "share.version",
        1,
        0,
        "Invalid update version 1 for feature share.version. The controller does not support the \
         given upgrade type.",
    );
    check_update(
        "metadata.version",
        22,
        2,
        "Unsupported metadata.version downgrade from 33 to 22. Refusing to perform the \
         requested downgrade because it might delete metadata information.",
    );
    check_update(
        "metadata.version",
        22,
        3,
        "Unsupported metadata.version downgrade from 33 to 22. Unsafe metadata \
         downgrade is not supported in this version.",
    );
}

/// As Kafka's `ConfigurationControlManager` does.
#[test]
fn turning_eligible_leaders_on_makes_the_least_isr_one_for_all() {
    let mut cluster = Cluster::of(2);
    let set = |cluster: &mut Cluster, level: i16, kind: i8| {
        let update = FeatureUpdateKey {
            feature: "eligible.leader.replicas.version".into(),
            max_version_level: level,
            upgrade_type: kind,
            ..FeatureUpdateKey::default()
        };
        let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
        let reply = cluster.run(&UpdateFeatures { request, version: 2, kraft_version: 1 });
        assert_eq!(reply.error_code, 0, "{reply:?}");
    };
    let key = "min.insync.replicas";
    let own = ConfigResource::new(ResourceKind::Broker, "2");
    set(&mut cluster, 0, 2);
    cluster.write(vec![
        ConfigRecord {
            resource_type: own.kind.id(),
            resource_name: "2".into(),
            name: key.into(),
            value: Some("3".into()),
        }
        .into(),
    ]);
    cluster.settings.min_insync_replicas = 2;
    set(&mut cluster, 1, 1);
    let image = cluster.image();
    assert_eq!(image.configs().value(&own, key), None);
    assert_eq!(image.configs().value(&ConfigResource::broker_default(), key), Some("2"));
}
