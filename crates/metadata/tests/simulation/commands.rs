//! What is asked of the cluster, by chance: mostly sensible, sometimes stale or wrong.

use metadata::decide::{
    AllocateProducerIds, AlterPartition, AlterPartitionReassignments, AssignReplicasToDirs,
    BalanceLeaders, CreatePartitions, CreateTopics, DeleteTopics, ElectLeaders,
    ElectUncleanLeaders, FenceBroker, Heartbeat, IncrementalAlterConfigs, RegisterBroker,
    RegisterController, UnregisterBroker, UnregisterController, UpdateFeatures,
};
use types::{BrokerEpoch, DirectoryId, NodeId, TopicId, Uuid};
use wire::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};
use wire::alter_partition_request::{self, AlterPartitionRequest, BrokerState};
use wire::assign_replicas_to_dirs_request::{self, AssignReplicasToDirsRequest};
use wire::broker_heartbeat_request::BrokerHeartbeatRequest;
use wire::controller_registration_request::ControllerRegistrationRequest;
use wire::create_partitions_request::{CreatePartitionsRequest, CreatePartitionsTopic};
use wire::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use wire::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};
use wire::elect_leaders_request::ElectLeadersRequest;
use wire::incremental_alter_configs_request::{
    AlterConfigsResource, AlterableConfig, IncrementalAlterConfigsRequest,
};
use wire::record_frame::MetadataRecord;
use wire::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};

use super::World;
use crate::cluster::{CLUSTER, registration};

const NAMES: [&str; 4] = ["a", "b.c", "b_c", "not valid"];
const CONTROLLER: i32 = 100;

type Records = Vec<MetadataRecord<'static>>;

impl World {
    /// Decides something.
    pub fn command(&mut self) -> Records {
        match self.below(100) {
            0..10 => self.create_topic(),
            10..12 => self.delete_topic(),
            12..15 => self.grow_topic(),
            15..21 => self.configure(),
            21..41 => self.beat(),
            41..48 => self.restart_broker(),
            48..54 => self.fence(),
            54..56 => self.unregister(),
            56..74 => self.alter_partition(),
            74..83 => self.reassign(),
            83..88 => self.assign_directory(),
            88..94 => self.elect(),
            94..96 => self.producer_ids(),
            96..98 => self.controllers(),
            _ => self.update_feature(),
        }
    }

    fn epoch(&self, broker: i32) -> i64 {
        let known = self.cluster.image().cluster().broker(NodeId(broker));
        known.map_or(-1, |broker| broker.epoch.0)
    }

