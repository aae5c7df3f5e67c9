//! What a cluster owes after any fault: each acknowledged record once, in order, where it was
//! acknowledged, the same on every replica, and read by every group.
//!
//! ```text
//! producers ── sent, acknowledged ──┐
//! consumers ── read, committed ─────┼──▶ History ──▶ complaints()
//! replicas' log files, as bytes ────┘
//! ```

mod replica;
mod told;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

pub use replica::{Origin, Replica, Stored, StoredBatch};
pub use told::{Gap, Producing, Reading};

/// A record's name: who sent it, and the how manieth of that producer in its partition.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Name {
    pub producer: Arc<str>,
    pub partition: i32,
    /// From 0 on.
    pub number: u64,
}

/// That a producer was told: your record is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    pub name: Name,
    /// Where. librdkafka takes a batch whose answer was lost for acknowledged when the one behind it
    /// is, and does not know.
    pub offset: Option<i64>,
}

/// All that is known at the end.
#[derive(Debug, Default)]
pub struct History {
    pub producing: Vec<Producing>,
    pub reading: Vec<Reading>,
    /// Where each partition's committed records end.
    pub high_watermarks: BTreeMap<i32, i64>,
    /// The replicas of all partitions.
    pub replicas: Vec<Replica>,
}

/// What is wrong. Each of these is a broken promise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// Records were acknowledged in a partition of which nobody could say where it ends.
    Unchecked { partition: i32 },
    /// No replica, or too few of the high watermark's records on one.
    Short { node: u8, partition: i32, end: i64, high_watermark: i64 },
    /// Two replicas differ in a committed batch.
    Differ { nodes: [u8; 2], partition: i32, offset: i64 },
    /// An acknowledged record is not there.
    Lost(Acknowledged),
    /// An acknowledged record is elsewhere.
    Moved { acknowledged: Acknowledged, found: i64 },
    /// A record is there twice.
    Doubled { name: Name, offsets: [i64; 2], origins: [Origin; 2] },
    /// A record is behind one that was sent after it.
    OutOfOrder { name: Name, offset: i64, behind: u64 },
    /// A record that nobody sent.
    Invented { partition: i32, offset: i64, what: String },
    /// A group read something else than what is stored.
    Misread { group: String, partition: i32, offset: i64, what: String },
    /// A group never read an acknowledged record.
    Unread { group: String, acknowledged: Acknowledged },
    /// A group that had committed an offset went on from before it.
    WentBack { group: String, partition: i32, committed: i64, started: i64 },
    /// An application saw an error, and must not have.
    Failed { name: String, error: String },
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self:?}")
    }
}

/// The committed records of one partition, as all replicas should have them.
struct Committed<'h> {
    by_offset: BTreeMap<i64, &'h Stored>,
    by_name: BTreeMap<Name, i64>,
}

impl History {
    /// Everything that is wrong; empty if all promises were kept.
    #[must_use]
    pub fn complaints(&self) -> Vec<Complaint> {
        let mut complaints = Vec::new();
        let producers = self.producing.iter().map(|p| (p.producer.to_string(), &p.failed));
        let groups = self.reading.iter().map(|group| (group.group.clone(), &group.failed));
        for (name, failed) in producers.chain(groups) {
            let failed = failed.iter().cloned();
            complaints.extend(failed.map(|error| Complaint::Failed { name: name.clone(), error }));
        }
        let acknowledged = self.producing.iter().flat_map(|producing| &producing.acknowledged);
        let partitions: BTreeSet<i32> = acknowledged.map(|told| told.name.partition).collect();
        let unchecked = partitions.into_iter().filter(|p| !self.high_watermarks.contains_key(p));
        complaints.extend(unchecked.map(|partition| Complaint::Unchecked { partition }));
        for (partition, high_watermark) in &self.high_watermarks {
            self.check_partition(*partition, *high_watermark, &mut complaints);
        }
        self.reading.iter().for_each(|group| group.check_commits(&mut complaints));
        complaints
    }

    /// # Panics
    /// If there are complaints, with the first of them.
    pub fn approve(&self, story: impl FnOnce() -> String) {
        let complaints = self.complaints();
        if complaints.is_empty() {
            return;
        }
        let shown: Vec<_> = complaints.iter().take(40).map(Complaint::to_string).collect();
        panic!("{} complaints:\n{}\n{}", complaints.len(), shown.join("\n"), story());
    }

    fn acknowledged(&self, partition: i32) -> impl Iterator<Item = &Acknowledged> {
        let all = self.producing.iter().flat_map(|producing| &producing.acknowledged);
        all.filter(move |acknowledged| acknowledged.name.partition == partition)
    }

