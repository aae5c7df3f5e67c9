//! `klamm get-offsets`, `kafka-get-offsets`: offsets of partitions at a time.

use std::collections::BTreeMap;
use std::process::ExitCode;

use client::TopicPartition;
use client::config::IsolationLevel;

use super::support::options::{Parsed, Spec};
use super::support::topics::{TopicFilter, is_internal};
use super::support::{Done, ToolError, block_on, connect, run as run_tool};

fn spec() -> Spec {
    Spec::new("An interactive shell for getting topic-partition offsets.")
        .cluster()
        .value("topic-partitions", "t1:1,t2:0-3", "Patterns of topics with partitions.")
        .value("topic", "topic", "The topic; a pattern.")
        .value("partitions", "0,1,2", "Partition ids, with --topic.")
        .value("time", "timestamp", "-1 or latest, -2 or earliest, -3 or max-timestamp, ms.")
        .flag("exclude-internal-topics", "Leave internal topics out.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        connect::bootstrap(options)?;
        options.exclude("topic-partitions", &["topic", "partitions"])?;
        let done = time(options).and_then(|time| {
            let filter = PartitionFilter::new(options)?;
            block_on(list(options, time, &filter))
        });
        done.map_err(|error| match error {
            ToolError::Failed(why) => ToolError::Failed(format!("Error occurred: {why}")),
            other => other,
        })
    })
}

fn time(options: &Parsed) -> Result<i64, ToolError> {
    let text = options.get("time").unwrap_or("latest");
    let wrong = || {
        let what = format!(
            "Malformed time argument {text}. Please use -1 or latest / -2 or earliest / -3 or \
             max-timestamp / -4 or earliest-local / -5 or latest-tiered / -6 or \
             earliest-pending-upload, or a specified long format timestamp"
        );
        ToolError::Failed(what)
    };
    match text {
        "latest" => Ok(-1),
        "earliest" => Ok(-2),
        "max-timestamp" => Ok(-3),
        "earliest-local" => Ok(-4),
        "latest-tiered" => Ok(-5),
        "earliest-pending-upload" => Ok(-6),
        other => other.parse().map_err(|_| wrong()),
    }
}

/// Which partitions are meant.
struct PartitionFilter(Vec<(TopicFilter, PartitionRange)>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum PartitionRange {
    All,
    These(Vec<i32>),
    /// From, and below where given.
    Between(i32, Option<i32>),
}

impl PartitionFilter {
    fn new(options: &Parsed) -> Result<Self, ToolError> {
        if let Some(list) = options.get("topic-partitions") {
            return list.split(',').map(Self::parse_one).collect::<Result<_, _>>().map(Self);
        }
        let topic = TopicFilter::parse(options.get("topic").unwrap_or(".*"))?;
        let range = match options.get("partitions").filter(|text| !text.is_empty()) {
            None => PartitionRange::All,
            Some(text) => {
                let wrong =
                    || ToolError::Failed("--partitions expects a comma separated list".to_owned());
                let ids: Option<_> = text.split(',').map(|id| id.trim().parse().ok()).collect();
                PartitionRange::These(ids.ok_or_else(wrong)?)
            }
        };
        Ok(Self(vec![(topic, range)]))
    }

    /// `topic`, `topic:3`, `topic:0-3` (3 not included), `topic:2-`, `topic:-2`, `:1`.
    fn parse_one(text: &str) -> Result<(TopicFilter, PartitionRange), ToolError> {
        let (topic, range) = text.split_once(':').unwrap_or((text, ""));
        let topic = TopicFilter::parse(if topic.is_empty() { ".*" } else { topic })?;
        let wrong = || ToolError::Failed(format!("Invalid rule: {text}"));
        let number = |text: &str| text.parse::<i32>().map_err(|_| wrong());
        let range = match range.split_once('-') {
            None if range.is_empty() => PartitionRange::All,
            None => PartitionRange::These(vec![number(range)?]),
            Some(("", "")) => return Err(wrong()),
            Some(("", below)) => PartitionRange::Between(0, Some(number(below)?)),
            Some((from, "")) => PartitionRange::Between(number(from)?, None),
            Some((from, below)) => PartitionRange::Between(number(from)?, Some(number(below)?)),
        };
        Ok((topic, range))
    }

    fn matches(&self, topic: &str, partition: i32) -> bool {
        self.0.iter().any(|(filter, range)| {
            let in_range = match range {
                PartitionRange::All => true,
                PartitionRange::These(ids) => ids.contains(&partition),
                PartitionRange::Between(from, below) => {
                    partition >= *from && below.is_none_or(|below| partition < below)
                }
            };
            in_range && filter.matches(topic)
        })
    }
}

async fn list(options: &Parsed, time: i64, filter: &PartitionFilter) -> Done {
    let mut properties = connect::properties(options, &["command-config"], &[])?;
    properties.set("bootstrap.servers", connect::bootstrap(options)?);
    let admin = connect::admin_with(&properties)?;
    let metadata = admin.metadata().await?;
    let excluded = |name: &str| options.has("exclude-internal-topics") && is_internal(name);
    let mut asked = BTreeMap::new();
    for topic in metadata.topics().filter(|topic| !excluded(&topic.name)) {
        for partition in topic.partitions.iter().map(|p| p.partition) {
            if filter.matches(&topic.name, partition) {
                asked.insert(TopicPartition::new(topic.name.clone(), partition), time);
            }
        }
    }
    if asked.is_empty() {
        let what = "Could not match any topic-partitions with the specified filters";
        return Err(ToolError::Failed(what.to_owned()));
    }
    let listed = admin.list_offsets(&asked, IsolationLevel::ReadUncommitted).await?;
    let mut listed: Vec<_> = listed.into_iter().collect();
    // Kafka's tool sorts by name and number as one text
    listed.sort_by_cached_key(|(partition, _)| partition.to_string());
    for (partition, listed) in listed {
        match listed {
            Ok(listed) if listed.offset >= 0 => {
                println!("{}:{}:{}", partition.topic, partition.partition, listed.offset);
            }
            // Kafka's tool passes over partitions in which nothing is that young
            Ok(_) => {}
            Err(error) => {
                let (topic, number) = (&partition.topic, partition.partition);
                eprintln!(
                    "Skip getting offsets for topic-partition {topic}:{number} due to error: \
                     {error}"
                );
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_choose_partitions() {
        for (rule, yes, no) in [
            ("t", ("t", 9), ("u", 9)),
            ("t:1", ("t", 1), ("t", 2)),
            ("t:0-2", ("t", 1), ("t", 2)),
            ("t.*:2-", ("tt", 2), ("tt", 1)),
            (":-1", ("any", 0), ("any", 1)),
        ] {
            let filter = PartitionFilter(vec![PartitionFilter::parse_one(rule).expect(rule)]);
            assert!(filter.matches(yes.0, yes.1), "{rule}");
            assert!(!filter.matches(no.0, no.1), "{rule}");
        }
        assert!(PartitionFilter::parse_one("t:x").is_err());
    }
}
