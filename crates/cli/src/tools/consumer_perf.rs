//! `kafka-consumer-perf-test`: reads records and measures throughput.

use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use client::{Consumer, RebalanceListener, TopicPartition};

use super::support::options::Spec;
use super::support::time::local_time;
use super::support::topics::TopicFilter;
use super::support::{Done, ToolError, block_on, connect, run as run_tool};

const CLOSE_WITHIN: Duration = Duration::from_secs(10);
const MIB: f64 = 1024.0 * 1024.0;

fn spec() -> Spec {
    Spec::new("This tool is used to verify the consumer performance.")
        .cluster()
        .value("topic", "topic", "The topic to consume from.")
        .value("include", "regex", "Regular expression of topics to consume from.")
        .value("num-records", "count", "REQUIRED: The number of records to consume.")
        .value("messages", "count", "(DEPRECATED) As --num-records.")
        .value("group", "group", "The group id (perf-consumer-…).")
        .value("fetch-size", "bytes", "The amount of data of one partition a request (1048576).")
        .value("max-partition-fetch-bytes", "bytes", "As --fetch-size.")
        .value("socket-buffer-size", "size", "Has no effect.")
        .value("timeout", "ms", "The longest time between two records (10000).")
        .value("reporting-interval", "ms", "How often to report (5000).")
        .flag("from-latest", "Start at the end.")
        .flag("hide-header", "Leave the heads of the columns out.")
        .flag("show-detailed-stats", "Report every interval.")
        .flag("print-metrics", "Print metrics at the end.")
        .value("consumer.config", "file", "(DEPRECATED) As --command-config.")
        .value("command-property", "key=value", "A setting of the consumer.")
        .value("consumer-property", "key=value", "(DEPRECATED) As --command-property.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        if options.has("topic") == options.has("include") {
            let what = "Exactly one of the following arguments is required: [topic], [include]";
            return Err(ToolError::Usage(what.to_owned()));
        }
        let count = match (options.has("messages"), options.has("num-records")) {
            (true, false) => "messages",
            (false, true) => "num-records",
            (true, true) | (false, false) => {
                let what = "Exactly one of the following arguments is required: [messages], \
                            [num-records]";
                return Err(ToolError::Usage(what.to_owned()));
            }
        };
        let servers = connect::bootstrap(options)?;
        for (old, instead) in [("messages", "num-records"), ("consumer.config", "command-config")] {
            if options.has(old) {
                println!("Warning: --{old} is deprecated. Use --{instead} instead.");
            }
        }
        let detailed = options.has("show-detailed-stats");
        if !options.has("hide-header") {
            print_heads(detailed);
        }
        let wanted: u64 = options.number(count)?.unwrap_or(0);
        let every = options.number("reporting-interval")?.unwrap_or(5000);
        if every == 0 {
            return Err(ToolError::Failed("Reporting interval must be greater than 0.".to_owned()));
        }
        let files = ["consumer.config", "command-config"];
        let pairs = ["consumer-property", "command-property"];
        let mut settings = connect::properties(options, &files, &pairs)?;
        settings.set("bootstrap.servers", servers);
        let group = format!("perf-consumer-{}", std::process::id());
        settings.set("group.id", options.get("group").unwrap_or(&group));
        settings.set_default("client.id", "perf-consumer-client");
        let reset = if options.has("from-latest") { "latest" } else { "earliest" };
        settings.set("auto.offset.reset", reset);
        settings.set("check.crcs", "false");
        let fetch = options.get("max-partition-fetch-bytes").or(options.get("fetch-size"));
        settings.set("max.partition.fetch.bytes", fetch.unwrap_or("1048576"));
        let config = connect::consumer_config(&settings)?;
        let test = Test {
            wanted,
            timeout: Duration::from_millis(options.number("timeout")?.unwrap_or(10_000)),
            every: Duration::from_millis(every),
            detailed,
        };
        block_on(async {
            let mut consumer = Consumer::new(config);
            match options.get("include") {
                Some(pattern) => {
                    let filter = TopicFilter::parse(pattern)?;
                    consumer.subscribe_matching(Box::new(move |name| filter.matches(name)))?;
                }
                None => consumer.subscribe([options.require("topic")?])?,
            }
            test.run(consumer).await
        })
    })
}

