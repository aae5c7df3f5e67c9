//! Third-party clients find Klamm as they find Apache Kafka: topics, configs, records, offsets,
//! groups and every refusal, fact by fact.

use std::process::Command;
use std::thread;

use e2e::process::succeed;
use e2e::raw::Connection;
use e2e::{Kafka, Klamm, runtimes, wait};
use wire::{FindCoordinatorRequest, OffsetFetchRequest, OffsetFetchResponse};

/// A client: its program is ready for the address of a broker.
struct Client {
    name: &'static str,
    program: fn() -> Option<Command>,
}

const CLIENTS: [Client; 5] = [
    Client { name: "kafkajs", program: || runtimes::node("surface.js") },
    Client { name: "confluent-kafka", program: || runtimes::python("surface.py") },
    Client { name: "franz-go", program: || surface_of(runtimes::go("franz")?) },
    Client { name: "sarama", program: || surface_of(runtimes::go("sarama")?) },
    Client { name: "kcat", program: || runtimes::kcat_script("surface.sh") },
];
/// The last versions that ask for one group.
const FIND_VERSION: i16 = 3;
const FETCH_VERSION: i16 = 7;
/// kcat creates topics by producing to them. The records' times are years ago: nothing may retire
/// them while they are looked at.
const PROPERTIES: &str =
    "num.partitions=3\noffsets.topic.num.partitions=1\nlog.initial.task.delay.ms=3600000";
/// Less than that and a program has not asked what it is there to ask.
const FACTS_MIN: usize = 100;

fn surface_of(mut program: Command) -> Option<Command> {
    program.arg("surface");
    Some(program)
}

#[test]
fn every_client_is_told_the_same_by_klamm_and_by_kafka() {
    let Some(kafka) = Kafka::with(PROPERTIES) else { return };
    let klamm = Klamm::with(PROPERTIES);
    let servers = &[kafka.bootstrap(), klamm.bootstrap()];
    await_coordinator(kafka.port());
    let differences: Vec<String> = thread::scope(|scope| {
        let running = CLIENTS.map(|Client { name, program }| {
            scope.spawn(move || {
                let [kafka, klamm] = servers;
                let expected = succeed(program()?.arg(kafka), b"");
                let found = succeed(program()?.arg(klamm), b"");
                assert!(expected.lines().count() >= FACTS_MIN, "{name} saw little:\n{expected}");
                difference(name, &expected, &found)
            })
        });
        let joined = running.into_iter().filter_map(|client| client.join().expect("it ends well"));
        joined.collect()
    });
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// Not every client waits for Kafka to make and load the topic of the groups' offsets.
fn await_coordinator(port: u16) {
    let mut connection = Connection::open(port).expect("it listens");
    let find = FindCoordinatorRequest { key: "any".into(), ..Default::default() };
    let fetch =
        OffsetFetchRequest { group_id: "any".into(), topics: Some(vec![]), ..Default::default() };
    wait::until("the coordinator is there", || {
        connection.send(&find, FIND_VERSION).ok()?;
        connection.receive::<FindCoordinatorRequest<'_>, _>(FIND_VERSION, |_| ()).ok()?;
        connection.send(&fetch, FETCH_VERSION).ok()?;
        let read = |answer: OffsetFetchResponse<'_>| answer.error_code;
        let error = connection.receive::<OffsetFetchRequest<'_>, _>(FETCH_VERSION, read).ok()?;
        (error == 0).then_some(())
    });
}

/// The first line that is not the same, with what stands before it.
fn difference(client: &str, expected: &str, found: &str) -> Option<String> {
    let mut lines = expected.lines().zip(found.lines()).enumerate();
    let end = expected.lines().count().min(found.lines().count());
    let at = lines.find(|(_, (kafka, klamm))| kafka != klamm).map_or(end, |(at, _)| at);
    let show = |text: &str| text.lines().nth(at).unwrap_or("nothing more").to_owned();
    (expected != found).then(|| {
        format!(
            "{client}, line {}:\nKafka says {}\nKlamm says {}",
            at + 1,
            show(expected),
            show(found)
        )
    })
}
