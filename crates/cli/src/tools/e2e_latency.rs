//! `kafka-e2e-latency`: the time from a send to the receipt of the same record.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use client::admin::NewTopic;
use client::{Admin, Consumer, LATEST_TIMESTAMP, Producer, ProducerRecord, Properties};

use super::support::options::{Parsed, Spec};
use super::support::payload::Payload;
use super::support::stats::percentile;
use super::support::{Done, ToolError, block_on, connect, run as run_tool};

const RECEIVE_WITHIN: Duration = Duration::from_secs(60);
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
/// A latency is printed of each record whose number is a multiple of this.
const PRINT_EVERY: u64 = 1000;

fn spec() -> Spec {
    Spec::new("This tool measures end-to-end latency in Kafka.")
        .cluster()
        .value("topic", "topic", "REQUIRED: The topic to use for the test.")
        .value("num-records", "number", "REQUIRED: The number of messages to send.")
        .value("producer-acks", "acks", "REQUIRED: 1 or all.")
        .value("record-size", "bytes", "REQUIRED: The size of each message's value.")
        .value("record-key-size", "bytes", "The size of each message's key (0).")
        .value("num-headers", "number", "The number of headers (0).")
        .value("record-header-size", "bytes", "The size of each header's value (0).")
        .value("record-header-key-size", "bytes", "The size of each header's key (0).")
}

pub fn run(args: &[String]) -> ExitCode {
    let named = by_name(args);
    run_tool(&spec(), &named, |options| {
        let test = Test::new(options)?;
        let mut common = connect::properties(options, &["command-config"], &[])?;
        common.set("bootstrap.servers", connect::bootstrap(options)?);
        block_on(test.run(&common))
    })
}

/// The old form: servers, topic, number, acks, size and perhaps a file, in this order.
fn by_name(args: &[String]) -> Vec<String> {
    let names = [
        "bootstrap-server",
        "topic",
        "num-records",
        "producer-acks",
        "record-size",
        "command-config",
    ];
    if !(5..=6).contains(&args.len()) || args.iter().any(|arg| arg.starts_with("--")) {
        return args.to_vec();
    }
    println!(
        "WARNING: Positional argument usage is deprecated and will be removed in Apache Kafka \
         5.0. Please use named arguments instead: --{}",
        names.join(", --")
    );
    args.iter().zip(names).map(|(value, name)| format!("--{name}={value}")).collect()
}

struct Test {
    topic: String,
    records: u64,
    acks: String,
    size: usize,
    key_size: usize,
    headers: usize,
    header_size: usize,
    header_key_size: usize,
}

impl Test {
    fn new(options: &Parsed) -> Result<Self, ToolError> {
        let acks = options.require("producer-acks")?.to_owned();
        if acks != "1" && acks != "all" {
            let what = "Latency testing requires synchronous acknowledgement. Please use 1 or all";
            return Err(ToolError::Failed(what.to_owned()));
        }
        options.require("num-records")?;
        options.require("record-size")?;
        Ok(Self {
            topic: options.require("topic")?.to_owned(),
            records: options.number("num-records")?.unwrap_or(0),
            acks,
            size: options.number("record-size")?.unwrap_or(0),
            key_size: options.number("record-key-size")?.unwrap_or(0),
            headers: options.number("num-headers")?.unwrap_or(0),
            header_size: options.number("record-header-size")?.unwrap_or(0),
            header_key_size: options.number("record-header-key-size")?.unwrap_or(0),
        })
    }

    async fn run(self, common: &Properties) -> Done {
        self.create_topic(&connect::admin_with(common)?).await?;
        let mut settings = common.clone();
        settings.set("acks", &*self.acks);
        settings.set("linger.ms", "0");
        let producer = Producer::new(connect::producer_config(&settings)?);
        let mut settings = common.clone();
        settings.set("fetch.max.wait.ms", "0");
        settings.set("enable.auto.commit", "false");
        let mut consumer = Consumer::new(connect::consumer_config(&settings)?);
        self.seek_to_end(&mut consumer).await?;
        let mut latencies = Vec::new();
        for index in 0..self.records {
            let latency = self.round_trip(&producer, &mut consumer).await?;
            if index % PRINT_EVERY == 0 {
                println!("{index}\t{}", latency.as_secs_f64() * 1000.0);
            }
            latencies.push(latency);
        }
        print_results(latencies);
        producer.close(CLOSE_WITHIN).await;
        consumer.close(CLOSE_WITHIN).await?;
        Ok(())
    }

    async fn create_topic(&self, admin: &Admin) -> Done {
        if admin.metadata().await?.topic(&self.topic).is_some() {
            return Ok(());
        }
        println!(
            "Topic \"{}\" does not exist. Will create topic with 1 partition(s) and replication \
             factor = 1",
            self.topic
        );
        let topic = NewTopic {
            name: self.topic.clone(),
            partitions: Some(1),
            replication_factor: Some(1),
            ..NewTopic::default()
        };
        let created = admin.create_topics(&[topic], false).await?;
        Ok(created.into_values().collect::<client::Result<()>>()?)
    }

    async fn seek_to_end(&self, consumer: &mut Consumer) -> Done {
        let partitions = consumer.partitions_of(&self.topic).await?;
        let ends: BTreeMap<_, _> =
            partitions.iter().map(|p| (p.clone(), LATEST_TIMESTAMP)).collect();
        let ends = consumer.list_offsets(&ends).await?;
        consumer.assign(partitions)?;
        for (partition, end) in ends {
            consumer.seek(&partition, end.offset)?;
        }
        Ok(())
    }

    async fn round_trip(
        &self,
        producer: &Producer,
        consumer: &mut Consumer,
    ) -> Result<Duration, ToolError> {
        let (mut key, mut value) = (Vec::new(), Vec::new());
        Payload::random(self.size).next(0, &mut value);
        Payload::random(self.key_size).next(0, &mut key);
        let (header_key, header_value) =
            (vec![b'k'; self.header_key_size], vec![b'v'; self.header_size]);
        let header = record::Header { key: &header_key, value: Some(&header_value) };
        let headers = vec![header; self.headers];
        let record = ProducerRecord {
            topic: &self.topic,
            key: (self.key_size > 0).then_some(&key[..]),
            value: Some(&value),
            headers: &headers,
            ..Default::default()
        };
        let started = Instant::now();
        producer.send(&record).await?.await?;
        let records = consumer.poll(RECEIVE_WITHIN).await?;
        let latency = started.elapsed();
        let mut received = records.iter();
        let failed = |what: String| Err(ToolError::Failed(what));
        match received.next() {
            None => failed(format!(
                "poll() timed out before finding a result (timeout:[{}ms])",
                RECEIVE_WITHIN.as_millis()
            )),
            Some(read) if read.value != Some(&value) => {
                failed("The message value read did not match the message value sent.".to_owned())
            }
            Some(_) => match received.count() {
                0 => Ok(latency),
                more => failed(format!(
                    "Only one result was expected during this test. We found [{}]",
                    more + 1
                )),
            },
        }
    }
}

fn print_results(mut latencies: Vec<Duration>) {
    latencies.sort_unstable();
    let total: Duration = latencies.iter().sum();
    let count = u32::try_from(latencies.len().max(1)).unwrap_or(u32::MAX);
    println!("Avg latency: {:.4} ms", (total / count).as_secs_f64() * 1000.0);
    println!(
        "Percentiles: 50th = {}, 99th = {}, 99.9th = {}",
        percentile(&latencies, 500).as_millis(),
        percentile(&latencies, 990).as_millis(),
        percentile(&latencies, 999).as_millis()
    );
}
