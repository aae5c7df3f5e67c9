//! CreateTopics (19): each topic of a request stands or falls by itself.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use types::ErrorCode;
use wire::config_record::ConfigRecord;
use wire::create_topics_request::{CreatableTopic, CreateTopicsRequest};
use wire::create_topics_response::{CreatableTopicResult, CreateTopicsResponse};
use wire::record_frame::MetadataRecord;
use wire::topic_record::TopicRecord;

use super::configs::MIN_ISR;
use super::refusal::outcome;
use super::{Command, Controller, Decision, Refusal, random_topic_id};
use crate::image::{ConfigResource, PartitionState, ResourceKind};
use crate::topic_name::{CLUSTER_METADATA_TOPIC, check_topic_name};

/// Most partitions that one request may create, as in Kafka: with more, none is.
pub const PARTITIONS_PER_REQUEST_MAX: usize = 10_000;

const SALT: u64 = 0x746f_7069_6373;
const UNSET: i32 = -1;

/// Creates topics; with `validate_only` it answers the same and writes nothing.
///
/// The reply has no configs in its results: they need the broker's own configuration, so the
/// handler fills them in.
#[derive(Clone, Debug)]
pub struct CreateTopics<'a>(pub CreateTopicsRequest<'a>);

/// A topic that passed every check.
struct Created {
    topic: TopicRecord<'static>,
    configs: Vec<MetadataRecord<'static>>,
    partitions: Vec<PartitionState>,
}

impl Command for CreateTopics<'_> {
    type Reply = CreateTopicsResponse<'static>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let request = &self.0;
        let mut records = Vec::new();
        let mut topics = Vec::with_capacity(request.topics.len());
        let duplicates = duplicates(&request.topics);
        let is_too_large = controller.partitions_wanted(request) > PARTITIONS_PER_REQUEST_MAX;
        for (item, topic) in request.topics.iter().enumerate() {
            let created = if is_too_large {
                Err(too_many())
            } else if duplicates.contains(&*topic.name) {
                Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name."))
            } else {
                controller.create_topic(item as u64, topic)
            };
            let result = result_of(topic, &created);
            // a name that stands twice is answered once
            let repeated = topics.iter().any(|r: &CreatableTopicResult<'_>| r.name == result.name);
            if !repeated {
                topics.push(result);
            }
            if let (Ok(created), false) = (created, request.validate_only) {
                controller.push_topic(created, &mut records);
            }
        }
        Decision { records, reply: CreateTopicsResponse { throttle_time_ms: 0, topics } }
    }
}

