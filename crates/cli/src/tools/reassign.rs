//! `klamm reassign`, `kafka-reassign-partitions`: moves partitions between brokers and directories.

mod directories;
mod file;
mod plan;
mod throttle;

use std::collections::{BTreeMap, BTreeSet};
use std::process::ExitCode;
use std::time::Duration;

use client::admin::{Reassignment, TopicDescription};
use client::{Admin, TopicPartition};
use types::ErrorCode;

use super::support::options::{Parsed, Spec};
use super::support::{
    Done, ToolError, block_on, connect, exception, now_ms, run as run_tool, text_of,
};
use file::{Replica, Targets, join};
use plan::Moves;
use throttle::s;

const ACTIONS: [&str; 5] = ["generate", "execute", "verify", "cancel", "list"];

/// How long a move between directories may take to begin.
const TIMEOUT_MS: u64 = 10_000;

fn spec() -> Spec {
    Spec::new("This tool helps to move topic partitions between replicas.")
        .cluster()
        .value(
            "bootstrap-controller",
            "servers",
            "The controllers to ask, with --cancel or --list.",
        )
        .flag("generate", "Propose a reassignment; nothing moves.")
        .flag("execute", "Begin the reassignment of --reassignment-json-file.")
        .flag("verify", "Show whether it is complete; if so, remove throttles.")
        .flag("cancel", "Cancel the reassignments of --reassignment-json-file.")
        .flag("list", "List all reassignments under way.")
        .value(
            "reassignment-json-file",
            "file",
            "{\"version\": 1, \"partitions\": [{\"topic\", \"partition\", \"replicas\": [1, 2], \
             \"log_dirs\": [\"any\", \"/path\"]}]}, log_dirs where it matters.",
        )
        .value("topics-to-move-json-file", "file", "{\"version\": 1, \"topics\": [{\"topic\"}]}")
        .value("broker-list", "0,1,2", "The brokers to move to, with --generate.")
        .flag("disable-rack-aware", "Overlook racks, with --generate.")
        .value("throttle", "bytes/s", "Limit of what goes between brokers, with --execute.")
        .value(
            "replica-alter-log-dirs-throttle",
            "bytes/s",
            "Limit of what goes between directories of a broker, with --execute.",
        )
        .value("timeout", "ms", "How long moves between directories may take to begin.")
        .flag("additional", "Execute beside what is under way, or change its throttle.")
        .flag("preserve-throttles", "Leave throttles as they are.")
        .flag("disallow-replication-factor-change", "Refuse to change the number of replicas.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let action = check(options)?;
        let done = block_on(async {
            let properties = connect::properties(options, &["command-config"], &[])?;
            let admin = connect::admin_of_either(options, properties)?;
            match action {
                "generate" => generate(&admin, options).await,
                "execute" => execute(&admin, options).await,
                "verify" => verify(&admin, options).await,
                "cancel" => cancel(&admin, options).await,
                _ => list(&admin).await,
            }
        });
        done.map_err(|error| match error {
            ToolError::Failed(why) | ToolError::NoClient(why) => {
                ToolError::FailedAloud(format!("Error: {why}"))
            }
            other => other,
        })
    })
}

fn usage(what: impl Into<String>) -> ToolError {
    ToolError::Usage(what.into())
}

/// What each action needs, and what it may have beside that.
fn check(options: &Parsed) -> Result<&'static str, ToolError> {
    let mut chosen = ACTIONS.into_iter().filter(|action| options.has(action));
    let (Some(action), None) = (chosen.next(), chosen.next()) else {
        let all = ACTIONS.map(|action| format!("--{action}")).join(", ");
        return Err(usage(format!("Command must include exactly one action: {all}")));
    };
    let server = match (options.has("bootstrap-server"), options.has("bootstrap-controller")) {
        (true, true) => {
            let what = "Please don't specify both --bootstrap-server and --bootstrap-controller";
            return Err(usage(what));
        }
        (false, false) => {
            let what = "Please specify either --bootstrap-server or --bootstrap-controller";
            return Err(usage(what));
        }
        (true, false) => "bootstrap-server",
        (false, true) => "bootstrap-controller",
    };
    let (required, permitted): (&[&str], &[&str]) = match action {
        "verify" => (&["reassignment-json-file"], &["preserve-throttles"]),
        "generate" => (&["topics-to-move-json-file", "broker-list"], &["disable-rack-aware"]),
        "execute" => (
            &["reassignment-json-file"],
            &[
                "additional",
                "throttle",
                "replica-alter-log-dirs-throttle",
                "timeout",
                "disallow-replication-factor-change",
            ],
        ),
        "cancel" => (&["reassignment-json-file"], &["preserve-throttles", "timeout"]),
        _ => (&[], &[]),
    };
    required.iter().try_for_each(|name| options.require(name).map(drop))?;
    let fits = |name: &&str| {
        [action, server, "command-config"].contains(name)
            || required.contains(name)
            || permitted.contains(name)
    };
    match options.names().find(|name| !fits(name)) {
        Some(name) => {
            let what = format!("Option \"[{name}]\" can't be used with action \"[{action}]\"");
            Err(usage(what))
        }
        None => Ok(action),
    }
}

