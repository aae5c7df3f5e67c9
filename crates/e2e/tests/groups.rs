//! Groups as Java's clients and tools see them: Klamm's answers are held against Apache Kafka's.

use std::fmt::Write as _;

use e2e::java::{Release, class, program};
use e2e::process::succeed;
use e2e::{Kafka, Klamm};

const GROUP_COMMAND: &str = "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand";
const TOPIC_COMMAND: &str = "org.apache.kafka.tools.TopicCommand";
const PRODUCER: &str = "org.apache.kafka.tools.ConsoleProducer";
const CONSUMER: &str = "org.apache.kafka.tools.consumer.ConsoleConsumer";

/// Everything that the group APIs answer in every version, a line an answer.
fn facts(bootstrap: &str) -> Option<String> {
    Some(succeed(program("GroupFacts")?.arg(bootstrap), b""))
}

/// What one of Kafka's tools prints.
fn tool(main: &str, bootstrap: &str, arguments: &str, input: &[u8]) -> Option<String> {
    let mut command = class(Release::Tools, main)?;
    command.args(["--bootstrap-server", bootstrap]).args(arguments.split_whitespace());
    Some(succeed(&mut command, input))
}

/// An operator's afternoon with `kafka-consumer-groups`.
fn afternoon(bootstrap: &str) -> Option<String> {
    tool(TOPIC_COMMAND, bootstrap, "--create --topic t --partitions 2", b"")?;
    tool(TOPIC_COMMAND, bootstrap, "--create --topic u --partitions 1", b"")?;
    let lines: String = (0..10).map(|i| format!("{i}:line {i}\n")).collect();
    let keyed = "--topic t --property parse.key=true --property key.separator=:";
    tool(PRODUCER, bootstrap, keyed, lines.as_bytes())?;
    let consume = "--topic t --group readers --from-beginning --max-messages 10 --timeout-ms 60000";
    let mut seen = String::new();
    let consumed = tool(CONSUMER, bootstrap, consume, b"")?;
    let mut consumed: Vec<&str> = consumed.lines().collect();
    consumed.sort_unstable();
    writeln!(seen, "consumed {}", consumed.join(", ")).expect("memory");
    for arguments in [
        "--list",
        "--list --state",
        "--describe --group readers",
        "--describe --group readers --state",
        "--describe --group readers --members",
        "--reset-offsets --group readers --topic t:0 --to-offset 1 --dry-run",
        "--reset-offsets --group readers --topic t --to-earliest --execute",
        "--describe --group readers",
        "--reset-offsets --group others --topic u --to-latest --execute",
        "--reset-offsets --group others --topic t:1 --to-offset 1 --execute",
        "--delete-offsets --group others --topic t:1",
        "--describe --group others --offsets",
        "--delete --group readers",
        "--list",
    ] {
        let printed = tool(GROUP_COMMAND, bootstrap, arguments, b"")?;
        let mut rows: Vec<String> =
            printed.lines().map(|l| l.split_whitespace().collect::<Vec<_>>().join(" ")).collect();
        // rows come in no order, and the coordinator's address is its own
        rows.sort_unstable();
        let rows = rows.join("\n").replace(bootstrap, "BOOTSTRAP");
        writeln!(seen, "{arguments}\n{rows}").expect("memory");
    }
    Some(seen)
}

fn hold_against_kafka(ask: impl Fn(&str) -> Option<String>) {
    let Some(mut kafka) = Kafka::start() else { return };
    let Some(expected) = ask(&kafka.bootstrap()) else { return };
    kafka.terminate();
    let klamm = Klamm::start();
    let answered = ask(&klamm.bootstrap()).expect("Java was there before");
    for (answered, expected) in answered.lines().zip(expected.lines()) {
        assert_eq!(answered, expected, "answered by Klamm, and by Apache Kafka");
    }
    assert_eq!(answered.lines().count(), expected.lines().count());
}

#[test]
fn every_version_of_every_group_api_answers_as_apache_kafkas() {
    hold_against_kafka(facts);
}

#[test]
fn javas_group_tool_prints_what_it_prints_of_apache_kafka() {
    hold_against_kafka(afternoon);
}

#[test]
fn committed_offsets_survive_kill_9() {
    let mut klamm = Klamm::start();
    let bootstrap = klamm.bootstrap();
    let create = "--create --topic t --partitions 3";
    if tool(TOPIC_COMMAND, &bootstrap, create, b"").is_none() {
        return;
    }
    tool(PRODUCER, &bootstrap, "--topic t", b"1\n2\n3\n").expect("Java is there");
    let commit = "--reset-offsets --group g --topic t --to-latest --execute";
    tool(GROUP_COMMAND, &bootstrap, commit, b"").expect("Java is there");
    let describe = || tool(GROUP_COMMAND, &bootstrap, "--describe --group g --offsets", b"");
    let before = describe().expect("Java is there");
    klamm.kill();
    klamm.restart();
    assert_eq!(describe().expect("Java is there"), before);
    assert!(before.contains(" 3 "), "what was produced was committed:\n{before}");
}
