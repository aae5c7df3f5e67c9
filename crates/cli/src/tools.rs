//! The registry of tools: what each is called here and by Kafka's scripts. One file a tool.

mod broker_api_versions;
mod cluster;
mod configs;
mod console_consumer;
mod console_producer;
mod consume;
mod consumer_groups;
mod consumer_perf;
mod delete_records;
mod dump_log;
mod e2e_latency;
mod features;
mod get_offsets;
mod leader_election;
mod log_dirs;
mod metadata_quorum;
mod metadata_shell;
mod produce;
mod producer_perf;
mod reassign;
mod replica_verification;
mod storage;
mod support;
mod topics;
mod verifiable_consumer;
mod verifiable_producer;

use std::fmt::Write;
use std::process::ExitCode;

use crate::server;

/// A command of the binary. It parses its own arguments and makes its own runtime if it needs one,
/// so that a tool starts in milliseconds.
#[derive(Debug, Clone, Copy)]
pub struct Tool {
    /// `produce`, `storage`: the word after `klamm`. Equal to `kafka_name` where people have none.
    pub name: &'static str,
    /// `kafka-storage`: the script that it stands for, without `.sh`.
    pub kafka_name: &'static str,
    /// One line for the overview.
    pub about: &'static str,
    /// Runs it on the arguments after its name.
    pub run: fn(&[String]) -> ExitCode,
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "server",
        kafka_name: "kafka-server-start",
        about: "Run a broker, a controller or both (also without any command)",
        run: server::run,
    },
    Tool {
        name: "storage",
        kafka_name: "kafka-storage",
        about: "Format log directories and look at them",
        run: storage::run,
    },
    Tool {
        name: "topics",
        kafka_name: "kafka-topics",
        about: "Create, list, describe, grow and delete topics",
        run: topics::run,
    },
    Tool {
        name: "configs",
        kafka_name: "kafka-configs",
        about: "Show and change configs of topics, brokers and groups",
        run: configs::run,
    },
    Tool {
        name: "get-offsets",
        kafka_name: "kafka-get-offsets",
        about: "Show offsets of partitions at a time",
        run: get_offsets::run,
    },
    Tool {
        name: "kafka-console-producer",
        kafka_name: "kafka-console-producer",
        about: "Produce lines of standard input",
        run: console_producer::run,
    },
    Tool {
        name: "kafka-console-consumer",
        kafka_name: "kafka-console-consumer",
        about: "Print records",
        run: console_consumer::run,
    },
    Tool {
        name: "groups",
        kafka_name: "kafka-consumer-groups",
        about: "List, describe, reset and delete consumer groups",
        run: consumer_groups::run,
    },
    Tool {
        name: "kafka-producer-perf-test",
        kafka_name: "kafka-producer-perf-test",
        about: "Measure producing",
        run: producer_perf::run,
    },
    Tool {
        name: "kafka-consumer-perf-test",
        kafka_name: "kafka-consumer-perf-test",
        about: "Measure consuming",
        run: consumer_perf::run,
    },
    Tool {
        name: "kafka-e2e-latency",
        kafka_name: "kafka-e2e-latency",
        about: "Measure the time from send to receipt",
        run: e2e_latency::run,
    },
    Tool {
        name: "kafka-verifiable-producer",
        kafka_name: "kafka-verifiable-producer",
        about: "Produce growing numbers and tell of each in JSON",
        run: verifiable_producer::run,
    },
    Tool {
        name: "kafka-verifiable-consumer",
        kafka_name: "kafka-verifiable-consumer",
        about: "Consume and tell of everything in JSON",
        run: verifiable_consumer::run,
    },
    Tool {
        name: "delete-records",
        kafka_name: "kafka-delete-records",
        about: "Cut the heads off partitions",
        run: delete_records::run,
    },
    Tool {
        name: "log-dirs",
        kafka_name: "kafka-log-dirs",
        about: "Show sizes of replicas by directory",
        run: log_dirs::run,
    },
    Tool {
        name: "api-versions",
        kafka_name: "kafka-broker-api-versions",
        about: "Show what each broker speaks",
        run: broker_api_versions::run,
    },
    Tool {
        name: "cluster",
        kafka_name: "kafka-cluster",
        about: "Show the cluster's id and endpoints",
        run: cluster::run,
    },
    Tool {
        name: "quorum",
        kafka_name: "kafka-metadata-quorum",
        about: "Show the quorum of controllers; add and remove voters",
        run: metadata_quorum::run,
    },
    Tool {
        name: "reassign",
        kafka_name: "kafka-reassign-partitions",
        about: "Move partitions between brokers and directories",
        run: reassign::run,
    },
    Tool {
        name: "elect",
        kafka_name: "kafka-leader-election",
        about: "Elect leaders of partitions",
        run: leader_election::run,
    },
    Tool {
        name: "kafka-replica-verification",
        kafka_name: "kafka-replica-verification",
        about: "Compare the replicas of partitions",
        run: replica_verification::run,
    },
    Tool {
        name: "metadata-shell",
        kafka_name: "kafka-metadata-shell",
        about: "Look around in a metadata log or snapshot",
        run: metadata_shell::run,
    },
    Tool {
        name: "features",
        kafka_name: "kafka-features",
        about: "Show and move the cluster's features",
        run: features::run,
    },
    Tool {
        name: "dump-log",
        kafka_name: "kafka-dump-log",
        about: "Print log segments, indexes and snapshots",
        run: dump_log::run,
    },
    Tool {
        name: "produce",
        kafka_name: "produce",
        about: "Send lines or files to a topic",
        run: produce::run,
    },
    Tool {
        name: "consume",
        kafka_name: "consume",
        about: "Print a topic's records",
        run: consume::run,
    },
];

/// The tool that is called `name`, by either of its names.
pub fn find(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name || tool.kafka_name == name)
}

/// The overview that `klamm --help` prints.
pub fn usage() -> String {
    let mut text = String::from("usage: klamm COMMAND [ARGUMENTS]\n\n");
    let width = TOOLS.iter().map(|tool| title(tool).len()).max().unwrap_or(0);
    for tool in TOOLS {
        // writing to a String cannot fail
        let _ = writeln!(text, "  {:width$}  {}", title(tool), tool.about);
    }
    text.push_str("\nEach command has --help.\n");
    text
}

fn title(tool: &Tool) -> String {
    if tool.name == tool.kafka_name {
        tool.name.to_owned()
    } else {
        format!("{}, {}", tool.name, tool.kafka_name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_finds_one_tool() {
        for tool in TOOLS {
            for name in [tool.name, tool.kafka_name] {
                let named = TOOLS.iter().filter(|t| t.name == name || t.kafka_name == name);
                assert_eq!(named.count(), 1, "{name}");
            }
        }
        assert!(find("kafka-no-such-tool").is_none());
    }
}
