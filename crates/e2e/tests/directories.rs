//! A data directory is Apache Kafka's: either of the two starts on what the other left behind.

use std::process::Command;

use e2e::java::{Release, class};
use e2e::process::succeed;
use e2e::{Kafka, Klamm, klamm};

const RECORDS: usize = 500;

fn lines(from: usize) -> String {
    (from..from + RECORDS).map(|i| format!("key-{i}:value-{i}\n")).collect()
}

fn with_words(mut command: Command, bootstrap: &str, words: &str) -> Command {
    command.args(["--bootstrap-server", bootstrap]).args(words.split(' '));
    command
}

/// Creates `t` with a config of its own, produces keyed records and reads them with a group.
fn use_it(bootstrap: &str, from: usize) {
    if from == 0 {
        let words = "--create --topic t --partitions 1 --config retention.ms=86400001";
        succeed(&mut with_words(klamm::tool("kafka-topics"), bootstrap, words), b"");
    }
    let words = "--topic t --property parse.key=true --property key.separator=:";
    let mut producer = with_words(klamm::tool("kafka-console-producer"), bootstrap, words);
    succeed(&mut producer, lines(from).as_bytes());
    let words = format!("--topic t --group g --from-beginning --max-messages {RECORDS}");
    succeed(&mut with_words(klamm::tool("kafka-console-consumer"), bootstrap, &words), b"");
}

/// The records, the config and the committed offset are there.
fn check_left_behind(bootstrap: &str, records: usize) {
    let words = format!(
        "--topic t --from-beginning --formatter-property print.key=true \
         --formatter-property key.separator=: --max-messages {records}"
    );
    let mut consumer = with_words(klamm::tool("kafka-console-consumer"), bootstrap, &words);
    let expected: String = (0..records).step_by(RECORDS).map(lines).collect();
    assert_eq!(succeed(&mut consumer, b""), expected);
    let mut topics = with_words(klamm::tool("kafka-topics"), bootstrap, "--describe --topic t");
    let described = succeed(&mut topics, b"");
    assert!(described.contains("retention.ms=86400001"), "{described}");
    let words = "--describe --group g";
    let mut groups = with_words(klamm::tool("kafka-consumer-groups"), bootstrap, words);
    let described = succeed(&mut groups, b"");
    let row: Vec<_> = described.lines().filter(|line| line.starts_with("g ")).collect();
    let fields: Vec<_> = row.iter().flat_map(|line| line.split_whitespace()).collect();
    assert_eq!(fields.get(3..5), Some(&[records.to_string().as_str(); 2][..]), "{described}");
}

#[test]
fn klamm_starts_on_what_apache_kafka_left_behind() {
    let Some(mut kafka) = Kafka::start() else { return };
    use_it(&kafka.bootstrap(), 0);
    kafka.terminate();
    let mut klamm = Klamm::on(&kafka.data(), "");
    check_left_behind(&klamm.bootstrap(), RECORDS);
    use_it(&klamm.bootstrap(), RECORDS);
    assert!(klamm.terminate().success());
    let again = Kafka::on(&kafka.data(), "").expect("it was there before");
    check_left_behind(&again.bootstrap(), 2 * RECORDS);
}

#[test]
fn apache_kafka_starts_on_what_klamm_left_behind() {
    let mut klamm = Klamm::start();
    use_it(&klamm.bootstrap(), 0);
    assert!(klamm.terminate().success());
    let Some(mut kafka) = Kafka::on(&klamm.data(), "") else { return };
    check_left_behind(&kafka.bootstrap(), RECORDS);
    use_it(&kafka.bootstrap(), RECORDS);
    kafka.terminate();
    klamm.restart();
    check_left_behind(&klamm.bootstrap(), 2 * RECORDS);
}

#[test]
fn a_directory_formatted_by_apache_kafkas_tool_starts() {
    let folder = e2e::folders::scratch();
    let properties = folder.path().join("server.properties");
    let data = folder.path().join("data");
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\nlog.dirs={}\n\
         controller.quorum.bootstrap.servers=127.0.0.1:9093\n\
         listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://127.0.0.1:9093\n\
         controller.listener.names=CONTROLLER\n",
        data.display()
    );
    std::fs::write(&properties, text).expect("write properties");
    for more in ["--standalone", "--standalone --feature group.version=0"] {
        let Some(mut tool) = class(Release::Broker, "kafka.tools.StorageTool") else { return };
        tool.args(["format", "-t", "4L6g3nShT-eMCtK--X86sw", "-c"]).arg(&properties);
        succeed(tool.args(more.split(' ')), b"");
        let klamm = Klamm::on(&data, "");
        use_it(&klamm.bootstrap(), 0);
        check_left_behind(&klamm.bootstrap(), RECORDS);
        drop(klamm);
        std::fs::remove_dir_all(&data).expect("remove the data");
    }
}
