//! What the server does when there is much of something, or little left of it.

mod common;

use common::records::{TOPIC, batch, produce};
use common::{Server, settings_in};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::io::{Read, Write};
use std::net::TcpStream;
use wire::ApiVersionsRequest;

/// Both ends of each connection are in this process; the rest is for everything else.
const OTHER_FILES: u64 = 500;
const CONNECTIONS: u64 = 10_000;

/// The promise is 8 KB; this process holds the client's end as well.
const BYTES_PER_CONNECTION_MAX: u64 = 8 * 1024;

fn connections_possible() -> u64 {
    let mut limit = getrlimit(Resource::Nofile);
    let wanted = 2 * CONNECTIONS + OTHER_FILES;
    if limit.current.is_some_and(|current| current < wanted) {
        limit.current = limit.maximum.map_or(Some(wanted), |maximum| Some(maximum.min(wanted)));
        // Where it cannot be raised there are fewer connections.
        let _ = setrlimit(Resource::Nofile, limit);
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(wanted);
    (files.saturating_sub(OTHER_FILES) / 2).min(CONNECTIONS)
}

fn anonymous_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("Linux");
    let line = status.lines().find(|line| line.starts_with("RssAnon")).expect("a line");
    let kilobytes: u64 = line.split_whitespace().nth(1).expect("a number").parse().expect("digits");
    kilobytes * 1024
}

#[tokio::test]
async fn ten_thousand_idle_connections_cost_little_and_disturb_nobody() {
    let server = Server::start().await;
    let address = server.address();
    let mut request = Vec::new();
    wire::encode_request(&mut request, 1, None, &ApiVersionsRequest::default(), 0)
        .expect("encodes");
    let count = connections_possible();
    let open = move || {
        let mut connections = Vec::new();
        for _ in 0..count {
            let mut connection = TcpStream::connect(address).expect("the server accepts");
            connection.write_all(&request).expect("it is open");
            connection.read_exact(&mut [0; 4]).expect("an answer");
            connections.push(connection);
        }
        connections
    };
    server.connect().await.call(&ApiVersionsRequest::default(), 0).await;
    let before = anonymous_bytes();
    let connections = tokio::task::spawn_blocking(open).await.expect("all are open");
    let each = anonymous_bytes().saturating_sub(before) / count.max(1);
    assert!(each < BYTES_PER_CONNECTION_MAX, "{each} bytes for each of {count}");
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    assert_eq!(produce(&mut client, batch(&["a"])).await.error_code, 0);
    drop(connections);
    server.stop().await;
}

#[tokio::test]
async fn a_directory_has_one_server() {
    let server = Server::start().await;
    let second = broker::Broker::start(settings_in(server.folder(), &[])).await;
    let error = second.err().expect("the directory is in use").to_string();
    assert!(error.contains("another process uses"), "{error}");
    server.stop().await;
}
