//! The promise on the metadata shell: what Apache Kafka's says of a log, ours does, word for word.

use std::path::{Path, PathBuf};
use std::process::Command;

use e2e::java::{Release, class};
use e2e::nodes::CLUSTER;
use e2e::process::{free_port, loopback, output, succeed};
use e2e::{Node, Product, folders, klamm, wait};
use metadata::MetadataVersion;
use record::{BatchBuilder, Compression, Producer, with_scratch};
use types::{TimestampMs, Uuid};
use wire::access_control_entry_record::AccessControlEntryRecord;
use wire::client_quota_record::{ClientQuotaRecord, EntityData};
use wire::config_record::ConfigRecord;
use wire::delegation_token_record::DelegationTokenRecord;
use wire::feature_level_record::FeatureLevelRecord;
use wire::partition_change_record::PartitionChangeRecord;
use wire::partition_record::PartitionRecord;
use wire::producer_ids_record::ProducerIdsRecord;
use wire::record_frame::encode_framed;
use wire::register_broker_record::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord};
use wire::register_controller_record::{ControllerEndpoint, RegisterControllerRecord};
use wire::topic_record::TopicRecord;
use wire::user_scram_credential_record::UserScramCredentialRecord;

/// The latest that Kafka's shell of 4.3.1 reads.
const RELEASE: &str = "4.3";
const BASE_OFFSET: i64 = 0;
const EPOCH: i32 = 7;
const WRITTEN: TimestampMs = TimestampMs(1_795_304_756_780);

/// A log with a record of each kind that the tree shows.
fn log(folder: &Path) -> PathBuf {
    let release = MetadataVersion::from_release(RELEASE, false).expect("a release");
    let mut records = vec![
        feature(MetadataVersion::FEATURE, release.level()),
        feature("group.version", 1),
        controller(),
    ];
    records.extend([(1, None), (10, Some("rack a"))].map(|(id, rack)| broker(release, id, rack)));
    records.extend(topic(release, "orders", 3));
    records.extend(topic(release, "by-hand", 1));
    records.extend(configs());
    records.extend(security());
    records.extend(quotas());
    let ids = ProducerIdsRecord { broker_id: 1, broker_epoch: 5, next_producer_id: 2000 };
    records.push(encode_framed(&ids, 0).expect("a record"));
    let mut builder = BatchBuilder::new();
    for record in &records {
        builder.append(WRITTEN, None, Some(record), &[]).expect("room");
    }
    let mut batch =
        with_scratch(|scratch| builder.finish(Compression::None.into(), Producer::NONE, scratch));
    // where a leader writes, outside the checksum
    batch[..8].copy_from_slice(&BASE_OFFSET.to_be_bytes());
    batch[12..16].copy_from_slice(&EPOCH.to_be_bytes());
    let path = folder.join("00000000000000000000.log");
    std::fs::write(&path, batch).expect("write the log");
    path
}

fn feature(name: &str, level: i16) -> Vec<u8> {
    let record = FeatureLevelRecord { name: name.into(), feature_level: level };
    encode_framed(&record, 0).expect("a record")
}

fn id(byte: u8) -> Uuid {
    Uuid([byte; 16])
}

fn controller() -> Vec<u8> {
    let endpoint = ControllerEndpoint {
        name: "CONTROLLER".into(),
        host: "c".into(),
        port: 9093,
        security_protocol: 0,
    };
    let record = RegisterControllerRecord {
        controller_id: 100,
        incarnation_id: id(0x11),
        end_points: vec![endpoint],
        ..Default::default()
    };
    encode_framed(&record, 0).expect("a record")
}

fn broker(release: MetadataVersion, broker_id: i32, rack: Option<&'static str>) -> Vec<u8> {
    let endpoint = |name: &'static str, security_protocol: i16, port: u16| BrokerEndpoint {
        name: name.into(),
        host: "h".into(),
        port,
        security_protocol,
    };
    let record = RegisterBrokerRecord {
        broker_id,
        broker_epoch: 5,
        incarnation_id: id(0x22),
        end_points: vec![endpoint("SECURE", 3, 9094), endpoint("PLAINTEXT", 0, 9092)],
        features: vec![BrokerFeature {
            name: "group.version".into(),
            min_supported_version: 0,
            max_supported_version: 1,
        }],
        rack: rack.map(Into::into),
        fenced: rack.is_some(),
        log_dirs: vec![id(0x33), id(0xdd)],
        ..Default::default()
    };
    encode_framed(&record, release.register_broker_record()).expect("a record")
}

