//! Our client against Apache Kafka 4.4.0: records arrive, in order, once; groups share out.

#[path = "client/racks.rs"]
mod racks;
#[path = "client/refusals.rs"]
mod refusals;
#[path = "client/restarts.rs"]
mod restarts;
#[path = "client/support.rs"]
mod support;
#[path = "client/transactions.rs"]
mod transactions;

use std::collections::BTreeMap;
use std::time::Duration;

use client::config::{IsolationLevel, OffsetReset};
use client::{Consumer, Error, LATEST_TIMESTAMP, Producer, ProducerRecord, TopicPartition};
use e2e::Kafka;
use support::{Proxy, admin, consumer_config, create_topic, on_runtime, producer_config, read_all};

#[test]
fn every_codec_survives_the_way_through_kafka() {
    let Some(kafka) = Kafka::start() else { return };
    on_runtime(async {
        let names = ["none", "gzip", "snappy", "lz4", "zstd"];
        create_topic(&kafka, "codecs", 3).await;
        for codec in names {
            let config =
                producer_config(&kafka, &[("compression.type", codec), ("linger.ms", "5")]);
            let producer = Producer::new(config);
            for i in 0..500 {
                let (key, value) = (format!("{codec}-{i}"), format!("value {i} ").repeat(10));
                let headers = [record::Header { key: b"codec", value: Some(codec.as_bytes()) }];
                let record = ProducerRecord {
                    topic: "codecs",
                    key: Some(key.as_bytes()),
                    value: Some(value.as_bytes()),
                    headers: &headers,
                    ..Default::default()
                };
                producer.send(&record).await.expect("room");
            }
            producer.close(Duration::from_secs(30)).await;
        }
        let read = read_all(&kafka, "codecs", 2500).await;
        let mut by_codec: BTreeMap<&str, usize> = BTreeMap::new();
        for (key, _) in &read {
            let codec = names.iter().find(|c| key.starts_with(**c)).expect("a codec's key");
            *by_codec.entry(codec).or_default() += 1;
        }
        assert_eq!(by_codec.into_values().collect::<Vec<_>>(), [500; 5]);
    });
}

#[test]
fn deliveries_tell_offsets_and_refusals() {
    let Some(kafka) = Kafka::start() else { return };
    on_runtime(async {
        create_topic(&kafka, "acks", 1).await;
        let producer = Producer::new(producer_config(&kafka, &[]));
        let value = |value| ProducerRecord { topic: "acks", value, ..Default::default() };
        let mut deliveries = Vec::new();
        for _ in 0..100 {
            deliveries.push(producer.send(&value(Some(b"v"))).await.expect("room"));
        }
        for (expected, delivery) in (0..).zip(deliveries) {
            assert_eq!(delivery.await.expect("written").offset, Some(expected));
        }
        let huge = vec![0; 2 << 20];
        let refused = producer.send(&value(Some(&huge))).await.err();
        assert!(matches!(refused, Some(Error::RecordTooLarge { .. })), "{refused:?}");
        let config = producer_config(&kafka, &[("max.request.size", "3000000")]);
        let bold = Producer::new(config);
        let delivery = bold.send(&value(Some(&huge))).await.expect("room");
        let refused = delivery.await.expect_err("too large for the broker");
        assert_eq!(refused.code(), types::ErrorCode::MessageTooLarge);
        let after = bold.send(&value(Some(b"small"))).await.expect("room").await;
        assert_eq!(after.expect("written").offset, Some(100));
    });
}

#[test]
fn broken_connections_neither_lose_nor_double_nor_reorder() {
    let proxy = Proxy::listen();
    let Some(kafka) = Kafka::with(&proxy.properties()) else { return };
    proxy.lead_to(kafka.port());
    on_runtime(async {
        create_topic(&kafka, "cut", 1).await;
        let config = producer_config(&kafka, &[("linger.ms", "1"), ("batch.size", "500")]);
        let producer = Producer::new(config);
        let mut deliveries = Vec::new();
        for i in 0..3000 {
            if i % 500 == 250 {
                proxy.cut();
            }
            let value = i.to_string();
            let record = ProducerRecord {
                topic: "cut",
                value: Some(value.as_bytes()),
                ..Default::default()
            };
            deliveries.push(producer.send(&record).await.expect("room"));
            if i % 50 == 0 {
                tokio::task::yield_now().await;
            }
        }
        producer.flush().await;
        for delivery in deliveries {
            delivery.await.expect("written in the end");
        }
        assert!(proxy.cuts() > 0);
        let read = read_all(&kafka, "cut", 3000).await;
        let values: Vec<usize> = read.iter().map(|(_, v)| v.parse().expect("a number")).collect();
        assert_eq!(values, (0..3000).collect::<Vec<_>>());
    });
}