fn read(options: &Parsed, name: &str) -> Result<String, ToolError> {
    let path = options.require(name)?;
    std::fs::read_to_string(path).map_err(|error| ToolError::Failed(format!("{path}: {error}")))
}

fn targets(options: &Parsed) -> Result<Targets, ToolError> {
    Targets::parse(&read(options, "reassignment-json-file")?).map_err(ToolError::Failed)
}

async fn generate(admin: &Admin, options: &Parsed) -> Done {
    let brokers = file::parse_brokers(options.require("broker-list")?);
    let brokers = brokers.map_err(ToolError::Failed)?;
    let topics = file::parse_topics(&read(options, "topics-to-move-json-file")?);
    let topics = topics.map_err(ToolError::Failed)?;
    let current: BTreeMap<_, _> =
        describe(admin, &topics).await?.iter().flat_map(replicas_of).collect();
    let directories = current_directories(admin, &current).await?;
    let cluster = admin.describe_cluster(false).await?;
    let by_rack = !options.has("disable-rack-aware");
    let usable = plan::usable(&cluster.brokers, &brokers, by_rack).map_err(ToolError::Failed)?;
    let seed = now_ms().cast_unsigned();
    let proposed = plan::propose(&current, &usable, seed).map_err(ToolError::Failed)?;
    println!("Current partition replica assignment\n{}\n", file::show(&current, &directories));
    println!(
        "Proposed partition reassignment configuration\n{}",
        file::show(&proposed, &BTreeMap::new())
    );
    Ok(())
}

async fn execute(admin: &Admin, options: &Parsed) -> Done {
    let targets = targets(options)?;
    let proposed = targets.to_execute().map_err(ToolError::Failed)?;
    let under_way = admin.list_reassignments(None).await?;
    if !options.has("additional") && !under_way.is_empty() {
        let what = "Cannot execute because there is an existing partition assignment.  Use \
                    --additional to override this and create a new partition assignment in \
                    addition to the existing one. The --additional flag can also be used to change \
                    the throttle by resubmitting the current reassignment.";
        return Err(ToolError::FailedAloud(what.to_owned()));
    }
    check_brokers(admin, targets.brokers()).await?;
    let current = current_replicas(admin, &targets.partitions()).await?;
    let directories = current_directories(admin, &current).await?;
    println!(
        "Current partition replica assignment\n\n{}\n\nSave this to use as the \
         --reassignment-json-file option during rollback",
        file::show(&current, &directories)
    );
    throttle(admin, options, &targets, &Moves::new(&under_way, &proposed, &current)).await?;
    let wanted = proposed.iter().map(|(partition, to)| (partition.clone(), Some(to.clone())));
    let may_change_factor = !options.has("disallow-replication-factor-change");
    let verdicts = admin.alter_reassignments(&wanted.collect(), may_change_factor).await?;
    refusals("Error reassigning partition(s):", verdicts)?;
    println!(
        "Successfully started partition reassignment{} for {}",
        s(proposed.len()),
        join(proposed.keys(), ",")
    );
    directories::start(admin, targets.directories, timeout(options)?).await
}

fn timeout(options: &Parsed) -> Result<Duration, ToolError> {
    Ok(Duration::from_millis(options.number("timeout")?.unwrap_or(TIMEOUT_MS)))
}