fn topic(release: MetadataVersion, name: &'static str, partitions: i32) -> Vec<Vec<u8>> {
    let topic_id = id(u8::try_from(name.len()).expect("a short name"));
    let topic = TopicRecord { name: name.into(), topic_id };
    let mut records = vec![encode_framed(&topic, 0).expect("a record")];
    for partition_id in 0..partitions {
        let partition = PartitionRecord {
            partition_id,
            topic_id,
            replicas: vec![1, 10],
            isr: vec![1, 10],
            leader: 1,
            directories: vec![id(0x33), id(0xdd)],
            ..Default::default()
        };
        let version = release.partition_record();
        records.push(encode_framed(&partition, version).expect("a record"));
    }
    let change = PartitionChangeRecord {
        partition_id: 0,
        topic_id,
        isr: Some(vec![10]),
        leader: 10,
        adding_replicas: Some(vec![10]),
        ..Default::default()
    };
    records.push(encode_framed(&change, 0).expect("a record"));
    records
}

fn configs() -> Vec<Vec<u8>> {
    let all = [
        (2, "orders", "retention.ms", "60000"),
        (4, "", "log.cleaner.threads", "2"),
        (4, "10", "ssl.key.password", "secret"),
        (16, "metrics", "interval.ms", "1000"),
        (32, "readers", "consumer.session.timeout.ms", "45000"),
    ];
    let records = all.map(|(resource_type, resource_name, name, value)| {
        let record = ConfigRecord {
            resource_type,
            resource_name: resource_name.into(),
            name: name.into(),
            value: Some(value.into()),
        };
        encode_framed(&record, 0).expect("a record")
    });
    records.into()
}

fn security() -> Vec<Vec<u8>> {
    let acl = AccessControlEntryRecord {
        id: id(0x44),
        resource_type: 2,
        resource_name: "orders".into(),
        pattern_type: 4,
        principal: "User:alice".into(),
        host: "*".into(),
        operation: 3,
        permission_type: 3,
    };
    let credential = UserScramCredentialRecord {
        name: "bob".into(),
        mechanism: 2,
        salt: vec![1, 2, 0xff].into(),
        stored_key: vec![3].into(),
        server_key: vec![4].into(),
        iterations: 4096,
    };
    let token = DelegationTokenRecord {
        owner: "User:carol".into(),
        requester: "User:dave".into(),
        renewers: vec!["User:eve".into(), "User:fay".into()],
        issue_timestamp: 1,
        max_timestamp: 3,
        expiration_timestamp: 2,
        token_id: "token-1".into(),
    };
    vec![
        encode_framed(&acl, 0).expect("a record"),
        encode_framed(&credential, 0).expect("a record"),
        encode_framed(&token, 0).expect("a record"),
    ]
}

fn quotas() -> Vec<Vec<u8>> {
    let part = |kind: &'static str, name: &'static str| EntityData {
        entity_type: kind.into(),
        entity_name: Some(name.into()),
    };
    let entities =
        [vec![part("user", "al(ice"), part("client-id", "c")], vec![part("ip", "10.0.0.1")]];
    let records = entities.into_iter().zip([1000.0, 1e7]).map(|(entity, value)| {
        let record =
            ClientQuotaRecord { entity, key: "producer_byte_rate".into(), value, remove: false };
        encode_framed(&record, 0).expect("a record")
    });
    records.collect()
}

/// What a shell prints, from its greeting on; what it is itself is left out.
fn printed(mut command: Command, log: &Path, words: &[&str], typed: &str) -> String {
    command.arg("--snapshot").arg(log).args(words);
    let stdout = output(&mut command, typed.as_bytes()).stdout;
    let text = String::from_utf8(stdout).expect("text");
    let text = text.replace("Kafka Metadata Shell", "Klamm metadata shell");
    let text = text.replace("Apache Kafka metadata shell", "Klamm metadata shell");
    // it is the last directory of the root
    let own = text.split_once("\nlocal:").map_or(text.as_str(), |(image, _)| image);
    own.trim_end().to_owned()
}

#[test]
fn the_shell_shows_what_kafkas_shows() {
    let folder = folders::scratch();
    let log = log(folder.path());
    for words in [
        &["tree", "/"][..],
        &["find", "/"],
        &["find", "image/topics", "nope"],
        &["ls", "/", "/image/topics/byName/*", "nope"],
        &["ls", "/image/topics/byName/{orders,by-*}/0"],
        &["cat", "/image/provenance", "/image", "nope"],
        &["cat", "/image/topics/byName/o?ders/[0-2]"],
        &["cat"],
        &["tree", "/image/{acls,scram}", "nope"],
        &["cd", "/image"],
        &["nonsense"],
    ] {
        if !is_alike(&log, words, "") {
            return;
        }
    }
}

