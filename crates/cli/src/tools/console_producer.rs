//! `kafka-console-producer`: lines of standard input become records.

mod line_reader;

use std::collections::VecDeque;
use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::Duration;

use client::{Delivery, Producer, ProducerRecord, Properties};

use super::support::options::{Parsed, Spec};
use super::support::{Done, ToolError, block_on, connect, lines, run as run_tool};
use line_reader::{Line, LineReader};

/// Deliveries that are looked at only once there are this many.
const DELIVERIES_MAX: usize = 10_000;
const CLOSE_WITHIN: Duration = Duration::from_secs(3600);

fn spec() -> Spec {
    Spec::new("This tool helps to read data from standard input and publish it to Kafka.")
        .cluster()
        .value("topic", "topic", "REQUIRED: The topic to produce messages to.")
        .flag("sync", "Send one message at a time.")
        .maybe("compression-codec", "codec", "none, gzip, snappy, lz4 or zstd; gzip if left out.")
        .value("batch-size", "size", "The bytes that a batch gathers (16384).")
        .value("max-partition-memory-bytes", "size", "As --batch-size.")
        .value("max-memory-bytes", "bytes", "The memory for unsent messages (33554432).")
        .value("max-block-ms", "ms", "The time that a send may block (60000).")
        .value("message-send-max-retries", "number", "How often a send is retried (3).")
        .value("retry-backoff-ms", "ms", "The wait before a retry (100).")
        .value("timeout", "ms", "The time that a batch gathers messages (1000).")
        .value("request-required-acks", "acks", "The acks of a produce request (-1).")
        .value("request-timeout-ms", "ms", "The time that a request may take (1500).")
        .value("metadata-expiry-ms", "ms", "The age at which metadata is refreshed (300000).")
        .value("socket-buffer-size", "size", "Has no effect.")
        .value("line-reader", "class", "org.apache.kafka.tools.LineMessageReader.")
        .value(
            "reader-property",
            "key=value",
            "A property of the reader: parse.key, key.separator.",
        )
        .value("reader-config", "file", "Property file of the reader.")
        .value("property", "key=value", "(DEPRECATED) As --reader-property.")
        .value("command-property", "key=value", "A setting of the producer.")
        .value("producer-property", "key=value", "(DEPRECATED) As --command-property.")
        .value("producer.config", "file", "(DEPRECATED) As --command-config.")
}

/// The class of Kafka that reads lines, the only one that there is here.
const LINE_READER: &str = "org.apache.kafka.tools.LineMessageReader";

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let (old, new) = ("--property", "--reader-property");
        warn_deprecated(options, "property", old, new);
        warn_deprecated(options, "producer-property", "--producer-property", "--command-property");
        warn_deprecated(options, "producer.config", "--producer.config", "--command-config");
        let topic = options.require("topic")?;
        if let Some(class) = options.get("line-reader").filter(|class| *class != LINE_READER) {
            return Err(ToolError::Failed(format!("reader {class} is not known here")));
        }
        let properties = settings(options)?;
        let config = connect::producer_config(&properties)?;
        let reader_settings =
            connect::properties(options, &["reader-config"], &["property", "reader-property"])?;
        let reader = LineReader::new(&reader_settings).map_err(ToolError::Failed)?;
        block_on(async {
            send_all(Producer::new(config), topic, reader, options.has("sync")).await
        })
    })
}

fn warn_deprecated(options: &Parsed, name: &str, old: &str, new: &str) {
    if options.has(name) {
        println!(
            "Warning: {old} is deprecated and will be removed in a future version. Use {new} \
             instead."
        );
    }
}

/// The producer's settings: the file and the pairs, then the options, then this tool's defaults.
fn settings(options: &Parsed) -> Result<Properties, ToolError> {
    let files = ["producer.config", "command-config"];
    let pairs = ["producer-property", "command-property"];
    let mut settings = connect::properties(options, &files, &pairs)?;
    settings.set("bootstrap.servers", connect::bootstrap(options)?);
    if options.has("compression-codec") {
        settings.set("compression.type", options.get("compression-codec").unwrap_or("gzip"));
    }
    for (option, key, default) in [
        ("batch-size", "batch.size", "16384"),
        ("max-memory-bytes", "buffer.memory", "33554432"),
        ("max-block-ms", "max.block.ms", "60000"),
        ("message-send-max-retries", "retries", "3"),
        ("retry-backoff-ms", "retry.backoff.ms", "100"),
        ("timeout", "linger.ms", "1000"),
        ("request-required-acks", "acks", "-1"),
        ("request-timeout-ms", "request.timeout.ms", "1500"),
        ("metadata-expiry-ms", "metadata.max.age.ms", "300000"),
    ] {
        match options.get(option) {
            Some(value) => settings.set(key, value),
            None => settings.set_default(key, default),
        }
    }
    if let Some(size) = options.get("max-partition-memory-bytes") {
        settings.set("batch.size", size);
    }
    settings.set_default("client.id", "console-producer");
    Ok(settings)
}

async fn send_all(producer: Producer, topic: &str, mut reader: LineReader, sync: bool) -> Done {
    let prompts = std::io::stdin().is_terminal();
    let mut input = lines::blocks(std::io::stdin());
    let mut waiting: VecDeque<Delivery> = VecDeque::new();
    let failed = loop {
        if prompts {
            print!(">");
            std::io::stdout().flush()?;
        }
        let Some(block) = input.recv().await else { break None };
        let sent = send_block(&producer, topic, &mut reader, &block?, &mut waiting).await?;
        let open_max = if sync || prompts { 0 } else { DELIVERIES_MAX };
        if open_max == 0 {
            producer.flush().await;
        }
        while waiting.len() > open_max {
            let Some(delivery) = waiting.pop_front() else { break };
            report(delivery.await.err(), topic);
        }
        if sent.is_some() {
            break sent;
        }
    };
    producer.close(CLOSE_WITHIN).await;
    for delivery in waiting {
        report(delivery.await.err(), topic);
    }
    failed.map_or(Ok(()), |wrong| Err(ToolError::Failed(wrong)))
}

/// Sends the lines of a block up to the first that is wrong, and says what is wrong with it.
async fn send_block(
    producer: &Producer,
    topic: &str,
    reader: &mut LineReader,
    block: &[u8],
    waiting: &mut VecDeque<Delivery>,
) -> Result<Option<String>, ToolError> {
    for line in lines::split(block) {
        match reader.parse(line) {
            Ok(line) => match send(producer, topic, &line).await {
                Ok(delivery) => waiting.push_back(delivery),
                Err(error) => report(Some(error), topic),
            },
            Err(wrong) => return Ok(Some(wrong)),
        }
    }
    Ok(None)
}

async fn send(producer: &Producer, topic: &str, line: &Line<'_>) -> client::Result<Delivery> {
    let headers: Vec<record::Header<'_>> =
        line.headers.iter().map(|(key, value)| record::Header { key, value: *value }).collect();
    let record = ProducerRecord {
        topic,
        key: line.key,
        value: line.value,
        headers: &headers,
        ..Default::default()
    };
    producer.send(&record).await
}

/// As Kafka's tool, a record that could not be sent is reported and does not fail the tool.
fn report(error: Option<client::Error>, topic: &str) {
    if let Some(error) = error {
        eprintln!("ERROR Error when sending message to topic {topic} with error: {error}");
    }
}