    fn check_partition(&self, partition: i32, high_watermark: i64, into: &mut Vec<Complaint>) {
        let replicas: Vec<_> =
            self.replicas.iter().filter(|replica| replica.partition == partition).collect();
        for replica in &replicas {
            let (node, end) = (replica.node, replica.end());
            if end < high_watermark {
                into.push(Complaint::Short { node, partition, end, high_watermark });
            }
        }
        let Some((first, others)) = replicas.split_first() else {
            into.push(Complaint::Short { node: 0, partition, end: 0, high_watermark });
            return;
        };
        for other in others {
            if let Some(offset) = first.differs_from(other, high_watermark) {
                let nodes = [first.node, other.node];
                into.push(Complaint::Differ { nodes, partition, offset });
            }
        }
        // a loss is a loss on whichever replica: each is judged, and what all suffer is told once
        let mut seen: Vec<Complaint> = Vec::new();
        for replica in &replicas {
            let mut found = Vec::new();
            let committed = self.check_order(replica, high_watermark, &mut found);
            for acknowledged in self.acknowledged(partition) {
                found.extend(committed.judge(acknowledged));
            }
            if replica.node == first.node {
                for group in &self.reading {
                    self.check_reading(group, &committed, partition, &mut found);
                }
            }
            found.retain(|complaint| !seen.contains(complaint));
            seen.append(&mut found);
        }
        into.append(&mut seen);
    }

    /// Every record was sent, is there once, and behind those that were sent before it.
    fn check_order<'h>(
        &self,
        replica: &'h Replica,
        high_watermark: i64,
        into: &mut Vec<Complaint>,
    ) -> Committed<'h> {
        let partition = replica.partition;
        let mut committed = Committed { by_offset: BTreeMap::new(), by_name: BTreeMap::new() };
        let mut last: BTreeMap<&str, u64> = BTreeMap::new();
        for stored in replica.records(high_watermark) {
            let offset = stored.offset;
            committed.by_offset.insert(offset, stored);
            let Some(name) = stored.name(partition).filter(|name| self.was_sent(name)) else {
                into.push(Complaint::Invented { partition, offset, what: stored.to_string() });
                continue;
            };
            if let Some(earlier) = committed.by_name.insert(name.clone(), offset) {
                let offsets = [earlier, offset];
                let origins = offsets.map(|offset| committed.by_offset[&offset].origin);
                into.push(Complaint::Doubled { name, offsets, origins });
                continue;
            }
            let behind = last.insert(&stored.key, name.number).filter(|n| *n > name.number);
            if let Some(behind) = behind {
                into.push(Complaint::OutOfOrder { name, offset, behind });
            }
        }
        committed
    }

    fn was_sent(&self, name: &Name) -> bool {
        self.producing.iter().any(|producing| {
            producing.producer == name.producer
                && producing.sent.get(&name.partition).is_some_and(|sent| name.number < *sent)
        })
    }

    fn check_reading(
        &self,
        group: &Reading,
        committed: &Committed<'_>,
        partition: i32,
        into: &mut Vec<Complaint>,
    ) {
        let mut read = BTreeSet::new();
        for (offset, what) in group.records.iter().filter(|r| r.0 == partition).map(|r| (r.1, &r.2))
        {
            read.insert(offset);
            let stored = committed.by_offset.get(&offset);
            if stored.is_none_or(|stored| stored.to_string() != *what) {
                let (group, what) = (group.group.clone(), what.clone());
                into.push(Complaint::Misread { group, partition, offset, what });
            }
        }
        for acknowledged in self.acknowledged(partition) {
            let stored = committed.by_name.get(&acknowledged.name).copied();
            let offset = acknowledged.offset.or(stored);
            if offset.is_none_or(|offset| !read.contains(&offset)) {
                let (group, acknowledged) = (group.group.clone(), acknowledged.clone());
                into.push(Complaint::Unread { group, acknowledged });
            }
        }
    }
}

impl Committed<'_> {
    fn judge(&self, acknowledged: &Acknowledged) -> Option<Complaint> {
        match self.by_name.get(&acknowledged.name) {
            None => Some(Complaint::Lost(acknowledged.clone())),
            Some(found) if acknowledged.offset.is_none_or(|offset| offset == *found) => None,
            Some(found) => {
                Some(Complaint::Moved { acknowledged: acknowledged.clone(), found: *found })
            }
        }
    }
}

#[cfg(test)]
mod tests;