/// Compares the shells. `false` where there is no Java.
///
/// Kafka's may answer before it has read the log, with an empty tree, and is asked again then.
fn is_alike(log: &Path, words: &[&str], typed: &str) -> bool {
    const ATTEMPTS_MAX: usize = 20;
    let ours = printed(klamm::tool("kafka-metadata-shell"), log, words, typed);
    let mut theirs = String::new();
    for _ in 0..ATTEMPTS_MAX {
        let Some(javas) = class(Release::Tools, "org.apache.kafka.shell.MetadataShell") else {
            return false;
        };
        theirs = printed(javas, log, words, typed);
        assert!(!theirs.is_empty(), "{words:?}");
        if theirs == ours {
            return true;
        }
    }
    panic!("{words:?}\n-- Kafka's\n{theirs}\n-- ours\n{ours}");
}

/// What a running controller has written is read by Kafka's shell: its log, and a snapshot of it.
#[test]
fn kafkas_shell_reads_the_log_and_the_snapshots_of_a_running_controller() {
    let (port, controller) = (free_port(), free_port());
    let text = format!(
        "process.roles=broker,controller\n\
         listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         metadata.log.max.record.bytes.between.snapshots=1\n"
    );
    let node = Node::unformatted(Product::Klamm, 1, loopback(port), &text);
    let node = node
        .and_then(|node| node.formatted(CLUSTER, &["--standalone", "--release-version", RELEASE]));
    let mut node = node.expect("it is Klamm");
    node.restart();
    let run = |name: &str, words: &str| {
        let mut tool = klamm::tool(name);
        tool.args(words.split(' ')).args(["--bootstrap-server", &node.address()]);
        succeed(&mut tool, b"");
    };
    run("kafka-topics", "--create --topic orders --partitions 3 --replication-factor 1");
    run("kafka-topics", "--create --topic gone --partitions 1 --replication-factor 1");
    run(
        "kafka-configs",
        "--alter --entity-type topics --entity-name orders --add-config retention.ms=1",
    );
    run("kafka-topics", "--delete --topic gone");
    let has_everything = |file: &Path| {
        let shell = klamm::tool("kafka-metadata-shell");
        let tree = printed(shell, file, &["tree", "/image/topics", "/image/configs"], "");
        tree.contains("orders") && tree.contains("retention.ms") && !tree.contains("gone")
    };
    let folder = folders::scratch();
    // the files go on growing
    let copy = |ending: &str| {
        wait::until("everything is in the file", || {
            let files = std::fs::read_dir(node.metadata()).expect("the metadata log").flatten();
            let files = files.map(|file| file.path());
            let newest = files.filter(|path| path.extension() == Some(ending.as_ref())).max()?;
            let copied = folder.path().join(newest.file_name()?);
            std::fs::copy(&newest, &copied).ok()?;
            has_everything(&copied).then_some(copied)
        })
    };
    for file in [copy("log"), copy("checkpoint")] {
        is_alike(&file, &["tree", "/"], "");
    }
}

#[test]
fn a_session_goes_as_in_kafkas_shell() {
    let folder = folders::scratch();
    let log = log(folder.path());
    let typed = "ls\npwd\ncd image/topics\npwd\nls byName\ncat byName/orders/name\ncd nope\n\
                 cd byName/orders/name\ncd ../configs\nls\n\nhistory 3\nman ls\nman nope\nnonsense\n\
                 cd\npwd\nexit\n";
    is_alike(&log, &[], typed);
}

#[test]
fn a_directory_is_its_snapshot_and_the_log_behind_it() {
    let folder = folders::scratch();
    let log = log(folder.path());
    let of = |path: &Path| printed(klamm::tool("metadata-shell"), path, &["tree", "/image"], "");
    let whole = of(&log);
    assert_eq!(of(folder.path()), whole);
    // a log directory holds the metadata log in a directory of its own
    let parent = folders::scratch();
    let inner = parent.path().join("__cluster_metadata-0");
    std::fs::create_dir(&inner).expect("make a directory");
    std::fs::copy(&log, inner.join(log.file_name().expect("a name"))).expect("copy the log");
    assert_eq!(of(parent.path()), whole);
    let empty = folders::scratch();
    let result = output(klamm::tool("metadata-shell").arg("-s").arg(empty.path()).arg("ls"), b"");
    let told = String::from_utf8_lossy(&result.stderr).into_owned();
    assert!(!result.status.success() && told.contains("neither a log nor a snapshot"), "{told}");
}
