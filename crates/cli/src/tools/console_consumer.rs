//! `kafka-console-consumer`: records become lines of standard output.

mod formatter;

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use client::{Consumer, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, Properties, TopicPartition};

use super::support::options::{Parsed, Spec};
use super::support::topics::TopicFilter;
use super::support::{Done, ToolError, block_on, connect, run as run_tool, terminated};
use formatter::Formatter;

/// How long one poll waits where nothing limits it.
const POLL_MAX: Duration = Duration::from_secs(1);
const CLOSE_WITHIN: Duration = Duration::from_secs(10);

fn spec() -> Spec {
    let about = "This tool helps to read data from Kafka topics and outputs it to standard output.";
    Spec::new(about)
        .cluster()
        .value("topic", "topic", "The topic to consume from.")
        .value("include", "regex", "Regular expression of topics to consume from.")
        .value("partition", "number", "The partition to consume from.")
        .value("offset", "offset", "An offset, 'earliest' or 'latest' (default).")
        .flag("from-beginning", "Start with the earliest message where nothing is committed.")
        .value("max-messages", "number", "The number of messages after which to end.")
        .value("timeout-ms", "ms", "End if no message comes for that long.")
        .value("group", "group id", "The consumer group.")
        .value("isolation-level", "level", "read_committed or read_uncommitted.")
        .value("formatter", "class", "The class that formats messages.")
        .value("formatter-property", "key=value", "print.key, print.timestamp, key.separator, ...")
        .value("formatter-config", "file", "Property file of the formatter.")
        .value("property", "key=value", "(DEPRECATED) As --formatter-property.")
        .value("key-deserializer", "class", "The deserializer of keys.")
        .value("value-deserializer", "class", "The deserializer of values.")
        .value("command-property", "key=value", "A setting of the consumer.")
        .value("consumer-property", "key=value", "(DEPRECATED) As --command-property.")
        .value("consumer.config", "file", "(DEPRECATED) As --command-config.")
        .flag("skip-message-on-error", "Skip a message that cannot be formatted.")
        .flag("enable-systest-events", "Print events of the consumer's life.")
}

/// Options that have gone out of use, and what has come in their place.
const REPLACED: [(&str, &str); 3] = [
    ("property", "formatter-property"),
    ("consumer-property", "command-property"),
    ("consumer.config", "command-config"),
];

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        check(options)?;
        for (old, new) in REPLACED.iter().filter(|(old, _)| options.has(old)) {
            println!(
                "Option --{old} is deprecated and will be removed in a future version. Use --{new} \
                 instead."
            );
        }
        let mut format = connect::properties(
            options,
            &["formatter-config"],
            &["property", "formatter-property"],
        )?;
        for (option, key) in
            [("key-deserializer", "key.deserializer"), ("value-deserializer", "value.deserializer")]
        {
            if let Some(class) = options.get(option) {
                format.set(key, class);
            }
        }
        let formatter =
            Formatter::new(options.get("formatter"), &format).map_err(ToolError::Failed)?;
        let config = connect::consumer_config(&settings(options)?)?;
        block_on(async {
            let mut consumer = Consumer::new(config);
            start(&mut consumer, options).await?;
            consume(consumer, options, &formatter).await
        })
    })
}

fn check(options: &Parsed) -> Done {
    let wrong = |what: &str| Err(ToolError::Usage(what.to_owned()));
    connect::bootstrap(options)?;
    if options.has("topic") == options.has("include") {
        return wrong("Exactly one of the following arguments is required: [topic], [include]");
    }
    if let Some((old, new)) = REPLACED.iter().find(|(a, b)| options.has(a) && options.has(b)) {
        return wrong(&format!("Options --{old} and --{new} cannot be specified together."));
    }
    if options.has("partition") && !options.has("topic") {
        return wrong("The topic is required when partition is specified.");
    }
    if options.has("offset") && !options.has("partition") {
        return wrong("The partition is required when offset is specified.");
    }
    if options.has("offset") && options.has("from-beginning") {
        return wrong("The options from-beginning and offset cannot be specified together.");
    }
    if options.has("group") && options.has("partition") {
        return wrong("The options group and partition cannot be specified together.");
    }
    Ok(())
}

