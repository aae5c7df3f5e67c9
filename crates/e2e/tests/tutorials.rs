//! What every tutorial shows runs word for word, with Apache Kafka's tools and with ours.

use e2e::runtimes;
use e2e::tutorial::{Tools, run};

const QUICKSTART: &str = include_str!("../tutorials/quickstart.sh");
const KEYS: &str = include_str!("../tutorials/keys.sh");

fn check_quickstart(tools: Tools) {
    let Some(printed) = run(QUICKSTART, tools, "This is my second event") else { return };
    for expected in [
        "Created topic quickstart-events.",
        "Topic: quickstart-events\t",
        "\tPartitionCount: 1\tReplicationFactor: 1\t",
        "This is my first event\nThis is my second event",
    ] {
        assert!(printed.contains(expected), "{expected:?} is missing in:\n{printed}");
    }
}

fn check_keys(tools: Tools) {
    let Some(printed) = run(KEYS, tools, "") else { return };
    for expected in [
        "Created topic first_topic.",
        "\nfirst_topic\n",
        "example key:example value",
        "name:Stephane",
        "Processed a total of 2 messages",
        "\nmy-first-application\n",
        "CURRENT-OFFSET",
        "NEW-OFFSET",
    ] {
        assert!(printed.contains(expected), "{expected:?} is missing in:\n{printed}");
    }
}

#[test]
fn the_quickstart_with_the_java_tools() {
    check_quickstart(Tools::ApacheKafka);
}

#[test]
fn the_quickstart_with_our_tools() {
    check_quickstart(Tools::Ours);
}

#[test]
fn keys_and_groups_with_the_java_tools() {
    check_keys(Tools::ApacheKafka);
}

#[test]
fn keys_and_groups_with_our_tools() {
    check_keys(Tools::Ours);
}

#[test]
fn the_front_page_of_kafkajs() {
    let Some(node) = runtimes::node("tutorial.js") else { return };
    let words = std::iter::once(node.get_program()).chain(node.get_args());
    let line: Vec<_> = words.map(|word| word.to_string_lossy().into_owned()).collect();
    let modules = node.get_envs().filter_map(|(key, value)| Some((key, value?)));
    let settings: Vec<_> = modules
        .map(|(key, value)| format!("{}={}", key.to_string_lossy(), value.to_string_lossy()))
        .collect();
    let script = format!("{} {}", settings.join(" "), line.join(" "));
    let Some(printed) = run(&script, Tools::Ours, "") else { return };
    assert!(printed.contains("value: 'Hello KafkaJS user!'"), "{printed}");
}

#[test]
fn klamm_alone_says_how_to_produce_and_consume() {
    let script = "until grep -q 'consume' server.log; do :; done; cat server.log";
    let Some(printed) = run(script, Tools::Ours, "") else { return };
    assert!(printed.contains("klamm produce") && printed.contains("klamm consume"), "{printed}");
}
