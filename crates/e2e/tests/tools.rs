//! Our tools beside Apache Kafka's on the same cluster: same output, same exit code.
//!
//! Each command runs twice, by Java and by us, with `X` in its arguments standing for two different
//! names, so that both find the cluster in the same state. Names, ids and times are evened out.

use std::path::Path;

use e2e::Kafka;
use e2e::java::{Release, class};
use e2e::klamm::tool;
use e2e::process::{output, succeed};

/// How much of the output is compared.
#[derive(Clone, Copy, PartialEq)]
enum Compare {
    /// Standard output line by line, in any order, and the exit code.
    Lines,
    /// That there is output where Kafka's tool has some, and the exit code.
    Code,
}

struct Case {
    tool: &'static str,
    main: &'static str,
    args: &'static str,
    input: &'static str,
    compare: Compare,
}

const TOPICS: (&str, &str) = ("kafka-topics", "org.apache.kafka.tools.TopicCommand");
const CONFIGS: (&str, &str) = ("kafka-configs", "kafka.admin.ConfigCommand");
const GROUPS: (&str, &str) =
    ("kafka-consumer-groups", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand");
const OFFSETS: (&str, &str) = ("kafka-get-offsets", "org.apache.kafka.tools.GetOffsetShell");
const PRODUCER: (&str, &str) = ("kafka-console-producer", "org.apache.kafka.tools.ConsoleProducer");
const CONSUMER: (&str, &str) =
    ("kafka-console-consumer", "org.apache.kafka.tools.consumer.ConsoleConsumer");
const CLUSTER: (&str, &str) = ("kafka-cluster", "org.apache.kafka.tools.ClusterTool");
const FEATURES: (&str, &str) = ("kafka-features", "org.apache.kafka.tools.FeatureCommand");
const LOG_DIRS: (&str, &str) = ("kafka-log-dirs", "org.apache.kafka.tools.LogDirsCommand");

const fn case((tool, main): (&'static str, &'static str), args: &'static str) -> Case {
    Case { tool, main, args, input: "", compare: Compare::Lines }
}

const fn code((tool, main): (&'static str, &'static str), args: &'static str) -> Case {
    Case { tool, main, args, input: "", compare: Compare::Code }
}

const fn fed(
    (tool, main): (&'static str, &'static str),
    args: &'static str,
    input: &'static str,
) -> Case {
    Case { tool, main, args, input, compare: Compare::Lines }
}

#[test]
fn topics_and_configs_are_those_of_kafka() {
    check(&[
        case(TOPICS, "--create --topic X --partitions 2 --config retention.ms=1000000"),
        case(TOPICS, "--create --topic X"),
        case(TOPICS, "--create --topic X --if-not-exists"),
        case(TOPICS, "--create --topic X.dotted_name"),
        case(TOPICS, "--create --topic X-by-hand --replica-assignment 1,1"),
        case(TOPICS, "--create --topic X-bad --config x=y"),
        case(TOPICS, "--create --topic X!"),
        case(TOPICS, "--describe --topic X"),
        case(TOPICS, "--describe --topic X --unavailable-partitions"),
        case(TOPICS, "--describe --topic X --at-min-isr-partitions"),
        case(TOPICS, "--describe --topic X-by-hand --topics-with-overrides"),
        case(TOPICS, "--describe --topic X-none"),
        case(TOPICS, "--describe --topic X-none --if-exists"),
        case(TOPICS, "--list --topic X.*"),
        case(TOPICS, "--alter --topic X --partitions 4"),
        case(TOPICS, "--alter --topic X --partitions 1"),
        case(TOPICS, "--delete --topic X-none"),
        code(TOPICS, "--create"),
        code(TOPICS, ""),
        code(TOPICS, "--list --bogus"),
        case(CONFIGS, "--describe --topic X"),
        case(CONFIGS, "--describe --topic X --all"),
        case(
            CONFIGS,
            "--alter --topic X --add-config retention.ms=5000,cleanup.policy=[compact,delete]",
        ),
        case(CONFIGS, "--describe --entity-type topics --entity-name X"),
        case(
            CONFIGS,
            "--alter --entity-type topics --entity-name X --delete-config retention.ms,nonsense",
        ),
        case(CONFIGS, "--alter --topic X --add-config foo=bar"),
        case(CONFIGS, "--describe --topic X-none"),
        case(CONFIGS, "--describe --broker 1"),
        case(CONFIGS, "--describe --broker 1 --all"),
        case(CONFIGS, "--describe --entity-type brokers"),
        case(
            CONFIGS,
            "--alter --entity-type groups --entity-name X --add-config consumer.session.timeout.ms=50000",
        ),
        case(CONFIGS, "--describe --entity-type groups --entity-name X"),
        code(CONFIGS, ""),
        code(CONFIGS, "--describe"),
        code(CONFIGS, "--alter --topic X"),
        case(TOPICS, "--delete --topic X"),
        case(CLUSTER, "cluster-id"),
        case(CLUSTER, "list-endpoints"),
        code(CLUSTER, "unregister --id 9"),
        case(FEATURES, "describe"),
        case(FEATURES, "upgrade --feature group.version=1 --dry-run"),
        code(FEATURES, "upgrade --feature share.version=99"),
    ]);
}

#[test]
fn records_and_groups_are_those_of_kafka() {
    const PRINT_ALL: &str = "--topic X --partition 1 --offset earliest --timeout-ms 8000 \
                             --max-messages 3 --formatter-property print.key=true \
                             --formatter-property print.offset=true --formatter-property \
                             print.partition=true --formatter-property print.headers=true";
    check(&[
        case(TOPICS, "--create --topic X --partitions 2"),
        fed(
            PRODUCER,
            "--topic X --reader-property parse.key=true --reader-property parse.headers=true \
             --reader-property null.marker=NULL",
            "h1:a,h2:b\tk1\tv1\nNULL\tk1\tNULL\nh1:NULL\tk1\tv3\n",
        ),
        fed(
            PRODUCER,
            "--topic X --property parse.key=true --property key.separator=:",
            "k2:v\nnosep\n",
        ),
        fed(
            PRODUCER,
            "--topic X --compression-codec --sync --reader-property parse.key=true \
             --reader-property key.separator=:",
            "k3:gzipped\n",
        ),
        code(PRODUCER, ""),
        case(OFFSETS, "--topic X"),
        case(OFFSETS, "--topic-partitions X:0-1 --time earliest"),
        case(OFFSETS, "--topic X --time -3 --exclude-internal-topics"),
        case(OFFSETS, "--topic X --time 1"),
        case(OFFSETS, "--topic X-none"),
        case(CONSUMER, PRINT_ALL),
        case(CONSUMER, "--topic X --from-beginning --max-messages 5 --group X-group"),
        code(CONSUMER, ""),
        case(GROUPS, "--describe --group X-group"),
        case(GROUPS, "--describe --group X-group --members"),
        case(GROUPS, "--describe --group X-group --members --verbose"),
        case(GROUPS, "--describe --group X-group --state"),
        case(GROUPS, "--describe --group X-group --offsets --verbose"),
        case(GROUPS, "--describe --group X-none"),
        case(GROUPS, "--group X-group --topic X --reset-offsets --to-earliest --dry-run"),
        case(GROUPS, "--group X-group --topic X:0,1 --reset-offsets --to-offset 1 --execute"),
        case(GROUPS, "--group X-group --topic X:0 --reset-offsets --shift-by -1 --execute"),
        case(GROUPS, "--group X-group --all-topics --reset-offsets --to-latest --export --dry-run"),
        case(
            GROUPS,
            "--group X-group --all-topics --reset-offsets --to-datetime 2020-01-01T00:00:00.000 --dry-run",
        ),
        case(GROUPS, "--group X-group --topic X:1 --delete-offsets"),
        case(GROUPS, "--group X-group --delete"),
        case(GROUPS, "--group X-none --delete"),
        code(GROUPS, ""),
        code(LOG_DIRS, "--describe --topic-list X"),
    ]);
}

/// Runs every case both ways and lists what differs.
fn check(cases: &[Case]) {
    let Some(kafka) = Kafka::start() else { return };
    let mut wrong = Vec::new();
    for case in cases {
        let theirs = run(&kafka, case, "javas");
        let ours = run(&kafka, case, "rusty");
        let same = match case.compare {
            Compare::Lines => theirs == ours,
            Compare::Code => theirs.0 == ours.0 && theirs.1.is_empty() == ours.1.is_empty(),
        };
        if !same {
            let (tool, args) = (case.tool, case.args);
            wrong.push(format!("{tool} {args}\n  Kafka: {theirs:?}\n  Klamm: {ours:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}

/// The exit code and the lines of standard output, evened out.
fn run(kafka: &Kafka, case: &Case, name: &str) -> (Option<i32>, Vec<String>) {
    let mut command = match name {
        "javas" => class(Release::Tools, case.main).expect("Java was there for the broker"),
        _ => tool(case.tool),
    };
    let bootstrap = kafka.bootstrap();
    let server = ["--bootstrap-server", bootstrap.as_str()];
    let before_action = case.tool == FEATURES.0;
    if before_action {
        command.args(server);
    }
    command.args(case.args.split_whitespace().map(|arg| named(arg, name)));
    if !case.args.is_empty() && !before_action {
        command.args(server);
    }
    let output = output(&mut command, case.input.as_bytes());
    let text = String::from_utf8_lossy(&output.stdout).replace(name, "X");
    let mut lines: Vec<String> = text.lines().map(even_out).collect();
    lines.sort();
    (output.status.code(), lines)
}

/// The argument with its placeholder filled in: a word that is `X` or begins with it.
fn named(arg: &str, name: &str) -> String {
    match arg.strip_prefix('X') {
        Some(rest) => format!("{name}{rest}"),
        None => arg.to_owned(),
    }
}

/// Without topic ids, epochs of the metadata and spaces at the end.
fn even_out(line: &str) -> String {
    let mut words: Vec<String> = line.trim_end().split('\t').map(str::to_owned).collect();
    for word in &mut words {
        if word.starts_with("TopicId: ") {
            *word = "TopicId: ...".to_owned();
        }
        if let Some((before, _)) =
            word.split_once("Epoch: ").filter(|(b, _)| b.starts_with("Feature"))
        {
            // 4.3.1's tool has no name for the version of 4.4.0
            let before = before.replace("UNKNOWN 33", "4.4-IV2   ");
            *word = format!("{before}Epoch: ...");
        }
    }
    words.join("\t")
}

#[test]
fn dumps_of_log_directories_are_those_of_kafka() {
    let Some(mut kafka) = Kafka::start() else { return };
    let bootstrap = kafka.bootstrap();
    let client = ["--bootstrap-server", bootstrap.as_str(), "--topic", "dumped"];
    let load = ["--num-records", "3000", "--record-size", "100", "--throughput", "-1"];
    let mut produce = tool("kafka-producer-perf-test");
    succeed(
        produce.args(client).args(load).args(["--command-property", "compression.type=lz4"]),
        b"",
    );
    let mut produce = tool("kafka-console-producer");
    let keyed = ["--reader-property", "parse.key=true", "--reader-property", "parse.headers=true"];
    succeed(produce.args(client).args(keyed), b"h:1,i:2\tk\tv\n");
    let mut consume = tool("kafka-console-consumer");
    let in_group = ["--group", "dumping", "--from-beginning", "--max-messages", "10"];
    succeed(consume.args(client).args(in_group), b"");
    // indexes are cut to size when the broker ends
    kafka.terminate();
    for (folder, extensions, decoder) in [
        ("dumped-0", &["log", "index", "timeindex", "snapshot"][..], "--print-data-log"),
        ("__cluster_metadata-0", &["log", "checkpoint"], "--cluster-metadata-decoder"),
        ("__consumer_offsets-", &["log"], "--offsets-decoder"),
    ] {
        let files = files_in(&kafka.data(), folder, extensions);
        assert!(!files.is_empty(), "{folder}");
        let arguments = ["--files", &files.join(","), decoder];
        let mut java = class(Release::Tools, "org.apache.kafka.tools.DumpLogSegments")
            .expect("Java was there for the broker");
        let theirs = succeed(java.args(arguments), b"");
        let ours = succeed(tool("kafka-dump-log").args(arguments), b"");
        for (theirs, ours) in theirs.lines().zip(ours.lines()) {
            assert_eq!(theirs, ours);
        }
        assert_eq!(theirs.lines().count(), ours.lines().count());
    }
}

/// The non-empty files of these kinds in the folders whose names begin so.
fn files_in(data: &Path, folder: &str, extensions: &[&str]) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(data).expect("the data directory").flatten() {
        if !entry.file_name().to_string_lossy().starts_with(folder) {
            continue;
        }
        for file in std::fs::read_dir(entry.path()).expect("a partition's folder").flatten() {
            let path = file.path();
            let kind = path.extension().and_then(|kind| kind.to_str()).unwrap_or_default();
            let filled = file.metadata().is_ok_and(|metadata| metadata.len() > 0);
            if filled && extensions.contains(&kind) {
                files.push(path.display().to_string());
            }
        }
    }
    files.sort();
    files
}
