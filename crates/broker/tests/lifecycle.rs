//! What happens to a log over time: retention, deletion, and a name that is used again.

mod common;

use common::records::{PLAIN, TOPIC, batch, fetch, now, produce, produce_request, values};
use common::{Client, Server};
use record::{BatchBuilder, Codec, with_scratch};
use std::path::Path;
use types::TimestampMs;
use wire::create_topics_request::{CreatableTopic, CreatableTopicConfig};
use wire::delete_topics_request::DeleteTopicState;
use wire::list_offsets_request::{ListOffsetsPartition, ListOffsetsTopic};
use wire::{CreateTopicsRequest, DeleteTopicsRequest, ListOffsetsRequest};

const EARLIEST: i64 = -2;

async fn start_offset(client: &mut Client) -> i64 {
    let partition = ListOffsetsPartition { timestamp: EARLIEST, ..Default::default() };
    let topic = ListOffsetsTopic { name: TOPIC.into(), partitions: vec![partition] };
    let request = ListOffsetsRequest { replica_id: -1, topics: vec![topic], ..Default::default() };
    client.call(&request, 7).await.topics[0].partitions[0].offset
}

#[tokio::test]
async fn records_that_are_too_old_go_by_themselves() {
    let properties = [
        ("log.retention.ms", "60000"),
        ("log.retention.check.interval.ms", "1"),
        ("log.initial.task.delay.ms", "1"),
    ];
    let server = Server::start_with(&properties).await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    let mut old = BatchBuilder::new();
    old.append(TimestampMs(1_000), None, Some(b"old"), &[]).expect("a small batch");
    let old = with_scratch(|scratch| old.seal(Codec::NONE, PLAIN, scratch)).to_vec();
    assert_eq!(produce(&mut client, old).await.error_code, 0);
    while start_offset(&mut client).await == 0 {}
    produce(&mut client, batch(&["young"])).await;
    assert_eq!(values(&fetch(&mut client, 1).await.records), [(1, "young".to_owned())]);
    server.stop().await;
}

#[tokio::test]
async fn the_clusters_metadata_is_written_as_a_snapshot_in_time() {
    const FORMATTED: &str = "00000000000000000000-0000000000.checkpoint";
    // no record is large enough for one by its size
    let properties = [("metadata.log.max.snapshot.interval.ms", "1")];
    let server = Server::start_with(&properties).await;
    let folder = server.folder().join("__cluster_metadata-0");
    let is_snapshot = |name: &str| {
        Path::new(name).extension() == Some("checkpoint".as_ref()) && name != FORMATTED
    };
    let mut client = server.connect().await;
    let mut topics = 0;
    let written = async {
        while !names_in(&folder).iter().any(|name| is_snapshot(name)) {
            topics += 1;
            client.auto_create(&format!("topic-{topics}")).await;
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(60), written).await.expect("a snapshot");
    server.stop().await;
}

fn keyed(key: &str, value: &str) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    builder.append(now(), Some(key.as_bytes()), Some(value.as_bytes()), &[]).expect("small");
    with_scratch(|scratch| builder.seal(Codec::NONE, PLAIN, scratch)).to_vec()
}

/// What a consumer reads from the beginning on; an answer ends with its segment.
async fn all_values(client: &mut Client, end: i64) -> Vec<(i64, String)> {
    let (mut all, mut next) = (Vec::new(), 0);
    while next < end {
        all.extend(values(&fetch(client, next).await.records));
        next = all.last().map_or(0, |(offset, _)| offset + 1);
    }
    all
}

