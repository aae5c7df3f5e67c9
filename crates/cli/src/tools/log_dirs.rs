//! `klamm log-dirs`, `kafka-log-dirs`: sizes of replicas by broker and directory.

use std::collections::BTreeSet;
use std::process::ExitCode;

use client::admin::LogDir;

use super::support::json_object::Object;
use super::support::options::Spec;
use super::support::{ToolError, block_on, connect, exception, run as run_tool};

fn spec() -> Spec {
    Spec::new("This tool helps to query log directory usage on the specified brokers.")
        .cluster()
        .flag("describe", "Describe the log directories.")
        .value("topic-list", "topics", "Topics to look at, all by default.")
        .value("broker-list", "ids", "Brokers to ask, all by default.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        options.require("bootstrap-server")?;
        if !options.has("describe") {
            return Err(ToolError::Usage("Missing required argument \"[describe]\"".to_owned()));
        }
        let mut properties = connect::properties(options, &["command-config"], &[])?;
        properties.set("bootstrap.servers", options.require("bootstrap-server")?);
        let admin = connect::admin_with(&properties)?;
        let topics: BTreeSet<String> = options.list("topic-list").into_iter().collect();
        block_on(async {
            let cluster = admin.describe_cluster(false).await?;
            let live: Vec<i32> = cluster.brokers.iter().map(|broker| broker.node.id).collect();
            let asked: Vec<i32> = match options.list("broker-list") {
                ids if ids.is_empty() => live.clone(),
                ids => ids.iter().map(|id| number(id)).collect::<Result<_, _>>()?,
            };
            let missing: Vec<_> = asked.iter().filter(|id| !live.contains(id)).collect();
            if !missing.is_empty() {
                return Err(ToolError::Failed(format!(
                    "ERROR: The given brokers do not exist from --broker-list: {}. Current \
                     existent brokers: {}",
                    join(missing),
                    join(&live)
                )));
            }
            println!("Querying brokers for log directories information");
            let mut brokers = Vec::new();
            for id in &asked {
                let dirs = admin.describe_log_dirs(*id).await?;
                let dirs = dirs.iter().map(|dir| show(dir, &topics));
                brokers.push(Object::new().with("broker", *id).with_all("logDirs", dirs));
            }
            println!("Received log directory information from brokers {}", join(&asked));
            println!("{}", Object::new().with_all("brokers", brokers).with("version", 1));
            Ok(())
        })
    })
}

fn join<'i>(ids: impl IntoIterator<Item = &'i i32>) -> String {
    ids.into_iter().map(i32::to_string).collect::<Vec<_>>().join(",")
}

fn number(id: &str) -> Result<i32, ToolError> {
    id.parse().map_err(|_| ToolError::Failed(format!("For input string: \"{id}\"")))
}

fn show(dir: &LogDir, topics: &BTreeSet<String>) -> Object {
    let wanted = |topic: &str| topics.is_empty() || topics.contains(topic);
    let replicas = dir.replicas.iter().filter(|replica| wanted(&replica.partition.topic));
    let partitions = replicas.map(|replica| {
        Object::new()
            .with("partition", replica.partition.to_string())
            .with("size", replica.bytes)
            .with("offsetLag", replica.offset_lag)
            .with("isFuture", replica.is_future)
    });
    let error = dir.error.as_ref().map(exception);
    Object::new().with_all("partitions", partitions).with("error", error).with("logDir", &*dir.path)
}
