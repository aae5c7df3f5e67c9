//! Replicas that move between the directories of a broker: started, watched, waited for.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use client::admin::LogDir;
use client::{Admin, TopicPartition};
use types::ErrorCode;

use super::super::support::ToolError;
use super::file::{Replica, join};

/// How often it is tried again to start a move to a broker that does not have the replica yet.
const START_INTERVAL: Duration = Duration::from_millis(100);

/// Where a replica is, and where it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    pub current: Option<String>,
    pub future: Option<String>,
}

/// The places of these replicas, as their brokers tell them.
pub async fn places(
    admin: &Admin,
    replicas: impl Iterator<Item = &Replica>,
) -> Result<BTreeMap<Replica, Place>, ToolError> {
    let mut by_broker: BTreeMap<i32, Vec<&Replica>> = BTreeMap::new();
    replicas.for_each(|replica| by_broker.entry(replica.broker).or_default().push(replica));
    let mut places = BTreeMap::new();
    for (broker, replicas) in by_broker {
        let dirs = admin.describe_log_dirs(broker).await?;
        let found = replicas.into_iter().map(|r| (r.clone(), place(&dirs, &r.partition)));
        places.extend(found);
    }
    Ok(places)
}

fn place(dirs: &[LogDir], partition: &TopicPartition) -> Place {
    let find = |is_future: bool| {
        let holds = |dir: &&LogDir| {
            let mut replicas = dir.replicas.iter();
            replicas.any(|r| r.partition == *partition && r.is_future == is_future)
        };
        dirs.iter().find(holds).map(|dir| dir.path.clone())
    };
    Place { current: find(false), future: find(true) }
}

/// What there is to say of a replica that was to go to `target`.
pub fn state(replica: &Replica, place: &Place, target: &str) -> String {
    let Replica { broker, partition } = replica;
    match place {
        Place { current: None, .. } => format!(
            "Partition {partition} is not found in any live log dir on broker {broker}. There is \
             likely an offline log directory on the broker."
        ),
        Place { current: Some(current), future: None } if current == target => {
            format!("Reassignment of replica {replica} completed successfully.")
        }
        Place { current: Some(current), future: None } => format!(
            "Partition {partition} on broker {broker} is not being moved from log dir {current} to \
             {target}."
        ),
        Place { future: Some(future), .. } if future == target => {
            format!("Reassignment of replica {replica} is still in progress.")
        }
        Place { future: Some(future), .. } => format!(
            "Partition {partition} on broker {broker} is being moved to log dir {future} instead \
             of {target}."
        ),
    }
}

/// Starts the moves, again and again for as long as brokers do not have the replicas yet.
pub async fn start(
    admin: &Admin,
    mut pending: BTreeMap<Replica, String>,
    within: Duration,
) -> Result<(), ToolError> {
    let started = Instant::now();
    loop {
        for replica in start_once(admin, &pending).await? {
            if let Some(dir) = pending.remove(&replica) {
                println!(
                    "Successfully started moving log directory to {dir} for replica {} with \
                     broker {} ",
                    replica.partition, replica.broker
                );
            }
        }
        if pending.is_empty() {
            return Ok(());
        }
        if started.elapsed() >= within {
            let s = if pending.len() == 1 { "" } else { "s" };
            return Err(ToolError::FailedAloud(format!(
                "Timed out before log directory move{s} could be started for: {}",
                join(pending.keys(), ",")
            )));
        }
        tokio::time::sleep(START_INTERVAL).await;
    }
}

/// The replicas whose brokers agree to move them.
async fn start_once(
    admin: &Admin,
    pending: &BTreeMap<Replica, String>,
) -> Result<Vec<Replica>, ToolError> {
    let mut by_broker: BTreeMap<i32, BTreeMap<TopicPartition, String>> = BTreeMap::new();
    for (replica, dir) in pending {
        let moves = by_broker.entry(replica.broker).or_default();
        moves.insert(replica.partition.clone(), dir.clone());
    }
    let mut started = Vec::new();
    for (broker, moves) in by_broker {
        let failed = |partition: &TopicPartition| {
            let replica = Replica { broker, partition: partition.clone() };
            ToolError::Failed(format!("Failed to alter dir for {replica}"))
        };
        let verdicts = admin.alter_replica_log_dirs(broker, &moves).await;
        let verdicts = verdicts.map_err(|error| match moves.keys().next() {
            Some(partition) => failed(partition),
            None => error.into(),
        })?;
        for (partition, verdict) in verdicts {
            match verdict.map_err(|error| error.code()) {
                Ok(()) => started.push(Replica { broker, partition }),
                // the replica is to come to the broker first
                Err(ErrorCode::ReplicaNotAvailable) => {}
                Err(_) => return Err(failed(&partition)),
            }
        }
    }
    started.sort();
    Ok(started)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_state_of_a_move_is_told() {
        let replica = Replica { broker: 7, partition: TopicPartition::new("t", 0) };
        let dir = |name: &str| Some(name.to_owned());
        for (current, future, words) in [
            (None, None, "not found in any live log dir on broker 7"),
            (dir("/b"), None, "replica t-0-7 completed successfully"),
            (dir("/a"), None, "not being moved from log dir /a to /b"),
            (dir("/a"), dir("/b"), "replica t-0-7 is still in progress"),
            (dir("/a"), dir("/c"), "being moved to log dir /c instead of /b"),
        ] {
            let text = state(&replica, &Place { current, future }, "/b");
            assert!(text.contains(words), "{text}");
        }
    }
}
