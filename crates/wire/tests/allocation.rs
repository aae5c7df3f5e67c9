//! The data path allocates what it must and no more.

#![allow(clippy::unwrap_used, reason = "a test helper that fails ends the test")]

#[path = "support/counting.rs"]
mod counting;

use counting::allocated_by;
use wire::fetch_response::{FetchableTopicResponse, PartitionData};
use wire::produce_request::{PartitionProduceData, TopicProduceData};
use wire::{Cut, FetchResponse, Message, ProduceRequest, Reader, Records, encode_response};

#[test]
fn a_produce_request_takes_its_two_arrays_and_leaves_the_records_in_the_frame() {
    let batch = vec![7; 64 * 1024];
    let partition = |index| PartitionProduceData { index, records: batch.as_slice().into() };
    let request = ProduceRequest {
        topic_data: vec![TopicProduceData {
            partition_data: (0..6).map(partition).collect(),
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    };
    let bytes = request.to_bytes(13).unwrap();
    let (decoded, allocated) =
        allocated_by(|| ProduceRequest::decode(&mut Reader::new(&bytes), 13).unwrap());
    assert_eq!(decoded, request);
    let arrays = size_of::<TopicProduceData<'_>>() + 6 * size_of::<PartitionProduceData<'_>>();
    assert_eq!(allocated, arrays);
}

#[test]
fn a_fetch_response_goes_into_the_buffer_it_is_given() {
    let partition = |partition_index| PartitionData {
        partition_index,
        aborted_transactions: None,
        records: Records::Range { index: 0, bytes: 1 << 20 },
        ..PartitionData::default()
    };
    let response = FetchResponse {
        responses: vec![FetchableTopicResponse {
            partitions: vec![partition(0), partition(1)],
            ..FetchableTopicResponse::default()
        }],
        ..FetchResponse::default()
    };
    let buffer = Vec::with_capacity(4096);
    let (plan, allocated) = allocated_by(|| encode_response(1, &response, 18, buffer).unwrap());
    assert_eq!(plan.cuts.len(), 2);
    assert_eq!(allocated, plan.cuts.capacity() * size_of::<Cut>());
}