    fn create_topic(&mut self) -> Records {
        let topic = CreatableTopic {
            name: self.pick(&NAMES).into(),
            num_partitions: self.pick(&[-1, 0, 1, 2, 3]),
            replication_factor: self.pick(&[-1, 0, 1, 2, 3, 3]),
            ..CreatableTopic::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        self.cluster.decide(&CreateTopics(request)).0
    }

    fn delete_topic(&mut self) -> Records {
        let name = Some(self.pick(&NAMES).into());
        let topics = vec![DeleteTopicState { name, topic_id: TopicId::ZERO }];
        let request = DeleteTopicsRequest { topics, ..Default::default() };
        self.cluster.decide(&DeleteTopics(request)).0
    }

    fn grow_topic(&mut self) -> Records {
        let (name, count) = (self.pick(&NAMES).into(), self.pick(&[0, 2, 3, 4, 5]));
        let topics = vec![CreatePartitionsTopic { name, count, assignments: None }];
        let request = CreatePartitionsRequest { topics, ..Default::default() };
        self.cluster.decide(&CreatePartitions(request)).0
    }

    fn configure(&mut self) -> Records {
        let (kind, resource) = self.pick(&[(2, NAMES[0]), (2, NAMES[1]), (4, "")]);
        let name = self.pick(&["min.insync.replicas", "min.insync.replicas", "retention.ms"]);
        let value = self.pick(&[None, Some("1"), Some("2"), Some("3"), Some("none")]);
        let configs = vec![AlterableConfig {
            name: name.into(),
            config_operation: i8::from(value.is_none()),
            value: value.map(Into::into),
        }];
        let resources = vec![AlterConfigsResource {
            resource_type: kind,
            resource_name: resource.into(),
            configs,
        }];
        let request = IncrementalAlterConfigsRequest { resources, validate_only: false };
        self.cluster.decide(&IncrementalAlterConfigs(request)).0
    }

    fn beat(&mut self) -> Records {
        let broker_id = self.broker();
        let chosen = directories(broker_id);
        let some = |world: &mut Self, percent| {
            chosen.iter().filter(|_| world.chance(percent)).copied().collect()
        };
        let request = BrokerHeartbeatRequest {
            broker_id,
            broker_epoch: self.epoch(broker_id),
            current_metadata_offset: self.pick(&[0, i64::MAX, i64::MAX]),
            want_fence: self.chance(15),
            want_shut_down: self.chance(15),
            offline_log_dirs: some(self, 5),
            cordoned_log_dirs: Some(some(self, 10)),
        };
        let others_have_seen = self.chance(50);
        self.cluster.decide(&Heartbeat { request, others_have_seen }).0
    }

    fn restart_broker(&mut self) -> Records {
        let broker = self.broker();
        let mut request = registration(broker, self.incarnation);
        self.incarnation = self.incarnation.wrapping_add(1);
        request.log_dirs = directories(broker).to_vec();
        request.rack = self.pick(&[None, Some("r".into())]);
        let is_clean = self.chance(50);
        if is_clean {
            request.previous_broker_epoch = self.epoch(broker);
        }
        let session_alive = self.chance(10);
        let command = RegisterBroker { request, cluster: CLUSTER, session_alive };
        let records = self.cluster.decide(&command).0;
        if !records.is_empty() && !is_clean && self.knows_crashes() {
            self.shadow.crash(NodeId(broker));
        }
        records
    }

    /// Without eligible leaders, nobody asks how a broker came to its end.
    fn knows_crashes(&self) -> bool {
        self.cluster.image().features().eligible_leaders()
    }

    fn fence(&mut self) -> Records {
        let broker = self.broker();
        let epoch = BrokerEpoch(self.epoch(broker));
        self.cluster.decide(&FenceBroker { broker: NodeId(broker), epoch }).0
    }

    fn unregister(&mut self) -> Records {
        let broker = NodeId(self.broker());
        self.cluster.decide(&UnregisterBroker { broker }).0
    }

    /// A leader's wish for a partition, with some of its replicas.
    fn alter_partition(&mut self) -> Records {
        let Some((_, topic_id, index)) = self.some_partition() else { return Vec::new() };
        let image = self.cluster.image().clone();
        let state = &image.topics().get(topic_id).expect("it was picked").partitions[&index];
        let is_wanted = |world: &mut Self, id: &NodeId| *id == state.leader || world.chance(70);
        let wanted: Vec<NodeId> =
            state.replicas.iter().filter(|id| is_wanted(self, id)).copied().collect();
        let member = |id: &NodeId| BrokerState { broker_id: id.0, broker_epoch: self.epoch(id.0) };
        let partition = alter_partition_request::PartitionData {
            partition_index: index,
            new_isr_with_epochs: wanted.iter().map(member).collect(),
            leader_epoch: state.leader_epoch.0,
            leader_recovery_state: i8::from(state.recovering && self.chance(50)),
            partition_epoch: state.partition_epoch - i32::from(self.chance(5)),
            new_isr: Vec::new(),
        };
        let partitions = vec![partition];
        let request = AlterPartitionRequest {
            broker_id: state.leader.0,
            broker_epoch: self.epoch(state.leader.0),
            topics: vec![alter_partition_request::TopicData { topic_id, partitions }],
        };
        let records = self.cluster.decide(&AlterPartition(request)).0;
        if !records.is_empty() {
            self.shadow.caught_up((topic_id, index), &wanted);
        }
        records
    }

    fn reassign(&mut self) -> Records {
        let Some((name, _, partition_index)) = self.some_partition() else { return Vec::new() };
        let replicas = self.chance(75).then(|| {
            let count = self.pick(&[1, 2, 2, 3, 3]);
            (0..count).map(|_| self.broker()).collect()
        });
        let partitions = vec![ReassignablePartition { partition_index, replicas }];
        let request = AlterPartitionReassignmentsRequest {
            topics: vec![ReassignableTopic { name: name.into(), partitions }],
            ..AlterPartitionReassignmentsRequest::default()
        };
        self.cluster.decide(&AlterPartitionReassignments(request)).0
    }

    fn assign_directory(&mut self) -> Records {
        let Some((_, topic_id, partition_index)) = self.some_partition() else { return Vec::new() };
        let broker_id = self.broker();
        let id = self.pick(&directories(broker_id));
        let partitions = vec![assign_replicas_to_dirs_request::PartitionData { partition_index }];
        let topics = vec![assign_replicas_to_dirs_request::TopicData { topic_id, partitions }];
        let request = AssignReplicasToDirsRequest {
            broker_id,
            broker_epoch: self.epoch(broker_id),
            directories: vec![assign_replicas_to_dirs_request::DirectoryData { id, topics }],
        };
        self.cluster.decide(&AssignReplicasToDirs(request)).0
    }

    fn elect(&mut self) -> Records {
        match self.below(4) {
            0 => self.cluster.decide(&BalanceLeaders).0,
            1 => self.cluster.decide(&ElectUncleanLeaders).0,
            kind => {
                let election_type = i8::from(kind == 3 && self.chance(20));
                let request = ElectLeadersRequest {
                    election_type,
                    topic_partitions: None,
                    ..ElectLeadersRequest::default()
                };
                self.cluster.decide(&ElectLeaders(request)).0
            }
        }
    }

    fn producer_ids(&mut self) -> Records {
        let broker = self.broker();
        let epoch = BrokerEpoch(self.epoch(broker));
        self.cluster.decide(&AllocateProducerIds { broker: NodeId(broker), epoch }).0
    }

    fn controllers(&mut self) -> Records {
        if self.chance(40) {
            let controller = NodeId(CONTROLLER);
            return self.cluster.decide(&UnregisterController { controller }).0;
        }
        let request = ControllerRegistrationRequest {
            controller_id: CONTROLLER,
            incarnation_id: Uuid([self.incarnation; 16]),
            ..ControllerRegistrationRequest::default()
        };
        self.cluster.decide(&RegisterController(request)).0
    }

    fn update_feature(&mut self) -> Records {
        let (feature, level) = self.pick(&[
            ("group.version", 0),
            ("group.version", 1),
            ("share.version", 1),
            ("transaction.version", 2),
            ("metadata.version", 33),
        ]);
        let update = FeatureUpdateKey {
            feature: feature.into(),
            max_version_level: level,
            upgrade_type: self.pick(&[1, 2, 3]),
            ..FeatureUpdateKey::default()
        };
        let request = UpdateFeaturesRequest { feature_updates: vec![update], ..Default::default() };
        self.cluster.decide(&UpdateFeatures { request, version: 2, kraft_version: 1 }).0
    }

    fn some_partition(&mut self) -> Option<(String, TopicId, i32)> {
        let topics = self.cluster.image().topics();
        let all: Vec<_> = topics
            .iter()
            .flat_map(|t| t.partitions.keys().map(|index| (t.name.to_string(), t.id, *index)))
            .collect();
        (!all.is_empty()).then(|| self.pick(&all))
    }
}

/// The log directories of a broker: the one that it has from the start, and another one.
fn directories(broker: i32) -> [DirectoryId; 2] {
    let byte = u8::try_from(broker).expect("a small id");
    [Uuid([100 + byte; 16]), Uuid([150 + byte; 16])]
}
