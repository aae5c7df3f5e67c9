//! `klamm delete-records`, `kafka-delete-records`: cuts the heads off partitions.

use std::collections::BTreeMap;
use std::process::ExitCode;

use client::TopicPartition;
use serde_json::Value;

use super::support::options::Spec;
use super::support::{ToolError, block_on, connect, exception, run as run_tool};

fn spec() -> Spec {
    Spec::new(
        "This tool helps to delete records of the given partitions down to the specified offset.",
    )
    .cluster()
    .value(
        "offset-json-file",
        "file",
        "REQUIRED: {\"partitions\": [{\"topic\", \"partition\", \"offset\"}], \"version\": 1}",
    )
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        connect::bootstrap(options)?;
        let text = std::fs::read_to_string(options.require("offset-json-file")?)?;
        let before = parse(&text).map_err(ToolError::Failed)?;
        let admin = connect::admin(options)?;
        println!("Executing records delete operation");
        let deleted = block_on(async { Ok(admin.delete_records(&before).await) })?;
        println!("Records delete operation completed:");
        let failed = |partition: &TopicPartition, error: &client::Error| {
            println!("partition: {partition}\terror: {}", exception(error));
        };
        match deleted {
            Ok(deleted) => deleted.into_iter().for_each(|(partition, outcome)| match outcome {
                Ok(low) => println!("partition: {partition}\tlow_watermark: {low}"),
                Err(error) => failed(&partition, &error),
            }),
            Err(error) => before.keys().for_each(|partition| failed(partition, &error)),
        }
        Ok(())
    })
}

fn parse(text: &str) -> Result<BTreeMap<TopicPartition, i64>, String> {
    let json: Value = serde_json::from_str(text)
        .map_err(|_| "The input string is not a valid JSON".to_owned())?;
    if json.get("version").and_then(Value::as_i64).unwrap_or(1) != 1 {
        let version = json.get("version").map(ToString::to_string).unwrap_or_default();
        return Err(format!("Not supported version field value {version}"));
    }
    let list = json.get("partitions").and_then(Value::as_array);
    let list = list.ok_or("Missing partitions field")?;
    let mut before = BTreeMap::new();
    for entry in list {
        let number = |key: &str| entry.get(key).and_then(Value::as_i64);
        let read = (|| {
            let topic = entry.get("topic")?.as_str()?;
            let partition = i32::try_from(number("partition")?).ok()?;
            Some((TopicPartition::new(topic, partition), number("offset")?))
        })();
        let (partition, offset) =
            read.ok_or_else(|| format!("expected topic, partition and offset: {entry}"))?;
        if before.insert(partition.clone(), offset).is_some() {
            return Err(format!(
                "Offset json file contains duplicate topic partitions: {partition}"
            ));
        }
    }
    Ok(before)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_and_doubles_refused() {
        let one = r#"{"topic":"t","partition":0,"offset":5}"#;
        let file = |list: &str| format!(r#"{{"partitions":[{list}],"version":1}}"#);
        let read = parse(&file(one)).expect("valid");
        assert_eq!(read.get(&TopicPartition::new("t", 0)), Some(&5));
        assert!(parse(&file(&format!("{one},{one}"))).is_err());
        assert!(parse(&file("{}")).is_err());
        assert!(parse("no json").is_err());
        assert!(parse(r#"{"partitions":[],"version":2}"#).is_err());
    }
}
