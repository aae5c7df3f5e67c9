//! Several log directories: replicas move between them, and the failure of one is survived. What
//! can be compared is compared with Apache Kafka.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use e2e::java::{Release, class};
use e2e::process::succeed;
use e2e::raw::{self, Connection, PRODUCE_VERSION, batch, produce_request};
use e2e::{Kafka, Klamm, folders, wait};
use types::ErrorCode;
use wire::alter_replica_log_dirs_request::{AlterReplicaLogDir, AlterReplicaLogDirTopic};
use wire::create_partitions_request::CreatePartitionsTopic;
use wire::describe_log_dirs_response::DescribeLogDirsResult;
use wire::incremental_alter_configs_request::{AlterConfigsResource, AlterableConfig};
use wire::{
    AlterReplicaLogDirsRequest, CreatePartitionsRequest, DescribeLogDirsRequest,
    IncrementalAlterConfigsRequest, MetadataRequest,
};

const TOPIC: &str = "t";
const ALTER_VERSION: i16 = 2;
const DESCRIBE_VERSION: i16 = 4;
/// The first one that tells which directories are cordoned.
const DESCRIBE_CORDONED_VERSION: i16 = 5;
const CONFIG_VERSION: i16 = 1;
const PARTITIONS_VERSION: i16 = 3;
const BROKER: i8 = 4;
const SET: i8 = 0;
const DELETE: i8 = 1;
const METADATA_VERSION: i16 = 12;
const REASSIGN: &str = "org.apache.kafka.tools.reassign.ReassignPartitionsCommand";
const SMALL_SEGMENTS: &str = "log.segment.bytes=1048576\n";
const LOG_DIRS: &str = "org.apache.kafka.tools.LogDirsCommand";

/// A folder for a server's directories, and the property that names them.
struct Disks {
    folder: tempfile::TempDir,
    names: &'static [&'static str],
}

impl Disks {
    fn new(names: &'static [&'static str]) -> Self {
        Self { folder: folders::scratch(), names }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn all(&self) -> Vec<String> {
        self.names.iter().map(|name| self.path(name).display().to_string()).collect()
    }

    fn property(&self) -> String {
        format!("log.dirs={}\nlog.segment.delete.delay.ms=500\n", self.all().join(","))
    }

    /// The words with `$name` for the directories, so that those of two servers can be compared.
    fn anonymous(&self, text: &str) -> String {
        self.names.iter().fold(text.to_owned(), |text, name| {
            text.replace(&self.path(name).display().to_string(), &format!("${name}"))
        })
    }
}

/// A server's client port, and what is asked there.
struct Asker(Connection);

/// Where a replica is, and whether it is a copy on its way there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Seen {
    directory: String,
    is_future: bool,
    lag: i64,
}

impl Asker {
    fn new(port: u16) -> Self {
        Self(Connection::open(port).expect("somebody listens"))
    }

    fn ask<'r, R: wire::Request<'r>, T>(
        &'r mut self,
        request: &R,
        version: i16,
        look: impl FnOnce(R::Response<'r>) -> T,
    ) -> T {
        self.0.send(request, version).expect("the connection stands");
        self.0.receive::<R, T>(version, look).expect("an answer")
    }

    fn create(&mut self, partitions: i32) {
        let request = raw::create_request(TOPIC, partitions);
        let code = self.ask(&request, raw::CREATE_VERSION, |r| r.topics[0].error_code);
        assert_eq!(code, 0);
    }

    fn produce(&mut self, partition: i32, value: &str) -> ErrorCode {
        let batch = batch([value]);
        let request = produce_request(TOPIC, partition, &batch);
        let code = self
            .ask(&request, PRODUCE_VERSION, |r| r.responses[0].partition_responses[0].error_code);
        ErrorCode::from_wire(code)
    }

    /// Produces until the partition takes it.
    fn produce_at_last(&mut self, partition: i32, value: &str) {
        wait::until("the record is taken", || {
            (self.produce(partition, value) == ErrorCode::None).then_some(())
        });
    }

    fn directories(&mut self) -> Vec<DescribeLogDirsResult<'static>> {
        let request = DescribeLogDirsRequest { topics: None };
        self.ask(&request, DESCRIBE_VERSION, |r| {
            r.results.into_iter().map(DescribeLogDirsResult::into_owned).collect()
        })
    }

