//! The scenario of a user's first hour, on real input: every client produces the flights, another
//! one consumes them, in every compression, and the totals a carrier are those of the file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;
use std::thread;

use e2e::java::{Release, class, program};
use e2e::process::succeed;
use e2e::{Klamm, flights, klamm, runtimes};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// A client: how it is started to produce lines of `KEY:VALUE`, and to count what is in a topic.
struct Client {
    name: &'static str,
    produce: fn(&Klamm, topic: &str, codec: &str) -> Option<Command>,
    /// In a group that is named as the topic.
    consume: fn(&Klamm, topic: &str) -> Option<Command>,
    /// What its consumer printed, as a listing.
    listing: fn(String) -> String,
}

const CLIENTS: [Client; 6] = [
    Client {
        name: "kafkajs",
        produce: |klamm, topic, codec| produce(runtimes::node("client.js")?, klamm, topic, codec),
        consume: |klamm, topic| consume(runtimes::node("client.js")?, klamm, topic),
        listing: |printed| printed,
    },
    Client {
        name: "confluent-kafka",
        produce: |klamm, topic, codec| produce(runtimes::python("client.py")?, klamm, topic, codec),
        consume: |klamm, topic| consume(runtimes::python("client.py")?, klamm, topic),
        listing: |printed| printed,
    },
    Client {
        name: "franz-go",
        produce: |klamm, topic, codec| produce(runtimes::go("franz")?, klamm, topic, codec),
        consume: |klamm, topic| consume(runtimes::go("franz")?, klamm, topic),
        listing: |printed| printed,
    },
    Client {
        name: "sarama",
        produce: |klamm, topic, codec| produce(runtimes::go("sarama")?, klamm, topic, codec),
        consume: |klamm, topic| consume(runtimes::go("sarama")?, klamm, topic),
        listing: |printed| printed,
    },
    Client {
        name: "kcat",
        produce: |klamm, topic, codec| {
            let mut command = runtimes::kcat()?;
            command.args(["-b", &klamm.bootstrap(), "-P", "-t", topic, "-K", ":", "-z", codec]);
            Some(command)
        },
        consume: |klamm, topic| {
            let mut command = runtimes::kcat()?;
            command.args(["-b", &klamm.bootstrap(), "-q", "-X", "auto.offset.reset=earliest"]);
            command.args(["-c", &flights::COUNT.to_string(), "-f", "%k:%s\\n", "-G", topic, topic]);
            Some(command)
        },
        listing: |printed| listing(&flights::totals(&printed)),
    },
    Client {
        name: "klamm",
        produce: |klamm, topic, codec| {
            let mut command = klamm::tool("kafka-console-producer");
            command.args(console_arguments(klamm, topic)).args(["--compression-codec", codec]);
            Some(command)
        },
        consume: |klamm, topic| {
            let mut command = klamm::tool("kafka-console-consumer");
            command.args(["--bootstrap-server", &klamm.bootstrap(), "--topic", topic]);
            command.args(["--group", topic, "--from-beginning"]);
            command.args(["--formatter-property", "print.key=true"]);
            command.args(["--formatter-property", "key.separator=:"]);
            command.args(["--max-messages", &flights::COUNT.to_string()]);
            Some(command)
        },
        listing: |printed| listing(&flights::totals(&printed)),
    },
];

fn produce(mut program: Command, klamm: &Klamm, topic: &str, codec: &str) -> Option<Command> {
    program.args(["produce", &klamm.bootstrap(), topic, codec]);
    Some(program)
}

fn consume(mut program: Command, klamm: &Klamm, topic: &str) -> Option<Command> {
    program.args(["consume", &klamm.bootstrap(), topic, topic, &flights::COUNT.to_string()]);
    Some(program)
}

/// The flights, and what every consumer must print of them.
fn input() -> Option<(Vec<u8>, String)> {
    let keyed = std::fs::read_to_string(flights::keyed_lines()?).expect("read the flights");
    let expected = listing(&flights::totals(&keyed));
    Some((keyed.into_bytes(), expected))
}

