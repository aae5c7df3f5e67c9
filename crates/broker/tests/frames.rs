//! What the port does with bytes that are no proper request, and with many proper ones at once.

mod common;

use broker::Settings;
use common::Server;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use wire::api_versions_request::ApiVersionsRequest;
use wire::{ApiKey, ApiVersionsResponse, Message};

fn api_versions() -> ApiVersionsRequest<'static> {
    ApiVersionsRequest {
        client_software_name: "test".into(),
        client_software_version: "1".into(),
        ..Default::default()
    }
}

/// A frame with the header of version 1 and no body.
fn bare_frame(key: i16, version: i16, correlation_id: i32) -> Vec<u8> {
    let mut content = Vec::new();
    content.extend(key.to_be_bytes());
    content.extend(version.to_be_bytes());
    content.extend(correlation_id.to_be_bytes());
    content.extend((-1_i16).to_be_bytes());
    let mut frame = i32::try_from(content.len()).expect("a small frame").to_be_bytes().to_vec();
    frame.extend(content);
    frame
}

#[tokio::test]
async fn bytes_that_are_no_request_close_the_connection_and_nothing_else() {
    let server = Server::start().await;
    let huge = (100 * 1024 * 1024 + 1_i32).to_be_bytes().to_vec();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("a negative length", (-5_i32).to_be_bytes().to_vec()),
        ("a length above the limit", huge),
        ("a frame too short for a header", vec![0, 0, 0, 2, 0, 18]),
        ("an empty frame", vec![0, 0, 0, 0]),
        ("an unknown key", bare_frame(9999, 0, 1)),
        ("a negative key", bare_frame(-1, 0, 1)),
        ("an API that Kafka removed", bare_frame(4, 0, 1)),
        ("Produce in a version that is listed only", bare_frame(0, 2, 1)),
        ("Produce in a later version", bare_frame(0, 99, 1)),
        ("HTTP", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()),
        ("TLS", vec![0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03]),
        ("garbage", (0..200_u8).map(|byte| 255 - byte.wrapping_mul(77)).collect()),
    ];
    for (what, bytes) in cases {
        eprintln!("{what}");
        let mut client = server.connect().await;
        client.send_bytes(&bytes).await;
        client.assert_closed().await;
    }
    let mut client = server.connect().await;
    assert_eq!(client.call(&api_versions(), 3).await.error_code, 0);
    server.stop().await;
}

#[tokio::test]
async fn bytes_behind_a_request_are_let_be() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let mut longer = bare_frame(18, 0, 1);
    longer[3] += 3;
    longer.extend([1, 2, 3]);
    for (id, bytes) in [(1, &longer), (2, &bare_frame(18, 0, 2))] {
        client.send_bytes(bytes).await;
        assert_eq!(client.receive().await[..4], i32::to_be_bytes(id));
    }
    server.stop().await;
}

#[tokio::test]
async fn a_peer_that_stops_half_way_disturbs_nobody() {
    let server = Server::start().await;
    let whole = bare_frame(18, 0, 7);
    for sent in 0..whole.len() {
        let mut half = server.connect().await;
        half.send_bytes(&whole[..sent]).await;
        drop(half);
    }
    let mut slow = server.connect().await;
    for byte in &whole {
        slow.send_bytes(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert_eq!(slow.receive().await[..4], 7_i32.to_be_bytes());
    server.stop().await;
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    let mut bytes = Vec::new();
    for id in 0..500 {
        bytes.extend(bare_frame(18, 0, id));
    }
    for part in bytes.chunks(777) {
        client.send_bytes(part).await;
    }
    for id in 0..500_i32 {
        assert_eq!(client.receive().await[..4], id.to_be_bytes());
    }
    server.stop().await;
}

#[tokio::test]
async fn an_unknown_version_of_api_versions_is_answered_in_version_0() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.send_bytes(&bare_frame(18, 99, 5)).await;
    let frame = client.receive().await;
    assert_eq!(frame[..4], 5_i32.to_be_bytes());
    let response = ApiVersionsResponse::from_bytes(&frame[4..], 0).unwrap();
    assert_eq!(response.error_code, types::ErrorCode::UnsupportedVersion.code());
    let [only] = &response.api_keys[..] else { panic!("{:?}", response.api_keys) };
    assert_eq!((only.api_key, only.min_version, only.max_version), (18, 0, 5));
    // The connection goes on.
    assert_eq!(client.call(&api_versions(), 5).await.error_code, 0);
    server.stop().await;
}

#[tokio::test]
async fn api_versions_lists_what_is_answered_in_every_version() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for version in 0..=5 {
        let response = client.call(&api_versions(), version).await;
        assert_eq!(response.error_code, 0);
        let own = response.api_keys.iter().find(|api| api.api_key == ApiKey::ApiVersions.code());
        assert_eq!(own.map(|api| (api.min_version, api.max_version)), Some((0, 5)));
        let produce = response.api_keys.iter().find(|api| api.api_key == ApiKey::Produce.code());
        assert_eq!(produce.map(|api| (api.min_version, api.max_version)), Some((0, 13)));
    }
    let nameless = ApiVersionsRequest { client_software_name: "a b".into(), ..api_versions() };
    let response = client.call(&nameless, 3).await;
    assert_eq!(response.error_code, types::ErrorCode::InvalidRequest.code());
    server.stop().await;
}

#[tokio::test]
async fn silent_connections_are_closed_and_speaking_ones_are_not() {
    let change = |settings: &mut Settings| {
        settings.network.connection_idle_max = Some(Duration::from_secs(1));
    };
    let server = Server::start_changed(&[], change).await;
    let mut silent = server.connect().await;
    let mut half = server.connect().await;
    half.send_bytes(&[0, 0]).await;
    let mut speaking = server.connect().await;
    let closing = async {
        silent.assert_closed().await;
        half.assert_closed().await;
    };
    let speak = async {
        loop {
            speaking.call(&api_versions(), 3).await;
        }
    };
    tokio::select! {
        () = closing => {}
        () = speak => {}
    }
    server.stop().await;
}

#[tokio::test]
async fn an_address_may_have_as_many_connections_as_the_limit_says() {
    let server = Server::start_with(&[("max.connections.per.ip", "2")]).await;
    let mut first = server.connect().await;
    first.call(&api_versions(), 3).await;
    let mut second = server.connect().await;
    second.call(&api_versions(), 3).await;
    server.connect().await.assert_closed().await;
    first.call(&api_versions(), 3).await;
    server.stop().await;
}

#[tokio::test]
async fn connections_above_the_limit_wait_until_one_leaves() {
    let server = Server::start_with(&[("max.connections", "1")]).await;
    let mut first = server.connect().await;
    first.call(&api_versions(), 3).await;
    let mut second = server.connect().await;
    let id = second.send(&api_versions(), 3).await;
    first.call(&api_versions(), 3).await;
    drop(first);
    assert_eq!(second.receive().await[..4], id.to_be_bytes());
    server.stop().await;
}

#[tokio::test]
async fn shutdown_closes_idle_connections_and_the_port() {
    let server = Server::start().await;
    let address = server.address();
    let mut idle = TcpStream::connect(address).await.unwrap();
    let mut used = server.connect().await;
    used.call(&api_versions(), 3).await;
    server.stop().await;
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap_or(0), 0);
    used.assert_closed().await;
    assert!(TcpStream::connect(address).await.is_err());
}
