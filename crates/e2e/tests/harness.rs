//! The oracle answers: without it no other suite says anything.

use e2e::java::{Release, class};
use e2e::process::succeed;
use e2e::{Kafka, flights};

#[test]
fn apache_kafka_starts_and_its_tools_answer() {
    let Some(kafka) = Kafka::start() else { return };
    let bootstrap = ["--bootstrap-server", &kafka.bootstrap()];
    let Some(mut topics) = class(Release::Tools, "org.apache.kafka.tools.TopicCommand") else {
        return;
    };
    succeed(topics.args(bootstrap).args(["--create", "--topic", "t"]), b"");
}

#[test]
fn the_flights_are_all_there() {
    let Some(path) = flights::keyed_lines() else { return };
    let keyed = std::fs::read_to_string(path).expect("read the flights");
    let totals = flights::totals(&keyed);
    assert_eq!(totals.values().sum::<usize>(), flights::COUNT);
    assert_eq!(totals["UA"], 58_665);
}
