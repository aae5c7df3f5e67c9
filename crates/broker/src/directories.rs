//! What follows when a log directory fails, when one is cordoned, and when a replica is elsewhere
//! than the controller believes.
//!
//! ```text
//!   Witness ─▶ DirectoryNews ─┬─▶ partitions leave service
//!                             ├─▶ heartbeat to the controller: others lead
//!                             └─▶ the process ends, where it was the last or the metadata's
//!   Relocations ─▶ AssignReplicasToDirs, again until the image says so
//! ```

use crate::controller::DirectoryNews;
use crate::node::Node;
use crate::partition::{Partition, Partitions};
use crate::storage::are_same;
use metadata::config::{BROKER, BrokerLayers, ConfigValue};
use metadata::decide::AssignReplicasToDirs;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use types::{DirectoryId, ErrorCode, TopicId};
use wire::assign_replicas_to_dirs_request::{
    AssignReplicasToDirsRequest, DirectoryData, PartitionData, TopicData,
};

/// Replicas told of in one request, as in Kafka.
const TOLD_AT_ONCE_MAX: usize = 2250;

/// How long a server that stops waits to be heard.
const LAST_WORD_MAX: Duration = Duration::from_secs(1);

/// Between two requests that tell of the same replicas.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);

const CORDONED: &str = "cordoned.log.dirs";
const RATE: &str = "replica.alter.log.dirs.io.max.bytes.per.second";

/// Puts in force what the configs of this broker say of its directories.
pub(crate) fn take_configs(layers: BrokerLayers<'_>, partitions: &Partitions) {
    let cordoned = BROKER.get(CORDONED).and_then(|key| layers.value(key).ok());
    if let Some(ConfigValue::List(paths)) = cordoned {
        partitions.directories().cordon(&paths);
    }
    // no key of the properties file: it has no default there
    let rate = layers.text(RATE).and_then(|rate| rate.parse().ok());
    partitions.relocations().set_rate(rate.unwrap_or(u64::MAX));
}

/// What sees to faults of directories, and what tells the controller where replicas are.
pub(crate) struct DirectoryKeeper {
    tasks: [JoinHandle<()>; 2],
    fault: watch::Receiver<Option<String>>,
}

impl DirectoryKeeper {
    pub(crate) fn start(node: &Arc<Node>) -> Self {
        let (failed, fault) = watch::channel(None);
        let keeping = tokio::spawn(keep(Arc::clone(node), failed));
        Self { tasks: [keeping, tokio::spawn(tell_places(Arc::clone(node)))], fault }
    }

    /// Returns, with the reason, when the server cannot go on; for ever waits else.
    pub(crate) async fn failed(&self) -> String {
        let mut fault = self.fault.clone();
        match fault.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(why)) => why.clone(),
            // whoever would say so has ended with the server
            _ => std::future::pending().await,
        }
    }

    /// Returns when both have ended, as they do when the server stops.
    pub(crate) async fn stopped(self) {
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(%error, "a task that keeps directories panicked");
            }
        }
    }
}

/// Sees to faults of directories until the server stops. Where it cannot go on without one, says
/// so and why.
async fn keep(node: Arc<Node>, failed: watch::Sender<Option<String>>) {
    let mut news = node.partitions.directories().news();
    news.mark_changed();
    let mut stopping = node.stopping.clone();
    let mut told = DirectoryNews::default();
    loop {
        tokio::select! {
            changed = news.changed() => if changed.is_err() { return },
            _ = stopping.wait_for(|stop| *stop) => return,
        }
        let latest = news.borrow_and_update().clone();
        if let Some(why) = fatal_fault(&node) {
            tracing::error!("{why}");
            failed.send_replace(Some(why));
        }
        if latest != told {
            node.controller.tell_of_directories().await;
            told = latest;
        }
        let partitions = Arc::clone(&node.partitions);
        if tokio::task::spawn_blocking(move || partitions.lose_offline()).await.is_err() {
            tracing::error!("partitions of a failed directory could not be taken out of service");
        }
    }
}

