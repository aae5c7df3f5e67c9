//! Records in and out over the wire.

mod common;

use common::Server;
use common::records::{TOPIC, batch, fetch, produce, values};

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
