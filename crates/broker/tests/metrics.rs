//! The port for machines that watch this one: metrics, liveness, readiness.

mod common;

use broker::{Broker, HttpSettings, Settings};
use common::{Server, settings_in};
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use wire::join_group_request::JoinGroupRequestProtocol;
use wire::offset_commit_request::{OffsetCommitRequestPartition, OffsetCommitRequestTopic};
use wire::{ApiVersionsRequest, FindCoordinatorRequest, JoinGroupRequest, OffsetCommitRequest};

const TOPIC: &str = "t";

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("the HTTP port is open");
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.expect("it is open");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer
}

fn at_free_port(settings: &mut Settings) {
    settings.network.http = HttpSettings::At("127.0.0.1:0".into());
}

#[tokio::test]
async fn requests_groups_partitions_and_volumes_are_counted() {
    let server =
        Server::start_changed(&[("offsets.topic.num.partitions", "3")], at_free_port).await;
    let address = server.running().http_address().expect("the HTTP port is open");
    let mut client = server.connect().await;
    client.call(&ApiVersionsRequest::default(), 3).await;
    client.auto_create(TOPIC).await;
    let find = FindCoordinatorRequest { key: "g".into(), ..Default::default() };
    client.call(&find, 3).await;
    let partitions = vec![OffsetCommitRequestPartition::default()];
    let topic = OffsetCommitRequestTopic { name: TOPIC.into(), partitions, ..Default::default() };
    let commit = OffsetCommitRequest {
        group_id: "committer".into(),
        topics: vec![topic],
        ..Default::default()
    };
    assert_eq!(client.call(&commit, 8).await.topics[0].partitions[0].error_code, 0);
    let protocol = JoinGroupRequestProtocol { name: "range".into(), metadata: b""[..].into() };
    let join = JoinGroupRequest {
        group_id: "g".into(),
        session_timeout_ms: 10_000,
        rebalance_timeout_ms: 10_000,
        protocol_type: "work".into(),
        protocols: vec![protocol],
        ..Default::default()
    };
    assert_eq!(client.call(&join, 3).await.error_code, 0);
    assert!(get(address, "/livez").await.ends_with("ok\n"));
    assert!(get(address, "/readyz").await.ends_with("ready\n"));
    let metrics = get(address, "/metrics").await;
    let directory = server.folder().display();
    for line in [
        "klamm_request_duration_seconds_count{api=\"ApiVersions\"} 1",
        "klamm_connections_open 1",
        "klamm_groups{state=\"Empty\"} 1",
        "klamm_groups{state=\"CompletingRebalance\"} 1",
        "klamm_groups{state=\"Stable\"} 0",
        "klamm_group_rebalances_total 1",
        "klamm_group_offset_commits_total 1",
        "klamm_topics 2",
        "klamm_partitions_led 4",
        "klamm_partitions_under_replicated 0",
        "klamm_partitions_offline 0",
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} is not in\n{metrics}");
    }
    let room = format!("klamm_log_directory_usable_bytes{{directory=\"{directory}\"}} ");
    assert!(metrics.contains(&room), "{metrics}");
    server.stop().await;
}

#[tokio::test]
async fn the_default_port_gives_way_and_a_chosen_one_does_not() {
    let other = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let taken = other.local_addr().expect("an address").to_string();
    let start = async |http| {
        let folder = tempfile::tempdir().expect("a folder");
        let mut settings = settings_in(folder.path(), &[]);
        settings.network.http = http;
        (Broker::start(settings).await, folder)
    };
    let (running, _folder) = start(HttpSettings::IfFree(taken.clone())).await;
    let running = running.expect("it starts without metrics");
    assert_eq!(running.http_address(), None);
    running.shutdown().await;
    let (running, _folder) = start(HttpSettings::At(taken.clone())).await;
    let error = running.err().expect("the port was asked for").to_string();
    assert!(error.contains(&taken), "{error}");
}
