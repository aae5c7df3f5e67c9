//! Our consumer beside the transactions of Kafka's own producer: it shows what was committed.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::process::Stdio;
use std::time::Duration;

use client::config::IsolationLevel;
use client::{Consumer, TopicPartition};
use e2e::{Kafka, java};

use crate::support::{admin, consumer_config, create_topic, on_runtime};

#[test]
fn only_committed_records_are_shown_to_those_who_ask_for_them() {
    let Some(kafka) = Kafka::start() else { return };
    on_runtime(async {
        create_topic(&kafka, "transactions", 1).await;
        let Some(mut writer) = java::program("Transactions") else { return };
        writer.args([&kafka.bootstrap(), "transactions"]);
        writer.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut writer = writer.spawn().expect("Java starts");
        let output = writer.stdout.take().expect("a pipe");
        let said = BufReader::new(output).lines().next().expect("a line").expect("text");
        assert_eq!(said, "open");

        let committed = ["plain 0", "plain 1", "first 0", "first 1", "first 2", "third 0"];
        let aborted = ["second 0", "second 1"];
        let partition = TopicPartition::new("transactions", 0);
        let isolated = [("isolation.level", "read_committed")];
        let mut careful = Consumer::new(consumer_config(&kafka, &isolated));
        careful.assign([partition.clone()]).expect("by hand");
        assert_eq!(read(&mut careful, committed.len()).await, committed);
        assert_eq!(careful.lag(&partition), Some(0), "the open transaction is not there yet");
        let mut bold = Consumer::new(consumer_config(&kafka, &[]));
        bold.assign([partition.clone()]).expect("by hand");
        let all = read(&mut bold, committed.len() + aborted.len() + 2).await;
        assert!(aborted.iter().chain(&["open 0", "open 1"]).all(|v| all.iter().any(|a| a == v)));
        let stable = end(&kafka, &partition, IsolationLevel::ReadCommitted).await;
        let high_watermark = end(&kafka, &partition, IsolationLevel::ReadUncommitted).await;
        assert_eq!((careful.position(&partition), high_watermark), (Some(stable), stable + 2));

        drop(writer.stdin.take());
        assert!(writer.wait().expect("it ends").success());
        assert_eq!(read(&mut careful, 2).await, ["open 0", "open 1"]);
        let end = end(&kafka, &partition, IsolationLevel::ReadCommitted).await;
        assert_eq!(careful.position(&partition), Some(end), "behind the marker");
    });
}

/// The values of `count` records, and that there are no more.
async fn read(consumer: &mut Consumer, count: usize) -> Vec<String> {
    let mut values = Vec::new();
    while values.len() < count {
        let records = consumer.poll(Duration::from_secs(10)).await.expect("polls");
        let text = |bytes: Option<&[u8]>| String::from_utf8(bytes.unwrap_or_default().to_vec());
        values.extend(records.iter().map(|record| text(record.value).expect("text")));
    }
    let surplus = consumer.poll(Duration::from_millis(300)).await.expect("polls");
    assert_eq!((values.len(), surplus.len()), (count, 0), "{values:?}");
    values
}

async fn end(kafka: &Kafka, partition: &TopicPartition, isolation: IsolationLevel) -> i64 {
    let asked = BTreeMap::from([(partition.clone(), client::LATEST_TIMESTAMP)]);
    let mut listed = admin(kafka).list_offsets(&asked, isolation).await.expect("answers");
    listed.remove(partition).expect("of the partition").expect("listed").offset
}