#[test]
fn three_members_share_a_topic_and_take_over_from_one_that_leaves() {
    let Some(kafka) = Kafka::start() else { return };
    on_runtime(async {
        for assignor in ["range", "roundrobin", "sticky", "cooperative-sticky"] {
            let topic = format!("shared-{assignor}");
            create_topic(&kafka, &topic, 6).await;
            let properties = [
                ("group.id", assignor),
                ("partition.assignment.strategy", assignor),
                ("heartbeat.interval.ms", "100"),
                ("session.timeout.ms", "6000"),
            ];
            let mut members: Vec<Consumer> =
                (0..3).map(|_| Consumer::new(consumer_config(&kafka, &properties))).collect();
            for member in &mut members {
                member.subscribe([topic.as_str()]).expect("a group");
            }
            support::poll_until(&mut members, |sizes| sizes == [2, 2, 2]).await;
            let leaver = members.pop().expect("three");
            leaver.close(Duration::from_secs(10)).await.expect("leaves");
            support::poll_until(&mut members, |sizes| sizes == [3, 3]).await;
            for member in members {
                member.close(Duration::from_secs(10)).await.expect("leaves");
            }
        }
    });
}

#[test]
fn a_group_goes_on_where_it_committed() {
    let Some(kafka) = Kafka::start() else { return };
    on_runtime(async {
        create_topic(&kafka, "resumed", 2).await;
        let producer = Producer::new(producer_config(&kafka, &[]));
        let properties = [("group.id", "g"), ("max.poll.records", "7")];
        for round in 0..3 {
            for i in 0..50 {
                let value = format!("{round}-{i}");
                let record = ProducerRecord {
                    topic: "resumed",
                    partition: Some(i % 2),
                    value: Some(value.as_bytes()),
                    ..Default::default()
                };
                producer.send(&record).await.expect("room");
            }
            producer.flush().await;
            let mut consumer = Consumer::new(consumer_config(&kafka, &properties));
            consumer.subscribe(["resumed"]).expect("a group");
            let mut seen = Vec::new();
            while seen.len() < 50 {
                let records = consumer.poll(Duration::from_secs(10)).await.expect("polls");
                assert!(records.len() <= 7);
                seen.extend(
                    records.iter().filter_map(|r| String::from_utf8(r.value?.to_vec()).ok()),
                );
            }
            assert!(seen.iter().all(|v| v.starts_with(&format!("{round}-"))), "{seen:?}");
            consumer.close(Duration::from_secs(10)).await.expect("commits and leaves");
        }
        let committed = admin(&kafka).group_offsets("g").await.expect("offsets");
        let offsets: Vec<_> = committed.values().map(|c| c.offset).collect();
        assert_eq!(offsets, [75, 75]);
    });
}

#[test]
fn positions_follow_seeks_times_and_the_reset_policy() {
    let Some(kafka) = Kafka::start() else { return };
    on_runtime(async {
        create_topic(&kafka, "seeks", 1).await;
        let producer = Producer::new(producer_config(&kafka, &[]));
        for i in 0..20_i64 {
            let record = ProducerRecord {
                topic: "seeks",
                timestamp: Some(1_000_000 + i * 1000),
                value: Some(b"v"),
                ..Default::default()
            };
            producer.send(&record).await.expect("room");
        }
        producer.flush().await;
        let partition = TopicPartition::new("seeks", 0);
        let mut config = consumer_config(&kafka, &[]);
        config.auto_offset_reset = OffsetReset::None;
        let mut consumer = Consumer::new(config);
        consumer.assign([partition.clone()]).expect("by hand");
        let lost = consumer.poll(Duration::from_secs(10)).await.err();
        assert!(matches!(lost, Some(Error::NoOffset { .. })), "{lost:?}");
        for (seek, expected) in [(5, 5), (19, 19), (0, 0)] {
            consumer.seek(&partition, seek).expect("assigned");
            let records = consumer.poll(Duration::from_secs(10)).await.expect("polls");
            assert_eq!(records.iter().next().map(|r| r.offset), Some(expected));
        }
        consumer.seek_to_time(&partition, 1_007_500).expect("assigned");
        let records = consumer.poll(Duration::from_secs(10)).await.expect("polls");
        assert_eq!(records.iter().next().map(|r| r.offset), Some(8));
        consumer.seek_to_time(&partition, LATEST_TIMESTAMP).expect("assigned");
        let none = consumer.poll(Duration::from_millis(300)).await.expect("polls");
        assert!(none.is_empty());
        assert_eq!(consumer.position(&partition), Some(20));
        consumer.seek(&partition, 99).expect("assigned");
        let lost = consumer.poll(Duration::from_secs(10)).await.err();
        assert!(matches!(lost, Some(Error::NoOffset { .. })), "{lost:?}");
    });
}