    fn replicas(&mut self, partition: i32) -> Vec<Seen> {
        let mut seen = Vec::new();
        for directory in self.directories() {
            let topics = directory.topics.iter().filter(|topic| topic.name == TOPIC);
            for row in topics.flat_map(|topic| &topic.partitions) {
                if row.partition_index == partition {
                    let (is_future, lag) = (row.is_future_key, row.offset_lag);
                    seen.push(Seen { directory: directory.log_dir.to_string(), is_future, lag });
                }
            }
        }
        seen
    }

    /// The names of the directories that take no more replicas.
    fn cordoned(&mut self, disks: &Disks) -> Vec<String> {
        let request = DescribeLogDirsRequest { topics: None };
        self.ask(&request, DESCRIBE_CORDONED_VERSION, |r| {
            let cordoned = r.results.iter().filter(|row| row.is_cordoned);
            let mut names: Vec<_> = cordoned.map(|row| disks.anonymous(&row.log_dir)).collect();
            names.sort_unstable();
            names
        })
    }

    /// Changes what the running broker cordons; `None` for what its file says.
    fn cordon(&mut self, paths: Option<&str>) -> ErrorCode {
        let config = AlterableConfig {
            name: "cordoned.log.dirs".into(),
            config_operation: if paths.is_some() { SET } else { DELETE },
            value: paths.map(Into::into),
        };
        let resource = AlterConfigsResource {
            resource_type: BROKER,
            resource_name: "1".into(),
            configs: vec![config],
        };
        let request =
            IncrementalAlterConfigsRequest { resources: vec![resource], validate_only: false };
        ErrorCode::from_wire(self.ask(&request, CONFIG_VERSION, |r| r.responses[0].error_code))
    }

    /// Gives the topic one more partition: the directory that it goes to, or why it gets none.
    fn grow(&mut self, disks: &Disks) -> String {
        let before = i32::try_from(self.leaders().len()).expect("few");
        let topic =
            CreatePartitionsTopic { name: TOPIC.into(), count: before + 1, assignments: None };
        let request = CreatePartitionsRequest {
            topics: vec![topic],
            timeout_ms: 30_000,
            validate_only: false,
        };
        let code = self.ask(&request, PARTITIONS_VERSION, |r| r.results[0].error_code);
        match ErrorCode::from_wire(code) {
            ErrorCode::None => {
                self.produce_at_last(before, "value");
                disks.anonymous(&self.home(before))
            }
            refused => refused.name().to_owned(),
        }
    }

    /// The directory of a replica that does not move.
    fn home(&mut self, partition: i32) -> String {
        wait::until("the replica is in one directory", || match &self.replicas(partition)[..] {
            [Seen { directory, is_future: false, .. }] => Some(directory.clone()),
            _ => None,
        })
    }

    fn move_to(&mut self, directory: &str, topic: &str, partition: i32) -> ErrorCode {
        let topics =
            vec![AlterReplicaLogDirTopic { name: topic.into(), partitions: vec![partition] }];
        let dirs = vec![AlterReplicaLogDir { path: directory.into(), topics }];
        let request = AlterReplicaLogDirsRequest { dirs };
        let code = self.ask(&request, ALTER_VERSION, |r| r.results[0].partitions[0].error_code);
        ErrorCode::from_wire(code)
    }

    /// Partitions of the topic by the id of their leader.
    fn leaders(&mut self) -> BTreeMap<i32, i32> {
        let topics = vec![wire::metadata_request::MetadataRequestTopic {
            name: Some(TOPIC.into()),
            ..Default::default()
        }];
        let request = MetadataRequest { topics: Some(topics), ..Default::default() };
        self.ask(&request, METADATA_VERSION, |r| {
            let partitions = r.topics.into_iter().flat_map(|topic| topic.partitions);
            partitions.map(|row| (row.partition_index, row.leader_id)).collect()
        })
    }

