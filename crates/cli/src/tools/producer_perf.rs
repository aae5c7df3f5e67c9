//! `kafka-producer-perf-test`: sends records and measures throughput and latency.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use client::{Delivery, Producer, ProducerRecord};

use super::support::options::{Parsed, Spec};
use super::support::payload::Payload;
use super::support::stats::Stats;
use super::support::throttle::Throttle;
use super::support::{Done, ToolError, block_on, connect, deprecated, run as run_tool};

const CLOSE_WITHIN: Duration = Duration::from_secs(600);
const REPORT_EVERY_MS: u64 = 5000;

fn spec() -> Spec {
    Spec::new("This tool is used to verify the producer performance.")
        .answers_help(1, Some(0))
        .value("bootstrap-server", "servers", "host:port,host:port to connect to.")
        .value("topic", "topic", "REQUIRED: produce messages to this topic.")
        .value("num-records", "number", "REQUIRED: number of messages to produce.")
        .value("throughput", "number", "REQUIRED: messages a second, -1 for no limit.")
        .value("record-size", "bytes", "Size of each message.")
        .value("payload-file", "file", "File of messages to send.")
        .value("payload-delimiter", "text", "What separates messages in the file (\\n).")
        .flag("payload-monotonic", "Send growing numbers.")
        .value("producer-props", "k=v k=v", "(DEPRECATED) As --command-property.")
        .value("command-property", "k=v k=v", "Settings of the producer.")
        .value("producer.config", "file", "(DEPRECATED) As --command-config.")
        .value("command-config", "file", "Property file of the producer.")
        .flag("print-metrics", "Print metrics at the end.")
        .value("warmup-records", "number", "Records that are not counted (0).")
        .value("reporting-interval", "ms", "How often to report (5000).")
}

pub fn run(args: &[String]) -> ExitCode {
    let args = repeated(args);
    run_tool(&spec(), &args, |options| {
        let topic = options.require("topic")?.to_owned();
        let records: u64 = required(options, "num-records")?;
        let throughput: f64 = required(options, "throughput")?;
        let warmup = options.number("warmup-records")?.unwrap_or(0);
        let every = options.number("reporting-interval")?.unwrap_or(REPORT_EVERY_MS);
        check(options, records, warmup, every)?;
        deprecated(options, "producer-props", "command-property");
        deprecated(options, "producer.config", "command-config");
        let payload = payload(options)?;
        let files = ["producer.config", "command-config"];
        let pairs = ["producer-props", "command-property"];
        let mut settings = connect::properties(options, &files, &pairs)?;
        if let Some(servers) = options.get("bootstrap-server") {
            settings.set("bootstrap.servers", servers);
        }
        settings.set_default("client.id", "perf-producer-client");
        let config = connect::producer_config(&settings)?;
        let load = Load { topic, records, warmup, throttle: Throttle::new(throughput), payload };
        block_on(async { load.run(Producer::new(config), Duration::from_millis(every)).await })
    })
}

/// `--producer-props a=b c=d` takes all words up to the next option: each becomes an option.
fn repeated(args: &[String]) -> Vec<String> {
    let (mut out, mut option) = (Vec::new(), None::<&String>);
    for arg in args {
        let many = arg == "--producer-props" || arg == "--command-property";
        if arg.starts_with("--") {
            option = many.then_some(arg);
            if many {
                continue;
            }
        } else if let Some(option) = option {
            out.push(option.clone());
        }
        out.push(arg.clone());
    }
    out
}

fn required<T: std::str::FromStr>(options: &Parsed, name: &str) -> Result<T, ToolError> {
    options.require(name)?;
    let missing = || ToolError::Usage(format!("argument --{name} is required"));
    options.number(name)?.ok_or_else(missing)
}

