//! Finding out where to read: committed offsets, the reset policy, and validation after elections.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::time::Instant;

use super::poll::Event;
use super::positions::{Placing, Position};
use super::{Consumer, EARLIEST_TIMESTAMP, LATEST_TIMESTAMP, membership, offsets};
use crate::config::OffsetReset;
use crate::{Error, Result, TopicPartition};

/// What a task found out about a partition.
#[derive(Clone, Debug)]
pub(super) enum Finding {
    /// The group's offset, if there is one.
    Committed(Option<Position>),
    /// The offset at a timestamp; -1 where no record is that young.
    Listed(Position),
    /// Where the leader's log ends for the position's epoch.
    EpochEnd(Position),
}

/// Answers to the questions of one task, each for one placement of a partition.
pub(super) type Findings = Vec<(TopicPartition, u64, Result<Finding>)>;

impl Consumer {
    /// Starts tasks for all partitions whose position is to be found out.
    pub(super) fn place(&mut self) -> Result<()> {
        if self.place_not_before.is_some_and(|at| Instant::now() < at) {
            return Ok(());
        }
        self.place_not_before = None;
        let (mut committed, mut listed, mut ends) = (Vec::new(), BTreeMap::new(), BTreeMap::new());
        let mut versions = BTreeMap::new();
        let reset = reset_timestamp(self.config.auto_offset_reset);
        let metadata = self.cluster.metadata();
        for (partition, assigned) in self.positions.iter_mut().filter(|(_, a)| !a.busy) {
            let leader = metadata.leader(&partition.topic, partition.partition);
            match assigned.placing {
                Placing::Placed(_) => continue,
                Placing::Committed => committed.push(partition.clone()),
                Placing::ByTime(time) => drop(listed.insert(partition.clone(), time)),
                Placing::Unvalidated(position) => drop(ends.insert(partition.clone(), position)),
                Placing::Reset => {
                    let none = || Error::NoOffset { partition: partition.to_string() };
                    listed.insert(partition.clone(), reset.ok_or_else(none)?);
                }
            }
            if assigned.placing != Placing::Committed {
                // the answer is of this leader, or of one that is newer still
                assigned.validated_epoch = leader.map_or(-1, |(_, epoch)| epoch);
            }
            assigned.busy = true;
            versions.insert(partition.clone(), assigned.version);
        }
        self.ask_committed(committed, &versions);
        self.ask_listed(listed, &versions);
        self.ask_ends(ends, &versions);
        Ok(())
    }

    fn ask_committed(&mut self, partitions: Vec<TopicPartition>, versions: &Versions) {
        let Some(group) = self.group.as_ref().filter(|_| !partitions.is_empty()) else { return };
        let (cluster, group) = (Arc::clone(&self.cluster), group.id().to_owned());
        let versions = versions.clone();
        self.tasks.spawn(async move {
            let found = membership::committed(&cluster, &group, &partitions).await;
            let findings = partitions.into_iter().map(|partition| {
                let finding = found.as_ref().map_err(Error::clone).map(|found| {
                    Finding::Committed(found.get(&partition).map(|committed| Position {
                        offset: committed.offset,
                        epoch: committed.leader_epoch,
                    }))
                });
                with_version(partition, finding, &versions)
            });
            Event::Placed(findings.collect())
        });
    }

    fn ask_listed(&mut self, asked: BTreeMap<TopicPartition, i64>, versions: &Versions) {
        if asked.is_empty() {
            return;
        }
        let (cluster, versions) = (Arc::clone(&self.cluster), versions.clone());
        let isolation = self.config.isolation_level;
        self.tasks.spawn(async move {
            let found = offsets::list_offsets(&cluster, &asked, isolation).await;
            let findings = found.into_iter().map(|(partition, listed)| {
                let finding = listed.map(|listed| {
                    Finding::Listed(Position { offset: listed.offset, epoch: listed.leader_epoch })
                });
                with_version(partition, finding, &versions)
            });
            Event::Placed(findings.collect())
        });
    }

