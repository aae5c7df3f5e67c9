//! Topics come, grow and go.

use metadata::decide::{CreatePartitions, CreateTopics, DeleteTopics};
use types::TopicId;
use wire::create_partitions_request::{CreatePartitionsAssignment, CreatePartitionsTopic};
use wire::create_topics_request::{
    CreatableReplicaAssignment, CreatableTopic, CreatableTopicConfig,
};
use wire::create_topics_response::CreatableTopicResult;
use wire::delete_topics_request::DeleteTopicState;
use wire::record_frame::MetadataRecord;
use wire::{CreatePartitionsRequest, CreateTopicsRequest, DeleteTopicsRequest, Message as _};

use super::{Beside, hold};

impl Beside {
    pub(super) fn create_topic(&mut self) {
        let name = self.pick(&["a", "b", "c"]);
        if self.image().topics().named(name).is_some() {
            return;
        }
        let lists: Vec<_> = (0..3).map(|_| self.brokers(3)).collect();
        let min_isr = self.pick(&["1", "2", "2", "3"]);
        let unclean = self.pick(&["true", "false", "false"]);
        let configs =
            [("min.insync.replicas", min_isr), ("unclean.leader.election.enable", unclean)];
        self.create(name, lists, &configs);
    }

    /// Ids are random: Kafka's is put into what was decided.
    pub(super) fn create(
        &mut self,
        name: &'static str,
        lists: Vec<Vec<i32>>,
        configs: &[(&'static str, &'static str)],
    ) {
        let assignments = (0..).zip(lists).map(|(partition_index, broker_ids)| {
            CreatableReplicaAssignment { partition_index, broker_ids }
        });
        let config = |(name, value): &(&'static str, &'static str)| CreatableTopicConfig {
            name: (*name).into(),
            value: Some((*value).into()),
        };
        let topic = CreatableTopic {
            name: name.into(),
            num_partitions: -1,
            replication_factor: -1,
            assignments: assignments.collect(),
            configs: configs.iter().map(config).collect(),
        };
        let request =
            CreateTopicsRequest { topics: vec![topic], timeout_ms: 60_000, ..Default::default() };
        let (asked, version) = (format!("{request:?}"), CreateTopicsRequest::VERSIONS.max);
        // the words of refusals differ, and configs are filled in by brokers
        let outcome = |topic: &CreatableTopicResult<'_>| {
            (topic.error_code, topic.num_partitions, topic.replication_factor)
        };
        self.connection.send(&request, version).expect("connected");
        let (id, theirs) = self
            .connection
            .receive::<CreateTopicsRequest<'_>, _>(version, |reply| {
                (reply.topics[0].topic_id, outcome(&reply.topics[0]))
            })
            .expect("an answer");
        let (mut records, reply) = self.decide(&CreateTopics(request));
        for record in &mut records {
            if let MetadataRecord::Topic(topic) = record {
                topic.topic_id = id;
            } else if let MetadataRecord::Partition(partition) = record {
                partition.topic_id = id;
            }
        }
        let ours = outcome(&reply.topics[0]);
        self.compare(&asked, &records, &format!("{ours:?}"), &format!("{theirs:?}"));
    }

    /// Has both forget the topics that are not alike, so that the history can go on.
    pub(super) fn delete_parted(&mut self) {
        for topic_id in std::mem::take(&mut self.parted) {
            let topics = vec![DeleteTopicState { name: None, topic_id }];
            let request = DeleteTopicsRequest { topics, timeout_ms: 60_000, ..Default::default() };
            hold!(self, DeleteTopicsRequest<'_>, request, DeleteTopics);
            assert!(self.image().topics().get(topic_id).is_none());
        }
    }

    pub(super) fn delete_topic(&mut self) {
        let name = Some(self.pick(&["a", "none"]).into());
        let topics = vec![DeleteTopicState { name, topic_id: TopicId::ZERO }];
        let request = DeleteTopicsRequest { topics, timeout_ms: 60_000, ..Default::default() };
        hold!(self, DeleteTopicsRequest<'_>, request, DeleteTopics);
    }

    pub(super) fn grow_topic(&mut self) {
        let name = self.pick(&["a", "b", "c"]);
        let known = self.image().topics().named(name);
        let mut states = known.into_iter().flat_map(|topic| topic.partitions.values());
        if !states.all(|state| state.replicas.len() == 3) {
            return; // Kafka takes the number of replicas from any partition
        }
        let assignment = CreatePartitionsAssignment { broker_ids: self.brokers(3) };
        let topic = CreatePartitionsTopic {
            name: name.into(),
            count: self.pick(&[3, 4, 5]),
            assignments: Some(vec![assignment]),
        };
        let request = CreatePartitionsRequest {
            topics: vec![topic],
            timeout_ms: 60_000,
            ..Default::default()
        };
        hold!(self, CreatePartitionsRequest<'_>, request, CreatePartitions);
    }
}
