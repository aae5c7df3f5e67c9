//! The scenario of a user's first hour, on real input: every client produces the flights, another
//! one consumes them, in every compression, and the totals a carrier are those of the file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::Command;

use e2e::java::{Release, class, program};
use e2e::process::succeed;
use e2e::{Klamm, flights, klamm, runtimes};

const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];

/// A third-party client: how its program is started.
type Client = fn() -> Option<Command>;

const CLIENTS: [(&str, Client); 3] = [
    ("kafkajs", || runtimes::node("client.js")),
    ("confluent-kafka", || runtimes::python("client.py")),
    ("franz-go", || runtimes::go("franz")),
];

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
    let count = flights::COUNT.to_string();
    for (at, (producer, start_producer)) in CLIENTS.iter().enumerate() {
        for (turn, codec) in CODECS.iter().enumerate() {
            let topic = format!("{producer}-{codec}");
            create(&klamm, &topic);
            let Some(mut produce) = start_producer() else { continue };
            succeed(produce.args(["produce", &klamm.bootstrap(), &topic, codec]), &lines);
            let (consumer, start_consumer) = CLIENTS[(at + 1 + turn % 2) % CLIENTS.len()];
            let Some(mut consume) = start_consumer() else { continue };
            consume.args(["consume", &klamm.bootstrap(), &topic, "counters", &count]);
            assert_eq!(succeed(&mut consume, b""), expected, "{topic} read by {consumer}");
        }
    }
}
