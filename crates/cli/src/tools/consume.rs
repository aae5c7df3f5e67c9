//! `klamm consume`: a topic's records as lines; for people.

mod format;

use std::collections::BTreeMap;
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use client::config::parse_iso_duration;
use client::{Consumer, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, TopicPartition};

use super::support::options::{Parsed, Spec};
use super::support::{Done, ToolError, block_on, connect, now_ms, run as run_tool, terminated};
use format::Format;

const POLL_MAX: Duration = Duration::from_millis(500);
const CLOSE_WITHIN: Duration = Duration::from_secs(10);
const DEFAULT_SERVER: &str = "localhost:9092";

fn spec() -> Spec {
    Spec::new("usage: klamm consume TOPIC\n\nPrints what is there and ends; with -f it goes on.")
        .cluster()
        .value("b", "servers", "As --bootstrap-server (localhost:9092).")
        .flag("f", "Follow: wait for what comes.")
        .value("o", "where", "beginning (default), end, an offset, -N from the end, PT1H ago.")
        .value("p", "partition", "Only this partition; may be repeated.")
        .value("n", "number", "End after so many records.")
        .value(
            "F",
            "format",
            "%k key, %v value, %o offset, %p partition, %t topic, %T time, %h headers, \\n, \\t.",
        )
        .value("k", "separator", "Print the key and this before the value.")
        .value("g", "group", "Read as a member of this group, from where it stands.")
        .value("X", "key=value", "A setting of the consumer; may be repeated.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let [topic] = &options.rest[..] else {
            return Err(ToolError::Usage("which topic? klamm consume TOPIC".to_owned()));
        };
        let mut settings = connect::properties(options, &["command-config"], &["X"])?;
        match options.get("b").or(options.get("bootstrap-server")) {
            Some(servers) => settings.set("bootstrap.servers", servers),
            None => settings.set_default("bootstrap.servers", DEFAULT_SERVER),
        }
        // who looks at a terminal should not wait a minute to hear that nobody is there
        settings.set_default("default.api.timeout.ms", "10000");
        settings.set_default("auto.offset.reset", "earliest");
        settings.set_default("max.poll.records", "10000");
        if let Some(group) = options.get("g") {
            settings.set("group.id", group);
        }
        let format = match (options.get("F"), options.get("k")) {
            (Some(format), _) => Format::parse(format),
            (None, Some(separator)) => Format::parse(&format!("%k{separator}%v\\n")),
            (None, None) => Format::parse("%v\\n"),
        };
        let format = format.map_err(ToolError::Usage)?;
        let config = connect::consumer_config(&settings)?;
        block_on(async {
            let mut consumer = Consumer::new(config);
            let ends = start(&mut consumer, topic, options).await?;
            print(consumer, &ends, options, &format).await
        })
    })
}

/// Where each partition ends now: without `-f` that is where to stop.
type Ends = BTreeMap<TopicPartition, i64>;

async fn start(consumer: &mut Consumer, topic: &str, options: &Parsed) -> Result<Ends, ToolError> {
    let mut partitions = consumer.partitions_of(topic).await?;
    let chosen: Vec<i32> = options.all("p").filter_map(|text| text.parse().ok()).collect();
    if !chosen.is_empty() {
        partitions.retain(|partition| chosen.contains(&partition.partition));
    }
    let ends = at(consumer, &partitions, LATEST_TIMESTAMP).await?;
    if options.has("g") {
        consumer.subscribe([topic])?;
        return Ok(ends);
    }
    consumer.assign(partitions.clone())?;
    let starts = starts(consumer, &partitions, &ends, options.get("o")).await?;
    for (partition, offset) in starts {
        consumer.seek(&partition, offset)?;
    }
    Ok(ends)
}

async fn at(
    consumer: &Consumer,
    partitions: &[TopicPartition],
    time: i64,
) -> Result<Ends, ToolError> {
    let asked = partitions.iter().map(|partition| (partition.clone(), time)).collect();
    let listed = consumer.list_offsets(&asked).await?;
    Ok(listed.into_iter().map(|(partition, listed)| (partition, listed.offset)).collect())
}

async fn starts(
    consumer: &Consumer,
    partitions: &[TopicPartition],
    ends: &Ends,
    wanted: Option<&str>,
) -> Result<Ends, ToolError> {
    let first = at(consumer, partitions, EARLIEST_TIMESTAMP).await?;
    let bounded = |offset: &dyn Fn(i64) -> i64| {
        let each = ends.iter().map(|(partition, end)| {
            let first = first.get(partition).copied().unwrap_or(0);
            (partition.clone(), offset(*end).clamp(first, (*end).max(first)))
        });
        each.collect::<Ends>()
    };
    match wanted.unwrap_or("beginning") {
        "beginning" | "earliest" => Ok(first),
        "end" | "latest" => Ok(ends.clone()),
        text => {
            if let Some(back) = parse_iso_duration(text) {
                let back = i64::try_from(back.as_millis()).unwrap_or(i64::MAX);
                let found = at(consumer, partitions, now_ms().saturating_sub(back)).await?;
                let each = found.into_iter().map(|(partition, offset)| match offset {
                    -1 => (partition.clone(), ends.get(&partition).copied().unwrap_or(0)),
                    offset => (partition, offset),
                });
                return Ok(each.collect());
            }
            let wrong = || {
                ToolError::Usage(format!("-o {text}: beginning, end, 42, -10 or PT1H are possible"))
            };
            let number: i64 = text.parse().map_err(|_| wrong())?;
            Ok(bounded(&|end| if number < 0 { end + number } else { number }))
        }
    }
}

async fn print(mut consumer: Consumer, ends: &Ends, options: &Parsed, format: &Format) -> Done {
    let follow = options.has("f");
    let most: u64 = options.number("n")?.unwrap_or(u64::MAX);
    let mut interrupted = std::pin::pin!(terminated());
    let mut seen = 0;
    while seen < most {
        let done = ends.iter().all(|(partition, end)| {
            consumer.position(partition).is_some_and(|position| position >= *end)
        });
        if done && !follow {
            break;
        }
        let records = tokio::select! {
            () = &mut interrupted => break,
            records = consumer.poll(POLL_MAX) => records?,
        };
        let mut out = std::io::stdout().lock();
        for record in records.iter() {
            let beyond = ends
                .get(&TopicPartition::new(record.topic, record.partition))
                .is_some_and(|end| record.offset >= *end);
            if seen >= most || (beyond && !follow) {
                continue;
            }
            seen += 1;
            format.write(&record, &mut out)?;
        }
        out.flush()?;
    }
    consumer.close(CLOSE_WITHIN).await?;
    Ok(())
}
