//! `kafka-verifiable-producer`: sends growing numbers and tells of each as a line of JSON.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use client::{Delivery, Producer, ProducerRecord, RecordAck};

use super::support::json_object::Object;
use super::support::options::{Parsed, Spec};
use super::support::throttle::Throttle;
use super::support::{Done, ToolError, block_on, connect, exception, now_ms, run as run_tool};

const CLOSE_WITHIN: Duration = Duration::from_secs(600);

fn spec() -> Spec {
    let about = "This tool produces increasing integers to the specified topic and prints JSON \
                 metadata to stdout on each \"send\" request.";
    Spec::new(about)
        .answers_help(1, Some(0))
        .cluster()
        .value("topic", "topic", "REQUIRED: Produce messages to this topic.")
        .value("max-messages", "number", "How many messages; -1 for no end (default).")
        .value("throughput", "number", "Messages a second; -1 for no limit (default).")
        .value("acks", "acks", "0, 1 or -1 (default).")
        .value("producer.config", "file", "(DEPRECATED) As --command-config.")
        .value("message-create-time", "ms", "Timestamp of the first message.")
        .value("value-prefix", "number", "Put in front of each value, with a dot.")
        .value("repeating-keys", "number", "Keys from 0 up to this, over and over.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let topic = options.require("topic")?.to_owned();
        let files = ["producer.config", "command-config"];
        let mut settings = connect::properties(options, &files, &[])?;
        settings.set("bootstrap.servers", connect::bootstrap(options)?);
        settings.set("acks", acks(options)?);
        // as Kafka's tool: what fails is told, not tried again
        settings.set("retries", "0");
        let config = connect::producer_config(&settings)?;
        let run = Run {
            topic,
            max: options.number::<i64>("max-messages")?.unwrap_or(-1),
            throughput: options.number("throughput")?.unwrap_or(-1.0),
            create_time: options.number("message-create-time")?.filter(|time| *time >= 0),
            prefix: options.get("value-prefix").map(|prefix| format!("{prefix}.")),
            keys: options.number("repeating-keys")?,
            sent: 0,
            acked: 0,
        };
        block_on(async { run.all(Producer::new(config)).await })
    })
}

fn acks(options: &Parsed) -> Result<&str, ToolError> {
    match options.get("acks").unwrap_or("-1") {
        acks @ ("0" | "1" | "-1") => Ok(acks),
        other => {
            let what = format!("argument --acks: invalid choice: '{other}' (choose from 0, 1, -1)");
            Err(ToolError::Usage(what))
        }
    }
}

/// What happened and when, to which more may be added.
fn event(name: &str) -> Object {
    Object::new().with("timestamp", now_ms()).with("name", name)
}

struct Run {
    topic: String,
    max: i64,
    throughput: f64,
    create_time: Option<i64>,
    prefix: Option<String>,
    keys: Option<u64>,
    sent: u64,
    acked: u64,
}

type Waiting = VecDeque<(Delivery, Option<String>, String)>;

impl Run {
    async fn all(mut self, producer: Producer) -> Done {
        println!("{}", event("startup_complete"));
        let started = Instant::now();
        let throttle = Throttle::new(self.throughput);
        let mut waiting = Waiting::new();
        let mut interrupted = std::pin::pin!(super::support::terminated());
        while self.max < 0 || i64::try_from(self.sent).is_ok_and(|sent| sent < self.max) {
            let sending = self.send(&producer, &mut waiting);
            tokio::select! {
                () = &mut interrupted => break,
                sent = sending => sent?,
            }
            self.settle(&mut waiting);
            tokio::select! {
                () = &mut interrupted => break,
                () = tokio::time::sleep(throttle.wait(self.sent)) => {}
            }
        }
        producer.flush().await;
        self.settle(&mut waiting);
        producer.close(CLOSE_WITHIN).await;
        println!("{}", event("shutdown_complete"));
        #[expect(clippy::cast_precision_loss, reason = "a rate is an approximation")]
        let average = self.acked as f64 / started.elapsed().as_secs_f64();
        #[expect(clippy::cast_possible_truncation, reason = "Kafka's tool prints whole numbers")]
        let target = self.throughput as i64;
        let data = event("tool_data").with("sent", self.sent).with("acked", self.acked);
        println!("{}", data.with("target_throughput", target).with("avg_throughput", average));
        Ok(())
    }

    async fn send(&mut self, producer: &Producer, waiting: &mut Waiting) -> Done {
        let index = self.sent;
        let value = format!("{}{index}", self.prefix.as_deref().unwrap_or_default());
        let key = self.keys.map(|keys| (index % keys.max(1)).to_string());
        let offset = i64::try_from(index).unwrap_or(i64::MAX);
        let record = ProducerRecord {
            topic: &self.topic,
            timestamp: self.create_time.map(|start| start.saturating_add(offset)),
            key: key.as_deref().map(str::as_bytes),
            value: Some(value.as_bytes()),
            ..Default::default()
        };
        self.sent += 1;
        match producer.send(&record).await {
            Ok(delivery) => waiting.push_back((delivery, key, value)),
            Err(error) => self.print_failure(key.as_deref(), &value, &error),
        }
        Ok(())
    }

    fn settle(&mut self, waiting: &mut Waiting) {
        while let Some((delivery, key, value)) = waiting.front() {
            let Some(outcome) = delivery.outcome() else { return };
            match outcome {
                Ok(ack) => {
                    self.acked += 1;
                    self.print_success(key.as_deref(), value, ack);
                }
                Err(error) => self.print_failure(key.as_deref(), value, &error),
            }
            waiting.pop_front();
        }
    }

    fn print_success(&self, key: Option<&str>, value: &str, ack: RecordAck) {
        let sent = event("producer_send_success")
            .with("key", key)
            .with("value", value)
            .with("topic", &*self.topic)
            .with("partition", ack.partition)
            .with("offset", ack.offset.unwrap_or(-1));
        println!("{sent}");
    }

    fn print_failure(&self, key: Option<&str>, value: &str, error: &client::Error) {
        let exception = exception(error);
        let (class, message) = exception.split_once(": ").unwrap_or((&exception, ""));
        let failed = event("producer_send_error")
            .with("topic", &*self.topic)
            .with("key", key)
            .with("value", value)
            .with("exception", format!("class {class}"))
            .with("message", message);
        println!("{failed}");
    }
}
