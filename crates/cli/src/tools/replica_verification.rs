//! `kafka-replica-verification`: reads every replica side by side and tells where they differ.

mod compare;

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use client::admin::{ReplicaContent, ReplicaPosition, TopicDescription};
use client::config::IsolationLevel;
use client::{Admin, Properties, TopicPartition};
use types::TopicId;

use super::support::options::{Parsed, Spec};
use super::support::time::log_time;
use super::support::topics::TopicFilter;
use super::support::{Done, ToolError, block_on, connect, run as run_tool, terminated};
use compare::{Difference, Round, compare};

/// Kafka's `max.partition.fetch.bytes`, the default of `--fetch-size`.
const FETCH_BYTES: i32 = 1 << 20;
/// How long a broker that does not answer is left alone.
const RETRY_AFTER: Duration = Duration::from_millis(500);
/// The timestamp that stands for the end of a log.
const LATEST: i64 = -1;

fn spec() -> Spec {
    Spec::new("Validate that all replicas for a set of topics have the same data.")
        .value("broker-list", "servers", "REQUIRED: host:port,host:port to connect to.")
        .value("fetch-size", "bytes", "How much to read of a partition at once.")
        .value("max-wait-ms", "ms", "How long a broker may wait for records.")
        .value("topics-include", "regex", "The topics to verify, all by default.")
        .value("time", "timestamp", "Where to begin: a time, -1 (the end) or -2 (the beginning).")
        .value("report-interval-ms", "ms", "How often to report.")
}

/// What the command line asks for.
struct Wish {
    fetch_bytes: i32,
    wait: Duration,
    topics: TopicFilter,
    from: i64,
    report_every: Duration,
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let servers = options.require("broker-list")?;
        let wish = wish(options)?;
        let mut properties = Properties::new();
        properties.set("bootstrap.servers", servers);
        let admin = connect::admin_with(&properties)?;
        block_on(async {
            let watched = Watched::find(&admin, &wish).await?;
            println!("{}: verification process is started", log_time());
            tokio::select! {
                done = watched.verify(&admin, &wish) => done,
                () = terminated() => Ok(()),
            }
        })
    })
}

fn wish(options: &Parsed) -> Result<Wish, ToolError> {
    let millis = |name, default| {
        let given: Option<u64> = options.number(name)?;
        Ok::<_, ToolError>(Duration::from_millis(given.unwrap_or(default)))
    };
    Ok(Wish {
        fetch_bytes: options.number("fetch-size")?.unwrap_or(FETCH_BYTES),
        wait: millis("max-wait-ms", 1_000)?,
        topics: TopicFilter::parse(options.get("topics-include").unwrap_or(".*"))?,
        from: options.number("time")?.unwrap_or(LATEST),
        report_every: millis("report-interval-ms", 30_000)?,
    })
}

/// The partitions that are verified.
struct Watched {
    topics: BTreeMap<TopicId, String>,
    partitions: BTreeMap<(TopicId, i32), Partition>,
}

struct Partition {
    replicas: Vec<i32>,
    /// Up to where all replicas have been found alike.
    verified: i64,
}

/// The partition that is furthest from being verified.
struct Lag {
    records: i64,
    partition: (TopicId, i32),
    verified: i64,
}

impl Watched {
    async fn find(admin: &Admin, wish: &Wish) -> Result<Self, ToolError> {
        let metadata = admin.metadata().await?;
        let names = metadata.topics().map(|topic| topic.name.to_string());
        let names: Vec<String> = names.filter(|name| wish.topics.matches(name)).collect();
        let described = admin.describe_topics(&names).await?;
        let topics: Vec<TopicDescription> = described.into_values().flatten().collect();
        if topics.is_empty() {
            let what = "No topics found. topics-include, if specified, is either filtering out all \
                        topics or there is no topic.";
            return Err(ToolError::Failed(what.to_owned()));
        }
        let offsets = offsets(admin, &topics, wish.from).await?;
        let mut partitions = BTreeMap::new();
        for topic in &topics {
            for p in &topic.partitions {
                let key = TopicPartition::new(&*topic.name, p.partition);
                let verified = offsets.get(&key).copied().unwrap_or(0);
                let replicas = p.replicas.clone();
                partitions.insert((topic.id, p.partition), Partition { replicas, verified });
            }
        }
        let topics = topics.into_iter().map(|topic| (topic.id, topic.name));
        Ok(Self { topics: topics.collect(), partitions })
    }

    fn name(&self, (topic, partition): (TopicId, i32)) -> String {
        let topic = self.topics.get(&topic).map_or("", String::as_str);
        format!("{topic}-{partition}")
    }

