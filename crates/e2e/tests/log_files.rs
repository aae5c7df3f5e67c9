//! Every file that a log writes is Apache Kafka's: its dump tool reads them, its broker goes on
//! with them.
#![allow(clippy::unwrap_used, reason = "a test may fail")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::Kafka;
use e2e::java::{Release, class};
use e2e::process::succeed;
use log::{FileCache, Log, LogConfig, LogDir, OffsetsByPartition, Origin, RealDisk};
use record::{
    BatchBuilder, Codec, Compression, ControlRecord, ControlType, Producer, Scratch, ValidBatch,
    batches, control_batch,
};
use types::{LeaderEpoch, Offset, Partition, ProducerEpoch, ProducerId, Sequence, TimestampMs};

const FIRST_TIMESTAMP: i64 = 1_750_000_000_000;

fn directory(path: &Path) -> LogDir<RealDisk> {
    LogDir::open(RealDisk, FileCache::new(64), path.to_owned()).unwrap()
}

fn producer(id: i64, sequence: i32, transactional: bool) -> Producer {
    let base_sequence = Sequence(sequence);
    Producer { id: ProducerId(id), epoch: ProducerEpoch(0), base_sequence, transactional }
}

fn batch(i: i64, compression: Compression, producer: Producer) -> ValidBatch<'static> {
    let mut builder = BatchBuilder::new();
    for record in 0..5 {
        let timestamp = TimestampMs(FIRST_TIMESTAMP + i * 10 + record);
        let value = format!("value {i} {record} {}", "x".repeat(300));
        builder.append(timestamp, Some(b"key"), Some(value.as_bytes()), &[]).unwrap();
    }
    builder.seal(Codec::new(compression), producer, &mut Scratch::new())
}

fn marker(i: i64, commits: bool) -> ValidBatch<'static> {
    let control_type = if commits { ControlType::Commit } else { ControlType::Abort };
    let record = ControlRecord { control_type, value: &[0, 0, 0, 0, 0, 3] };
    let producer = Producer { base_sequence: Sequence::NONE, ..producer(8, 0, true) };
    control_batch(&[record], TimestampMs(FIRST_TIMESTAMP + i * 10), producer)
}

/// Plain, idempotent and transactional batches of every compression under several leaders; returns
/// the record count.
fn fill(log: &mut Log<RealDisk>) -> usize {
    let begin = log.end_offset();
    let nobody =
        Producer { id: ProducerId::NONE, epoch: ProducerEpoch::NONE, ..producer(0, -1, false) };
    for i in 0..300_i64 {
        let sequence = i32::try_from(i * 5).unwrap();
        let compression = Compression::ALL[usize::try_from(i % 5).unwrap()];
        let epoch = LeaderEpoch(i32::try_from(i / 100).unwrap() + 40);
        let now = TimestampMs(FIRST_TIMESTAMP);
        let mut append = |batch, origin| {
            log.append(&batch, origin, epoch, now).unwrap();
        };
        append(batch(i, compression, nobody), Origin::Client);
        append(batch(i, compression, producer(7, sequence, false)), Origin::Client);
        append(batch(i, compression, producer(8, sequence, true)), Origin::Client);
        if i % 10 == 9 {
            append(marker(i, i % 20 == 9), Origin::Coordinator);
        }
    }
    usize::try_from(log.end_offset().0 - begin.0).unwrap()
}

fn config() -> LogConfig {
    LogConfig { segment_bytes: 60_000, ..LogConfig::default() }
}

fn files(folder: &Path, suffix: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.to_str().unwrap().ends_with(suffix)).collect();
    paths.sort();
    paths
}

fn dump(paths: &[PathBuf], options: &[&str]) -> Option<String> {
    let mut tool = class(Release::Tools, "org.apache.kafka.tools.DumpLogSegments")?;
    let paths: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    tool.args(["--files", &paths.join(",")]).args(options);
    Some(succeed(&mut tool, b""))
}

fn check_no_complaint(dumped: &str) {
    for complaint in
        ["mismatch", "Mismatch", "Found", "invalid", "failed", "out of order", "Could not"]
    {
        let line = dumped.lines().find(|line| line.contains(complaint));
        assert_eq!(line, None, "the tool complains");
    }
}

#[test]
fn the_dump_tool_reads_every_file() {
    let folder = e2e::folders::scratch();
    let log_dir = directory(folder.path());
    let id = types::Uuid([5; 16]);
    let now = TimestampMs(FIRST_TIMESTAMP);
    let mut log = log_dir.create_log("t", Partition(0), id, config(), now).unwrap();
    let records = fill(&mut log);
    assert!(log.segment_count() >= 5);
    log.close(now).unwrap();
    let logs = files(log.folder(), ".log");
    let Some(dumped) = dump(&logs, &["--deep-iteration"]) else { return };
    check_no_complaint(&dumped);
    assert_eq!(dumped.lines().filter(|line| line.starts_with("| offset")).count(), records);
    for options in [&["--index-sanity-check"][..], &["--verify-index-only"], &[]] {
        let indexes = [files(log.folder(), ".index"), files(log.folder(), ".timeindex")].concat();
        assert_eq!(indexes.len(), 2 * logs.len());
        check_no_complaint(&dump(&indexes, options).unwrap());
    }
    let dumped = dump(&files(log.folder(), ".txnindex"), &[]).unwrap();
    let aborted = log.aborted_transactions(Offset(0), log.end_offset()).unwrap();
    assert_eq!(dumped.lines().filter(|line| line.contains("producerId: 8")).count(), aborted.len());
    assert_eq!(aborted.len(), 15);
    let dumped = dump(&files(log.folder(), ".snapshot"), &[]).unwrap();
    let line = dumped.lines().rfind(|line| line.contains("producerId: 7")).unwrap();
    let (last_sequence, end) = (300 * 5 - 1, log.end_offset().0);
    assert!(line.contains(&format!("lastSequence: {last_sequence}")), "{line} of {end}");
}

