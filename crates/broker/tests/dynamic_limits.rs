//! Limits of connections that change while the server runs, and hold at once.

mod common;

use common::{Client, Server};
use std::time::Duration;
use wire::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use wire::{ApiVersionsRequest, IncrementalAlterConfigsRequest};

const BROKER: i8 = 4;

/// Long enough for an answer on the loopback that would come, if it came.
const SOON: Duration = Duration::from_millis(200);

async fn set(client: &mut Client, resource: &'static str, key: &'static str, value: &'static str) {
    let config =
        AlterableConfig { name: key.into(), config_operation: 0, value: Some(value.into()) };
    let resource = AlterConfigsResource {
        resource_type: BROKER,
        resource_name: resource.into(),
        configs: vec![config],
    };
    let request =
        IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
    let answer = &client.call(&request, 1).await.responses[0];
    assert_eq!(answer.error_code, 0, "{key}={value}: {:?}", answer.error_message);
}

async fn assert_served(server: &Server) {
    server.connect().await.call(&ApiVersionsRequest::default(), 0).await;
}

#[tokio::test]
async fn a_limit_for_each_address_holds_as_soon_as_it_is_set() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for (key, tight, wide) in [
        ("max.connections.per.ip", "1", "100"),
        ("max.connections.per.ip.overrides", "127.0.0.1:1", "127.0.0.1:100"),
    ] {
        set(&mut client, "", key, tight).await;
        server.connect().await.assert_closed().await;
        set(&mut client, "1", key, wide).await;
        assert_served(&server).await;
        set(&mut client, "1", "max.connections.per.ip", "100").await;
    }
    server.stop().await;
}

#[tokio::test]
async fn whoever_waits_for_a_connection_gets_it_when_the_limit_rises() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    for key in ["max.connections", "listener.name.plaintext.max.connections"] {
        set(&mut client, "1", key, "1").await;
        let mut waiting = server.connect().await;
        waiting.send(&ApiVersionsRequest::default(), 0).await;
        let early = tokio::time::timeout(SOON, waiting.receive()).await;
        assert!(early.is_err(), "{key}: nobody is served above the limit");
        set(&mut client, "1", key, "1000").await;
        waiting.receive().await;
        assert_served(&server).await;
    }
    server.stop().await;
}

#[tokio::test]
async fn a_dynamic_limit_holds_after_a_restart() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    set(&mut client, "1", "max.connections.per.ip", "1").await;
    let server = server.restart(&[]).await;
    let mut first = server.connect().await;
    first.call(&ApiVersionsRequest::default(), 0).await;
    server.connect().await.assert_closed().await;
    server.stop().await;
}