fn listing(totals: &BTreeMap<String, usize>) -> String {
    totals.iter().fold(String::new(), |mut text, (key, total)| {
        writeln!(text, "{key} {total}").expect("write to a string");
        text
    })
}

/// Three Java consumers of one group count what is in `topic`.
fn java_group_counts(klamm: &Klamm, topic: &str) -> Option<String> {
    let count = flights::COUNT.to_string();
    let mut counter = program("FlightCounter")?;
    counter.args([&klamm.bootstrap(), topic, &format!("{topic}-counters"), "3", &count]);
    Some(succeed(&mut counter, b""))
}

fn create(klamm: &Klamm, topic: &str) {
    let mut topics = klamm::tool("kafka-topics");
    topics.args(["--bootstrap-server", &klamm.bootstrap(), "--create", "--partitions", "3"]);
    succeed(topics.args(["--topic", topic]), b"");
}

fn console_arguments(klamm: &Klamm, topic: &str) -> [String; 8] {
    let words = ["--bootstrap-server", &klamm.bootstrap(), "--topic", topic, "--property"];
    let more = ["parse.key=true", "--property", "key.separator=:"];
    let mut all = words.into_iter().chain(more).map(str::to_owned);
    std::array::from_fn(|_| all.next().expect("eight words"))
}

#[test]
fn the_java_console_producer_feeds_a_group_of_three_java_consumers() {
    let Some((lines, expected)) = input() else { return };
    let klamm = Klamm::start();
    create(&klamm, "flights");
    let Some(mut producer) = class(Release::Tools, "org.apache.kafka.tools.ConsoleProducer") else {
        return;
    };
    succeed(producer.args(console_arguments(&klamm, "flights")), &lines);
    assert_eq!(java_group_counts(&klamm, "flights"), Some(expected));
}

#[test]
fn our_console_producer_feeds_a_group_of_three_java_consumers() {
    let Some((lines, expected)) = input() else { return };
    let klamm = Klamm::start();
    create(&klamm, "flights");
    let mut producer = klamm::tool("kafka-console-producer");
    succeed(producer.args(console_arguments(&klamm, "flights")), &lines);
    let Some(counted) = java_group_counts(&klamm, "flights") else { return };
    assert_eq!(counted, expected);
}

#[test]
fn what_one_client_produces_another_consumes_in_every_compression() {
    let Some((lines, expected)) = input() else { return };
    let klamm = Klamm::start();
    let (even, odd): (Vec<usize>, Vec<usize>) =
        (0..CLIENTS.len() * CODECS.len()).partition(|turn| turn % 2 == 0);
    thread::scope(|scope| {
        for turns in [even, odd] {
            let (klamm, lines, expected) = (&klamm, &lines, &expected);
            scope.spawn(move || turns.into_iter().for_each(|at| relay(klamm, at, lines, expected)));
        }
    });
}

/// One client produces and another one consumes: over the codecs each meets each of the others.
fn relay(klamm: &Klamm, turn: usize, lines: &[u8], expected: &str) {
    let (at, codec) = (turn / CODECS.len(), turn % CODECS.len());
    let producer = &CLIENTS[at];
    let consumer = &CLIENTS[(at + 1 + codec % (CLIENTS.len() - 1)) % CLIENTS.len()];
    let codec = CODECS[codec];
    let topic = format!("{}-{codec}", producer.name);
    create(klamm, &topic);
    let Some(mut produce) = (producer.produce)(klamm, &topic, codec) else { return };
    succeed(&mut produce, lines);
    let Some(mut consume) = (consumer.consume)(klamm, &topic) else { return };
    let counted = (consumer.listing)(succeed(&mut consume, b""));
    assert_eq!(counted, expected, "{topic} read by {}", consumer.name);
}