/// Why the process cannot go on, as Kafka has it.
fn fatal_fault(node: &Node) -> Option<String> {
    let directories = node.partitions.directories();
    let metadata = &node.settings.config.metadata_log_dir;
    if directories.online().next().is_none() {
        let paths: Vec<_> =
            directories.all().iter().map(|d| d.path.display().to_string()).collect();
        return Some(format!("all log directories have failed: {}", paths.join(", ")));
    }
    let is_lost = directories.all().iter().any(|d| are_same(&d.path, metadata) && d.is_offline());
    is_lost.then(|| format!("the metadata log's directory {metadata} has failed"))
}

/// Tells the controller where replicas are. When the server stops, what is left is told once: who
/// does not know where a replica was cannot miss its directory at the next start.
async fn tell_places(node: Arc<Node>) {
    let mut stopping = node.stopping.clone();
    tokio::select! {
        in_service = node.controller.in_service() => if in_service.is_err() {
            return;
        },
        () = stopped(&mut stopping) => return,
    }
    let relocations = node.partitions.relocations();
    let mut pause = PAUSE_MIN;
    let mut untold: Vec<Arc<Partition>> = Vec::new();
    loop {
        tokio::select! {
            () = relocations.something_to_tell(), if untold.is_empty() => {}
            () = tokio::time::sleep(pause), if !untold.is_empty() => {}
            () = stopped(&mut stopping) => {}
        }
        untold.extend(relocations.take_misplaced());
        still_untold(&mut untold);
        if *stopping.borrow() {
            let last = tokio::time::timeout(LAST_WORD_MAX, tell(&node, &untold)).await;
            return last.map_or((), drop);
        }
        pause = match tell(&node, &untold).await {
            // an image from another process shows it soon, this process's own does at once
            Ok(()) => PAUSE_MIN,
            Err(ErrorCode::UnsupportedVersion) => {
                // a cluster that keeps no directories
                untold.clear();
                PAUSE_MIN
            }
            Err(code) => {
                tracing::warn!(code = code.name(), "the controller does not hear of replicas");
                (pause * 2).min(PAUSE_MAX)
            }
        };
        still_untold(&mut untold);
    }
}

async fn stopped(stopping: &mut watch::Receiver<bool>) {
    // whoever would say so may have gone without a word
    let _ = stopping.wait_for(|stop| *stop).await;
}

fn still_untold(untold: &mut Vec<Arc<Partition>>) {
    untold.retain(|partition| partition.untold_directory().is_some());
}

async fn tell(node: &Node, untold: &[Arc<Partition>]) -> Result<(), ErrorCode> {
    if untold.is_empty() {
        return Ok(());
    }
    let epoch = node.controller.broker_epoch().ok_or(ErrorCode::BrokerNotAvailable)?;
    let request = AssignReplicasToDirsRequest {
        broker_id: node.partitions.node().0,
        broker_epoch: epoch.0,
        directories: by_directory(&untold[..untold.len().min(TOLD_AT_ONCE_MAX)]),
    };
    let reply = node.controller.submit(AssignReplicasToDirs(request)).await;
    match reply.map(|reply| ErrorCode::from_wire(reply.error_code)) {
        Ok(ErrorCode::None) => Ok(()),
        Ok(code) => Err(code),
        Err(unavailable) => Err(unavailable.code()),
    }
}

fn by_directory(untold: &[Arc<Partition>]) -> Vec<DirectoryData> {
    let mut sorted: BTreeMap<DirectoryId, BTreeMap<TopicId, Vec<PartitionData>>> = BTreeMap::new();
    for partition in untold {
        let Some(directory) = partition.untold_directory() else { continue };
        let topics = sorted.entry(directory).or_default();
        let partitions = topics.entry(partition.topic.id).or_default();
        partitions.push(PartitionData { partition_index: partition.index });
    }
    let topic = |(topic_id, partitions)| TopicData { topic_id, partitions };
    let directory = |(id, topics): (_, BTreeMap<_, _>)| DirectoryData {
        id,
        topics: topics.into_iter().map(topic).collect(),
    };
    sorted.into_iter().map(directory).collect()
}
