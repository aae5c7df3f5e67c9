//! Properties files: ours reads them as Java does, and refuses what Apache Kafka refuses.

use e2e::java::program;
use e2e::process::succeed;
use metadata::config::{ServerConfig, parse_properties};

const COMBINED: &str = "process.roles=broker,controller\nnode.id=1\n\
    listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n\
    controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@localhost:9093\n";
const BROKER: &str = "process.roles=broker\nnode.id=2\nlisteners=PLAINTEXT://localhost:9092\n\
    controller.listener.names=CONTROLLER\ncontroller.quorum.voters=1@localhost:9093\n";
const CONTROLLER: &str = "process.roles=controller\nnode.id=1\n\
    listeners=CONTROLLER://localhost:9093\ncontroller.listener.names=CONTROLLER\n\
    controller.quorum.voters=1@localhost:9093\n";
const DYNAMIC: &str = "process.roles=broker,controller\nnode.id=1\n\
    listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n\
    controller.quorum.bootstrap.servers=localhost:9093\n";

/// Lines that are added to a file that starts; where they set a key again, they count.
const ADDED: &[(&str, &[&str])] = &[
    (
        COMBINED,
        &[
            "",
            "node.id=-1",
            "node.id=one",
            "node.id=2",
            "broker.id=1",
            "broker.id=2",
            "process.roles=",
            "process.roles=zookeeper",
            "process.roles=broker,broker",
            "process.roles=controller",
            "listeners=",
            "listeners=PLAINTEXT://localhost:9092",
            "listeners=plaintext://localhost:9092,controller://localhost:9093",
            "listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9092",
            "listeners=PLAINTEXT://127.0.0.1:9092,CONTROLLER://[::1]:9092",
            "listeners=PLAINTEXT://localhost:0,CONTROLLER://localhost:0",
            "listeners=PLAINTEXT://localhost:9092,PLAINTEXT://localhost:9094,CONTROLLER://:9093",
            "listeners=PLAINTEXT://localhost,CONTROLLER://localhost:9093",
            "listeners=PLAINTEXT:localhost:9092,CONTROLLER://localhost:9093",
            "listeners=PLAINTEXT://local host:9092,CONTROLLER://localhost:9093",
            "listeners=INSIDE://localhost:9092,CONTROLLER://localhost:9093",
            "listeners=PLAINTEXT://0.0.0.0:9092,CONTROLLER://localhost:9093",
            "listeners=PLAINTEXT://localhost:9092,CONTROLLER://0.0.0.0:9093",
            "listeners=PLAINTEXT://:9092,CONTROLLER://:9093",
            "listeners=SSL://localhost:9092,CONTROLLER://localhost:9093",
            "advertised.listeners=",
            "advertised.listeners=PLAINTEXT://example.org:9092",
            "advertised.listeners=PLAINTEXT://0.0.0.0:9092",
            "advertised.listeners=CONTROLLER://localhost:9093",
            "advertised.listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
            "advertised.listeners=PLAINTEXT://localhost:9092,SSL://localhost:9094",
            "controller.listener.names=",
            "controller.listener.names=PLAINTEXT",
            "controller.listener.names=CONTROLLER,OTHER",
            "controller.quorum.voters=",
            "controller.quorum.voters=2@localhost:9093",
            "controller.quorum.voters=localhost:9093",
            "controller.quorum.voters=1@localhost",
            "controller.quorum.voters=1@localhost:port",
            "controller.quorum.voters=x@localhost:9093",
            "controller.quorum.voters=1@0.0.0.0:9093",
            "controller.quorum.voters=1@localhost:9093,2@localhost:9095",
            "controller.quorum.bootstrap.servers=localhost",
            "controller.quorum.bootstrap.servers=CONTROLLER://localhost:9093",
            "controller.quorum.bootstrap.servers=localhost:9093",
            "controller.quorum.auto.join.enable=true",
            "inter.broker.listener.name=PLAINTEXT",
            "inter.broker.listener.name=plaintext",
            "inter.broker.listener.name=CONTROLLER",
            "inter.broker.listener.name=OTHER",
            "inter.broker.listener.name=SSL",
            "inter.broker.listener.name=PLAINTEXT\nsecurity.inter.broker.protocol=PLAINTEXT",
            "security.inter.broker.protocol=SSL",
            "security.inter.broker.protocol=plaintext",
            "security.inter.broker.protocol=TLS",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listener.security.protocol.map=plaintext:plaintext,controller:plaintext",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT",
            "listener.security.protocol.map=PLAINTEXT:TLS,CONTROLLER:PLAINTEXT",
            "listener.security.protocol.map=PLAINTEXT,CONTROLLER:PLAINTEXT",
            "listener.security.protocol.map=",
            "early.start.listeners=PLAINTEXT",
            "early.start.listeners=OTHER",
            "early.start.listeners=",
            "log.dirs=",
            "log.dirs=/a,/b",
            "log.dirs=/a,/a",
            "log.dirs=/a,,/b",
            "log.dir=",
            "cordoned.log.dirs=/a",
            "cordoned.log.dirs=*",
            "cordoned.log.dirs=*,/tmp/kafka-logs",
            "cordoned.log.dirs=/tmp/kafka-logs",
            "log.roll.ms=0",
            "log.roll.hours=0",
            "log.roll.jitter.ms=-1",
            "log.retention.ms=0",
            "log.retention.ms=-1",
            "log.retention.ms=-5",
            "log.retention.minutes=0",
            "log.retention.hours=0",
            "log.retention.hours=-1",
            "log.retention.ms=0\nlog.retention.hours=1",
            "log.retention.minutes=1\nlog.retention.hours=0",
            "log.cleaner.dedupe.buffer.size=1048576",
            "log.cleaner.dedupe.buffer.size=1048577",
            "log.cleaner.threads=128",
            "log.cleaner.threads=127",
            "log.cleaner.threads=0",
            "log.cleaner.min.compaction.lag.ms=5\nlog.cleaner.max.compaction.lag.ms=4",
            "log.cleanup.policy=",
            "log.cleanup.policy=compact,delete",
            "log.cleanup.policy=shred",
            "log.segment.bytes=1048575",
            "log.segment.bytes=1048576",
            "log.segment.bytes=1e9",
            "log.message.timestamp.type=Create",
            "replica.fetch.wait.max.ms=30001",
            "replica.fetch.wait.max.ms=30000",
            "replica.lag.time.max.ms=499",
            "broker.session.timeout.ms=3000",
            "queued.max.request.bytes=1",
            "queued.max.request.bytes=0",
            "queued.max.request.bytes=104857600",
            "max.connections.per.ip=0",
            "max.connections.per.ip=0\nmax.connections.per.ip.overrides=127.0.0.1:5",
            "max.connections.per.ip.overrides=127.0.0.1",
            "max.connections.per.ip.overrides=127.0.0.1:x",
            "max.connections.per.ip.overrides=local host:5",
            "connections.max.idle.ms=100",
            "connections.max.idle.ms=101",
            "connections.max.idle.ms=-1",
            "compression.type=none",
            "compression.gzip.level=0",
            "compression.gzip.level=10",
            "compression.gzip.level=-1",
            "offsets.topic.compression.codec=4",
            "offsets.topic.compression.codec=5",
            "offsets.topic.replication.factor=0",
            "offsets.topic.replication.factor=40000",
            "offset.metadata.max.bytes=-1",
            "auto.create.topics.enable=yes",
            "auto.create.topics.enable=TRUE",
            "auto.create.topics.enable=",
            "num.partitions=",
            "num.partitions=+3",
            "num.partitions= 3 ",
            "group.consumer.session.timeout.ms=44999",
            "group.consumer.heartbeat.interval.ms=15001",
            "group.consumer.max.session.timeout.ms=44999",
            "group.consumer.migration.policy=Upgrade",
            "group.consumer.migration.policy=sideways",
            "group.share.assignors=simple,simple",
            "group.share.assignors=",
            "group.share.delivery.count.limit=11",
            "group.share.max.share.sessions=199",
            "group.streams.num.standby.replicas=3",
            "group.coordinator.rebalance.protocols=classic",
            "group.coordinator.rebalance.protocols=",
            "group.coordinator.rebalance.protocols=classic,new",
            "sasl.enabled.mechanisms=",
            "ssl.client.auth=maybe",
            "process.roles=broker,controller # both",
            "no.such.key=1",
            "zookeeper.connect=localhost:2181",
            "min.insync.replicas=0",
            "metadata.log.segment.bytes=1",
            "metadata.log.dir=",
            "principal.builder.class=",
            "log.cleaner.io.buffer.load.factor=often",
            "log.cleaner.min.cleanable.ratio=1.01",
            "transaction.state.log.min.isr=0",
        ],
    ),
    (
        BROKER,
        &[
            "",
            "node.id=1",
            "listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093",
            "controller.listener.names=",
            "controller.listener.names=PLAINTEXT",
            "controller.listener.names=SSL",
            "controller.listener.names=A,B",
            "listener.security.protocol.map=PLAINTEXT:PLAINTEXT",
            "controller.quorum.auto.join.enable=true",
            "controller.quorum.voters=",
            "controller.quorum.voters=\ncontroller.quorum.bootstrap.servers=localhost:9093",
            "advertised.listeners=PLAINTEXT://example.org:9092,CONTROLLER://example.org:9093",
        ],
    ),
    (
        CONTROLLER,
        &[
            "",
            "listeners=CONTROLLER://localhost:9093,PLAINTEXT://localhost:9092",
            "advertised.listeners=CONTROLLER://example.org:9093",
            "inter.broker.listener.name=CONTROLLER",
            "inter.broker.listener.name=PLAINTEXT",
            "controller.quorum.voters=2@localhost:9093",
            "listeners=CONTROLLER://0.0.0.0:9093",
        ],
    ),
    (
        DYNAMIC,
        &[
            "",
            "controller.quorum.bootstrap.servers=",
            "advertised.listeners=PLAINTEXT://localhost:9092",
            "listeners=PLAINTEXT://:9092,CONTROLLER://:9093,OUTSIDE://:9094",
        ],
    ),
];

