//! What the config APIs answer, held against Apache Kafka: every key that is described, and every
//! refusal of a change, in the words that people and scripts read.

#[path = "config_answers/ask.rs"]
mod ask;
#[path = "config_answers/cases.rs"]
mod cases;

use ask::Broker;
use e2e::{Kafka, Klamm};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};

/// What the broker of this test's file answers otherwise, and why.
struct Difference {
    /// What the line of the answer contains.
    line: &'static str,
    reason: &'static str,
}

const fn by_design(line: &'static str, reason: &'static str) -> Difference {
    Difference { line, reason }
}

const DESCRIBED_OTHERWISE: &[Difference] = &[
    by_design("4 \"1\" advertised.listeners", "only Kafka's file sets it here"),
    by_design("4 \"1\" broker.heartbeat.interval.ms", "a broker that dies is missed sooner"),
    by_design("4 \"1\" broker.session.timeout.ms", "a broker that dies is missed sooner"),
    by_design("4 \"1\" controller.quorum.fetch.timeout.ms", "a controller that dies, too"),
    by_design("throttled.rate", "explained too: the operator sets it like any other key"),
    by_design(
        "4 \"1\" listener.name.plaintext.max.connections",
        "Kafka calls a listener's keys read-only and unexplained, and lets them be changed",
    ),
    by_design("99 \"x\"", "the refusal says what is wrong"),
];

const ANSWERED_OTHERWISE: &[Difference] = &[
    by_design("metric.reporters", "there are no Java classes to look for"),
    by_design("principal.builder.class=Nope", "there are no Java classes to look for"),
    by_design("other 2", "an unknown operation is the client's fault, and the refusal says so"),
    by_design("match=client_id=[", "patterns are read when clients push metrics: not yet"),
    by_design("log.local.retention.ms=", "there is no tiered storage"),
    by_design("num.partitions=1 broker.rack=1", "keys are named in order, Kafka's in a hash's"),
];

/// Asks both sides, and fails for every answer that differs otherwise than `by_design`.
fn hold_against_kafka(
    by_design: &[Difference],
    ask: impl Fn(&mut Broker) -> BTreeMap<String, String>,
) {
    let Some(mut kafka) = Kafka::start() else { return };
    let theirs = ask(&mut Broker::connect(kafka.port(), &kafka.properties()));
    kafka.terminate();
    let klamm = Klamm::start();
    let ours = ask(&mut Broker::connect(klamm.port(), &klamm.properties()));
    let absent = "absent".to_owned();
    let names: BTreeSet<&String> = theirs.keys().chain(ours.keys()).collect();
    let mut differences = Vec::new();
    let mut met = vec![false; by_design.len()];
    for name in names {
        let of = |side: &BTreeMap<String, String>| side.get(name).unwrap_or(&absent).clone();
        let (ours, theirs) = (of(&ours), of(&theirs));
        if is_same_answer(&ours, &theirs) {
            continue;
        }
        match by_design.iter().position(|known| name.contains(known.line)) {
            Some(place) => met[place] = true,
            None => differences.push(format!("{name}\n  Klamm: {ours}\n  Kafka: {theirs}")),
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
    for (known, is_met) in by_design.iter().zip(met) {
        assert!(is_met, "{} ({}) is as Kafka's by now", known.line, known.reason);
    }
}

/// Whether two answers are the same, but for the words after "expected", which are ours.
fn is_same_answer(ours: &str, theirs: &str) -> bool {
    let code = |answer: &str| answer.split(' ').next().map(str::to_owned);
    let is_refused_value = ours.contains("Invalid value ") && ours.contains(": expected ");
    let theirs = without_java(theirs);
    ours == theirs || is_refused_value && code(ours) == code(&theirs) && theirs.contains(' ')
}

/// Kafka wraps some refusals in the class that they are thrown as.
fn without_java(answer: &str) -> String {
    let answer =
        answer.replace("Invalid value org.apache.kafka.common.config.ConfigException: ", "");
    answer.replace(" for configuration Invalid dynamic configuration", "")
}

#[test]
fn every_key_is_described_as_by_apache_kafka() {
    hold_against_kafka(DESCRIBED_OTHERWISE, |broker| {
        broker.create_topic("t");
        for case in cases::SET_BEFORE {
            assert_eq!(broker.alter(case), "0", "{case:?}");
        }
        broker.await_set(cases::SET_BEFORE);
        cases::DESCRIBED.iter().flat_map(|(kind, name)| broker.describe(*kind, name)).collect()
    });
}

#[test]
fn every_change_is_taken_or_refused_as_by_apache_kafka() {
    hold_against_kafka(ANSWERED_OTHERWISE, |broker| {
        broker.create_topic("t");
        cases::ASKED.iter().map(|case| (format!("{case:?}"), broker.alter(case))).collect()
    });
}

/// Sends what is no request, and returns when the broker has closed the connection.
fn send_garbage(port: u16) {
    let mut socket = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).expect("the broker listens");
    socket.write_all(b"GET / HTTP/1.1\r\n\r\n").expect("it is open");
    // closed with or without a reset
    let _ = socket.read_to_end(&mut Vec::new());
}

#[test]
fn log_lines_obey_the_level_that_a_client_sets() {
    const WARNING: &str = "not a frame";
    let klamm = Klamm::start();
    let mut broker = Broker::connect(klamm.port(), &klamm.properties());
    for (case, lines) in [(&cases::QUIET, 0), (&cases::LOUD, 1), (&cases::AS_ROOT, 2)] {
        assert_eq!(broker.alter(case), "0", "{case:?}");
        send_garbage(klamm.port());
        // the line is written before the connection is closed
        assert_eq!(klamm.log().matches(WARNING).count(), lines, "{case:?}");
    }
}