    /// Every record's value, from the beginning.
    fn values(&mut self, partition: i32) -> Vec<String> {
        let (mut values, mut next) = (Vec::new(), 0);
        loop {
            let request = raw::fetch_request(TOPIC, partition, next);
            let (code, bytes) = self.ask(&request, raw::FETCH_VERSION, raw::records);
            assert_eq!(ErrorCode::from_wire(code), ErrorCode::None);
            if bytes.is_empty() {
                return values;
            }
            for batch in record::batches(&bytes).map_while(Result::ok) {
                next = batch.header().next_offset().0;
                record::with_scratch(|scratch| {
                    for record in batch.records(scratch).expect("a batch") {
                        let value = record.expect("a record").value.unwrap_or_default();
                        values.push(String::from_utf8_lossy(value).into_owned());
                    }
                });
            }
        }
    }
}

fn numbered(records: usize) -> Vec<String> {
    (0..records).map(|number| format!("{number:0200}")).collect()
}

/// What `kafka-reassign-partitions` says, without what differs from run to run.
fn reassign(bootstrap: &str, disks: &Disks, to: &str, words: &[&str]) -> Option<String> {
    let file = disks.path("reassignment.json");
    let json = format!(
        r#"{{"version":1,"partitions":[{{"topic":"{TOPIC}","partition":0,"replicas":[1],"log_dirs":["{to}"]}}]}}"#
    );
    std::fs::write(&file, json).expect("write the reassignment");
    let mut tool = class(Release::Tools, REASSIGN)?;
    tool.args(["--bootstrap-server", bootstrap, "--reassignment-json-file"]).arg(&file);
    Some(disks.anonymous(&succeed(tool.args(words), b"")))
}

fn folders_of(disks: &Disks, name: &str) -> Vec<String> {
    let entries = std::fs::read_dir(disks.path(name)).expect("list a directory");
    let names = entries.map(|entry| entry.expect("an entry").file_name());
    let names = names.map(|name| name.to_string_lossy().into_owned());
    names.filter(|name| name.starts_with("t-0")).collect()
}

fn other<'d>(disks: &'d [String], than: &str) -> &'d str {
    disks.iter().find(|path| *path != than).expect("two directories")
}

/// Moves a replica by Kafka's tool and tells what the tools say.
fn moved(bootstrap: &str, port: u16, disks: &Disks) -> Option<Vec<String>> {
    let mut asker = Asker::new(port);
    asker.create(2);
    let values = numbered(300);
    for value in &values[..200] {
        asker.produce_at_last(0, value);
    }
    let (all, from) = (disks.all(), asker.home(0));
    let to = other(&all, &from).to_owned();
    let mut said = vec![reassign(bootstrap, disks, &to, &["--execute"])?];
    for value in &values[200..] {
        assert_eq!(asker.produce(0, value), ErrorCode::None, "it is served while it moves");
    }
    wait::until("the replica has moved", || {
        let moved = Seen { directory: to.clone(), is_future: false, lag: 0 };
        (asker.replicas(0) == [moved]).then_some(())
    });
    said.push(reassign(bootstrap, disks, &to, &["--verify"])?);
    assert_eq!(asker.values(0), values);
    let mut tool = class(Release::Tools, LOG_DIRS)?;
    let words = ["--bootstrap-server", bootstrap, "--describe", "--topic-list", TOPIC];
    let described = disks.anonymous(&succeed(tool.args(words), b""));
    let json = described.lines().find(|line| line.starts_with('{')).expect("a line of JSON");
    let json: serde_json::Value = serde_json::from_str(json).expect("JSON");
    for directory in json["brokers"][0]["logDirs"].as_array().expect("directories") {
        let has = |index: &str| {
            let partitions = directory["partitions"].as_array().expect("partitions");
            partitions.iter().any(|row| row["partition"] == format!("{TOPIC}-{index}"))
        };
        let path = directory["logDir"].as_str().expect("a path");
        let is_here = disks.anonymous(&to) == path;
        assert_eq!(has("0"), is_here, "{described}");
        assert_eq!(directory["error"], serde_json::Value::Null);
    }
    let left = Path::new(&from).file_name().and_then(|name| name.to_str()).expect("a name");
    wait::until("the folder that was left goes", || {
        folders_of(disks, left).is_empty().then_some(())
    });
    Some(said)
}

