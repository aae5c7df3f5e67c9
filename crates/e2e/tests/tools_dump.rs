//! `kafka-dump-log`: ours and Apache Kafka's print the same of a directory that Apache Kafka wrote.

use std::path::Path;

use e2e::Kafka;
use e2e::java::{Release, class};
use e2e::klamm::tool;
use e2e::process::succeed;

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
