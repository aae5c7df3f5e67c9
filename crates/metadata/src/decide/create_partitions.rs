//! CreatePartitions (37): topics grow, they never shrink.

use std::borrow::Cow;
use std::collections::BTreeSet;

use types::ErrorCode;
use wire::create_partitions_request::{
    CreatePartitionsAssignment, CreatePartitionsRequest, CreatePartitionsTopic,
};
use wire::create_partitions_response::{CreatePartitionsResponse, CreatePartitionsTopicResult};
use wire::record_frame::MetadataRecord;

use super::create_topics::PARTITIONS_PER_REQUEST_MAX;
use super::refusal::outcome;
use super::{Command, Controller, Decision, Refusal};
use crate::image::{PartitionState, Topic};

/// Adds partitions to topics; with `validate_only` it answers the same and writes nothing.
#[derive(Clone, Debug)]
pub struct CreatePartitions<'a>(pub CreatePartitionsRequest<'a>);

impl Command for CreatePartitions<'_> {
    type Reply = CreatePartitionsResponse<'static>;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let request = &self.0;
        let mut seen = BTreeSet::new();
        let duplicates: BTreeSet<&str> =
            request.topics.iter().map(|t| &*t.name).filter(|name| !seen.insert(*name)).collect();
        let mut records = Vec::new();
        let mut results: Vec<CreatePartitionsTopicResult<'static>> = Vec::new();
        let is_too_large = controller.partitions_added(request) > PARTITIONS_PER_REQUEST_MAX;
        for (item, topic) in request.topics.iter().enumerate() {
            let added = if is_too_large {
                let message = "Excessively large number of additional partitions per request.";
                Err(Refusal::new(ErrorCode::PolicyViolation, message))
            } else if duplicates.contains(&*topic.name) {
                Err(Refusal::new(ErrorCode::InvalidRequest, "Duplicate topic name."))
            } else {
                controller.add_partitions(item as u64, topic)
            };
            let (error_code, error_message) = outcome(&added);
            if !results.iter().any(|result| result.name == topic.name) {
                results.push(CreatePartitionsTopicResult {
                    name: Cow::Owned(topic.name.to_string()),
                    error_code,
                    error_message,
                });
            }
            records.extend(added.unwrap_or_default());
        }
        if request.validate_only {
            records.clear();
        }
        Decision { records, reply: CreatePartitionsResponse { throttle_time_ms: 0, results } }
    }
}

impl Controller<'_> {
    /// How many partitions a request asks for in all, of topics that can grow so.
    fn partitions_added(&self, request: &CreatePartitionsRequest<'_>) -> usize {
        let of_topic = |asked: &CreatePartitionsTopic<'_>| {
            additional(self.image.topics().named(&asked.name)?, asked.count).ok()
        };
        request.topics.iter().filter_map(of_topic).sum()
    }

    fn add_partitions(
        &self,
        item: u64,
        request: &CreatePartitionsTopic<'_>,
    ) -> Result<Vec<MetadataRecord<'static>>, Refusal> {
        let topic = self
            .image
            .topics()
            .named(&request.name)
            .ok_or(Refusal::silent(ErrorCode::UnknownTopicOrPartition))?;
        let additional = additional(topic, request.count)?;
        let factor = topic.partitions.values().next().map_or(1, |state| state.replicas.len());
        let first = topic.partitions.keys().next_back().map_or(0, |last| last + 1);
        let states = match &request.assignments {
            Some(assignments) => self.assigned(assignments, first, additional, factor)?,
            None => self.place(item, additional, i16::try_from(factor).unwrap_or(i16::MAX))?,
        };
        let release = self.image.features().metadata_version();
        let records = (first..)
            .zip(&states)
            .map(|(index, state)| state.to_record(topic.id, index, release).into())
            .collect();
        Ok(records)
    }

    fn assigned(
        &self,
        assignments: &[CreatePartitionsAssignment],
        first: i32,
        additional: usize,
        factor: usize,
    ) -> Result<Vec<PartitionState>, Refusal> {
        let refuse = |message: String| Refusal::new(ErrorCode::InvalidReplicaAssignment, message);
        if assignments.len() != additional {
            return Err(refuse(format!(
                "Attempted to add {additional} additional partition(s), but only {} assignment(s) \
                 were specified.",
                assignments.len()
            )));
        }
        let mut states = Vec::with_capacity(assignments.len());
        for (index, assignment) in (first..).zip(assignments) {
            let replicas = self.check_manual(&assignment.broker_ids, Some(factor))?;
            states.push(self.partition_of(&replicas).ok_or_else(|| {
                refuse(format!(
                    "All brokers specified in the manual partition assignment for partition \
                     {index} are fenced or in controlled shutdown."
                ))
            })?);
        }
        Ok(states)
    }
}

/// How many partitions bring the topic to `count`.
fn additional(topic: &Topic, count: i32) -> Result<usize, Refusal> {
    let present = topic.partitions.len();
    let refuse = |message: String| Refusal::new(ErrorCode::InvalidPartitions, message);
    match usize::try_from(count) {
        Ok(count) if count > present => Ok(count - present),
        Ok(count) if count == present => {
            Err(refuse(format!("Topic already has {present} partition(s).")))
        }
        _ => Err(refuse(format!(
            "The topic {} currently has {present} partition(s); {count} would not be an increase.",
            topic.name
        ))),
    }
}
