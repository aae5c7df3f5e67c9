//! Whatever is asked for, the log alone and a snapshot make the image that the controller had.

mod cluster;

use cluster::{CLUSTER, Cluster, assert_snapshot_is_equal, registration};
use metadata::decide::{
    AllocateProducerIds, CreatePartitions, CreateTopics, DeleteTopics, ElectLeaders,
    IncrementalAlterConfigs, RegisterBroker, UnregisterBroker,
};
use metadata::image::{Changes, Image, Replay, TopicChange};
use proptest::prelude::*;
use types::{BrokerEpoch, LeaderEpoch, NodeId, Offset, TopicId};
use wire::IncrementalAlterConfigsRequest;
use wire::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use wire::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use wire::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use wire::elect_leaders_request::ElectLeadersRequest;
use wire::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use wire::record_frame::MetadataRecord;

const BROKERS: i32 = 3;
const NAMES: [&str; 5] = ["a", "b.c", "b_c", "d", "not valid"];

#[derive(Clone, Debug)]
enum Step {
    Create { name: usize, partitions: i32, factor: i16 },
    Delete { name: usize },
    Grow { name: usize, count: i32 },
    Configure { name: usize, value: Option<u8> },
    Beat { broker: i32, want_fence: bool, want_shut_down: bool },
    Restart { broker: i32 },
    Unregister { broker: i32 },
    Elect { unclean: bool },
    Ids { broker: i32 },
}

fn step() -> impl Strategy<Value = Step> {
    let name = 0..NAMES.len();
    let broker = 1..=BROKERS;
    prop_oneof![
        3 => (name.clone(), -1..5i32, -1..4i16)
            .prop_map(|(name, partitions, factor)| Step::Create { name, partitions, factor }),
        1 => name.clone().prop_map(|name| Step::Delete { name }),
        1 => (name.clone(), 0..8i32).prop_map(|(name, count)| Step::Grow { name, count }),
        1 => (name, any::<Option<u8>>()).prop_map(|(name, value)| Step::Configure { name, value }),
        4 => (broker.clone(), any::<bool>(), any::<bool>()).prop_map(
            |(broker, want_fence, want_shut_down)| Step::Beat { broker, want_fence, want_shut_down },
        ),
        1 => broker.clone().prop_map(|broker| Step::Restart { broker }),
        1 => broker.clone().prop_map(|broker| Step::Unregister { broker }),
        1 => any::<bool>().prop_map(|unclean| Step::Elect { unclean }),
        1 => broker.prop_map(|broker| Step::Ids { broker }),
    ]
}

fn run(cluster: &mut Cluster, step: Step, incarnation: u8) {
    let registered = |cluster: &Cluster, id| cluster.image().cluster().broker(NodeId(id)).is_some();
    match step {
        Step::Create { name, partitions, factor } => {
            let topic = CreatableTopic {
                name: NAMES[name].into(),
                num_partitions: partitions,
                replication_factor: factor,
                ..CreatableTopic::default()
            };
            let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
            cluster.run(&CreateTopics(request));
        }
        Step::Delete { name } => {
            let topic =
                DeleteTopicState { name: Some(NAMES[name].into()), topic_id: TopicId::ZERO };
            let request = DeleteTopicsRequest { topics: vec![topic], ..Default::default() };
            cluster.run(&DeleteTopics(request));
        }
        Step::Grow { name, count } => {
            let topic =
                CreatePartitionsTopic { name: NAMES[name].into(), count, assignments: None };
            let request = CreatePartitionsRequest { topics: vec![topic], ..Default::default() };
            cluster.run(&CreatePartitions(request));
        }
        Step::Configure { name, value } => configure(cluster, NAMES[name], value),
        Step::Beat { broker, want_fence, want_shut_down } => {
            if registered(cluster, broker) {
                cluster.beat(broker, want_fence, want_shut_down);
            }
        }
        Step::Restart { broker } => {
            let request = registration(broker, incarnation);
            cluster.run(&RegisterBroker { request, cluster: CLUSTER, session_alive: false });
        }
        Step::Unregister { broker } => {
            let _ = cluster.run(&UnregisterBroker { broker: NodeId(broker) });
        }
        Step::Elect { unclean } => {
            let request = ElectLeadersRequest {
                election_type: i8::from(unclean),
                topic_partitions: None,
                ..Default::default()
            };
            cluster.run(&ElectLeaders(request));
        }
        Step::Ids { broker } => {
            let broker = NodeId(broker);
            let known = cluster.image().cluster().broker(broker);
            let epoch = known.map_or(BrokerEpoch(-1), |broker| broker.epoch);
            cluster.run(&AllocateProducerIds { broker, epoch });
        }
    }
}

fn configure(cluster: &mut Cluster, name: &'static str, value: Option<u8>) {
    let config = AlterableConfig {
        name: "retention.ms".into(),
        config_operation: i8::from(value.is_none()),
        value: value.map(|value| value.to_string().into()),
    };
    let resource = AlterConfigsResource {
        resource_type: 2,
        resource_name: name.into(),
        configs: vec![config],
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    cluster.run(&IncrementalAlterConfigs(request));
}

/// What must hold of every partition, whatever happened.
fn check_partitions(image: &Image) {
    for topic in image.topics().iter() {
        assert!(topic.partitions.keys().copied().eq((0..).take(topic.partitions.len())));
        for state in topic.partitions.values() {
            assert_eq!(state.directories.len(), state.replicas.len());
            assert!(state.isr.iter().all(|id| state.replicas.contains(id)));
            assert!(state.eligible_leaders.iter().all(|id| !state.isr.contains(id)));
            if state.leader != NodeId::NONE {
                assert!(image.is_active(state.leader), "{} is led by no active broker", topic.name);
                assert!(state.isr.contains(&state.leader), "{}: a leader out of sync", topic.name);
            }
        }
    }
}

fn from_log(log: &[Vec<u8>]) -> Image {
    let mut replay = Replay::from_image(Image::default());
    for (offset, bytes) in (0..).zip(log) {
        let (record, _) = MetadataRecord::decode(bytes).expect("our own bytes");
        replay.apply(Offset(offset), LeaderEpoch(1), &record);
    }
    replay.publish()
}

/// The changes between two images are exactly what turns one's topics into the other's.
fn check_changes(old: &Image, new: &Image) {
    let mut topics: std::collections::BTreeMap<_, _> =
        old.topics().iter().map(|topic| (topic.id, topic.clone())).collect();
    for (id, change) in Changes::between(old, new).topics {
        match change {
            TopicChange::Created(topic) | TopicChange::Changed { topic, .. } => {
                topics.insert(id, topic);
            }
            TopicChange::Deleted(_) => {
                topics.remove(&id);
            }
        }
    }
    let expected = new.topics().iter().map(|topic| (topic.id, topic.clone())).collect();
    assert_eq!(topics, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn log_and_snapshot_make_the_same_image(
        steps in prop::collection::vec(step(), 1..40),
        has_eligible_leaders in any::<bool>(),
    ) {
        let mut cluster = if has_eligible_leaders { Cluster::of(BROKERS) } else { Cluster::at(21) };
        if !has_eligible_leaders {
            (1..=BROKERS).for_each(|id| cluster.join(id));
        }
        let mut before = cluster.image().clone();
        for (turn, step) in (2..).zip(steps) {
            run(&mut cluster, step, turn);
            check_partitions(cluster.image());
            check_changes(&before, cluster.image());
            before = cluster.image().clone();
        }
        prop_assert_eq!(&from_log(&cluster.log), cluster.image());
        assert_snapshot_is_equal(cluster.image());
    }
}