#[test]
fn a_waker_ends_a_poll_and_paused_partitions_are_silent() {
    let Some(kafka) = Kafka::start() else { return };
    on_runtime(async {
        create_topic(&kafka, "paused", 2).await;
        let producer = Producer::new(producer_config(&kafka, &[]));
        for partition in [0, 1] {
            let record = ProducerRecord {
                topic: "paused",
                partition: Some(partition),
                value: Some(b"v"),
                ..Default::default()
            };
            producer.send(&record).await.expect("room").await.expect("written");
        }
        let mut consumer = Consumer::new(consumer_config(&kafka, &[]));
        let both = [TopicPartition::new("paused", 0), TopicPartition::new("paused", 1)];
        consumer.assign(both.clone()).expect("by hand");
        consumer.pause([&both[0]]).expect("assigned");
        let records = consumer.poll(Duration::from_secs(10)).await.expect("polls");
        assert_eq!(records.iter().map(|r| r.partition).collect::<Vec<_>>(), [1]);
        let waker = consumer.waker();
        let (woken, ()) = tokio::join!(consumer.poll(Duration::from_secs(60)), async {
            tokio::task::yield_now().await;
            waker.wake();
        });
        assert_eq!(woken.err(), Some(Error::WokenUp));
        consumer.resume([&both[0]]).expect("assigned");
        let records = consumer.poll(Duration::from_secs(10)).await.expect("polls");
        assert_eq!(records.iter().map(|r| r.partition).collect::<Vec<_>>(), [0]);
    });
}

#[test]
fn patterns_find_topics_that_come_later() {
    let Some(kafka) = Kafka::start() else { return };
    on_runtime(async {
        create_topic(&kafka, "match-a", 1).await;
        create_topic(&kafka, "other", 1).await;
        let properties =
            [("group.id", "p"), ("metadata.max.age.ms", "200"), ("heartbeat.interval.ms", "100")];
        let mut members = vec![Consumer::new(consumer_config(&kafka, &properties))];
        members[0]
            .subscribe_matching(Box::new(|name| name.starts_with("match-")))
            .expect("a group");
        support::poll_until(&mut members, |sizes| sizes == [1]).await;
        create_topic(&kafka, "match-b", 2).await;
        support::poll_until(&mut members, |sizes| sizes == [3]).await;
    });
}

#[test]
fn the_admin_client_sees_what_it_changes() {
    let Some(kafka) = Kafka::start() else { return };
    on_runtime(async {
        support::admin_round_trip(&kafka).await;
    });
}

#[test]
fn offsets_by_special_timestamps() {
    let Some(kafka) = Kafka::start() else { return };
    on_runtime(async {
        create_topic(&kafka, "times", 1).await;
        let producer = Producer::new(producer_config(&kafka, &[]));
        for time in [10, 30, 20] {
            let record = ProducerRecord {
                topic: "times",
                timestamp: Some(1_000_000 + time),
                value: Some(b"v"),
                ..Default::default()
            };
            producer.send(&record).await.expect("room").await.expect("written");
        }
        let admin = admin(&kafka);
        let partition = TopicPartition::new("times", 0);
        for (timestamp, offset) in [(-1, 3), (-2, 0), (-3, 1), (1_000_015, 1), (2_000_000, -1)] {
            let asked = [(partition.clone(), timestamp)].into();
            let listed = admin.list_offsets(&asked, IsolationLevel::ReadUncommitted).await;
            let listed = listed.expect("answers").remove(&partition).expect("of the partition");
            assert_eq!(listed.expect("listed").offset, offset, "{timestamp}");
        }
        let before = [(partition.clone(), 2)].into();
        let deleted = admin.delete_records(&before).await.expect("answers");
        assert_eq!(deleted.get(&partition), Some(&Ok(2)));
    });
}