#[test]
fn a_replica_moves_as_in_kafka_while_it_is_written() {
    let disks = Disks::new(&["a", "b"]);
    let mut klamm = Klamm::with(&disks.property());
    let Some(said) = moved(&klamm.bootstrap(), klamm.port(), &disks) else { return };
    let home = Asker::new(klamm.port()).home(0);
    klamm.kill();
    klamm.restart();
    let mut asker = Asker::new(klamm.port());
    assert_eq!(asker.home(0), home);
    assert_eq!(asker.values(0), numbered(300));
    assert!(klamm.terminate().success());
    let kafkas = Disks::new(&["a", "b"]);
    let Some(kafka) = Kafka::with(&kafkas.property()) else { return };
    let kafka_said = moved(&kafka.bootstrap(), kafka.port(), &kafkas);
    // which of the two directories a replica gets first is nobody's promise
    let plain = |said: String| said.replace("$a", "$dir").replace("$b", "$dir");
    let plain = |said: Vec<String>| said.into_iter().map(plain).collect::<Vec<_>>();
    assert_eq!(plain(said), plain(kafka_said.expect("it was there before")));
}

fn refusals(port: u16, disks: &Disks) -> Vec<(String, ErrorCode)> {
    let mut asker = Asker::new(port);
    asker.create(1);
    asker.produce_at_last(0, "value");
    let home = asker.home(0);
    let elsewhere = disks.path("c").display().to_string();
    let relative = home.trim_start_matches('/').to_owned();
    let cases = [
        (home.as_str(), TOPIC, 0),
        (&elsewhere, TOPIC, 0),
        (&relative, TOPIC, 0),
        (&home, TOPIC, 7),
        (&home, "nobody-knows-it", 0),
        (&home, &"long".repeat(60), 0),
    ];
    let answered = cases.iter().map(|(path, topic, index)| {
        let what = format!("{topic}-{index} to {}", disks.anonymous(path).replace("$b", "$a"));
        (what, asker.move_to(path, topic, *index))
    });
    answered.collect()
}

#[test]
fn what_cannot_move_is_refused_as_in_kafka() {
    let disks = Disks::new(&["a", "b"]);
    let klamm = Klamm::with(&disks.property());
    let refused = refusals(klamm.port(), &disks);
    assert_eq!(refused[0].1, ErrorCode::None);
    assert_eq!(refused[1].1, ErrorCode::LogDirNotFound);
    let kafkas = Disks::new(&["a", "b"]);
    let Some(kafka) = Kafka::with(&kafkas.property()) else { return };
    let codes = |refused: Vec<(String, ErrorCode)>| -> Vec<_> {
        refused.into_iter().map(|(_, code)| code).collect()
    };
    assert_eq!(codes(refused), codes(refusals(kafka.port(), &kafkas)));
}

#[test]
fn a_throttled_move_shows_how_far_it_is_and_goes_on_after_a_kill() {
    let disks = Disks::new(&["a", "b"]);
    let properties = format!("{}{SMALL_SEGMENTS}", disks.property());
    let mut klamm = Klamm::with(&properties);
    let mut asker = Asker::new(klamm.port());
    asker.create(1);
    let large = "x".repeat(100_000);
    for _ in 0..40 {
        asker.produce_at_last(0, &large);
    }
    let from = asker.home(0);
    let to = other(&disks.all(), &from).to_owned();
    let throttle = ["--execute", "--replica-alter-log-dirs-throttle", "1000"];
    if reassign(&klamm.bootstrap(), &disks, &to, &throttle).is_none() {
        return;
    }
    let copying = |asker: &mut Asker| {
        let seen = asker.replicas(0);
        let copy = seen.iter().find(|seen| seen.is_future)?.clone();
        let home = seen.iter().find(|seen| !seen.is_future)?.clone();
        assert_eq!((&home.directory, &copy.directory), (&from, &to));
        assert_eq!(home.lag, 0);
        (copy.lag > 0).then_some(copy.lag)
    };
    let lag = wait::until("a copy is behind", || copying(&mut asker));
    assert!(lag <= 40, "{lag}");
    klamm.kill();
    klamm.restart();
    let mut asker = Asker::new(klamm.port());
    asker.produce_at_last(0, "while it moves");
    wait::until("the copy is taken up again", || copying(&mut asker));
    // the tool takes the throttle away when it is asked for an unthrottled move
    let mut configs = e2e::klamm::tool("kafka-configs");
    let words = ["--alter", "--entity-type", "brokers", "--entity-name", "1", "--delete-config"];
    let rate = "replica.alter.log.dirs.io.max.bytes.per.second";
    succeed(configs.args(["--bootstrap-server", &klamm.bootstrap()]).args(words).arg(rate), b"");
    wait::until("the replica has moved", || {
        let moved = Seen { directory: to.clone(), is_future: false, lag: 0 };
        (asker.replicas(0) == [moved]).then_some(())
    });
    assert_eq!(asker.values(0).len(), 41);
    assert_eq!(asker.produce(0, "after"), ErrorCode::None);
}

