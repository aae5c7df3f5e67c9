//! Java's client and ours at work on one topic of a cluster, and the reckoning at the end.

use super::{Language, Ours, Program, Work, await_groups, collect};
use crate::checker::History;
use crate::cluster::Cluster;
use crate::folders;

const TOPIC: &str = "load";
const PARTITIONS: i32 = 4;

/// Clients that give nothing up while nodes come and go.
const PATIENT: [&str; 6] = [
    "producer.acks=all",
    "producer.enable.idempotence=true",
    "producer.delivery.timeout.ms=600000",
    "producer.max.block.ms=600000",
    "request.timeout.ms=4000",
    "consumer.session.timeout.ms=10000",
];

/// Two producers and two groups of two members.
#[derive(Debug)]
pub struct Load {
    java: Program,
    ours: Ours,
    folder: tempfile::TempDir,
}

impl Load {
    /// Whether Java is there. What has to be fetched is fetched: links to the world may be gone
    /// later.
    #[must_use]
    pub fn is_possible() -> bool {
        Language::Java.program().is_some()
    }

    /// Creates the topic and sets both to work.
    ///
    /// # Panics
    /// If Java is missing, or the topic is refused.
    #[must_use]
    pub fn start(cluster: &Cluster) -> Self {
        cluster.create_topic(TOPIC, PARTITIONS);
        let folder = folders::scratch();
        let bootstrap = cluster.bootstrap();
        let work = |name| Work {
            topic: TOPIC,
            partitions: PARTITIONS,
            rate: 200,
            members: 2,
            name,
            settings: &PATIENT,
        };
        let program = Language::Java.program().expect("it was there before");
        let java = Program::start(program, &bootstrap, &work("java"), folder.path());
        Self { java, ours: Ours::start(&bootstrap, &work("ours")), folder }
    }

    /// Waits until more has been acknowledged and read than now.
    ///
    /// # Panics
    /// If nothing comes.
    pub fn await_progress(&self) {
        self.java.await_progress();
    }

    /// Ends the work and the cluster, and sees whether all promises were kept.
    ///
    /// # Panics
    /// If they were not: with what was wrong, `story`, and the nodes' logs.
    pub fn reckon(mut self, cluster: &mut Cluster, story: &str) {
        cluster.await_in_sync();
        let producing = vec![self.java.stop_producing(), self.ours.stop_producing()];
        let mut history = History { producing, ..History::default() };
        cluster.await_in_sync();
        await_groups(cluster, TOPIC, &["java", "ours"], &mut history);
        history.reading = vec![self.java.stop_reading(), self.ours.stop_reading()];
        collect(cluster, TOPIC, &mut history);
        history.approve(|| format!("{story}\n{}", cluster.story()));
        drop(self.folder);
        for producing in &history.producing {
            let (producer, count) = (&producing.producer, producing.acknowledged.len());
            assert!(count > 0, "{producer} had nothing acknowledged\n{story}");
            eprintln!(
                "{producer}: {count} records acknowledged, and all promises kept; longest gaps:"
            );
            producing.gaps().iter().for_each(|gap| eprintln!("    {gap}"));
        }
    }
}