/// A limit below zero is none.
async fn throttle(admin: &Admin, options: &Parsed, targets: &Targets, moves: &Moves) -> Done {
    let limit = |name| Ok::<_, ToolError>(options.number(name)?.filter(|rate: &i64| *rate >= 0));
    let between_brokers = limit("throttle")?;
    let between_directories = limit("replica-alter-log-dirs-throttle")?;
    if between_brokers.is_some() || between_directories.is_some() {
        println!(
            "Warning: You must run --verify periodically, until the reassignment completes, to \
             ensure the throttle is removed."
        );
    }
    if let Some(rate) = between_brokers {
        throttle::limit_moves(admin, moves, rate).await?;
    }
    if let Some(rate) = between_directories {
        let brokers = targets.directories.keys().map(|replica| replica.broker).collect();
        throttle::limit_directories(admin, &brokers, rate).await?;
    }
    Ok(())
}

/// Fails with what was refused, if anything was.
fn refusals(
    title: &str,
    verdicts: BTreeMap<TopicPartition, Result<(), client::Error>>,
) -> Result<(), ToolError> {
    let refused = verdicts.into_iter().filter_map(|(partition, verdict)| {
        verdict.err().map(|error| format!("{partition}: {}", text_of(&error)))
    });
    let refused: Vec<String> = refused.collect();
    match refused.is_empty() {
        true => Ok(()),
        false => Err(ToolError::FailedAloud(format!("{title}\n{}", refused.join("\n")))),
    }
}

async fn verify(admin: &Admin, options: &Parsed) -> Done {
    let targets = targets(options)?;
    let under_way = admin.list_reassignments(None).await?;
    let settled = targets.topics();
    let known = admin.describe_topics(&settled.into_iter().collect::<Vec<_>>()).await?;
    println!("Status of partition reassignment:");
    // a partition that stands there twice is told of once, by its last line
    let wanted: BTreeMap<_, _> = targets.replicas.iter().cloned().collect();
    for (partition, wanted) in &wanted {
        let topic = match known.get(&*partition.topic) {
            Some(Err(error)) if error.code() != ErrorCode::UnknownTopicOrPartition => {
                return Err(ToolError::Failed(exception(error)));
            }
            Some(described) => described.as_ref().ok(),
            None => None,
        };
        println!("{}", status(partition, wanted, under_way.contains_key(partition), topic));
    }
    let places = directories::places(admin, targets.directories.keys()).await?;
    let state = |(replica, target): (&Replica, &String)| {
        places.get(replica).map(|place| directories::state(replica, place, target))
    };
    println!("{}", join(targets.directories.iter().filter_map(state), "\n"));
    let is_moving = places.iter().any(|(_, place)| place.future.is_some());
    if !under_way.is_empty() || is_moving || options.has("preserve-throttles") {
        return Ok(());
    }
    throttle::clear(admin, &targets).await
}

fn status(
    partition: &TopicPartition,
    wanted: &[i32],
    is_moving: bool,
    topic: Option<&TopicDescription>,
) -> String {
    if is_moving {
        return format!("Reassignment of partition {partition} is still in progress.");
    }
    let known = topic.and_then(|topic| {
        topic.partitions.iter().find(|known| known.partition == partition.partition)
    });
    let current = known.map_or(&[][..], |known| &known.replicas);
    if current == wanted {
        return format!("Reassignment of partition {partition} is completed.");
    }
    format!(
        "There is no active reassignment of partition {partition}, but replica set is {} rather \
         than {}.",
        join(current, ","),
        join(wanted, ",")
    )
}

async fn cancel(admin: &Admin, options: &Parsed) -> Done {
    let targets = targets(options)?;
    let partitions: Vec<TopicPartition> = targets.partitions().into_iter().collect();
    let under_way = match partitions.is_empty() {
        true => BTreeMap::new(),
        false => admin.list_reassignments(Some(&partitions)).await?,
    };
    let moving: Vec<&TopicPartition> = under_way.keys().collect();
    if moving.is_empty() {
        println!("None of the specified partition reassignments are active.");
    } else {
        let none = moving.iter().map(|partition| ((*partition).clone(), None)).collect();
        let verdicts = admin.alter_reassignments(&none, true).await?;
        let title = format!("Error cancelling partition reassignment{} for:", s(moving.len()));
        refusals(&title, verdicts)?;
        println!(
            "Successfully cancelled partition reassignment{} for: {}",
            s(moving.len()),
            join(&moving, ",")
        );
    }
    // to where they are: that ends the move
    let back: BTreeMap<Replica, String> = directories::places(admin, targets.directories.keys())
        .await?
        .into_iter()
        .filter_map(|(replica, place)| place.future.and(place.current).map(|dir| (replica, dir)))
        .collect();
    match back.is_empty() {
        true => print!("None of the specified partition moves are active."),
        false => directories::start(admin, back, timeout(options)?).await?,
    }
    if options.has("preserve-throttles") {
        return Ok(());
    }
    throttle::clear(admin, &targets).await
}

