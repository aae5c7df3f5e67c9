//! `klamm produce`: lines, or whole files, into a topic; for people.

use std::collections::VecDeque;
use std::io::{IsTerminal, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use client::{Delivery, Producer, ProducerRecord};

use super::support::options::{Parsed, Spec};
use super::support::{Done, ToolError, block_on, connect, lines, run as run_tool};

/// Deliveries that are looked at only once there are this many.
const DELIVERIES_MAX: usize = 10_000;
const CLOSE_WITHIN: Duration = Duration::from_secs(600);
const DEFAULT_SERVER: &str = "localhost:9092";

fn spec() -> Spec {
    let about = "usage: klamm produce TOPIC [FILE]...\n\n\
                 Each line of standard input, or each FILE as a whole, becomes a record.";
    Spec::new(about)
        .cluster()
        .value("b", "servers", "As --bootstrap-server (localhost:9092).")
        .value("k", "separator", "What stands before this in a line is the key.")
        .value("H", "name:value", "A header for each record; may be repeated.")
        .value("p", "partition", "The partition.")
        .value("c", "codec", "gzip, snappy, lz4 or zstd.")
        .value("X", "key=value", "A setting of the producer; may be repeated.")
        .flag("l", "Each line of each FILE is a record.")
        .flag("q", "Say nothing.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let Some((topic, files)) = options.rest.split_first() else {
            return Err(ToolError::Usage("which topic? klamm produce TOPIC".to_owned()));
        };
        let mut settings = connect::properties(options, &["command-config"], &["X"])?;
        let servers = options.get("b").or(options.get("bootstrap-server"));
        match servers {
            Some(servers) => settings.set("bootstrap.servers", servers),
            None => settings.set_default("bootstrap.servers", DEFAULT_SERVER),
        }
        // who looks at a terminal should not wait a minute to hear that nobody is there
        settings.set_default("max.block.ms", "10000");
        if let Some(codec) = options.get("c") {
            settings.set("compression.type", codec);
        }
        let config = connect::producer_config(&settings)?;
        let headers: Vec<(String, String)> = options
            .all("H")
            .map(|text| text.split_once(':').unwrap_or((text, "")))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let partition = options.number("p")?;
        block_on(async {
            let sink = Sink {
                producer: Producer::new(config),
                topic: topic.clone(),
                partition,
                headers,
                separator: options.get("k").map(|text| unescape(text).into_bytes()),
                waiting: VecDeque::new(),
                sent: 0,
            };
            sink.all(files, options).await
        })
    })
}

/// `\t` and `\n` as shells pass them.
fn unescape(text: &str) -> String {
    text.replace("\\t", "\t").replace("\\n", "\n")
}

struct Sink {
    producer: Producer,
    topic: String,
    partition: Option<i32>,
    headers: Vec<(String, String)>,
    separator: Option<Vec<u8>>,
    waiting: VecDeque<Delivery>,
    sent: u64,
}

impl Sink {
    async fn all(mut self, files: &[String], options: &Parsed) -> Done {
        if files.is_empty() {
            let stdin = std::io::stdin();
            let prompts = stdin.is_terminal() && !options.has("q");
            self.lines(stdin, prompts).await?;
        }
        for file in files {
            let open = std::fs::File::open(file);
            let mut open = open.map_err(|e| ToolError::Failed(format!("{file}: {e}")))?;
            if options.has("l") {
                self.lines(open, false).await?;
            } else {
                let mut value = Vec::new();
                open.read_to_end(&mut value)?;
                self.record(None, &value).await?;
            }
        }
        self.settle(0).await?;
        self.producer.close(CLOSE_WITHIN).await;
        if !options.has("q") {
            eprintln!("{} records to {}", self.sent, self.topic);
        }
        Ok(())
    }

    async fn lines(&mut self, input: impl Read + Send + 'static, prompts: bool) -> Done {
        let mut input = lines::blocks(input);
        loop {
            if prompts {
                eprint!("> ");
                std::io::stderr().flush()?;
            }
            let Some(block) = input.recv().await else { return Ok(()) };
            let separator = self.separator.clone();
            for line in lines::split(&block?) {
                let (key, value) = match &separator {
                    Some(separator) => split_once(line, separator),
                    None => (None, line),
                };
                self.record(key, value).await?;
            }
            if prompts {
                // whoever types wants to know at once
                self.settle(0).await?;
            }
        }
    }

    async fn record(&mut self, key: Option<&[u8]>, value: &[u8]) -> Done {
        let headers: Vec<record::Header<'_>> = self
            .headers
            .iter()
            .map(|(name, value)| record::Header {
                key: name.as_bytes(),
                value: Some(value.as_bytes()),
            })
            .collect();
        let record = ProducerRecord {
            topic: &self.topic,
            partition: self.partition,
            key,
            value: Some(value),
            headers: &headers,
            ..Default::default()
        };
        let delivery = self.producer.send(&record).await?;
        self.waiting.push_back(delivery);
        self.sent += 1;
        self.settle(DELIVERIES_MAX).await
    }

    /// Looks at deliveries until only `left` are open; the first failure ends the tool.
    async fn settle(&mut self, left: usize) -> Done {
        if left == 0 {
            self.producer.flush().await;
        }
        while self.waiting.len() > left {
            let Some(delivery) = self.waiting.pop_front() else { break };
            delivery.await?;
        }
        Ok(())
    }
}

fn split_once<'l>(text: &'l [u8], separator: &[u8]) -> (Option<&'l [u8]>, &'l [u8]) {
    let at = text.windows(separator.len().max(1)).position(|window| window == separator);
    match at {
        Some(at) => (Some(&text[..at]), &text[at + separator.len()..]),
        None => (None, text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_what_stands_before_the_separator() {
        assert_eq!(split_once(b"k::v::w", b"::"), (Some(&b"k"[..]), &b"v::w"[..]));
        assert_eq!(split_once(b"no key", b"::"), (None, &b"no key"[..]));
        assert_eq!(split_once(b"x", b""), (None, &b"x"[..]));
    }
}
