//! `kafka-verifiable-consumer`: reads a topic in a group and tells of everything as lines of JSON.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use client::{Consumer, ConsumerRecords, OffsetAndMetadata, RebalanceListener, TopicPartition};

use super::support::json_object::Object;
use super::support::options::Spec;
use super::support::{Done, ToolError, block_on, connect, now_ms, run as run_tool, text_of};

const CLOSE_WITHIN: Duration = Duration::from_secs(30);

fn spec() -> Spec {
    let about = "This tool consumes messages from a specific topic and emits consumer events as \
                 JSON objects to STDOUT.";
    Spec::new(about)
        .answers_help(1, Some(0))
        .cluster()
        .value("topic", "topic", "REQUIRED: Consumes messages from this topic.")
        .value("group-id", "id", "REQUIRED: The group.")
        .value("group-instance-id", "id", "Makes membership static.")
        .value("group-protocol", "protocol", "classic (default).")
        .value("group-remote-assignor", "name", "Has no effect with the classic protocol.")
        .value("max-messages", "number", "How many messages; -1 for no end (default).")
        .value("session-timeout", "ms", "The session timeout (30000).")
        .flag("verbose", "Tell of each record.")
        .flag("enable-autocommit", "Let the consumer commit on its own.")
        .value("reset-policy", "policy", "earliest (default), latest or none.")
        .value("assignment-strategy", "class", "The assignor (RangeAssignor).")
        .value("consumer.config", "file", "(DEPRECATED) As --command-config.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let topic = options.require("topic")?.to_owned();
        let files = ["consumer.config", "command-config"];
        let mut settings = connect::properties(options, &files, &[])?;
        settings.set("bootstrap.servers", connect::bootstrap(options)?);
        settings.set("group.id", options.require("group-id")?);
        if let Some(instance) = options.get("group-instance-id") {
            settings.set("group.instance.id", instance);
        }
        let auto_commit = options.has("enable-autocommit");
        settings.set("enable.auto.commit", auto_commit.to_string());
        settings.set("auto.offset.reset", options.get("reset-policy").unwrap_or("earliest"));
        settings.set("session.timeout.ms", options.get("session-timeout").unwrap_or("30000"));
        settings.set(
            "partition.assignment.strategy",
            options.get("assignment-strategy").unwrap_or("range"),
        );
        match options.get("group-protocol").unwrap_or("classic") {
            classic if classic.eq_ignore_ascii_case("classic") => {}
            other => {
                let what = format!("--group-protocol {other}: only classic is supported");
                return Err(ToolError::Failed(what));
            }
        }
        let config = connect::consumer_config(&settings)?;
        let most = options.number::<i64>("max-messages")?.unwrap_or(-1);
        let verbose = options.has("verbose");
        block_on(async {
            let mut consumer = Consumer::new(config);
            consumer.set_listener(Teller);
            consumer.subscribe([topic.as_str()])?;
            tell("startup_complete");
            consume(consumer, most, verbose, auto_commit).await
        })
    })
}

/// What happened and when, to which more may be added.
fn event(name: &str) -> Object {
    Object::new().with("timestamp", now_ms()).with("name", name)
}

fn tell(name: &str) {
    println!("{}", event(name));
}

/// Tells what the group gives and takes.
struct Teller;

impl RebalanceListener for Teller {
    fn on_assigned(&mut self, partitions: &[TopicPartition]) {
        println!("{}", event("partitions_assigned").with_all("partitions", list(partitions)));
    }

    fn on_revoked(&mut self, partitions: &[TopicPartition]) {
        println!("{}", event("partitions_revoked").with_all("partitions", list(partitions)));
    }
}

fn list(partitions: &[TopicPartition]) -> impl Iterator<Item = Object> {
    partitions.iter().map(object)
}

fn object(partition: &TopicPartition) -> Object {
    Object::new().with("topic", &*partition.topic).with("partition", partition.partition)
}

async fn consume(mut consumer: Consumer, most: i64, verbose: bool, auto_commit: bool) -> Done {
    let mut interrupted = std::pin::pin!(super::support::terminated());
    let mut seen: i64 = 0;
    let (mut failed, mut asked) = (None, false);
    while most < 0 || seen < most {
        let records = tokio::select! {
            () = &mut interrupted => {
                tell("shutdown_requested");
                asked = true;
                break;
            }
            records = consumer.poll(Duration::from_millis(200)) => records,
        };
        let records = match records {
            Ok(records) => records,
            Err(error) => {
                failed = Some(error);
                break;
            }
        };
        let left = usize::try_from(most.saturating_sub(seen)).ok().filter(|_| most >= 0);
        let offsets = take(&records, left.unwrap_or(usize::MAX), verbose);
        seen += offsets.iter().map(|(_, (count, _, _))| *count).sum::<i64>();
        if !auto_commit && !offsets.is_empty() {
            commit(&mut consumer, &offsets).await;
        }
    }
    let closed = consumer.close(CLOSE_WITHIN).await;
    tell("shutdown_complete");
    if !asked {
        // Java's tool says so at last when it ends by itself
        tell("shutdown_requested");
    }
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(closed?),
    }
}

/// By partition: how many records, the first and the last offset.
type Taken = BTreeMap<TopicPartition, (i64, i64, i64)>;

fn take(records: &ConsumerRecords, most: usize, verbose: bool) -> Taken {
    let mut taken = Taken::new();
    for record in records.iter().take(most) {
        let key = TopicPartition::new(record.topic, record.partition);
        let entry = taken.entry(key).or_insert((0, record.offset, record.offset));
        (entry.0, entry.2) = (entry.0 + 1, record.offset);
        if verbose {
            let text = |bytes: Option<&[u8]>| {
                bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
            };
            let told = event("record_data")
                .with("key", text(record.key))
                .with("value", text(record.value))
                .with("topic", record.topic)
                .with("partition", record.partition)
                .with("offset", record.offset);
            println!("{told}");
        }
    }
    if taken.is_empty() {
        return taken;
    }
    let partitions = taken.iter().map(|(partition, (count, first, last))| {
        object(partition).with("count", *count).with("minOffset", *first).with("maxOffset", *last)
    });
    // Java's tool counts what came, not what it takes of it
    let told = event("records_consumed").with("count", records.iter().count());
    println!("{}", told.with_all("partitions", partitions));
    taken
}

async fn commit(consumer: &mut Consumer, taken: &Taken) {
    let offsets: BTreeMap<_, OffsetAndMetadata> =
        taken.iter().map(|(p, (_, _, last))| (p.clone(), (last + 1).into())).collect();
    let told = offsets.iter().map(|(partition, to)| object(partition).with("offset", to.offset));
    let told = event("offsets_committed").with_all("offsets", told);
    match consumer.commit_offsets(offsets.clone()).await {
        Ok(()) => println!("{}", told.with("success", true)),
        Err(error) => println!("{}", told.with("success", false).with("error", text_of(&error))),
    }
}