#[test]
fn a_move_is_called_off_by_naming_the_directory_that_the_replica_is_in() {
    let disks = Disks::new(&["a", "b"]);
    let klamm = Klamm::with(&disks.property());
    let mut asker = Asker::new(klamm.port());
    asker.create(1);
    let mut configs = e2e::klamm::tool("kafka-configs");
    let words = ["--alter", "--entity-type", "brokers", "--entity-name", "1", "--add-config"];
    let rate = "replica.alter.log.dirs.io.max.bytes.per.second=1";
    succeed(configs.args(["--bootstrap-server", &klamm.bootstrap()]).args(words).arg(rate), b"");
    asker.produce_at_last(0, "first");
    let from = asker.home(0);
    let to = other(&disks.all(), &from).to_owned();
    // the first piece passes any throttle, the second does not
    let large = "x".repeat(900_000);
    for _ in 0..4 {
        asker.produce_at_last(0, &large);
    }
    assert_eq!(asker.move_to(&to, TOPIC, 0), ErrorCode::None);
    assert!(asker.replicas(0).iter().any(|seen| seen.is_future && seen.directory == to));
    assert_eq!(asker.move_to(&from, TOPIC, 0), ErrorCode::None);
    assert_eq!(asker.home(0), from);
    assert_eq!(asker.values(0).len(), 5);
    let name = Path::new(&to).file_name().and_then(|name| name.to_str()).expect("a name");
    assert_eq!(folders_of(&disks, name), Vec::<String>::new());
}

/// Cordons directories in the file and while the broker runs, and has the topic grow until the next
/// replica goes where it shall, or is refused, once the controller has heard of it.
fn check_cordoned(port: u16, disks: &Disks) {
    let mut asker = Asker::new(port);
    assert_eq!(asker.cordoned(disks), ["$a"], "from the file");
    asker.create(4);
    for partition in 0..4 {
        asker.produce_at_last(partition, "value");
        assert_eq!(disks.anonymous(&asker.home(partition)), "$b");
    }
    let elsewhere = asker.cordon(Some("/elsewhere"));
    assert_eq!((elsewhere, asker.cordoned(disks)), (ErrorCode::InvalidRequest, vec!["$a".into()]));
    let b = disks.path("b").display().to_string();
    for (paths, cordoned, next) in [
        (Some(b.as_str()), &["$b"][..], "$a"),
        (Some("*"), &["$a", "$b"], "INVALID_REPLICATION_FACTOR"),
        (None, &["$a"], "$b"),
        (Some("*"), &["$a", "$b"], "INVALID_REPLICATION_FACTOR"),
        (Some(""), &[], "$a"),
    ] {
        assert_eq!(asker.cordon(paths), ErrorCode::None);
        wait::until("the broker has taken it over", || {
            (asker.cordoned(disks) == cordoned).then_some(())
        });
        wait::until(next, || (asker.grow(disks) == next).then_some(()));
        assert_eq!(asker.produce(0, "value"), ErrorCode::None, "those that are there stay");
    }
}