fn print_heads(detailed: bool) {
    let common = "data.consumed.in.MB, MB.sec, data.consumed.in.nMsg, nMsg.sec, \
                  rebalance.time.ms, fetch.time.ms, fetch.MB.sec, fetch.nMsg.sec";
    let times = if detailed { "time, threadId" } else { "start.time, end.time" };
    println!("{times}, {common}");
}

/// Sums up the time without partitions.
struct RebalanceClock {
    since: Arc<Mutex<(Instant, Duration)>>,
}

impl RebalanceListener for RebalanceClock {
    fn on_assigned(&mut self, _: &[TopicPartition]) {
        let mut clock = self.since.lock().unwrap_or_else(PoisonError::into_inner);
        let paused = clock.0.elapsed();
        clock.1 += paused;
    }

    fn on_revoked(&mut self, _: &[TopicPartition]) {
        self.since.lock().unwrap_or_else(PoisonError::into_inner).0 = Instant::now();
    }
}

struct Test {
    wanted: u64,
    timeout: Duration,
    every: Duration,
    detailed: bool,
}

/// Records and bytes, of everything or of one interval.
#[derive(Clone, Copy, Default)]
struct Count {
    records: u64,
    bytes: u64,
}

#[expect(clippy::cast_precision_loss, reason = "reports show a few digits")]
fn real(n: u64) -> f64 {
    n as f64
}

impl Test {
    async fn run(self, mut consumer: Consumer) -> Done {
        let started = Instant::now();
        let start_time = local_time();
        let since = Arc::new(Mutex::new((started, Duration::ZERO)));
        consumer.set_listener(RebalanceClock { since: Arc::clone(&since) });
        let rebalanced = || since.lock().unwrap_or_else(PoisonError::into_inner).1;
        let (mut total, mut reported) = (Count::default(), Count::default());
        let (mut last, mut report_at, mut paused) = (started, started, Duration::ZERO);
        while total.records < self.wanted && last.elapsed() < self.timeout {
            let records = consumer.poll(Duration::from_millis(100)).await?;
            if records.is_empty() {
                continue;
            }
            last = Instant::now();
            for record in records.iter() {
                let length = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
                total.records += 1;
                let bytes = length(record.key) + length(record.value);
                total.bytes += u64::try_from(bytes).unwrap_or(0);
            }
            if self.detailed && report_at.elapsed() >= self.every {
                let spent = report_at.elapsed();
                let pause = rebalanced().saturating_sub(paused);
                print_interval(total, reported, spent, pause);
                (reported, report_at, paused) = (total, Instant::now(), rebalanced());
            }
        }
        let spent = started.elapsed();
        if total.records < self.wanted {
            println!(
                "WARNING: Exiting before consuming the expected number of records: timeout ({} \
                 ms) exceeded. You can use the --timeout option to increase the timeout.",
                self.timeout.as_millis()
            );
        }
        if !self.detailed {
            let line = columns(total, Count::default(), spent, rebalanced());
            println!("{start_time}, {}, {line}", local_time());
        }
        consumer.close(CLOSE_WITHIN).await?;
        Ok(())
    }
}

fn print_interval(total: Count, before: Count, spent: Duration, rebalance: Duration) {
    println!("{}, 0, {}", local_time(), columns(total, before, spent, rebalance));
}

/// The common columns: totals, and rates since `before`.
fn columns(total: Count, before: Count, spent: Duration, rebalance: Duration) -> String {
    let seconds = spent.as_secs_f64();
    let fetch = spent.saturating_sub(rebalance);
    let fetch_seconds = fetch.as_secs_f64().max(0.001);
    let megabytes = real(total.bytes - before.bytes) / MIB;
    let records = real(total.records - before.records);
    format!(
        "{:.4}, {:.4}, {}, {:.4}, {}, {}, {:.4}, {:.4}",
        real(total.bytes) / MIB,
        megabytes / seconds,
        total.records,
        records / seconds,
        rebalance.as_millis(),
        fetch.as_millis(),
        megabytes / fetch_seconds,
        records / fetch_seconds,
    )
}