#[tokio::test]
async fn of_each_key_the_latest_record_stays() {
    let properties = [("log.cleaner.backoff.ms", "1"), ("log.segment.delete.delay.ms", "0")];
    let server = Server::start_with(&properties).await;
    let mut client = server.connect().await;
    let config = |name: &'static str, value: &'static str| CreatableTopicConfig {
        name: name.into(),
        value: Some(value.into()),
    };
    let topic = CreatableTopic {
        name: TOPIC.into(),
        num_partitions: 1,
        replication_factor: 1,
        configs: vec![
            config("cleanup.policy", "compact"),
            config("internal.segment.bytes", "500"),
            config("min.cleanable.dirty.ratio", "0.01"),
        ],
        ..Default::default()
    };
    let request =
        CreateTopicsRequest { topics: vec![topic], timeout_ms: 5_000, ..Default::default() };
    assert_eq!(client.call(&request, 5).await.topics[0].error_code, 0);
    for round in 0..20 {
        for key in ["a", "b", "c"] {
            let value = format!("{key}{round}");
            assert_eq!(produce(&mut client, keyed(key, &value)).await.error_code, 0);
        }
    }
    // the active segment stays as it is
    let mut found = all_values(&mut client, 60).await;
    while found.len() > 15 {
        found = all_values(&mut client, 60).await;
    }
    let last: Vec<_> =
        [(57, "a19"), (58, "b19"), (59, "c19")].map(|(at, v)| (at, v.to_owned())).into();
    assert_eq!(found[found.len() - 3..], last);
    // an offset that is gone is answered with what follows it
    assert!(values(&fetch(&mut client, 1).await.records)[0].0 >= found[0].0);
    let server = server.restart(&properties).await;
    let mut client = server.connect().await;
    let after = all_values(&mut client, 60).await;
    assert!(after.ends_with(&last) && found.ends_with(&after), "{after:?}");
    let checkpoint = server.folder().join("cleaner-offset-checkpoint");
    assert!(std::fs::read_to_string(checkpoint).expect("it was cleaned").contains(TOPIC));
    server.stop().await;
}

