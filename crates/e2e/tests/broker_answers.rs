//! What the broker's own APIs answer to right and wrong requests, held against Apache Kafka's words.

#[path = "broker_answers/asker.rs"]
mod asker;
#[path = "broker_answers/records.rs"]
mod records;
#[path = "broker_answers/topics.rs"]
mod topics;

use asker::Asker;
use e2e::{Kafka, Klamm};

const ONE_REPLICA: &str = "the refusal says what this controller can keep";

/// What Klamm answers otherwise, and why: a part of the question, and the reason.
const BY_DESIGN: &[(&str, &str)] = &[
    ("UpdateFeaturesRequest 1 as it is", "Kafka writes the name of no error as a message"),
    ("too many replicas", ONE_REPLICA),
    ("a broker twice", ONE_REPLICA),
    ("with too many brokers", ONE_REPLICA),
    ("UpdateFeaturesRequest 1 an unsafe", "Kafka writes the name of no error as a message"),
];

fn hold_against_kafka(ask: impl Fn(&mut Asker)) {
    let Some(mut kafka) = Kafka::start() else { return };
    let mut asker = Asker::of(kafka.port());
    ask(&mut asker);
    let theirs = asker.answers;
    kafka.terminate();
    let klamm = Klamm::start();
    let mut asker = Asker::of(klamm.port());
    ask(&mut asker);
    let ours = asker.answers;
    assert_eq!(ours.len(), theirs.len(), "as many questions");
    let mut differences = Vec::new();
    for ((question, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        let is_known = BY_DESIGN.iter().any(|(part, _)| question.contains(part));
        if !is_same(ours, theirs) && !is_known {
            differences.push(format!("{question}\n  Klamm: {ours}\n  Kafka: {theirs}"));
        }
    }
    assert!(differences.is_empty(), "{} differ:\n{}", differences.len(), differences.join("\n"));
}

/// Whether two answers are the same; a refusal of ours may say why where Kafka's does not.
fn is_same(mut ours: &str, mut theirs: &str) -> bool {
    const MESSAGE: &str = "error_message: ";
    const NONE: &str = "None";
    while let (Some((before, after)), Some((their_before, their_after))) =
        (ours.split_once(MESSAGE), theirs.split_once(MESSAGE))
    {
        if before != their_before {
            return false;
        }
        let said = after.strip_prefix("Some(\"").and_then(|text| text.split_once("\")"));
        (ours, theirs) = match (said, their_after.strip_prefix(NONE)) {
            (Some((_, rest)), Some(their_rest)) => (rest, their_rest),
            _ => (after, their_after),
        };
    }
    ours == theirs
}

#[test]
fn topics_are_made_changed_shown_and_deleted_as_in_apache_kafka() {
    hold_against_kafka(topics::ask);
}

#[test]
fn records_are_taken_found_and_refused_as_in_apache_kafka() {
    hold_against_kafka(records::ask);
}