    fn ask_ends(&mut self, asked: BTreeMap<TopicPartition, Position>, versions: &Versions) {
        if asked.is_empty() {
            return;
        }
        let (cluster, versions) = (Arc::clone(&self.cluster), versions.clone());
        self.tasks.spawn(async move {
            let found = offsets::epoch_ends(&cluster, &asked).await;
            let findings = found.into_iter().map(|(partition, end)| {
                with_version(partition, end.map(Finding::EpochEnd), &versions)
            });
            Event::Placed(findings.collect())
        });
    }

    /// Takes note of what a task found out; what was asked for an older placement is dropped.
    pub(super) fn placed(&mut self, findings: Findings) -> Result<()> {
        let metadata = self.cluster.metadata();
        let reset_is_none = self.config.auto_offset_reset == OffsetReset::None;
        for (partition, version, finding) in findings {
            let Some(assigned) = self.positions.get_mut(&partition) else { continue };
            if assigned.version != version {
                continue;
            }
            assigned.busy = false;
            let finding = match finding {
                Ok(finding) => finding,
                Err(error) if error.is_retriable() => {
                    self.cluster.note(&error);
                    let wait = self.cluster.backoff(0);
                    self.place_not_before = Some(Instant::now() + wait);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let placing = match finding {
                Finding::Committed(Some(position)) => Placing::Placed(position),
                Finding::Committed(None) if reset_is_none => {
                    return Err(Error::NoOffset { partition: partition.to_string() });
                }
                Finding::Committed(None) => Placing::Reset,
                Finding::Listed(Position { offset: -1, .. }) => Placing::ByTime(LATEST_TIMESTAMP),
                Finding::Listed(position) => Placing::Placed(position),
                Finding::EpochEnd(end) => {
                    let Some(position) = assigned.position() else { continue };
                    match validated(position, end) {
                        Some(position) => Placing::Placed(position),
                        None => Placing::Reset,
                    }
                }
            };
            assigned.place(placing);
        }
        self.positions.note_leaders(&metadata);
        Ok(())
    }
}

type Versions = BTreeMap<TopicPartition, u64>;

fn with_version(
    partition: TopicPartition,
    finding: Result<Finding>,
    versions: &Versions,
) -> (TopicPartition, u64, Result<Finding>) {
    let version = versions.get(&partition).copied().unwrap_or(u64::MAX);
    (partition, version, finding)
}

/// The position after a look at the leader's log; `None` if the leader knows nothing of its epoch.
fn validated(position: Position, end: Position) -> Option<Position> {
    if end.offset < 0 || end.epoch < 0 {
        return None;
    }
    if end.offset < position.offset {
        tracing::warn!(?position, ?end, "the log was truncated behind us; going back");
        return Some(end);
    }
    Some(position)
}

/// The timestamp to ask for; `None` where the policy is to fail.
fn reset_timestamp(reset: OffsetReset) -> Option<i64> {
    match reset {
        OffsetReset::Earliest => Some(EARLIEST_TIMESTAMP),
        OffsetReset::Latest => Some(LATEST_TIMESTAMP),
        OffsetReset::None => None,
        OffsetReset::ByDuration(back) => {
            let then = std::time::SystemTime::now().checked_sub(back)?;
            let since = then.duration_since(std::time::SystemTime::UNIX_EPOCH).ok()?;
            i64::try_from(since.as_millis()).ok()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn truncation_leads_back_to_the_end_of_the_epoch() {
        let at = |offset, epoch| Position { offset, epoch };
        assert_eq!(validated(at(10, 2), at(12, 2)), Some(at(10, 2)));
        assert_eq!(validated(at(10, 2), at(7, 1)), Some(at(7, 1)));
        assert_eq!(validated(at(10, 2), at(-1, -1)), None);
    }
}