async fn delete_topic(client: &mut Client) {
    let topic = DeleteTopicState { name: Some(TOPIC.into()), ..Default::default() };
    let request =
        DeleteTopicsRequest { topics: vec![topic], timeout_ms: 5_000, ..Default::default() };
    let response = client.call(&request, 6).await;
    assert_eq!(response.responses[0].error_code, 0);
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(folder).expect("the directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    names.map(|name| name.to_string_lossy().into_owned()).collect()
}

fn folders_of_topic(folder: &Path) -> Vec<String> {
    let names = names_in(folder).into_iter();
    names.filter(|name| name.starts_with(TOPIC)).collect()
}

#[tokio::test]
async fn a_topic_made_anew_has_nothing_of_the_old_one() {
    let server = Server::start_with(&[("log.segment.delete.delay.ms", "0")]).await;
    let mut client = server.connect().await;
    let mut last = client.auto_create(TOPIC).await;
    for round in 0..5 {
        let text = format!("round {round}");
        let stored = produce(&mut client, batch(&[text.as_str()])).await;
        assert_eq!((stored.error_code, stored.base_offset), (0, 0));
        delete_topic(&mut client).await;
        let id = client.auto_create(TOPIC).await;
        assert_ne!(id, last);
        last = id;
    }
    let stored = produce(&mut client, batch(&["the last"])).await;
    assert_eq!((stored.error_code, stored.base_offset), (0, 0));
    // Folders of earlier rounds may wait for their removal; it ends before the server does.
    let server = server.restart(&[("log.segment.delete.delay.ms", "0")]).await;
    let mut client = server.connect().await;
    let found = fetch(&mut client, 0).await;
    assert_eq!(values(&found.records), [(0, "the last".to_owned())]);
    while folders_of_topic(server.folder()) != [format!("{TOPIC}-0")] {
        fetch(&mut client, 0).await;
    }
    server.stop().await;
}

/// The one segment of the topic's one partition.
fn segment(folder: &Path) -> std::path::PathBuf {
    folder.join(format!("{TOPIC}-0")).join("00000000000000000000.log")
}

#[tokio::test]
async fn a_file_cut_or_garbled_while_down_costs_its_end_and_no_more() {
    fn cut(bytes: Vec<u8>) -> Vec<u8> {
        bytes[..bytes.len() - 10].to_vec()
    }
    fn garble(mut bytes: Vec<u8>) -> Vec<u8> {
        *bytes.last_mut().expect("a batch") ^= 0xff;
        bytes
    }
    fn add(bytes: Vec<u8>) -> Vec<u8> {
        [bytes, vec![7; 100]].concat()
    }
    type Damage = fn(Vec<u8>) -> Vec<u8>;
    let damages: [(&str, Damage, usize); 3] =
        [("cut", cut, 2), ("garbled", garble, 2), ("more", add, 3)];
    for (what, damage, left) in damages {
        let server = Server::start().await;
        let mut client = server.connect().await;
        client.auto_create(TOPIC).await;
        for text in ["a", "b", "c"] {
            produce(&mut client, batch(&[text])).await;
        }
        let server = server
            .restart_after(&[], |folder| {
                let path = segment(folder);
                let bytes = std::fs::read(&path).expect("the segment");
                std::fs::write(&path, damage(bytes)).expect("the damaged segment");
                // As after a crash, and with checkpoints that know nothing of the records.
                let _ = std::fs::remove_file(folder.join(".kafka_cleanshutdown"));
                let _ = std::fs::remove_file(folder.join("recovery-point-offset-checkpoint"));
            })
            .await;
        let mut client = server.connect().await;
        let data = fetch(&mut client, 0).await;
        assert_eq!(values(&data.records).len(), left, "{what}");
        let next = produce(&mut client, batch(&["d"])).await;
        assert_eq!(next.base_offset, i64::try_from(left).expect("few"), "{what}");
        server.stop().await;
    }
}

/// As if the topic had been made anew while its old folder was still there.
fn give_folder_to_another_topic(data: &Path) {
    let path = data.join(format!("{TOPIC}-0")).join("partition.metadata");
    std::fs::write(path, "version: 0\ntopic_id: AAAAAAAAAAAAAAAAAAAABQ\n").expect("written");
}

#[tokio::test]
async fn a_folder_of_an_older_topic_of_the_name_goes_while_the_server_runs() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    client.auto_create(TOPIC).await;
    produce(&mut client, batch(&["of another topic"])).await;
    let at_once = [("log.segment.delete.delay.ms", "0")];
    let server = server.restart_after(&at_once, give_folder_to_another_topic).await;
    let mut client = server.connect().await;
    assert_eq!(produce(&mut client, batch(&["mine"])).await.base_offset, 0);
    while folders_of_topic(server.folder()) != [format!("{TOPIC}-0")] {
        fetch(&mut client, 0).await;
    }
    assert_eq!(values(&fetch(&mut client, 0).await.records), [(0, "mine".to_owned())]);
    server.stop().await;
}

/// More than are synced one by one.
const MANY: i32 = 100;

async fn create_with_many_partitions(client: &mut Client) {
    let topic = CreatableTopic {
        name: TOPIC.into(),
        num_partitions: MANY,
        replication_factor: 1,
        ..Default::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    assert_eq!(client.call(&request, 7).await.topics[0].error_code, 0);
}

async fn produce_to(client: &mut Client, index: i32) -> i64 {
    let request = produce_request(TOPIC, index, batch(&["a"]), -1);
    let response = client.call(&request, 9).await;
    response.responses[0].partition_responses[0].base_offset
}

#[tokio::test]
async fn many_logs_are_left_in_order() {
    let server = Server::start().await;
    let mut client = server.connect().await;
    create_with_many_partitions(&mut client).await;
    for index in 0..MANY {
        assert_eq!(produce_to(&mut client, index).await, 0);
    }
    let look = |folder: &Path| {
        assert!(folder.join(".kafka_cleanshutdown").is_file(), "the directory is marked");
        let points = std::fs::read_to_string(folder.join("recovery-point-offset-checkpoint"));
        let points = points.expect("the checkpoint");
        for index in 0..MANY {
            let line = format!("{TOPIC} {index} 1");
            assert!(points.lines().any(|found| found == line), "{line} is not in\n{points}");
        }
    };
    let server = server.restart_after(&[], look).await;
    let mut client = server.connect().await;
    for index in 0..MANY {
        assert_eq!(produce_to(&mut client, index).await, 1);
    }
    server.stop().await;
}