fn tool(main: &str, kafka: &Kafka, arguments: &[&str]) -> Command {
    let mut tool = class(Release::Tools, main).unwrap();
    tool.args(["--bootstrap-server", &kafka.bootstrap()]).args(arguments);
    tool
}

fn end_offset(kafka: &Kafka) -> usize {
    let mut tool = tool("org.apache.kafka.tools.GetOffsetShell", kafka, &["--topic", "t"]);
    succeed(&mut tool, b"").trim().rsplit(':').next().unwrap().parse().unwrap()
}

/// The values that the Java consumer sees, committed ones only.
fn consumed(kafka: &Kafka, count: usize) -> usize {
    let count_text = count.to_string();
    let arguments = ["--topic", "t", "--from-beginning", "--isolation-level", "read_committed"];
    let mut consumer = tool("org.apache.kafka.tools.consumer.ConsoleConsumer", kafka, &arguments);
    consumer.args(["--max-messages", &count_text, "--timeout-ms", "20000"]);
    succeed(&mut consumer, b"").lines().count()
}

fn values(log: &mut Log<RealDisk>) -> Vec<String> {
    let (mut values, mut next) = (Vec::new(), log.start_offset());
    while let Some(slice) = log.read(next, 1 << 20, log.end_offset(), true).unwrap() {
        let bytes = slice.to_vec().unwrap();
        for batch in batches(&bytes) {
            let batch = batch.unwrap();
            next = batch.header().next_offset();
            for record in batch.records(&mut Scratch::new()).unwrap() {
                let value = record.unwrap().value.unwrap_or_default().to_vec();
                values.push(String::from_utf8_lossy(&value).into_owned());
            }
        }
    }
    values
}

/// Opens what the broker has left, appends, and leaves it to the broker in order or as a crash
/// would.
fn go_on(data: &Path, expected: usize, leaves_in_order: bool) -> usize {
    let log_dir = directory(data);
    assert!(log_dir.was_clean());
    let now = TimestampMs(FIRST_TIMESTAMP);
    let mut log = log_dir.open_log("t", Partition(0), config(), now).unwrap();
    assert_eq!(log.recovery().scanned_bytes, 0, "it was left in order");
    assert_eq!(values(&mut log).len(), expected);
    assert!(log_dir.topic_id("t", Partition(0)).unwrap().is_some());
    let appended = fill(&mut log);
    if leaves_in_order {
        log.close(now).unwrap();
        let end = (("t".to_owned(), Partition(0)), log.recovery_point());
        let ends = OffsetsByPartition::from([end]);
        log_dir.store_recovery_points(&ends).unwrap();
        log_dir.store_high_watermarks(&ends).unwrap();
        log_dir.mark_clean(None).unwrap();
    }
    appended
}

#[test]
fn the_broker_and_a_log_take_turns_on_one_directory() {
    let Some(mut kafka) = Kafka::start() else { return };
    let create = ["--create", "--topic", "t", "--partitions", "1"];
    let mut topics = tool("org.apache.kafka.tools.TopicCommand", &kafka, &create);
    succeed(topics.args(["--config", "segment.bytes=1048576"]), b"");
    let lines: String = (0..3_000).map(|i| format!("{i} {}\n", "y".repeat(900))).collect();
    let mut producer = tool("org.apache.kafka.tools.ConsoleProducer", &kafka, &["--topic", "t"]);
    succeed(&mut producer, lines.as_bytes());
    kafka.terminate();
    let mut records = 3_000 + go_on(&kafka.data(), 3_000, true);
    kafka.restart();
    assert_eq!(end_offset(&kafka), records);
    // 15 of 30 transactions of 50 records are aborted, and markers are not shown
    let committed = 3_000 + 300 * 15 - 15 * 50;
    assert_eq!(consumed(&kafka, committed), committed);
    for complaint in ["rebuilding", "recovering segment", "Recovering", "orrupt"] {
        let log = kafka.log();
        let line = log.lines().find(|line| line.contains(complaint) && line.contains("t-0"));
        assert_eq!(line, None, "Kafka mends what was left in order");
    }
    kafka.terminate();
    records += go_on_without_producers(&kafka.data(), records);
    kafka.restart();
    assert_eq!(end_offset(&kafka), records, "after a crash");
}

/// The same without a word at the end, as a crash of the process would leave it.
fn go_on_without_producers(data: &Path, expected: usize) -> usize {
    let log_dir = directory(data);
    let now = TimestampMs(FIRST_TIMESTAMP);
    let mut log = log_dir.open_log("t", Partition(0), config(), now).unwrap();
    assert_eq!(log.end_offset().0, i64::try_from(expected).unwrap());
    let statuses = log.producers();
    assert_eq!(statuses.iter().filter(|status| status.producer_id.0 < 9).count(), statuses.len());
    let nobody =
        Producer { id: ProducerId::NONE, epoch: ProducerEpoch::NONE, ..producer(0, -1, false) };
    for i in 0..100 {
        let batch = batch(i, Compression::Lz4, nobody);
        log.append(&batch, Origin::Client, LeaderEpoch(50), now).unwrap();
    }
    500
}
