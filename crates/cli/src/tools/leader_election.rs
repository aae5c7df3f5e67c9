//! `klamm elect`, `kafka-leader-election`: makes partitions be led by the replica that should.

use std::process::ExitCode;

use client::{Admin, TopicPartition};
use serde_json::Value;
use types::ErrorCode;

use super::support::options::{Parsed, Spec};
use super::support::{
    Done, ToolError, block_on, connect, deprecated, exception, java_order, run as run_tool,
};

/// How long Kafka's tool waits for an election, and for one answer.
const TIMEOUTS_MS: [(&str, &str); 2] =
    [("default.api.timeout.ms", "30000"), ("request.timeout.ms", "15000")];

fn spec() -> Spec {
    Spec::new(
        "This tool attempts to elect a new leader for a set of topic partitions. The type of \
         elections supported are preferred replicas and unclean replicas.",
    )
    .cluster()
    .value("admin.config", "file", "(DEPRECATED) As --command-config.")
    .value(
        "election-type",
        "type",
        "REQUIRED: preferred (the first replica, where it does not lead) or unclean (any live \
         replica, where nobody leads).",
    )
    .value("topic", "topic", "The topic to elect a leader in, with --partition.")
    .value("partition", "number", "The partition to elect a leader of, with --topic.")
    .flag("all-topic-partitions", "Elect leaders of all partitions that need one.")
    .value("path-to-json-file", "file", "{\"partitions\": [{\"topic\", \"partition\"}]}")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let is_unclean = election_type(options)?;
        check(options)?;
        let partitions = partitions(options)?;
        deprecated(options, "admin.config", "command-config");
        let mut properties =
            connect::properties(options, &["admin.config", "command-config"], &[])?;
        properties.set("bootstrap.servers", connect::bootstrap(options)?);
        for (key, value) in TIMEOUTS_MS {
            properties.set_default(key, value);
        }
        let admin = connect::admin_with(&properties)?;
        block_on(elect(&admin, is_unclean, partitions.as_deref()))
    })
}

/// Whether it is the unclean one.
fn election_type(options: &Parsed) -> Result<bool, ToolError> {
    match options.get("election-type").map(str::to_ascii_lowercase).as_deref() {
        None | Some("preferred") => Ok(false),
        Some("unclean") => Ok(true),
        Some(other) => Err(ToolError::Failed(format!(
            "Cannot parse argument '{other}' of option election-type"
        ))),
    }
}

fn check(options: &Parsed) -> Done {
    let missing = |names: &[&str]| {
        let missing: Vec<_> = names.iter().copied().filter(|name| !options.has(name)).collect();
        match missing.is_empty() {
            true => Ok(()),
            false => Err(ToolError::Failed(format!(
                "Missing required option(s): {}",
                missing.join(", ")
            ))),
        }
    };
    missing(&["bootstrap-server", "election-type"])?;
    options.exclude("admin.config", &["command-config"])?;
    const SETS: [&str; 3] = ["topic", "all-topic-partitions", "path-to-json-file"];
    if SETS.iter().filter(|name| options.has(name)).count() != 1 {
        let what = "One and only one of the following options is required:";
        return Err(ToolError::Failed(format!("{what} {}", SETS.join(", "))));
    }
    if options.has("topic") {
        return missing(&["partition"]);
    }
    if options.has("partition") {
        let what = "Option partition is only allowed if topic is used";
        return Err(ToolError::Failed(what.to_owned()));
    }
    Ok(())
}

/// Those that are meant; `None` for all.
fn partitions(options: &Parsed) -> Result<Option<Vec<TopicPartition>>, ToolError> {
    if let Some(topic) = options.get("topic") {
        let partition: Option<i32> = options.number("partition")?;
        return Ok(partition.map(|number| vec![TopicPartition::new(topic, number)]));
    }
    let Some(path) = options.get("path-to-json-file") else { return Ok(None) };
    let text = std::fs::read_to_string(path)
        .map_err(|error| ToolError::Failed(format!("{path}: {error}")))?;
    parse(&text).map(Some).map_err(ToolError::Failed)
}

fn parse(text: &str) -> Result<Vec<TopicPartition>, String> {
    let json: Value =
        serde_json::from_str(text).map_err(|_| "Replica election data is empty".to_owned())?;
    let list = json.get("partitions").and_then(Value::as_array);
    let list = list.ok_or("Replica election data is missing \"partitions\" field")?;
    let mut partitions: Vec<TopicPartition> = Vec::new();
    for entry in list {
        let topic = entry.get("topic").and_then(Value::as_str);
        let number = entry.get("partition").and_then(Value::as_i64);
        let number = number.and_then(|number| i32::try_from(number).ok());
        let (Some(topic), Some(number)) = (topic, number) else {
            return Err(format!("expected topic and partition: {entry}"));
        };
        let partition = TopicPartition::new(topic, number);
        if partitions.contains(&partition) {
            return Err(format!(
                "Replica election data contains duplicate partitions: [{partition}]"
            ));
        }
        partitions.push(partition);
    }
    Ok(partitions)
}

async fn elect(admin: &Admin, is_unclean: bool, partitions: Option<&[TopicPartition]>) -> Done {
    let kind = if is_unclean { "UNCLEAN" } else { "PREFERRED" };
    let results = admin.elect_leaders(is_unclean, partitions).await.map_err(|error| {
        let said = match error.code() {
            ErrorCode::RequestTimedOut => "Timeout waiting for election results",
            ErrorCode::ClusterAuthorizationFailed => "Not authorized to perform leader election",
            _ => return ToolError::Failed(exception(&error)),
        };
        println!("{said}");
        ToolError::Failed(said.to_owned())
    })?;
    let (mut elected, mut right, mut failed) = (Vec::new(), Vec::new(), Vec::new());
    for (partition, verdict) in results {
        match verdict {
            Ok(()) => elected.push(partition),
            Err(error) if error.code() == ErrorCode::ElectionNotNeeded => right.push(partition),
            Err(error) => failed.push((partition, error)),
        }
    }
    if !elected.is_empty() {
        println!(
            "Successfully completed leader election ({kind}) for partitions {}",
            list(&mut elected)
        );
    }
    if !right.is_empty() {
        println!("Valid replica already elected for partitions {}", list(&mut right));
    }
    for (partition, error) in &failed {
        println!(
            "Error completing leader election ({kind}) for partition: {partition}: {}",
            exception(error)
        );
    }
    match failed.len() {
        0 => Ok(()),
        count => Err(ToolError::Failed(format!("{count} replica(s) could not be elected"))),
    }
}

fn list(partitions: &mut [TopicPartition]) -> String {
    java_order::sort_partitions(partitions);
    partitions.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_doubles_refused() {
        let one = r#"{"topic":"t","partition":3}"#;
        let file = |list: &str| format!(r#"{{"partitions":[{list}]}}"#);
        assert_eq!(parse(&file(one)), Ok(vec![TopicPartition::new("t", 3)]));
        for (text, words) in [
            (file(&format!("{one},{one}")), "duplicate partitions: [t-3]"),
            ("{}".to_owned(), "missing \"partitions\""),
            ("no json".to_owned(), "empty"),
            (file(r#"{"topic":"t"}"#), "expected topic and partition"),
            (file(r#"{"topic":"t","partition":3000000000}"#), "expected topic and partition"),
        ] {
            let refusal = parse(&text).expect_err(words);
            assert!(refusal.contains(words), "{refusal}");
        }
    }
}
