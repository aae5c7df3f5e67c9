//! Producers of numbered records and groups that read them, in several languages, told to stop and
//! then asked what they saw.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use crate::checker::{History, Producing, Reading, Replica};
use crate::cluster::{Cluster, PATIENCE};
use crate::{java, runtimes, wait};

mod load;
mod ours;

pub use load::Load;
pub use ours::Ours;

/// In which language a program is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Java,
    /// librdkafka through confluent-kafka.
    Python,
    /// kafkajs.
    JavaScript,
}

impl Language {
    /// Its program, built and with all that it needs fetched. `None` where it cannot run.
    #[must_use]
    pub fn program(self) -> Option<Command> {
        match self {
            Self::Java => java::program("Numbered"),
            Self::Python => runtimes::python("numbered.py"),
            Self::JavaScript => runtimes::node("numbered.js"),
        }
    }
}

/// What to do.
#[derive(Clone, Copy, Debug)]
pub struct Work<'w> {
    pub topic: &'w str,
    pub partitions: i32,
    /// Records a second.
    pub rate: u32,
    /// Of the group that reads.
    pub members: u32,
    /// Of the producer, and of the group.
    pub name: &'w str,
    /// `KEY=VALUE` each; `producer.` or `consumer.` before the key is for one of them.
    pub settings: &'w [&'w str],
}

/// A program that produces and reads.
#[derive(Debug)]
pub struct Program {
    child: Child,
    stdin: Option<ChildStdin>,
    stdout: BufReader<std::process::ChildStdout>,
    name: String,
    folder: PathBuf,
}

impl Program {
    /// Starts `command`, one of [`Language::program`]; it tells what it sees in `folder`.
    ///
    /// # Panics
    /// If it does not start.
    #[must_use]
    pub fn start(mut command: Command, bootstrap: &str, work: &Work<'_>, folder: &Path) -> Self {
        let numbers =
            [work.partitions.to_string(), work.rate.to_string(), work.members.to_string()];
        command.args([bootstrap, work.topic]).args(numbers).arg(work.name).arg(folder);
        let log = std::fs::File::create(folder.join(format!("{}.log", work.name)));
        command.args(work.settings).stdin(Stdio::piped()).stdout(Stdio::piped());
        command.stderr(log.expect("make a log file"));
        let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let stdin = child.stdin.take();
        let stdout = BufReader::new(child.stdout.take().expect("standard output is piped"));
        Self { child, stdin, stdout, name: work.name.to_owned(), folder: folder.to_owned() }
    }

    /// Waits until more has been acknowledged to it, and read by it, than now.
    ///
    /// # Panics
    /// If nothing comes.
    pub fn await_progress(&self) {
        for what in ["produced", "read"] {
            let bytes = || {
                let file = self.folder.join(format!("{}.{what}", self.name));
                file.metadata().map_or(0, |metadata| metadata.len())
            };
            let before = bytes();
            let more = wait::within(PATIENCE, || (bytes() > before).then_some(()));
            assert!(more.is_some(), "{}: nothing more is {what}\n{}", self.name, self.log());
        }
    }

    /// Ends producing, and returns when all that was sent is decided: what the producer was told.
    ///
    /// # Panics
    /// If the program has ended.
    #[must_use]
    pub fn stop_producing(&mut self) -> Producing {
        let stdin = self.stdin.as_mut().expect("it runs");
        stdin.write_all(b"\n").and_then(|()| stdin.flush()).expect("tell the program");
        let mut line = String::new();
        self.stdout.read_line(&mut line).expect("hear the program");
        assert_eq!(line, "flushed\n", "{}: {}", self.name, self.log());
        Producing::told(&self.name, &self.told("produced"))
    }

    /// Ends reading, and the program: what the group read.
    ///
    /// # Panics
    /// If the program fails.
    #[must_use]
    pub fn stop_reading(mut self) -> Reading {
        drop(self.stdin.take());
        let status = self.child.wait().expect("wait for the program");
        assert!(status.success(), "{}: {status}\n{}", self.name, self.log());
        Reading::told(&self.name, &self.told("read"))
    }

    fn told(&self, what: &str) -> String {
        let file = self.folder.join(format!("{}.{what}", self.name));
        std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// What it logged.
    #[must_use]
    pub fn log(&self) -> String {
        let file = self.folder.join(format!("{}.log", self.name));
        std::fs::read_to_string(file).unwrap_or_default()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // one that has ended already is what this is for
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Waits until each group has committed all of a topic, and adds where that ends to `history`.
///
/// # Panics
/// If a group does not get there.
pub fn await_groups(cluster: &Cluster, topic: &str, groups: &[&str], history: &mut History) {
    let mut partitions = 0;
    cluster.await_state("a broker tells of the topic", || {
        partitions = cluster.topic(topic).map_or(0, |topic| topic.partition_count());
        partitions > 0
    });
    let keys = || (0..partitions).map(|p| client::TopicPartition::new(topic, p));
    cluster.await_state("every partition tells where it ends", || {
        let asked = keys().map(|key| (key, client::LATEST_TIMESTAMP)).collect();
        let isolation = client::config::IsolationLevel::ReadUncommitted;
        let listed = cluster.ask(async |admin| admin.list_offsets(&asked, isolation).await);
        let ends = listed.into_iter().flatten();
        history.high_watermarks =
            ends.filter_map(|(key, end)| Some((key.partition, end.ok()?.offset))).collect();
        history.high_watermarks.len() == asked.len()
    });
    for group in groups {
        cluster.await_state(&format!("group {group} has read everything"), || {
            let committed = cluster.ask(async |admin| admin.group_offsets(group).await);
            let committed = committed.unwrap_or_default();
            keys().all(|key| {
                let end = history.high_watermarks[&key.partition];
                end == 0 || committed.get(&key).is_some_and(|committed| committed.offset == end)
            })
        });
    }
}

/// Ends a cluster in order and adds what its nodes have on disk to `history`.
///
/// # Panics
/// If nobody knows the topic.
pub fn collect(cluster: &mut Cluster, topic: &str, history: &mut History) {
    let mut known = None;
    cluster.await_state("a broker tells of the topic", || {
        known = cluster.topic(topic);
        known.is_some()
    });
    let partitions = known.into_iter().flat_map(|topic| topic.partitions);
    let placed: Vec<(i32, Vec<i32>)> =
        partitions.map(|partition| (partition.partition, partition.replicas)).collect();
    cluster.end();
    for (partition, replicas) in placed {
        for node in replicas {
            let node = u8::try_from(node).expect("an id that we gave");
            let data = cluster.node(node).data();
            history.replicas.push(Replica::read(node, &data, topic, partition));
        }
    }
}