#[test]
fn cordoned_directories_take_no_replicas_as_in_kafka() {
    const NAMES: &[&str] = &["a", "b"];
    let property = |disks: &Disks| {
        format!("{}cordoned.log.dirs={}\n", disks.property(), disks.path("a").display())
    };
    let disks = Disks::new(NAMES);
    let klamm = Klamm::with(&property(&disks));
    check_cordoned(klamm.port(), &disks);
    drop(klamm);
    let kafkas = Disks::new(NAMES);
    let Some(kafka) = Kafka::with(&property(&kafkas)) else { return };
    check_cordoned(kafka.port(), &kafkas);
}

/// A directory whose disk is gone: a file has its name. Files that are open can still be written.
struct Fault {
    path: PathBuf,
    away: PathBuf,
}

impl Fault {
    fn of(path: PathBuf) -> Self {
        let away = path.with_extension("away");
        std::fs::rename(&path, &away).expect("take the directory away");
        std::fs::write(&path, "a file in its place").expect("write a file");
        Self { path, away }
    }

    fn mended(self) {
        std::fs::remove_file(&self.path).expect("remove the file");
        std::fs::rename(&self.away, &self.path).expect("bring the directory back");
    }
}

/// Fills segments, so that another is begun, until the partition refuses.
fn produce_until_refused(asker: &mut Asker, partition: i32) -> ErrorCode {
    let large = "x".repeat(600_000);
    wait::until("a segment cannot be begun", || {
        let code = asker.produce(partition, &large);
        (code != ErrorCode::None).then_some(code)
    })
}

/// Has one of two directories fail; tells what clients see.
fn with_a_failed_directory(port: u16, disks: &Disks) -> (Vec<String>, Fault) {
    let mut asker = Asker::new(port);
    asker.create(6);
    for partition in 0..6 {
        asker.produce_at_last(partition, "before");
    }
    let failing = disks.path("b").display().to_string();
    let homes: Vec<String> = (0..6).map(|partition| asker.home(partition)).collect();
    let is_in_failing = |index: &i32| homes[usize::try_from(*index).expect("small")] == failing;
    let lost: Vec<i32> = (0..6).filter(is_in_failing).collect();
    assert_eq!(lost.len(), 3, "replicas are spread: {homes:?}");
    let fault = Fault::of(disks.path("b"));
    let first = produce_until_refused(&mut asker, lost[0]);
    let mut seen = vec![format!("the first producer: {}", first.name())];
    wait::until("the directory is out of service", || {
        let rows = asker.directories();
        let row = rows.iter().find(|row| row.log_dir == failing)?;
        (row.error_code == ErrorCode::KafkaStorageError.code()).then_some(())
    });
    wait::until("nobody leads what is lost", || {
        let leaders = asker.leaders();
        lost.iter().all(|index| leaders[index] == -1).then_some(())
    });
    for partition in 0..6 {
        let code = asker.produce(partition, "after");
        if lost.contains(&partition) {
            assert!(code.is_retriable(), "{}", code.name());
        } else {
            assert_eq!(code, ErrorCode::None);
            assert_eq!(asker.values(partition), ["before", "after"]);
        }
    }
    let leaders = asker.leaders();
    seen.push(format!("without a leader: {}", leaders.values().filter(|id| **id == -1).count()));
    let healthy = (0..6).find(|index| !lost.contains(index)).expect("three of six");
    for (path, partition) in [(&failing, healthy), (&failing, lost[0])] {
        seen.push(format!("moved there: {}", asker.move_to(path, TOPIC, partition).name()));
    }
    (seen, fault)
}

#[test]
fn the_failure_of_one_directory_is_survived_as_in_kafka() {
    let disks = Disks::new(&["a", "b"]);
    let mut klamm = Klamm::with(&format!("{}{SMALL_SEGMENTS}", disks.property()));
    let (seen, fault) = with_a_failed_directory(klamm.port(), &disks);
    klamm.kill();
    fault.mended();
    klamm.restart();
    let mut asker = Asker::new(klamm.port());
    for partition in 0..6 {
        asker.produce_at_last(partition, "again");
        let values = asker.values(partition);
        assert_eq!((values[0].as_str(), values[values.len() - 1].as_str()), ("before", "again"));
    }
    drop(klamm);
    let kafkas = Disks::new(&["a", "b"]);
    let properties = format!("{}{SMALL_SEGMENTS}", kafkas.property());
    let Some(kafka) = Kafka::with(&properties) else { return };
    assert_eq!(seen, with_a_failed_directory(kafka.port(), &kafkas).0);
}

