//! Records in and out over the wire.

mod common;

use common::Server;
use common::records::{TOPIC, batch, fetch, produce, produce_request, values};

#[tokio::test]
async fn what_is_produced_is_fetched_before_and_after_a_restart() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    let first = produce(&mut client, batch(&["a", "b"])).await;
    assert_eq!((first.error_code, first.base_offset), (0, 0));
    let second = produce(&mut client, batch(&["c"])).await;
    assert_eq!((second.error_code, second.base_offset), (0, 2));
    let expected: Vec<_> =
        [(0, "a"), (1, "b"), (2, "c")].map(|(offset, text)| (offset, text.to_owned())).into();
    let data = fetch(&mut client, 0).await;
    assert_eq!((data.high_watermark, data.log_start_offset), (3, 0));
    assert_eq!(values(&data.records), expected);
    drop(client);
    let server = server.restart(&[]).await;
    let mut client = server.connect().await;
    assert_eq!(values(&fetch(&mut client, 1).await.records), expected, "whole batches");
    assert_eq!(produce(&mut client, batch(&["d"])).await.base_offset, 3);
    server.stop().await;
}

#[tokio::test]
async fn with_flush_messages_many_wait_for_few_syncs() {
    let server = Server::start_with(&[("log.flush.interval.messages", "1")]).await;
    let mut clients = Vec::new();
    for _ in 0..8 {
        clients.push(server.connect().await);
    }
    clients[0].auto_create(TOPIC).await;
    for client in &mut clients {
        client.send(&produce_request(TOPIC, 0, batch(&["synced"]), -1), 9).await;
    }
    for client in &mut clients {
        client.receive().await;
    }
    let data = fetch(&mut clients[0], 0).await;
    assert_eq!(values(&data.records).len(), 8);
    server.stop().await;
}
