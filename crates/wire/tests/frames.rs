//! Requests and responses as they stand on a connection.

use types::Uuid;
use wire::fetch_response::{FetchableTopicResponse, PartitionData};
use wire::produce_request::{PartitionProduceData, TopicProduceData};
use wire::{
    ApiKey, ApiVersionsRequest, ApiVersionsResponse, Cut, FetchResponse, Message, ProduceRequest,
    Reader, Records, Str, decode_request_header, decode_response_header, encode_request,
    encode_response,
};

fn produce(records: &[u8]) -> ProduceRequest<'_> {
    ProduceRequest {
        acks: -1,
        timeout_ms: 30_000,
        topic_data: vec![TopicProduceData {
            topic_id: Uuid([7; 16]),
            partition_data: vec![PartitionProduceData { index: 3, records: records.into() }],
            ..TopicProduceData::default()
        }],
        ..ProduceRequest::default()
    }
}

#[test]
fn a_request_survives_its_frame_and_borrows_its_records() {
    let mut buffer = b"earlier frame".to_vec();
    let request = produce(b"a batch");
    encode_request(&mut buffer, 42, Some("me"), &request, 13).unwrap();
    let frame = &buffer[13..];
    let (length, frame) = frame.split_first_chunk::<4>().unwrap();
    assert_eq!(i32::from_be_bytes(*length), i32::try_from(frame.len()).unwrap());

    let (key, header, mut body) = decode_request_header(frame).unwrap();
    assert_eq!((key, header.request_api_version, header.correlation_id), (ApiKey::Produce, 13, 42));
    assert_eq!(header.client_id, Some(Str::Borrowed("me")));
    let decoded = ProduceRequest::decode(&mut body, 13).unwrap();
    body.finish().unwrap();
    assert_eq!(decoded, request);
    let Records::Inline(records) = &decoded.topic_data[0].partition_data[0].records else {
        panic!("records are inline");
    };
    assert!(frame.as_ptr_range().contains(&records.as_ptr()));
}

#[test]
fn a_fetch_response_is_a_plan_of_inline_bytes_and_file_ranges() {
    let partition = |index, records| PartitionData {
        partition_index: index,
        records,
        aborted_transactions: None,
        ..PartitionData::default()
    };
    let response = |first, second| FetchResponse {
        responses: vec![FetchableTopicResponse {
            topic_id: Uuid([7; 16]),
            partitions: vec![partition(0, first), partition(1, second)],
            ..FetchableTopicResponse::default()
        }],
        ..FetchResponse::default()
    };
    let ranges = response(
        Records::Range { index: 0, bytes: 300 },
        Records::Range { index: 1, bytes: 70_000 },
    );
    for version in [4, 11, 12, 18] {
        let mut ranges = ranges.clone();
        let mut inline = response(vec![1; 300].into(), vec![2; 70_000].into());
        if version < 13 {
            ranges.responses[0].topic_id = Uuid::ZERO;
            inline.responses[0].topic_id = Uuid::ZERO;
        }
        let plan = encode_response(9, &ranges, version, vec![0; 10]).unwrap();
        let whole = encode_response(9, &inline, version, Vec::new()).unwrap();
        assert_eq!(plan.total_bytes(), whole.total_bytes());
        let [Cut { at: first, .. }, Cut { at: second, .. }] = plan.cuts[..] else {
            panic!("two cuts");
        };
        let sent = [
            &plan.inline[..first],
            &[1; 300],
            &plan.inline[first..second],
            &[2; 70_000],
            &plan.inline[second..],
        ];
        assert_eq!(sent.concat(), whole.inline);
    }
}

#[test]
fn api_versions_keeps_the_first_response_header() {
    assert_eq!(ApiKey::ApiVersions.request_header_version(3), 2);
    assert_eq!(ApiKey::ApiVersions.response_header_version(5), 0);
    assert_eq!(ApiKey::Fetch.response_header_version(12), 1);
    assert_eq!(ApiKey::Fetch.response_header_version(11), 0);
    assert_eq!(ApiKey::OffsetDelete.response_header_version(0), 0);
    assert_eq!(ApiKey::SaslHandshake.request_header_version(1), 1);
    let response = ApiVersionsResponse::default();
    let plan = encode_response(5, &response, 3, Vec::new()).unwrap();
    let (header, mut body) =
        decode_response_header(&plan.inline[4..], ApiKey::ApiVersions, 3).unwrap();
    assert_eq!(header.correlation_id, 5);
    assert_eq!(ApiVersionsResponse::decode(&mut body, 3).unwrap(), response);
}

#[test]
fn the_header_of_an_unknown_api_versions_version_is_readable() {
    let mut buffer = Vec::new();
    encode_request(&mut buffer, 1, None, &ApiVersionsRequest::default(), 5).unwrap();
    buffer[6..8].copy_from_slice(&99i16.to_be_bytes());
    let (key, header, _) = decode_request_header(&buffer[4..]).unwrap();
    assert_eq!((key, header.request_api_version), (ApiKey::ApiVersions, 99));
}

#[test]
fn trailing_bytes_are_reported() {
    let bytes = [0, 0, 0, 1, 9];
    let mut reader = Reader::new(&bytes);
    wire::ResponseHeader::decode(&mut reader, 0).unwrap();
    assert!(reader.finish().is_err());
}
