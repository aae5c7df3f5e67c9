//! Produce requests out of batches, and what the answer says about each.

use std::sync::Arc;

use types::{ErrorCode, TopicId};
use wire::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::produce_response::{PartitionProduceResponse, ProduceResponse};
use wire::{Blob, Records, Str};

use super::accumulator::Departure;
use super::delivery::BatchAck;
use crate::cluster::LeaderHint;
use crate::config::ProducerConfig;
use crate::{Error, Metadata, Node, Result};

/// From this version on topics go by their ids alone.
const TOPIC_IDS_FROM: i16 = 13;

/// The newest version that can name all these topics.
pub(super) fn version_cap(metadata: &Metadata, departures: &[Departure]) -> i16 {
    let known = departures.iter().all(|d| !topic_id(metadata, &d.topic).is_zero());
    if known { i16::MAX } else { TOPIC_IDS_FROM - 1 }
}

/// One request with all these batches.
pub(super) fn encode<'a>(
    config: &ProducerConfig,
    metadata: &Metadata,
    departures: &'a [Departure],
) -> ProduceRequest<'a> {
    let mut topics: Vec<TopicProduceData<'a>> = Vec::new();
    for departure in departures {
        let data = PartitionProduceData {
            index: departure.partition,
            records: Records::Inline(Blob::Borrowed(departure.batch.bytes())),
        };
        match topics.last_mut().filter(|topic| topic.name == *departure.topic) {
            Some(topic) => topic.partition_data.push(data),
            None => topics.push(TopicProduceData {
                name: Str::Borrowed(&departure.topic),
                topic_id: topic_id(metadata, &departure.topic),
                partition_data: vec![data],
            }),
        }
    }
    ProduceRequest {
        acks: config.acks.code(),
        timeout_ms: i32::try_from(config.client.request_timeout.as_millis()).unwrap_or(i32::MAX),
        topic_data: topics,
        ..Default::default()
    }
}

fn topic_id(metadata: &Metadata, topic: &str) -> TopicId {
    metadata.topic(topic).map_or(TopicId::ZERO, |topic| topic.id)
}

/// What the broker said about one batch.
pub(super) struct Verdict {
    pub outcome: Result<BatchAck>,
    pub hint: Option<LeaderHint>,
}

/// The verdict on the batch of a partition.
pub(super) fn verdict(
    response: &ProduceResponse<'_>,
    metadata: &Metadata,
    topic: &Arc<str>,
    partition: i32,
) -> Verdict {
    let id = topic_id(metadata, topic);
    let found = response
        .responses
        .iter()
        .filter(|t| t.name == **topic || (t.name.is_empty() && t.topic_id == id))
        .flat_map(|t| &t.partition_responses)
        .find(|p| p.index == partition);
    let Some(answer) = found else {
        let what = format!("no answer for {topic}-{partition} in a produce response");
        return Verdict { outcome: Err(Error::protocol(what)), hint: None };
    };
    Verdict { outcome: read(answer), hint: read_hint(response, answer) }
}

fn read(answer: &PartitionProduceResponse<'_>) -> Result<BatchAck> {
    // a duplicate is a success whose offset the broker no longer knows
    if answer.error_code == ErrorCode::DuplicateSequenceNumber.code() {
        return Ok(BatchAck { base_offset: -1, append_time: -1 });
    }
    if answer.error_code != 0 {
        let of_record = answer.record_errors.first();
        let of_record = of_record.and_then(|e| e.batch_index_error_message.as_deref());
        let message = answer.error_message.as_deref().or(of_record);
        return Err(Error::explained(answer.error_code, message));
    }
    Ok(BatchAck { base_offset: answer.base_offset, append_time: answer.log_append_time_ms })
}

fn read_hint(
    response: &ProduceResponse<'_>,
    answer: &PartitionProduceResponse<'_>,
) -> Option<LeaderHint> {
    let leader = &answer.current_leader;
    let nodes = response.node_endpoints.iter().map(|n| Node {
        id: n.node_id,
        host: n.host.to_string(),
        port: n.port,
        rack: n.rack.as_deref().map(str::to_owned),
    });
    LeaderHint::given(answer.index, leader.leader_id, leader.leader_epoch, nodes)
}
