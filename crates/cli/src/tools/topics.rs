//! `klamm topics`, `kafka-topics`: creates, lists, describes, grows and deletes topics.

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::str::FromStr;

use client::Admin;
use client::admin::{ConfigResource, NewTopic, ResourceKind, TopicDescription, TopicPartitionInfo};

use super::support::java_order;
use super::support::options::{Parsed, Spec};
use super::support::topics::{TopicFilter, is_internal};
use super::support::{Done, ToolError, block_on, connect, run as run_tool, text_of};

const ACTIONS: [&str; 5] = ["list", "describe", "create", "alter", "delete"];

fn spec() -> Spec {
    Spec::new("This tool helps to create, delete, describe, or change a topic.")
        .cluster()
        .flag("list", "List all available topics.")
        .flag("create", "Create a new topic.")
        .flag("delete", "Delete a topic.")
        .flag("alter", "Alter the number of partitions and replica assignment.")
        .flag("describe", "List details for the given topics.")
        .value("topic", "topic", "The topic; a regular expression, except with --create.")
        .value("topic-id", "topic-id", "The topic-id to describe.")
        .value("config", "name=value", "A topic configuration override, with --create.")
        .value("partitions", "number", "The number of partitions.")
        .value("replication-factor", "number", "The replication factor of each partition.")
        .value("replica-assignment", "0:1,1:2", "Brokers of each partition, by hand.")
        .value("partition-size-limit-per-response", "number", "Has no effect.")
        .flag("under-replicated-partitions", "Describe only under-replicated partitions.")
        .flag("unavailable-partitions", "Describe only partitions without a leader.")
        .flag("under-min-isr-partitions", "Describe only partitions below min.insync.replicas.")
        .flag("at-min-isr-partitions", "Describe only partitions at min.insync.replicas.")
        .flag("topics-with-overrides", "Describe only topics that have overridden configs.")
        .flag("if-exists", "Do nothing where the topic does not exist.")
        .flag("if-not-exists", "Do nothing where the topic exists already.")
        .flag("exclude-internal", "Leave internal topics out.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        check(options)?;
        let done = block_on(async {
            let admin = connect::admin(options)?;
            match ACTIONS.into_iter().find(|action| options.has(action)) {
                Some("create") => create(&admin, options).await,
                Some("list") => list(&admin, options).await,
                Some("describe") => describe(&admin, options).await,
                Some("alter") => alter(&admin, options).await,
                _ => delete(&admin, options).await,
            }
        });
        done.map_err(|error| match error {
            ToolError::Failed(why) => {
                ToolError::FailedAloud(format!("Error while executing topic command : {why}"))
            }
            other => other,
        })
    })
}

fn check(options: &Parsed) -> Done {
    if ACTIONS.iter().filter(|action| options.has(action)).count() != 1 {
        let what = "Command must include exactly one action: --list, --describe, --create, \
                    --alter or --delete";
        return Err(ToolError::Usage(what.to_owned()));
    }
    if !options.has("bootstrap-server") {
        return Err(ToolError::Failed("--bootstrap-server must be specified".to_owned()));
    }
    if options.has("create") || options.has("delete") || options.has("alter") {
        options.require("topic")?;
    }
    if options.has("alter") && !options.has("partitions") {
        options.require("partitions")?;
    }
    options.exclude("replica-assignment", &["replication-factor"])?;
    for name in ["config", "replication-factor", "if-not-exists"] {
        options.exclude(name, &["list", "describe", "alter", "delete"])?;
    }
    for name in ["partitions", "replica-assignment"] {
        options.exclude(name, &["list", "describe", "delete"])?;
    }
    Ok(())
}

async fn create(admin: &Admin, options: &Parsed) -> Done {
    let name = options.require("topic")?;
    if name.contains(['.', '_']) {
        println!(
            "WARNING: Due to limitations in metric names, topics with a period ('.') or \
             underscore ('_') could collide. To avoid issues it is best to use either, but not \
             both."
        );
    }
    let mut configs = BTreeMap::new();
    for pair in options.all("config") {
        let invalid = || {
            let what = "requirement failed: Invalid topic config: all configs to be added must be \
                        in the format \"key=val\".";
            ToolError::Failed(what.to_owned())
        };
        let (key, value) = pair.split_once('=').ok_or_else(invalid)?;
        configs.insert(key.trim().to_owned(), value.trim().to_owned());
    }
    let assignments = match options.get("replica-assignment") {
        Some(text) => parse_assignment(text)?.into_iter().enumerate().fold(
            BTreeMap::new(),
            |mut all, (partition, brokers)| {
                all.insert(i32::try_from(partition).unwrap_or(i32::MAX), brokers);
                all
            },
        ),
        None => BTreeMap::new(),
    };
    let topic = NewTopic {
        name: name.to_owned(),
        partitions: at_least_one(options, "partitions", "The partitions must be greater than 0")?,
        replication_factor: at_least_one(
            options,
            "replication-factor",
            "The replication factor must be between 1 and 32767 inclusive",
        )?,
        assignments,
        configs,
    };
    let created = admin.create_topics(&[topic], false).await?;
    match created.into_values().next().unwrap_or(Ok(())) {
        Ok(()) => println!("Created topic {name}."),
        Err(error) => {
            let exists = error.code() == types::ErrorCode::TopicAlreadyExists;
            if !(exists && options.has("if-not-exists")) {
                return Err(error.into());
            }
        }
    }
    Ok(())
}

