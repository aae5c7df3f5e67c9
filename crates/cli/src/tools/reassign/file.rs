//! The files of reassignments: which partitions are to move where, in Kafka's JSON.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use client::TopicPartition;
use serde_json::Value;

use super::super::support::json_object::Object;

/// The only version of both formats, and what is meant where none is given.
const VERSION: i64 = 1;
/// The directory that a broker chooses by itself.
const ANY_DIRECTORY: &str = "any";

/// One replica of a partition. Ordered as Kafka's tool lists them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Replica {
    pub broker: i32,
    pub partition: TopicPartition,
}

impl fmt::Display for Replica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.partition, self.broker)
    }
}

/// Where partitions, and single replicas, are to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Targets {
    /// In the order of the file, and as often as they stand there.
    pub replicas: Vec<(TopicPartition, Vec<i32>)>,
    pub directories: BTreeMap<Replica, String>,
}

impl Targets {
    /// Reads a file of `--reassignment-json-file`; the refusal is a sentence.
    pub fn parse(text: &str) -> Result<Self, String> {
        let json = versioned(text)?;
        let mut targets = Self::default();
        let entries = json.get("partitions").and_then(Value::as_array);
        for entry in entries.into_iter().flatten() {
            targets.push(entry)?;
        }
        Ok(targets)
    }

    fn push(&mut self, entry: &Value) -> Result<(), String> {
        let wrong = || format!("expected topic, partition and replicas: {entry}");
        let number = |value: &Value| value.as_i64().and_then(|number| i32::try_from(number).ok());
        let topic = entry.get("topic").and_then(Value::as_str).ok_or_else(wrong)?;
        let index = entry.get("partition").and_then(number).ok_or_else(wrong)?;
        let replicas = entry.get("replicas").and_then(Value::as_array).ok_or_else(wrong)?;
        let replicas: Option<Vec<i32>> = replicas.iter().map(number).collect();
        let replicas = replicas.ok_or_else(wrong)?;
        let partition = TopicPartition::new(topic, index);
        if let Some(dirs) = entry.get("log_dirs") {
            let dirs: Option<Vec<&str>> =
                dirs.as_array().and_then(|dirs| dirs.iter().map(Value::as_str).collect());
            let dirs = dirs.ok_or_else(wrong)?;
            if dirs.len() != replicas.len() {
                return Err(format!(
                    "Size of replicas list {replicas:?} is different from size of log dirs list \
                     [{}] for partition {partition}",
                    dirs.join(", ")
                ));
            }
            let named = replicas.iter().zip(dirs).filter(|(_, dir)| *dir != ANY_DIRECTORY);
            self.directories.extend(named.map(|(broker, dir)| {
                (Replica { broker: *broker, partition: partition.clone() }, dir.to_owned())
            }));
        }
        self.replicas.push((partition, replicas));
        Ok(())
    }

    /// The same by partition, if it can be carried out: no partition and no replica twice.
    pub fn to_execute(&self) -> Result<BTreeMap<TopicPartition, Vec<i32>>, String> {
        if self.replicas.is_empty() {
            return Err("Partition reassignment list cannot be empty".to_owned());
        }
        if self.replicas.iter().any(|(_, replicas)| replicas.is_empty()) {
            return Err("Partition replica list cannot be empty".to_owned());
        }
        let twice = doubles(self.replicas.iter().map(|(partition, _)| partition));
        if !twice.is_empty() {
            return Err(format!(
                "Partition reassignment contains duplicate topic partitions: {}",
                join(twice, ",")
            ));
        }
        let doubled = self.replicas.iter().filter_map(|(partition, replicas)| {
            let twice = doubles(replicas);
            let text =
                || format!("{partition} contains multiple entries for {}", join(&twice, ","));
            (!twice.is_empty()).then(text)
        });
        let doubled: Vec<String> = doubled.collect();
        if !doubled.is_empty() {
            return Err(format!(
                "Partition replica lists may not contain duplicate entries: {}",
                doubled.join(". ")
            ));
        }
        Ok(self.replicas.iter().cloned().collect())
    }

    pub fn partitions(&self) -> BTreeSet<TopicPartition> {
        self.replicas.iter().map(|(partition, _)| partition.clone()).collect()
    }

    pub fn topics(&self) -> BTreeSet<String> {
        self.replicas.iter().map(|(partition, _)| partition.topic.to_string()).collect()
    }

    pub fn brokers(&self) -> impl Iterator<Item = i32> {
        self.replicas.iter().flat_map(|(_, replicas)| replicas.iter().copied())
    }
}

