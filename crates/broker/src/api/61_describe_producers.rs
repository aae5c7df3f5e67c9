//! DescribeProducers: whom a partition's log remembers, for those who look for hanging transactions.

use crate::dispatch::RequestContext;
use log::ProducerStatus;
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
            let (code, producers) = match producers(context, &topic.name, index).await {
                Ok(producers) => (ErrorCode::None, producers),
                Err(code) => (code, Vec::new()),
            };
            partitions.push(PartitionResponse {
                partition_index: index,
                error_code: code.code(),
                active_producers: producers.into_iter().map(state).collect(),
                ..Default::default()
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
) -> Result<Vec<ProducerStatus>, ErrorCode> {
    Ok(context.led_partition(topic, index)?.log().await?.producers())
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