#[test]
fn a_broker_starts_without_a_directory_that_cannot_be_used() {
    let disks = Disks::new(&["a", "b"]);
    let mut klamm = Klamm::with(&disks.property());
    let mut asker = Asker::new(klamm.port());
    asker.create(2);
    for partition in 0..2 {
        asker.produce_at_last(partition, "before");
    }
    let lost: i32 = if asker.home(0).ends_with('b') { 0 } else { 1 };
    assert!(klamm.terminate().success());
    let fault = Fault::of(disks.path("b"));
    klamm.restart();
    let mut asker = Asker::new(klamm.port());
    wait::until("nobody leads what is lost", || (asker.leaders()[&lost] == -1).then_some(()));
    asker.produce_at_last(1 - lost, "without it");
    let codes: Vec<i16> = asker.directories().iter().map(|row| row.error_code).collect();
    assert_eq!(codes, [0, ErrorCode::KafkaStorageError.code()]);
    assert!(klamm.terminate().success());
    fault.mended();
    klamm.restart();
    let mut asker = Asker::new(klamm.port());
    asker.produce_at_last(lost, "again");
    assert_eq!(asker.values(lost), ["before", "again"]);
    assert_eq!(asker.values(1 - lost), ["before", "without it"]);
}

#[test]
fn a_broker_ends_when_the_last_directory_or_the_metadatas_fails() {
    for (names, said) in [
        (&["a"][..], "all log directories have failed"),
        (&["a", "b"][..], "the metadata log's directory"),
    ] {
        let disks = Disks::new(names);
        let mut klamm = Klamm::with(&format!("{}{SMALL_SEGMENTS}", disks.property()));
        let mut asker = Asker::new(klamm.port());
        asker.create(2);
        for partition in 0..2 {
            asker.produce_at_last(partition, "before");
        }
        let failing = if asker.home(0).ends_with('a') { 0 } else { 1 };
        let fault = Fault::of(disks.path("a"));
        produce_until_refused(&mut asker, failing);
        assert!(!klamm.server().await_end().success());
        let log = klamm.log();
        assert!(log.contains(said), "{log}");
        assert!(!log.contains("panicked"), "{log}");
        fault.mended();
        klamm.restart();
        let mut asker = Asker::new(klamm.port());
        asker.produce_at_last(failing, "again");
        let values = asker.values(failing);
        assert_eq!((values[0].as_str(), values[values.len() - 1].as_str()), ("before", "again"));
    }
}

/// Nothing but the metadata log is written there, so that nothing else can meet the fault.
#[test]
fn a_broker_ends_when_the_metadata_logs_own_directory_fails() {
    let disks = Disks::new(&["a", "meta"]);
    let (logs, metadata) = (disks.path("a"), disks.path("meta"));
    // a file is opened there for each change, so that the fault is met
    let properties = format!(
        "log.dirs={}\nmetadata.log.dir={}\nmetadata.log.max.record.bytes.between.snapshots=1\n",
        logs.display(),
        metadata.display()
    );
    let mut klamm = Klamm::with(&properties);
    let mut asker = Asker::new(klamm.port());
    asker.create(1);
    assert!(metadata.join("__cluster_metadata-0").is_dir());
    let fault = Fault::of(metadata);
    // there may be no answer to it
    let _ = asker.0.send(&raw::create_request("another", 1), raw::CREATE_VERSION);
    assert!(!klamm.server().await_end().success());
    let log = klamm.log();
    assert!(log.contains("the metadata log's directory has failed"), "{log}");
    assert!(!log.contains("panicked"), "{log}");
    fault.mended();
    klamm.restart();
    let mut asker = Asker::new(klamm.port());
    asker.produce_at_last(0, "again");
    assert_eq!(asker.values(0), ["again"]);
}