/// What the parser of Kafka's tool checks before any work.
fn check(options: &Parsed, records: u64, warmup: u64, every_ms: u64) -> Done {
    let refused = |what: &str| Err(ToolError::Usage(what.to_owned()));
    let payloads = ["record-size", "payload-file", "payload-monotonic"];
    let servers = [
        "bootstrap-server",
        "command-property",
        "producer-props",
        "producer.config",
        "command-config",
    ];
    match payloads.iter().filter(|name| options.has(name)).count() {
        0 => {
            return refused(
                "one of the arguments --record-size --payload-file --payload-monotonic is required",
            );
        }
        1 => {}
        _ => {
            return refused("--record-size, --payload-file and --payload-monotonic exclude others");
        }
    }
    if records == 0 {
        return refused("--num-records should be greater than zero.");
    }
    if warmup >= records {
        return refused(
            "The value for --warmup-records must be strictly fewer than the number of records in \
             the test, --num-records.",
        );
    }
    if options.number::<usize>("record-size")? == Some(0) {
        return refused("--record-size should be greater than zero.");
    }
    if every_ms == 0 {
        return refused("--reporting-interval should be greater than zero.");
    }
    if !servers.iter().any(|name| options.has(name)) {
        return refused(
            "At least one of --bootstrap-server, --command-property, --producer-props, \
             --producer.config or --command-config must be specified.",
        );
    }
    Ok(())
}

fn payload(options: &Parsed) -> Result<Payload, ToolError> {
    if options.has("payload-monotonic") {
        return Ok(Payload::Monotonic);
    }
    if let Some(path) = options.get("payload-file") {
        return Payload::file(path, options.get("payload-delimiter").unwrap_or("\\n"));
    }
    Ok(Payload::random(required(options, "record-size")?))
}

/// What to send, and how fast.
struct Load {
    topic: String,
    records: u64,
    warmup: u64,
    throttle: Throttle,
    payload: Payload,
}

/// What is measured: everything, and what comes after the warm-up.
struct Measured {
    all: Stats,
    steady: Option<Stats>,
    warmup: u64,
}

impl Measured {
    fn record(&mut self, latency: Duration, bytes: usize) {
        self.all.record(latency, bytes);
        if let Some(steady) = self.steady.as_mut().filter(|_| self.all.count > self.warmup) {
            steady.record(latency, bytes);
        }
    }
}

/// Deliveries that are looked at in order, oldest first.
struct InFlight(VecDeque<(Delivery, Instant, usize)>);

impl InFlight {
    /// Counts those that are decided at the front.
    fn settle(&mut self, stats: &mut Measured) {
        while let Some((delivery, sent, bytes)) = self.0.front() {
            let Some(outcome) = delivery.outcome() else { return };
            match outcome {
                Ok(_) => stats.record(sent.elapsed(), *bytes),
                Err(error) => eprintln!("ERROR {error}"),
            }
            self.0.pop_front();
        }
    }
}

impl Load {
    async fn run(mut self, producer: Producer, every: Duration) -> Done {
        let all = Stats::new(self.records, every);
        let mut stats = Measured { all, steady: None, warmup: self.warmup };
        if self.warmup > 0 {
            println!(
                "Warmup first {} records. Steady state results will print after the complete test \
                 summary.",
                self.warmup
            );
        }
        let mut in_flight = InFlight(VecDeque::new());
        let mut value = Vec::new();
        for index in 0..self.records {
            if index == self.warmup && index > 0 {
                stats.steady = Some(Stats::steady(self.records - index, every));
                stats.all.report_at_end_only();
            }
            self.payload.next(index, &mut value);
            let record =
                ProducerRecord { topic: &self.topic, value: Some(&value), ..Default::default() };
            let sent = Instant::now();
            let delivery = match producer.try_send(&record) {
                Ok(None) => producer.send(&record).await,
                Ok(Some(delivery)) => Ok(delivery),
                Err(error) => Err(error),
            };
            match delivery {
                Ok(delivery) => in_flight.0.push_back((delivery, sent, value.len())),
                Err(error) => eprintln!("ERROR {error}"),
            }
            if index % 64 == 0 {
                tokio::task::yield_now().await;
                in_flight.settle(&mut stats);
            }
            let wait = self.throttle.wait(index + 1);
            if !wait.is_zero() {
                tokio::time::sleep(wait).await;
                in_flight.settle(&mut stats);
            }
        }
        producer.flush().await;
        in_flight.settle(&mut stats);
        stats.all.print_total();
        if let Some(mut steady) = stats.steady {
            steady.print_total();
        }
        producer.close(CLOSE_WITHIN).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_may_follow_each_other() {
        let args = ["--producer-props", "a=b", "c=d", "--topic", "t"].map(str::to_owned);
        let expected = ["--producer-props", "a=b", "--producer-props", "c=d", "--topic", "t"];
        assert_eq!(repeated(&args), expected);
    }
}