impl Controller<'_> {
    /// How many partitions a request asks for in all, whether it can have them or not.
    fn partitions_wanted(&self, request: &CreateTopicsRequest<'_>) -> usize {
        let of_topic = |topic: &CreatableTopic<'_>| match topic.num_partitions {
            _ if !topic.assignments.is_empty() => topic.assignments.len(),
            UNSET => usize::try_from(self.settings.num_partitions).unwrap_or_default(),
            count => usize::try_from(count).unwrap_or_default(),
        };
        request.topics.iter().map(of_topic).sum()
    }

    fn create_topic(&self, item: u64, topic: &CreatableTopic<'_>) -> Result<Created, Refusal> {
        self.check_new_name(&topic.name)?;
        let configs = self.new_topic_configs(topic)?;
        let partitions = if topic.assignments.is_empty() {
            self.placed_partitions(item, topic)?
        } else {
            self.assigned_partitions(topic)?
        };
        let mut random = self.random(SALT ^ item);
        let topic_id = loop {
            let id = random_topic_id(&mut random);
            if self.image.topics().get(id).is_none() {
                break id;
            }
        };
        let topic = TopicRecord { name: Cow::Owned(topic.name.to_string()), topic_id };
        Ok(Created { topic, configs, partitions })
    }

    fn check_new_name(&self, name: &str) -> Result<(), Refusal> {
        if name == CLUSTER_METADATA_TOPIC {
            let message = "Creation of internal topic __cluster_metadata is prohibited.";
            return Err(Refusal::new(ErrorCode::InvalidRequest, message));
        }
        check_topic_name(name)
            .map_err(|e| Refusal::new(ErrorCode::InvalidTopicException, e.to_string()))?;
        if self.image.topics().named(name).is_some() {
            let message = format!("Topic '{name}' already exists.");
            return Err(Refusal::new(ErrorCode::TopicAlreadyExists, message));
        }
        if let Some(other) = self.image.topics().colliding_with(name) {
            let message = format!("Topic '{name}' collides with existing topic: {other}");
            return Err(Refusal::new(ErrorCode::InvalidTopicException, message));
        }
        Ok(())
    }

    fn new_topic_configs(
        &self,
        topic: &CreatableTopic<'_>,
    ) -> Result<Vec<MetadataRecord<'static>>, Refusal> {
        let nulls: Vec<&str> =
            topic.configs.iter().filter(|c| c.value.is_none()).map(|c| &*c.name).collect();
        if !nulls.is_empty() {
            let nulls = nulls.join(",");
            let message = format!("Null value not supported for topic configs: {nulls}");
            return Err(Refusal::new(ErrorCode::InvalidConfig, message));
        }
        let values: BTreeMap<&str, &str> =
            topic.configs.iter().filter_map(|c| Some((&*c.name, c.value.as_deref()?))).collect();
        self.check_topic_configs(&topic.name, &values)?;
        let record = |(name, value): (&&str, &&str)| {
            MetadataRecord::Config(ConfigRecord {
                resource_type: ResourceKind::Topic.id(),
                resource_name: Cow::Owned(topic.name.to_string()),
                name: Cow::Owned((*name).to_owned()),
                value: Some(Cow::Owned((*value).to_owned())),
            })
        };
        let mut records: Vec<_> = values.iter().map(record).collect();
        if values.contains_key(MIN_ISR) {
            // there are none yet: Kafka says so all the same
            records.extend(self.forget_eligible(&ConfigResource::topic(&topic.name)));
        }
        Ok(records)
    }

    fn placed_partitions(
        &self,
        item: u64,
        topic: &CreatableTopic<'_>,
    ) -> Result<Vec<PartitionState>, Refusal> {
        let factor = match topic.replication_factor {
            -1 => self.settings.default_replication_factor,
            factor if factor > 0 => factor,
            _ => {
                let message =
                    "Replication factor must be larger than 0, or -1 to use the default value.";
                return Err(Refusal::new(ErrorCode::InvalidReplicationFactor, message));
            }
        };
        let count = match topic.num_partitions {
            UNSET => self.settings.num_partitions,
            count => count,
        };
        let count = usize::try_from(count).ok().filter(|count| *count > 0).ok_or_else(|| {
            let message = "Number of partitions was set to an invalid non-positive value.";
            Refusal::new(ErrorCode::InvalidPartitions, message)
        })?;
        self.place(item, count, factor)
    }

    fn assigned_partitions(
        &self,
        topic: &CreatableTopic<'_>,
    ) -> Result<Vec<PartitionState>, Refusal> {
        let unset = |what: &str| {
            let message = format!(
                "A manual partition assignment was specified, but {what} was not set to -1."
            );
            Refusal::new(ErrorCode::InvalidRequest, message)
        };
        if topic.replication_factor != -1 {
            return Err(unset("replication factor"));
        }
        if topic.num_partitions != UNSET {
            return Err(unset("numPartitions"));
        }
        let refuse = |message: String| Refusal::new(ErrorCode::InvalidReplicaAssignment, message);
        let mut partitions = BTreeMap::new();
        let mut factor = None;
        for assignment in &topic.assignments {
            let index = assignment.partition_index;
            if partitions.contains_key(&index) {
                return Err(refuse(format!(
                    "Found multiple manual partition assignments for partition {index}"
                )));
            }
            let replicas = self.check_manual(&assignment.broker_ids, factor)?;
            factor = Some(replicas.len());
            let state = self.partition_of(&replicas).ok_or_else(|| {
                refuse(format!(
                    "All brokers specified in the manual partition assignment for partition \
                     {index} are fenced or in controlled shutdown."
                ))
            })?;
            partitions.insert(index, state);
        }
        if !partitions.keys().copied().eq((0..).take(partitions.len())) {
            let message = "partitions should be a consecutive 0-based integer sequence";
            return Err(refuse(message.to_owned()));
        }
        Ok(partitions.into_values().collect())
    }

    fn push_topic(&self, created: Created, records: &mut Vec<MetadataRecord<'static>>) {
        let topic_id = created.topic.topic_id;
        records.push(MetadataRecord::Topic(created.topic));
        records.extend(created.configs);
        let release = self.image.features().metadata_version();
        records.extend((0..).zip(&created.partitions).map(|(index, state)| {
            MetadataRecord::Partition(state.to_record(topic_id, index, release))
        }));
    }
}

fn duplicates<'a>(topics: &'a [CreatableTopic<'_>]) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    topics.iter().map(|topic| &*topic.name).filter(|name| !seen.insert(*name)).collect()
}

fn too_many() -> Refusal {
    let message = "Excessively large number of partitions per request.";
    Refusal::new(ErrorCode::PolicyViolation, message)
}

fn result_of(
    topic: &CreatableTopic<'_>,
    created: &Result<Created, Refusal>,
) -> CreatableTopicResult<'static> {
    let (error_code, error_message) = outcome(created);
    let mut result = CreatableTopicResult {
        name: Cow::Owned(topic.name.to_string()),
        error_code,
        error_message,
        ..CreatableTopicResult::default()
    };
    if let Ok(created) = created {
        result.topic_id = created.topic.topic_id;
        result.num_partitions = i32::try_from(created.partitions.len()).unwrap_or(i32::MAX);
        let factor = created.partitions.first().map_or(0, |state| state.replicas.len());
        result.replication_factor = i16::try_from(factor).unwrap_or(i16::MAX);
    }
    result
}