#[test]
fn a_file_is_refused_where_apache_kafka_refuses_it() {
    let Some(mut judge) = program("ServerFiles") else { return };
    let files: Vec<String> = ADDED
        .iter()
        .flat_map(|(base, lines)| lines.iter().map(move |line| format!("{base}{line}")))
        .collect();
    let verdicts = succeed(&mut judge, files.join("\n---\n").as_bytes());
    let verdicts: Vec<&str> = verdicts.lines().collect();
    assert_eq!(verdicts.len(), files.len());
    let mut differences = Vec::new();
    for (file, theirs) in files.iter().zip(verdicts) {
        let entries = parse_properties(file.as_bytes()).expect("no broken escapes");
        let ours = ServerConfig::parse(entries).map_or_else(|e| e.to_string(), |_| "ok".to_owned());
        if (ours == "ok") != (theirs == "ok") {
            let added = file.rsplit_once("9093\n").map_or(file.as_str(), |(_, added)| added);
            differences.push(format!("{added:?}\n  Kafka: {theirs}\n  Klamm: {ours}"));
        }
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn three_thousand_random_texts_mean_the_same_as_in_java() {
    let Some(mut java) = program("PropertiesFacts") else { return };
    const TEXTS: usize = 3000;
    const BYTES_MAX: u64 = 24;
    // letters that mean something, and two that do not; 0xe9 is é in ISO 8859-1
    const LETTERS: &[u8] = b"\\\\\\\n\n\r\t \x0c=:#!abu0041\xe9";
    let mut seed = 4;
    let mut below = |bound: u64| {
        // Knuth's MMIX generator; its low bits are weak
        seed = u64::wrapping_mul(seed, 6_364_136_223_846_793_005).wrapping_add(1);
        usize::try_from((seed >> 33) % bound).expect("small")
    };
    let texts: Vec<Vec<u8>> = (0..TEXTS)
        .map(|_| {
            let bytes = 1 + below(BYTES_MAX);
            (0..bytes).map(|_| LETTERS[below(LETTERS.len() as u64)]).collect()
        })
        .collect();
    let input: Vec<String> = texts.iter().map(|text| hex(text)).collect();
    let theirs = succeed(&mut java, input.join("\n").as_bytes());
    for (text, theirs) in texts.iter().zip(theirs.lines()) {
        assert_eq!(entries(text), theirs, "{:?}", text.escape_ascii().to_string());
    }
}

fn entries(text: &[u8]) -> String {
    let Ok(entries) = parse_properties(text) else { return "refused".to_owned() };
    let mut entries: Vec<String> = entries
        .iter()
        .map(|(key, value)| format!("{}={}", hex(key.as_bytes()), hex(value.as_bytes())))
        .collect();
    entries.sort_unstable();
    entries.join(";")
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