/// Reads a file of `--topics-to-move-json-file`.
pub fn parse_topics(text: &str) -> Result<Vec<String>, String> {
    let json = versioned(text)?;
    let entries = json.get("topics").and_then(Value::as_array);
    let mut topics: Vec<String> = Vec::new();
    for entry in entries.into_iter().flatten() {
        let topic = entry.get("topic").and_then(Value::as_str);
        topics.push(topic.ok_or_else(|| format!("expected a topic: {entry}"))?.to_owned());
    }
    let twice = doubles(&topics);
    match twice.is_empty() {
        true => Ok(topics),
        false => Err(format!(
            "List of topics to reassign contains duplicate entries: [{}]",
            join(twice, ", ")
        )),
    }
}

/// Reads what stands behind `--broker-list`.
pub fn parse_brokers(text: &str) -> Result<Vec<i32>, String> {
    let number = |id: &str| id.parse().map_err(|_| format!("For input string: \"{id}\""));
    let brokers: Vec<i32> = text.split(',').map(number).collect::<Result<_, _>>()?;
    let twice = doubles(&brokers);
    match twice.is_empty() {
        true => Ok(brokers),
        false => Err(format!("Broker list contains duplicate entries: [{}]", join(twice, ", "))),
    }
}

fn versioned(text: &str) -> Result<Value, String> {
    let json: Value = serde_json::from_str(text)
        .map_err(|_| "The input string is not a valid JSON".to_owned())?;
    match json.get("version") {
        None => Ok(json),
        Some(version) if version.as_i64() == Some(VERSION) => Ok(json),
        Some(other) => Err(format!("Not supported version field value {other}")),
    }
}

/// The file that would lead to these replicas; directories that are not named are any.
pub fn show(
    replicas: &BTreeMap<TopicPartition, Vec<i32>>,
    directories: &BTreeMap<Replica, String>,
) -> String {
    let partitions = replicas.iter().map(|(partition, replicas)| {
        let dir = |broker: &i32| {
            let replica = Replica { broker: *broker, partition: partition.clone() };
            directories.get(&replica).map_or(ANY_DIRECTORY, String::as_str).to_owned()
        };
        Object::new()
            .with("topic", &*partition.topic)
            .with("partition", partition.partition)
            .with("replicas", replicas.clone())
            .with("log_dirs", replicas.iter().map(dir).collect::<Vec<_>>())
    });
    Object::new().with("version", VERSION).with_all("partitions", partitions).to_string()
}

/// What stands among these more than once.
fn doubles<'v, T: Ord>(values: impl IntoIterator<Item = &'v T>) -> BTreeSet<&'v T> {
    let mut seen = BTreeSet::new();
    values.into_iter().filter(|value| !seen.insert(*value)).collect()
}

/// Values as text with something between them.
pub fn join<T: fmt::Display>(values: impl IntoIterator<Item = T>, between: &str) -> String {
    values.into_iter().map(|value| value.to_string()).collect::<Vec<_>>().join(between)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(partitions: &str) -> String {
        format!(r#"{{"version":1,"partitions":[{partitions}]}}"#)
    }

    #[test]
    fn what_is_shown_is_read_again() {
        let text = file(
            r#"{"topic":"t","partition":0,"replicas":[1,2],"log_dirs":["any","/d"]},{"topic":"t","partition":1,"replicas":[3],"log_dirs":["any"]}"#,
        );
        let targets = Targets::parse(&text).expect("valid");
        let replica = Replica { broker: 2, partition: TopicPartition::new("t", 0) };
        assert_eq!(targets.directories.get(&replica).map(String::as_str), Some("/d"));
        assert_eq!(replica.to_string(), "t-0-2");
        let replicas = targets.to_execute().expect("can be done");
        assert_eq!(show(&replicas, &targets.directories), text);
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let one =
            |replicas: &str| format!(r#"{{"topic":"t","partition":0,"replicas":{replicas}}}"#);
        for (text, words) in [
            (file(""), "list cannot be empty"),
            (file(&one("[]")), "replica list cannot be empty"),
            (file(&format!("{},{}", one("[1]"), one("[2]"))), "duplicate topic partitions: t-0"),
            (file(&one("[1,2,1]")), "t-0 contains multiple entries for 1"),
            (file(&one("1")), "expected topic"),
            (file(r#"{"topic":"t","partition":0,"replicas":[1],"log_dirs":[]}"#), "is different"),
            (r#"{"version":2}"#.to_owned(), "version field value 2"),
            ("nonsense".to_owned(), "not a valid JSON"),
        ] {
            let read = Targets::parse(&text).and_then(|targets| targets.to_execute().map(drop));
            let refusal = read.expect_err(words);
            assert!(refusal.contains(words), "{refusal}");
        }
        assert!(parse_topics(r#"{"topics":[{"topic":"a"},{"topic":"a"}]}"#).is_err());
        assert!(parse_brokers("1,2,1").is_err());
        assert!(parse_brokers("1, 2").is_err());
        assert_eq!(parse_brokers("2,1"), Ok(vec![2, 1]));
    }
}