/// The number that an option gives, refused in the words `otherwise` where it is below one.
fn at_least_one<N: FromStr + From<bool> + PartialOrd>(
    options: &Parsed,
    name: &str,
    otherwise: &str,
) -> Result<Option<N>, ToolError> {
    match options.number(name)? {
        Some(number) if number < N::from(true) => Err(ToolError::Failed(otherwise.to_owned())),
        number => Ok(number),
    }
}

/// `0:1,1:2`: the brokers of the first partition, then those of the second.
fn parse_assignment(text: &str) -> Result<Vec<Vec<i32>>, ToolError> {
    let number = |id: &str| {
        let wrong = |_| ToolError::Failed(format!("For input string: \"{id}\""));
        id.trim().parse::<i32>().map_err(wrong)
    };
    let partitions = text.split(',').map(|brokers| {
        let ids: Vec<i32> = brokers.split(':').map(number).collect::<Result<_, _>>()?;
        if ids.iter().collect::<BTreeSet<_>>().len() != ids.len() {
            let what = "Partition replica lists may not contain duplicate entries";
            return Err(ToolError::Failed(format!("{what}: {}", doubled(&ids))));
        }
        Ok(ids)
    });
    partitions.collect()
}

/// The brokers that stand there more than once.
fn doubled(ids: &[i32]) -> String {
    let mut seen = BTreeSet::new();
    let doubled: BTreeSet<i32> = ids.iter().copied().filter(|id| !seen.insert(*id)).collect();
    doubled.iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

/// The topics that `--topic` means, all without it; names that match nothing are refused.
async fn chosen(admin: &Admin, options: &Parsed) -> Result<Vec<String>, ToolError> {
    let metadata = admin.metadata().await?;
    let wanted = options.get("topic").map(TopicFilter::parse).transpose()?;
    let excluded = |name: &str| options.has("exclude-internal") && is_internal(name);
    let mut names: Vec<String> = metadata
        .topics()
        .map(|topic| topic.name.to_string())
        .filter(|name| wanted.as_ref().is_none_or(|filter| filter.matches(name)))
        .filter(|name| !excluded(name))
        .collect();
    names.sort();
    match options.get("topic") {
        Some(topic) if names.is_empty() && !options.has("if-exists") => {
            Err(ToolError::Failed(format!("Topic '{topic}' does not exist as expected")))
        }
        _ => Ok(names),
    }
}

async fn list(admin: &Admin, options: &Parsed) -> Done {
    let metadata = admin.metadata().await?;
    let wanted = options.get("topic").map(TopicFilter::parse).transpose()?;
    let mut names: Vec<_> = metadata.topics().map(|topic| topic.name.to_string()).collect();
    names.retain(|name| wanted.as_ref().is_none_or(|filter| filter.matches(name)));
    names.retain(|name| !(options.has("exclude-internal") && is_internal(name)));
    names.sort();
    names.iter().for_each(|name| println!("{name}"));
    Ok(())
}

async fn alter(admin: &Admin, options: &Parsed) -> Done {
    let count: i32 = options.number("partitions")?.unwrap_or(0);
    let assignment = options.get("replica-assignment").map(parse_assignment).transpose()?;
    let names = chosen(admin, options).await?;
    let described = admin.describe_topics(&names).await?;
    for name in &names {
        let has = match described.get(name) {
            Some(Ok(topic)) => topic.partitions.len(),
            _ => 0,
        };
        let added = assignment.as_ref().map(|all| all.get(has..).unwrap_or_default());
        if let Err(error) = admin.create_partitions(name, count, added).await {
            let why = text_of(&error);
            let shrinks = usize::try_from(count).is_ok_and(|count| count <= has);
            if usize::try_from(count) == Ok(has) {
                return Err(ToolError::Failed(format!("Topic already has {has} partition(s).")));
            }
            if shrinks && error.code() == types::ErrorCode::InvalidPartitions {
                let what = format!(
                    "The topic {name} currently has {has} partition(s); {count} would not be an \
                     increase."
                );
                return Err(ToolError::Failed(what));
            }
            return Err(ToolError::Failed(why));
        }
    }
    Ok(())
}

async fn delete(admin: &Admin, options: &Parsed) -> Done {
    let names = chosen(admin, options).await?;
    let deleted = admin.delete_topics(&names).await?;
    match deleted.into_values().find_map(Result::err) {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

async fn describe(admin: &Admin, options: &Parsed) -> Done {
    let names = match options.get("topic-id") {
        Some(id) => vec![name_of(admin, id, options).await?],
        None => chosen(admin, options).await?,
    };
    let names: Vec<String> = names.into_iter().filter(|name| !name.is_empty()).collect();
    if names.is_empty() {
        // a request without names means all topics
        return Ok(());
    }
    let live = admin.describe_cluster(false).await?.brokers;
    let live: BTreeSet<i32> = live.into_iter().map(|broker| broker.node.id).collect();
    let only = ["under-replicated-partitions", "unavailable-partitions"];
    let by_isr = ["under-min-isr-partitions", "at-min-isr-partitions"];
    let partitions_only = only.iter().chain(&by_isr).any(|name| options.has(name));
    let mut topics: Vec<_> = admin.describe_topics(&names).await?.into_iter().collect();
    java_order::sort_sized(&mut topics, |(name, _)| name);
    for (name, topic) in topics {
        let topic = topic?;
        let resource = ConfigResource::new(ResourceKind::Topic, name);
        let mut configs = admin.describe_configs(&resource, false).await?;
        java_order::sort(&mut configs, |entry| &entry.name);
        let min_isr = configs.iter().find(|entry| entry.name == "min.insync.replicas");
        let min_isr = min_isr.and_then(|entry| entry.value.as_deref()?.parse().ok()).unwrap_or(1);
        let overridden: Vec<String> = configs
            .iter()
            .filter(|entry| entry.source.name() != "DEFAULT_CONFIG")
            .map(|entry| format!("{}={}", entry.name, entry.value.as_deref().unwrap_or_default()))
            .collect();
        if options.has("topics-with-overrides") && overridden.is_empty() {
            continue;
        }
        if !partitions_only {
            print_topic(&topic, &overridden);
        }
        if options.has("topics-with-overrides") {
            continue;
        }
        let shown = topic.partitions.iter().filter(|p| is_wanted(options, p, &live, min_isr));
        shown.for_each(|partition| print_partition(&topic.name, partition));
    }
    Ok(())
}

async fn name_of(admin: &Admin, id: &str, options: &Parsed) -> Result<String, ToolError> {
    let metadata = admin.metadata().await?;
    let Ok(parsed) = id.parse() else {
        return Err(ToolError::Failed(no_uuid(id)));
    };
    match metadata.topic_name(parsed).cloned() {
        Some(name) => Ok(name.to_string()),
        None if options.has("if-exists") => Ok(String::new()),
        None => Err(ToolError::Failed(format!("TopicId '{id}' does not exist as expected"))),
    }
}

/// What Kafka's tool says of a text that is no id.
fn no_uuid(text: &str) -> String {
    let bytes = text.len() * 6 / 8;
    format!(
        "Input string `{text}` decoded as {bytes} bytes, which is not equal to the expected 16 \
         bytes of a base64-encoded UUID"
    )
}

fn is_wanted(
    options: &Parsed,
    partition: &TopicPartitionInfo,
    live: &BTreeSet<i32>,
    min_isr: usize,
) -> bool {
    let isr = partition.isr.len();
    let led = partition.leader.is_some_and(|leader| live.contains(&leader));
    let least = min_isr.min(partition.replicas.len());
    (!options.has("under-replicated-partitions") || isr < partition.replicas.len())
        && (!options.has("unavailable-partitions") || !led)
        && (!options.has("under-min-isr-partitions") || isr < least)
        && (!options.has("at-min-isr-partitions") || isr == least)
}

fn print_topic(topic: &TopicDescription, configs: &[String]) {
    let factor = topic.partitions.first().map_or(0, |partition| partition.replicas.len());
    println!(
        "Topic: {}\tTopicId: {}\tPartitionCount: {}\tReplicationFactor: {factor}\tConfigs: {}",
        topic.name,
        topic.id,
        topic.partitions.len(),
        configs.join(",")
    );
}

fn print_partition(topic: &str, partition: &TopicPartitionInfo) {
    let ids = |ids: &[i32]| ids.iter().map(i32::to_string).collect::<Vec<_>>().join(",");
    let or_none = |list: &Option<Vec<i32>>| list.as_deref().map_or("N/A".to_owned(), ids);
    let leader = partition.leader.map_or("none".to_owned(), |leader| leader.to_string());
    println!(
        "\tTopic: {topic}\tPartition: {}\tLeader: {leader}\tReplicas: {}\tIsr: {}\tElr: \
         {}\tLastKnownElr: {}",
        partition.partition,
        ids(&partition.replicas),
        ids(&partition.isr),
        or_none(&partition.eligible_leaders),
        or_none(&partition.last_known_leaders),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn assignments_by_hand_are_read_and_doubled_brokers_refused() {
        assert_eq!(parse_assignment("0:1,1:2").ok(), Some(vec![vec![0, 1], vec![1, 2]]));
        assert!(parse_assignment("0:0").is_err());
        assert!(parse_assignment("a").is_err());
    }
}
