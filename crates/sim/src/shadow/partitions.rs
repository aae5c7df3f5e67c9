//! The promises of a partition: what is committed stays, watermarks rise, nothing comes twice.

use std::collections::{BTreeMap, BTreeSet};

use log::{Log, MemDisk};
use types::{LeaderEpoch, NodeId, Offset, ProducerId};

use super::Shadow;
use crate::env::{Checked, Place, must};
use crate::message::Key;
use crate::records::{Entry, entries, read_all};

#[derive(Debug, Default)]
pub struct PartitionShadow {
    /// Every record that was ever below a leader's high watermark, with the epoch that said so.
    pub committed: Vec<(Entry, LeaderEpoch)>,
    leaders: BTreeMap<LeaderEpoch, (Place, u32)>,
    /// The highest watermark that each epoch's leader has had.
    exposed: BTreeMap<LeaderEpoch, Offset>,
    /// The numbers that idempotent producers wrote, and the last one of each.
    written: BTreeSet<u64>,
    last_of: BTreeMap<ProducerId, u64>,
    /// What producers were told that every replica in sync has.
    pub acknowledged: BTreeMap<u64, Offset>,
}

impl Shadow {
    /// A replica takes the lead with this log.
    pub fn leads(
        &mut self,
        key: Key,
        epoch: LeaderEpoch,
        who: (Place, u32),
        log: &[u8],
    ) -> Checked {
        self.visit("leads a partition");
        let shadow = self.partition(key);
        let first = *shadow.leaders.entry(epoch).or_insert(who);
        must(first == who, || {
            format!("{first:?} and {who:?} both lead a partition, {key:?} in {epoch:?}")
        })?;
        let held: BTreeMap<Offset, Entry> =
            entries(log).into_iter().map(|entry| (entry.offset, entry)).collect();
        for (entry, within) in &shadow.committed {
            must(*within >= epoch || held.get(&entry.offset) == Some(entry), || {
                format!("node {} leads {key:?} in {epoch:?} and lacks {entry:?}", who.0)
            })?;
        }
        Ok(())
    }

    /// A replica is in sync again with this log.
    pub fn joins(&mut self, key: Key, who: NodeId, held: &[Entry]) -> Checked {
        let held: BTreeMap<Offset, &Entry> =
            held.iter().map(|entry| (entry.offset, entry)).collect();
        for (entry, _) in &self.partition(key).committed {
            must(held.get(&entry.offset) == Some(&entry), || {
                format!("broker {who} joins the ISR of {key:?} and lacks {entry:?}")
            })?;
        }
        Ok(())
    }

    /// A leader's watermark never falls in its epoch.
    pub fn exposes(&mut self, key: Key, epoch: LeaderEpoch, offset: Offset) -> Checked {
        let exposed = self.partition(key).exposed.entry(epoch).or_insert(offset);
        must(offset >= *exposed, || {
            format!("the watermark of {key:?} falls from {exposed} to {offset} in {epoch:?}")
        })?;
        *exposed = offset;
        Ok(())
    }

    /// A replica calls its records below `upper` committed; those from `from` on are `entries`.
    pub fn committed(
        &mut self,
        place: Place,
        key: Key,
        (epoch, leads): (LeaderEpoch, bool),
        from: Offset,
        upper: Offset,
        entries: Vec<Entry>,
    ) -> Checked {
        let shadow = self.partition(key);
        for entry in entries {
            if entry.offset < from || entry.offset >= upper {
                continue;
            }
            let at = usize::try_from(entry.offset.0).expect("an offset");
            match shadow.committed.get(at) {
                Some((known, _)) => must(*known == entry, || {
                    format!("node {place} holds {entry:?} of {key:?}, where {known:?} is committed")
                })?,
                None => {
                    must(leads && at == shadow.committed.len(), || {
                        format!("node {place} calls {entry:?} of {key:?} committed, alone")
                    })?;
                    if let Some(number) = entry.number().filter(|_| entry.producer.0 >= 0) {
                        must(shadow.written.insert(number), || {
                            format!(
                                "the record {number} of an idempotent producer is twice in {key:?}"
                            )
                        })?;
                        let last = shadow.last_of.insert(entry.producer, number);
                        must(last < Some(number), || {
                            format!("{number} comes behind {last:?} of its producer in {key:?}")
                        })?;
                    }
                    shadow.committed.push((entry, epoch));
                }
            }
        }
        Ok(())
    }

    /// A follower cuts its log: what is committed it does not cut.
    pub fn cuts(
        &mut self,
        place: Place,
        key: Key,
        epoch: LeaderEpoch,
        end: Offset,
        log: &mut Log<MemDisk>,
    ) -> Checked {
        self.visit("cuts a partition");
        let upper = log.end_offset();
        let Some(bytes) = read_all(log, end, upper) else { return Ok(()) };
        let shadow = self.partition(key);
        for entry in entries(&bytes).iter().filter(|entry| entry.offset >= end) {
            let at = usize::try_from(entry.offset.0).expect("an offset");
            let is_committed = shadow.committed.get(at);
            let is_committed =
                is_committed.is_some_and(|(known, within)| known == entry && *within <= epoch);
            must(!is_committed, || {
                format!("node {place} cuts {entry:?} of {key:?} in {epoch:?}, which is committed")
            })?;
        }
        Ok(())
    }

    /// A producer is told that every replica in sync has its records.
    pub fn acknowledges(&mut self, key: Key, base: Offset, numbers: &[u64]) -> Checked {
        self.visit("acknowledges");
        let shadow = self.partition(key);
        for (at, number) in (base.0..).zip(numbers) {
            let index = usize::try_from(at).expect("an offset");
            let held = shadow.committed.get(index).and_then(|(entry, _)| entry.number());
            must(held == Some(*number), || {
                format!("{number} is acknowledged at {at} of {key:?}, where {held:?} is committed")
            })?;
            shadow.acknowledged.insert(*number, Offset(at));
        }
        Ok(())
    }

    /// A consumer has read these records.
    pub fn consumes(&mut self, key: Key, read: &[Entry]) -> Checked {
        let shadow = self.partition(key);
        for entry in read {
            let at = usize::try_from(entry.offset.0).expect("an offset");
            let known = shadow.committed.get(at).map(|(known, _)| known);
            must(known == Some(entry), || {
                format!("a consumer of {key:?} is shown {entry:?}, where {known:?} is committed")
            })?;
        }
        Ok(())
    }
}