async fn list(admin: &Admin) -> Done {
    let under_way = admin.list_reassignments(None).await?;
    if under_way.is_empty() {
        println!("No partition reassignments found.");
        return Ok(());
    }
    println!("Current partition reassignments:");
    for (partition, Reassignment { replicas, adding, removing }) in under_way {
        let part = |name: &str, brokers: &[i32]| match brokers.is_empty() {
            true => String::new(),
            false => format!(" {name}: {}.", join(brokers, ",")),
        };
        println!(
            "{partition}: replicas: {}.{}{}",
            join(&replicas, ","),
            part("adding", &adding),
            part("removing", &removing)
        );
    }
    Ok(())
}

async fn check_brokers(admin: &Admin, brokers: impl Iterator<Item = i32>) -> Done {
    let cluster = admin.describe_cluster(false).await?;
    let known: BTreeSet<i32> = cluster.brokers.iter().map(|broker| broker.node.id).collect();
    let mut unknown = brokers.filter(|broker| !known.contains(broker));
    match unknown.next() {
        Some(broker) => Err(ToolError::Failed(format!("Unknown broker id {broker}"))),
        None => Ok(()),
    }
}

async fn describe(admin: &Admin, topics: &[String]) -> Result<Vec<TopicDescription>, ToolError> {
    let described = admin.describe_topics(topics).await?;
    let topics = described.into_iter().map(|(name, topic)| {
        topic.map_err(|error| match error.code() {
            ErrorCode::UnknownTopicOrPartition => {
                let class = exception(&error);
                let class = class.split(':').next().unwrap_or_default().to_owned();
                ToolError::Failed(format!("{class}: Topic {name} not found."))
            }
            _ => ToolError::Failed(exception(&error)),
        })
    });
    topics.collect()
}

fn replicas_of(topic: &TopicDescription) -> Vec<(TopicPartition, Vec<i32>)> {
    let partitions = topic.partitions.iter();
    partitions
        .map(|p| (TopicPartition::new(&*topic.name, p.partition), p.replicas.clone()))
        .collect()
}

async fn current_replicas(
    admin: &Admin,
    partitions: &BTreeSet<TopicPartition>,
) -> Result<BTreeMap<TopicPartition, Vec<i32>>, ToolError> {
    let topics: BTreeSet<String> = partitions.iter().map(|p| p.topic.to_string()).collect();
    let topics: Vec<String> = topics.into_iter().collect();
    let described = describe(admin, &topics).await?;
    let wanted = |(partition, _): &(TopicPartition, _)| partitions.contains(partition);
    let found: BTreeMap<_, _> = described.iter().flat_map(replicas_of).filter(wanted).collect();
    let missing: Vec<_> = partitions.iter().filter(|p| !found.contains_key(p)).collect();
    match missing.is_empty() {
        true => Ok(found),
        false => Err(ToolError::Failed(format!(
            "org.apache.kafka.common.errors.UnknownTopicOrPartitionException: Unable to find \
             partition: {}",
            join(missing, ", ")
        ))),
    }
}

/// Where the replicas are that live brokers hold.
async fn current_directories(
    admin: &Admin,
    replicas: &BTreeMap<TopicPartition, Vec<i32>>,
) -> Result<BTreeMap<Replica, String>, ToolError> {
    let cluster = admin.describe_cluster(false).await?;
    let live: BTreeSet<i32> = cluster.brokers.iter().map(|broker| broker.node.id).collect();
    let all = replicas.iter().flat_map(|(partition, brokers)| {
        brokers.iter().map(|broker| Replica { broker: *broker, partition: partition.clone() })
    });
    let all: Vec<Replica> = all.filter(|replica| live.contains(&replica.broker)).collect();
    let places = directories::places(admin, all.iter()).await?;
    Ok(places.into_iter().filter_map(|(replica, place)| Some((replica, place.current?))).collect())
}
