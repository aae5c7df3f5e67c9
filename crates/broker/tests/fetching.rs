//! Fetch: bounds, budgets, waiting, sessions.

mod common;

use common::records::{TOPIC, batch, fetch, fetch_request, produce, produce_request, values};
use common::{Client, Server};
use std::time::{Duration, Instant};
use types::ErrorCode;
use wire::delete_topics_request::DeleteTopicState;
use wire::fetch_request::{FetchPartition, ForgottenTopic};
use wire::{DeleteTopicsRequest, FetchRequest, FetchResponse, Message as _};

async fn started() -> (Server, Client) {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    (server, client)
}

#[tokio::test]
async fn offsets_outside_the_log_are_errors_and_its_end_is_none() {
    let (server, mut client) = started().await;
    produce(&mut client, batch(&["a", "b", "c"])).await;
    for (offset, code, count) in [
        (0, "NONE", 3),
        (2, "NONE", 3),
        (3, "NONE", 0),
        (4, "OFFSET_OUT_OF_RANGE", 0),
        (-1, "OFFSET_OUT_OF_RANGE", 0),
    ] {
        let data = fetch(&mut client, offset).await;
        assert_eq!(ErrorCode::from_wire(data.error_code).name(), code, "offset {offset}");
        assert_eq!(values(&data.records).len(), count, "offset {offset}");
    }
    server.stop().await;
}

#[tokio::test]
async fn epochs_of_the_client_are_compared_with_the_leader_s() {
    let (server, mut client) = started().await;
    produce(&mut client, batch(&["a"])).await;
    for (epoch, code) in [(-1, "NONE"), (0, "NONE"), (1, "UNKNOWN_LEADER_EPOCH"), (-2, "NONE")] {
        let mut request = fetch_request(0);
        request.topics[0].partitions[0].current_leader_epoch = epoch;
        let response = client.call(&request, 12).await;
        let found = response.responses[0].partitions[0].error_code;
        assert_eq!(ErrorCode::from_wire(found).name(), code, "epoch {epoch}");
    }
    server.stop().await;
}

#[tokio::test]
async fn a_client_that_read_another_history_is_told_where_it_parts() {
    let (server, mut client) = started().await;
    produce(&mut client, batch(&["a"])).await;
    let server = server.restart(&[]).await;
    let mut client = server.connect().await;
    // The restarted leader has a later epoch.
    produce(&mut client, batch(&["b", "c"])).await;
    let mut request = fetch_request(2);
    request.topics[0].partitions[0].last_fetched_epoch = 0;
    let response = client.call(&request, 12).await;
    let data = &response.responses[0].partitions[0];
    assert_eq!((data.error_code, data.records.len()), (0, 0));
    assert_eq!((data.diverging_epoch.epoch, data.diverging_epoch.end_offset), (0, 1));
    request.topics[0].partitions[0].last_fetched_epoch = 99;
    let response = client.call(&request, 12).await;
    let code = response.responses[0].partitions[0].error_code;
    assert_eq!(code, ErrorCode::OffsetOutOfRange.code(), "epoch 99 never was");
    server.stop().await;
}

#[tokio::test]
async fn the_first_batch_comes_whole_and_the_others_fit_the_budget() {
    let (server, mut client) = started().await;
    let text = "x".repeat(10_000);
    for _ in 0..3 {
        produce(&mut client, batch(&[text.as_str()])).await;
    }
    for (partition_max, max, expected) in [
        (1, 1, 1),
        (1 << 20, 1, 1),
        (1 << 20, 20_200, 2),
        (20_200, 1 << 20, 2),
        (1 << 20, 1 << 20, 3),
    ] {
        let mut request = fetch_request(0);
        request.max_bytes = max;
        request.topics[0].partitions[0].partition_max_bytes = partition_max;
        let response = client.call(&request, 11).await;
        let records = &response.responses[0].partitions[0].records;
        let whole = record::batches(records.as_slice().unwrap_or_default()).filter(Result::is_ok);
        assert_eq!(whole.count(), expected, "{partition_max} and {max}");
    }
    server.stop().await;
}