/// The consumer's settings: the file and the pairs, then what the options say.
fn settings(options: &Parsed) -> Result<Properties, ToolError> {
    let files = ["consumer.config", "command-config"];
    let pairs = ["consumer-property", "command-property"];
    let mut settings = connect::properties(options, &files, &pairs)?;
    settings.set("bootstrap.servers", connect::bootstrap(options)?);
    let reset = settings.get("auto.offset.reset").map(str::to_ascii_lowercase);
    if options.has("from-beginning") {
        if reset.is_some_and(|reset| reset != "earliest") {
            let what = "Can't simultaneously specify --from-beginning and 'auto.offset.reset', \
                        please remove one option";
            return Err(ToolError::Failed(what.to_owned()));
        }
        settings.set("auto.offset.reset", "earliest");
    } else {
        settings.set_default("auto.offset.reset", "latest");
    }
    if let Some(level) = options.get("isolation-level") {
        settings.set("isolation.level", level);
    }
    settings.set_default("client.id", "console-consumer");
    match (options.get("group"), settings.get("group.id")) {
        (Some(group), Some(other)) if group != other => {
            let what = format!(
                "The group ids provided in different places (directly using '--group', via \
                 '--consumer-property', or via '--consumer.config') do not match. Detected group \
                 ids: {group}, {other}"
            );
            return Err(ToolError::Failed(what));
        }
        (Some(group), _) => settings.set("group.id", group),
        (None, Some(_)) => {}
        (None, None) => {
            // nobody will come back to a group that nobody knows the name of
            settings.set_default("enable.auto.commit", "false");
            settings.set("group.id", format!("console-consumer-{}", std::process::id()));
        }
    }
    if options.has("partition") {
        settings.remove("group.id");
        settings.set("enable.auto.commit", "false");
    }
    Ok(settings)
}

async fn start(consumer: &mut Consumer, options: &Parsed) -> Done {
    if let Some(number) = options.number::<i32>("partition")? {
        let partition = TopicPartition::new(options.require("topic")?, number);
        consumer.assign([partition.clone()])?;
        let from_beginning = options.has("from-beginning");
        match options.get("offset").map(str::to_ascii_lowercase).as_deref() {
            Some("earliest") => consumer.seek_to_time(&partition, EARLIEST_TIMESTAMP)?,
            None if from_beginning => consumer.seek_to_time(&partition, EARLIEST_TIMESTAMP)?,
            Some("latest") | None => consumer.seek_to_time(&partition, LATEST_TIMESTAMP)?,
            Some(text) => {
                let offset = text.parse().ok().filter(|offset| *offset >= 0);
                let wrong = || {
                    let what = format!(
                        "The provided offset value '{text}' is incorrect. Valid values are \
                         'earliest', 'latest', or a non-negative long."
                    );
                    ToolError::Usage(what)
                };
                consumer.seek(&partition, offset.ok_or_else(wrong)?)?;
            }
        }
        return Ok(());
    }
    match options.get("include") {
        Some(pattern) => {
            let filter = TopicFilter::parse(pattern)?;
            consumer.subscribe_matching(Box::new(move |topic| filter.matches(topic)))?;
        }
        None => consumer.subscribe([options.require("topic")?])?,
    }
    Ok(())
}

async fn consume(mut consumer: Consumer, options: &Parsed, formatter: &Formatter) -> Done {
    let most: u64 = options
        .number::<i64>("max-messages")?
        .map_or(u64::MAX, |n| u64::try_from(n).unwrap_or(u64::MAX));
    let timeout = options.number::<u64>("timeout-ms")?.map(Duration::from_millis);
    let mut interrupted = std::pin::pin!(terminated());
    let (mut seen, mut last) = (0, Instant::now());
    // ids of records handed out but not shown are not to be committed
    let mut shown_up_to = std::collections::BTreeMap::new();
    let outcome: Done = loop {
        if seen >= most {
            break Ok(());
        }
        let wait = timeout.map_or(POLL_MAX, |timeout| timeout.saturating_sub(last.elapsed()));
        let records = tokio::select! {
            records = consumer.poll(wait.min(POLL_MAX)) => records,
            () = &mut interrupted => break Ok(()),
        };
        let records = match records {
            Ok(records) => records,
            Err(error) => break Err(error.into()),
        };
        if records.is_empty() {
            if timeout.is_some_and(|timeout| last.elapsed() >= timeout) {
                break Ok(());
            }
            continue;
        }
        last = Instant::now();
        let mut out = std::io::stdout().lock();
        let left = usize::try_from(most - seen).unwrap_or(usize::MAX);
        for record in records.iter().take(left) {
            seen += 1;
            let partition = TopicPartition::new(record.topic, record.partition);
            shown_up_to.insert(partition, record.offset + 1);
            match formatter.write(&record, &mut out) {
                Ok(()) => {}
                Err(error) if options.has("skip-message-on-error") => {
                    eprintln!("ERROR Error processing message, skipping this message: {error}");
                }
                Err(error) => return Err(error.into()),
            }
        }
        if out.flush().is_err() {
            eprintln!("Unable to write to standard out, closing consumer.");
            break Ok(());
        }
    };
    for (partition, offset) in shown_up_to {
        if consumer.position(&partition).is_some_and(|position| position > offset) {
            consumer.seek(&partition, offset)?;
        }
    }
    let closed = consumer.close(CLOSE_WITHIN).await;
    if let Err(error) = closed {
        eprintln!("WARN {error}");
    }
    if options.has("enable-systest-events") {
        println!("shutdown_complete");
    }
    eprintln!("Processed a total of {seen} messages");
    outcome
}