    /// Reads, compares and reports until replicas differ in their offsets.
    async fn verify(mut self, admin: &Admin, wish: &Wish) -> Done {
        let mut reported = Instant::now();
        loop {
            let lag = self.round(admin, wish).await?;
            if reported.elapsed() > wish.report_every {
                let (records, at, name) = match &lag {
                    Some(lag) => (lag.records, lag.verified, self.name(lag.partition)),
                    None => (-1, -1, "null".to_owned()),
                };
                println!(
                    "{}: max lag is {records} for partition {name} at offset {at} among {} \
                     partitions",
                    log_time(),
                    self.partitions.len()
                );
                reported = Instant::now();
            }
        }
    }

    /// One look at every replica.
    async fn round(&mut self, admin: &Admin, wish: &Wish) -> Result<Option<Lag>, ToolError> {
        let mut contents: BTreeMap<(TopicId, i32), BTreeMap<i32, ReplicaContent>> = BTreeMap::new();
        let mut brokers: Vec<i32> =
            self.partitions.values().flat_map(|p| p.replicas.iter().copied()).collect();
        brokers.sort_unstable();
        brokers.dedup();
        let mut is_away = false;
        let last = brokers.last().copied();
        for broker in brokers {
            // where all are asked one after the other, it is enough that one waits for records
            let wait = if last == Some(broker) { wish.wait } else { Duration::ZERO };
            match admin.read_replicas(broker, &self.on(broker), wait, wish.fetch_bytes).await {
                Ok(read) => {
                    read.into_iter().filter(|content| content.error.is_none()).for_each(|content| {
                        let replicas = contents.entry((content.topic, content.partition));
                        replicas.or_default().insert(broker, content);
                    })
                }
                // its partitions wait until it is back
                Err(error) if error.is_retriable() => is_away = true,
                Err(error) => return Err(error.into()),
            }
        }
        let mut furthest: Option<Lag> = None;
        for (key, partition) in &mut self.partitions {
            let replicas = contents.remove(key).unwrap_or_default();
            let high_watermark = replicas.values().map(|content| content.high_watermark).max();
            if replicas.len() == partition.replicas.len() {
                let name = |id: &TopicId| self.topics.get(id).map_or("", String::as_str);
                let title = format!("{}-{}", name(&key.0), key.1);
                partition.verified = judge(&title, partition.verified, compare(&replicas))?;
            }
            let records = high_watermark.unwrap_or(-1) - partition.verified;
            if furthest.as_ref().is_none_or(|lag| records > lag.records) {
                furthest = Some(Lag { records, partition: *key, verified: partition.verified });
            }
        }
        if is_away {
            tokio::time::sleep(RETRY_AFTER).await;
        }
        Ok(furthest)
    }

    fn on(&self, broker: i32) -> Vec<ReplicaPosition> {
        let own = self.partitions.iter().filter(|(_, p)| p.replicas.contains(&broker));
        own.map(|((topic, index), p)| ReplicaPosition {
            topic: *topic,
            partition: *index,
            offset: p.verified,
        })
        .collect()
    }
}

/// Tells of the differences; offsets that differ end the tool, as in Kafka's.
fn judge(title: &str, verified: i64, round: Round) -> Result<i64, ToolError> {
    for difference in round.differences {
        let time = log_time();
        match difference {
            Difference::Offset { first, other } => {
                println!(
                    "{time}: partition {title}: replica {}'s offset {} doesn't match replica {}'s \
                     offset {}",
                    first.0, first.1, other.0, other.1
                );
                return Err(ToolError::Silent);
            }
            Difference::Checksum { offset, first, other } => println!(
                "{time}: partition {title} has unmatched checksum at offset {offset}; replica {}'s \
                 checksum {}; replica {}'s checksum {}",
                first.0, first.1, other.0, other.1
            ),
        }
    }
    Ok(round.next_offset.unwrap_or(verified))
}

async fn offsets(
    admin: &Admin,
    topics: &[TopicDescription],
    from: i64,
) -> Result<BTreeMap<TopicPartition, i64>, ToolError> {
    let partitions = topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|p| (TopicPartition::new(&*topic.name, p.partition), from))
    });
    let asked: BTreeMap<TopicPartition, i64> = partitions.collect();
    let listed = admin.list_offsets(&asked, IsolationLevel::ReadUncommitted).await?;
    let mut offsets = BTreeMap::new();
    for (partition, listed) in listed {
        offsets.insert(partition, listed?.offset);
    }
    Ok(offsets)
}
