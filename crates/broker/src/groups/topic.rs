//! `__consumer_offsets` comes into being when somebody first looks for a coordinator.

use super::{Groups, OFFSETS_TOPIC};
use crate::controller::Authority;
use metadata::decide::CreateTopics;
use types::{ErrorCode, NodeId};
use wire::create_topics_request::{CreatableTopic, CreatableTopicConfig, CreateTopicsRequest};

impl Groups {
    /// The broker that coordinates a group; makes the topic first where there is none.
    ///
    /// # Errors
    /// `COORDINATOR_NOT_AVAILABLE` while nobody leads the group's partition.
    pub(crate) async fn coordinator_of(
        &self,
        controller: &Authority,
        group: &str,
    ) -> Result<NodeId, ErrorCode> {
        let not_available = ErrorCode::CoordinatorNotAvailable;
        if controller.image().topics().named(OFFSETS_TOPIC).is_none() {
            self.create_topic(controller).await?;
        }
        let image = controller.image();
        let topic = image.topics().named(OFFSETS_TOPIC).ok_or(not_available)?;
        let count = i32::try_from(topic.partitions.len()).unwrap_or(i32::MAX);
        let index = types::java_hash::coordinator_partition(group, count);
        let leader = topic.partitions.get(&index).map(|partition| partition.leader);
        leader.filter(|leader| *leader != NodeId::NONE).ok_or(not_available)
    }

    async fn create_topic(&self, controller: &Authority) -> Result<(), ErrorCode> {
        let config = |name: &'static str, value: String| CreatableTopicConfig {
            name: name.into(),
            value: Some(value.into()),
        };
        let topic = CreatableTopic {
            name: OFFSETS_TOPIC.into(),
            num_partitions: self.settings.topic_partitions,
            replication_factor: self.settings.topic_replication_factor,
            configs: vec![
                config("cleanup.policy", "compact".to_owned()),
                config("compression.type", "producer".to_owned()),
                config("segment.bytes", self.settings.topic_segment_bytes.to_string()),
            ],
            ..Default::default()
        };
        let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
        let not_available = ErrorCode::CoordinatorNotAvailable;
        let response = controller.submit_aside(CreateTopics(request)).await;
        let response = response.map_err(|_| not_available)?;
        match response.topics.first().map(|result| ErrorCode::from_wire(result.error_code)) {
            Some(ErrorCode::None | ErrorCode::TopicAlreadyExists) => Ok(()),
            error => {
                tracing::warn!(?error, "cannot create {OFFSETS_TOPIC}");
                Err(not_available)
            }
        }
    }
}
