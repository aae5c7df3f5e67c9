//! DescribeProducers: whom a partition's log remembers, for those who look for hanging transactions.

use crate::dispatch::RequestContext;
use log::ProducerStatus;
use metadata::check_topic_name;
use metadata::decide::{Refusal, outcome};
use types::ErrorCode;
use wire::describe_producers_request::DescribeProducersRequest;
use wire::describe_producers_response::{
    DescribeProducersResponse, PartitionResponse, ProducerState, TopicResponse,
};

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: DescribeProducersRequest<'a>,
) -> DescribeProducersResponse<'a> {
    let mut topics = Vec::with_capacity(request.topics.len());
    for topic in request.topics {
        let mut partitions = Vec::with_capacity(topic.partition_indexes.len());
        for index in topic.partition_indexes {
            let described = producers(context, &topic.name, index).await;
            let (error_code, error_message) = outcome(&described);
            partitions.push(PartitionResponse {
                partition_index: index,
                error_code,
                error_message,
                active_producers: described.into_iter().flatten().map(state).collect(),
            });
        }
        topics.push(TopicResponse { name: topic.name, partitions });
    }
    DescribeProducersResponse { topics, ..Default::default() }
}

async fn producers(
    context: &RequestContext<'_>,
    topic: &str,
    index: i32,
) -> Result<Vec<ProducerStatus>, Refusal> {
    check_topic_name(topic)
        .map_err(|error| Refusal::new(ErrorCode::InvalidTopicException, error.to_string()))?;
    let missing = "This server does not host this topic-partition.";
    let partition = context.led_partition(topic, index).map_err(|code| match code {
        ErrorCode::UnknownTopicOrPartition => Refusal::new(code, missing),
        code => code.into(),
    })?;
    Ok(partition.log().await?.producers())
}

fn state(producer: ProducerStatus) -> ProducerState {
    ProducerState {
        producer_id: producer.producer_id.0,
        producer_epoch: i32::from(producer.epoch.0),
        last_sequence: producer.last_sequence.0,
        last_timestamp: producer.last_timestamp.0,
        coordinator_epoch: producer.coordinator_epoch,
        current_txn_start_offset: producer.txn_first_offset.map_or(-1, |offset| offset.0),
    }
}