#[tokio::test]
async fn the_partition_that_is_named_first_is_read_first() {
    let server = Server::start_with(&[("num.partitions", "2")]).await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    for index in [0, 1] {
        let request = produce_request(TOPIC, index, batch(&["x", "y"]), -1);
        let response = client.call(&request, 9).await;
        assert_eq!(response.responses[0].partition_responses[0].error_code, 0);
    }
    for order in [[0, 1], [1, 0]] {
        let mut request = fetch_request(0);
        request.max_bytes = 1;
        let wanted = request.topics[0].partitions[0].clone();
        request.topics[0].partitions =
            order.map(|partition| FetchPartition { partition, ..wanted.clone() }).to_vec();
        let response = client.call(&request, 11).await;
        let found = response.responses[0].partitions.iter();
        let found: Vec<_> =
            found.map(|data| (data.partition_index, values(&data.records).len())).collect();
        assert_eq!(found, [(order[0], 2), (order[1], 0)], "one batch, however large, and no more");
    }
    server.stop().await;
}

/// Longer than a test waits for an answer.
const TOO_LONG_MS: i32 = 60_000;

#[tokio::test]
async fn a_fetch_does_not_wait_for_more_than_its_answer_may_hold() {
    let (server, mut client) = started().await;
    produce(&mut client, batch(&["x".repeat(200).as_str()])).await;
    let mut request = fetch_request(0);
    (request.max_wait_ms, request.min_bytes, request.max_bytes) = (TOO_LONG_MS, 1 << 20, 100);
    let response = client.call(&request, 11).await;
    assert_eq!(values(&response.responses[0].partitions[0].records).len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_fetch_does_not_wait_at_the_end_of_a_segment() {
    let server = Server::start_with(&[("log.segment.bytes", "1048576")]).await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    let half = "x".repeat(600_000);
    for _ in 0..2 {
        produce(&mut client, batch(&[half.as_str()])).await;
    }
    let mut request = fetch_request(0);
    (request.max_wait_ms, request.min_bytes, request.max_bytes) = (TOO_LONG_MS, 1 << 20, 4 << 20);
    request.topics[0].partitions[0].partition_max_bytes = 4 << 20;
    let response = client.call(&request, 11).await;
    assert_eq!(values(&response.responses[0].partitions[0].records).len(), 1);
    server.stop().await;
}

#[tokio::test]
async fn a_fetch_waits_for_records_and_no_longer_than_it_may() {
    let (server, mut client) = started().await;
    let mut waiting = server.connect().await;
    let mut request = fetch_request(0);
    request.max_wait_ms = 15_000;
    waiting.send(&request, 11).await;
    // Answered behind the fetch in another connection: the wait holds nobody up.
    produce(&mut client, batch(&["woken"])).await;
    let frame = waiting.receive().await;
    assert!(String::from_utf8_lossy(&frame).contains("woken"));

    let mut request = fetch_request(1);
    request.max_wait_ms = 50;
    let begun = Instant::now();
    let response = client.call(&request, 11).await;
    assert!(begun.elapsed() >= Duration::from_millis(50));
    assert!(response.responses[0].partitions[0].records.is_empty());

    let mut request = fetch_request(0);
    (request.max_wait_ms, request.min_bytes) = (15_000, 200);
    waiting.send(&request, 11).await;
    for _ in 0..3 {
        produce(&mut client, batch(&["more"])).await;
    }
    assert!(String::from_utf8_lossy(&waiting.receive().await).contains("more"));
    server.stop().await;
}

#[tokio::test]
async fn a_waiting_fetch_is_answered_when_the_server_stops() {
    let (server, mut client) = started().await;
    let mut request = fetch_request(0);
    request.max_wait_ms = 60_000;
    let id = client.send(&request, 11).await;
    // The answer to a second connection shows that the server has read on.
    server.connect().await.auto_create("other").await;
    let (frame, ()) = tokio::join!(client.receive(), server.stop());
    assert_eq!(frame[..4], id.to_be_bytes());
}

#[tokio::test]
async fn a_fetch_waits_for_as_long_as_its_client_is_there() {
    let (server, mut client) = started().await;
    let mut waiting = fetch_request(0);
    waiting.max_wait_ms = i32::MAX;
    let first = client.send(&waiting, 11).await;
    // what comes behind a request that waits does not end its wait
    waiting.topics[0].partitions[0].fetch_offset = 1;
    let second = client.send(&waiting, 11).await;
    let third = client.send(&wire::ApiVersionsRequest::default(), 0).await;
    produce(&mut server.connect().await, batch(&["a"])).await;
    let records = |frame: Vec<u8>| {
        let header = wire::decode_response_header(&frame, wire::ApiKey::Fetch, 11);
        let (_, mut body) = header.expect("a response header");
        let response = FetchResponse::decode(&mut body, 11).expect("a response");
        values(&response.responses[0].partitions[0].records).len()
    };
    let frame = client.receive().await;
    assert_eq!(frame[..4], first.to_be_bytes());
    assert_eq!(records(frame), 1);
    client.hang_up().await;
    let frame = client.receive().await;
    assert_eq!(frame[..4], second.to_be_bytes());
    assert_eq!(records(frame), 0);
    assert_eq!(client.receive().await[..4], third.to_be_bytes());
    client.assert_closed().await;
    server.stop().await;
}

#[tokio::test]
async fn answers_before_a_wait_are_not_held_back() {
    let (server, mut client) = started().await;
    let mut waiting = fetch_request(0);
    waiting.max_wait_ms = 60_000;
    let mut bytes = Vec::new();
    let quick = wire::ApiVersionsRequest::default();
    wire::encode_request(&mut bytes, 1, None, &quick, 0).expect("encodes");
    wire::encode_request(&mut bytes, 2, None, &waiting, 11).expect("encodes");
    client.send_bytes(&bytes).await;
    assert_eq!(client.receive().await[..4], 1_i32.to_be_bytes());
    server.stop().await;
}

fn of_session(request: FetchRequest<'static>, id: i32, epoch: i32) -> FetchRequest<'static> {
    FetchRequest { session_id: id, session_epoch: epoch, ..request }
}

fn nothing_new(id: i32, epoch: i32) -> FetchRequest<'static> {
    of_session(FetchRequest { topics: Vec::new(), ..fetch_request(0) }, id, epoch)
}

fn count(response: &FetchResponse<'_>) -> usize {
    response.responses.iter().map(|topic| topic.partitions.len()).sum()
}

#[tokio::test]
async fn a_session_tells_only_what_changes() {
    let (server, mut client) = started().await;
    let begun = client.call(&of_session(fetch_request(0), 0, 0), 11).await;
    let id = begun.session_id;
    assert_ne!(id, 0);
    assert_eq!(count(&begun), 1, "a full answer names everything");
    assert_eq!(count(&client.call(&nothing_new(id, 1), 11).await), 0);
    produce(&mut client, batch(&["a"])).await;
    let told = client.call(&nothing_new(id, 2), 11).await;
    assert_eq!((told.session_id, count(&told)), (id, 1));
    assert_eq!(values(&told.responses[0].partitions[0].records).len(), 1);
    // The position moves on; nothing is new behind it.
    let moved = client.call(&of_session(fetch_request(1), id, 3), 11).await;
    assert_eq!(count(&moved), 0);
    let forgotten =
        ForgottenTopic { topic: TOPIC.into(), partitions: vec![0], ..Default::default() };
    let request = FetchRequest { forgotten_topics_data: vec![forgotten], ..nothing_new(id, 4) };
    assert_eq!(client.call(&request, 11).await.session_id, 0, "an empty session ends");
    server.stop().await;
}

#[tokio::test]
async fn a_session_ends_with_the_client_that_leaves_while_it_waits() {
    let (server, mut client) = started().await;
    let id = client.call(&of_session(fetch_request(0), 0, 0), 11).await.session_id;
    let waiting = FetchRequest { max_wait_ms: i32::MAX, ..nothing_new(id, 1) };
    let sent = client.send(&waiting, 11).await;
    client.hang_up().await;
    assert_eq!(client.receive().await[..4], sent.to_be_bytes());
    let response = server.connect().await.call(&nothing_new(id, 2), 11).await;
    assert_eq!(response.error_code, ErrorCode::FetchSessionIdNotFound.code());
    server.stop().await;
}

#[tokio::test]
async fn sessions_that_are_unknown_or_out_of_step_are_refused() {
    let (server, mut client) = started().await;
    let id = client.call(&of_session(fetch_request(0), 0, 0), 11).await.session_id;
    for (session, epoch, code) in [
        (id, 2, "INVALID_FETCH_SESSION_EPOCH"),
        (id ^ 1, 1, "FETCH_SESSION_ID_NOT_FOUND"),
        (id, 1, "NONE"),
        (id, 1, "INVALID_FETCH_SESSION_EPOCH"),
    ] {
        let response = client.call(&nothing_new(session, epoch), 11).await;
        assert_eq!(ErrorCode::from_wire(response.error_code).name(), code, "{session} {epoch}");
    }
    let mixed = client.call(&nothing_new(id, 2), 13).await;
    assert_eq!(mixed.error_code, ErrorCode::FetchSessionTopicIdError.code());
    let ended = client.call(&of_session(fetch_request(0), id, -1), 11).await;
    assert_eq!((ended.error_code, ended.session_id), (0, 0));
    let response = client.call(&nothing_new(id, 2), 11).await;
    assert_eq!(response.error_code, ErrorCode::FetchSessionIdNotFound.code());
    server.stop().await;
}

#[tokio::test]
async fn a_session_learns_that_its_topic_is_another_one() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let old = client.auto_create(TOPIC).await;
    let mut by_id = fetch_request(0);
    (by_id.topics[0].topic, by_id.topics[0].topic_id) = ("".into(), old);
    let id = client.call(&of_session(by_id.clone(), 0, 0), 13).await.session_id;
    let deleted = DeleteTopicState { name: Some(TOPIC.into()), ..Default::default() };
    let delete =
        DeleteTopicsRequest { topics: vec![deleted], timeout_ms: 5_000, ..Default::default() };
    assert_eq!(client.call(&delete, 6).await.responses[0].error_code, 0);
    let code = |response: &FetchResponse<'_>| {
        ErrorCode::from_wire(response.responses[0].partitions[0].error_code).name()
    };
    let gone = client.call(&nothing_new(id, 1), 13).await;
    assert_eq!(code(&gone), "UNKNOWN_TOPIC_OR_PARTITION");
    let new = client.auto_create(TOPIC).await;
    assert_ne!(new, old);
    let other = client.call(&nothing_new(id, 2), 13).await;
    assert_eq!(code(&other), "INCONSISTENT_TOPIC_ID");
    let full = client.call(&of_session(by_id, 0, -1), 13).await;
    assert_eq!(code(&full), "UNKNOWN_TOPIC_ID", "without a session there is no name");
    server.stop().await;
}

#[tokio::test]
async fn every_version_reads_the_same_records() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let id = client.auto_create(TOPIC).await;
    produce(&mut client, batch(&["a", "b"])).await;
    for version in 4..=18 {
        let mut request = fetch_request(0);
        if version >= 13 {
            request.topics[0].topic = "".into();
            request.topics[0].topic_id = id;
        }
        request.isolation_level = 1;
        let response = client.call(&request, version).await;
        let data = &response.responses[0].partitions[0];
        assert_eq!(values(&data.records).len(), 2, "version {version}");
        assert_eq!(data.aborted_transactions.as_deref(), Some(&[][..]), "version {version}");
    }
    server.stop().await;
}
