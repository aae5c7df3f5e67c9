//! A node's disk: what was synced survives a crash, of what was not some may.

use std::collections::BTreeMap;

use types::{LeaderEpoch, Offset};

use crate::chance::Chance;
use crate::{
    ControlRecord, EpochStart, LogEnd, LogState, PlacedControl, QuorumState, SnapshotControl,
    SnapshotId, Stored,
};

/// A record of the simulated log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub epoch: LeaderEpoch,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// A client's record: no two are the same.
    Data(u64),
    Control(ControlRecord),
}

#[derive(Debug, Clone, Default)]
pub struct Disk {
    pub quorum_state: Option<QuorumState>,
    /// The offset of the first entry.
    pub start: i64,
    pub entries: Vec<Entry>,
    pub snapshots: BTreeMap<i64, (SnapshotId, SnapshotControl)>,
    synced: Vec<Entry>,
    /// Entries below this index are the same in `synced`.
    same: usize,
}

impl Disk {
    pub fn end(&self) -> i64 {
        self.start + index_to_offset(self.entries.len())
    }

    pub fn synced_end(&self) -> i64 {
        self.start + index_to_offset(self.synced.len())
    }

    pub fn get(&self, offset: i64) -> Option<&Entry> {
        self.entries.get(usize::try_from(offset - self.start).ok()?)
    }

    pub fn append(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    pub fn truncate_to(&mut self, end: Offset) {
        let keep = usize::try_from(end.0 - self.start).expect("a cut inside the log");
        self.entries.truncate(keep);
        self.same = self.same.min(keep);
    }

    pub fn sync(&mut self) {
        self.synced.truncate(self.same);
        self.synced.extend_from_slice(&self.entries[self.synced.len()..]);
        self.same = self.entries.len();
    }

    /// Power is lost: what was synced comes back, and maybe some of what was appended behind it.
    pub fn crash(&mut self, chance: &mut Chance) {
        if self.same == self.synced.len() {
            let more = u32::try_from(self.entries.len() - self.same).unwrap_or(0);
            let kept = chance.below(more + 1) as usize;
            self.entries.truncate(self.same + kept);
        } else {
            self.entries = self.synced.clone();
        }
        self.same = self.synced.len().min(self.entries.len());
        self.sync();
    }

    /// Takes the place of the whole log.
    pub fn install(&mut self, snapshot: SnapshotId, control: SnapshotControl) {
        self.snapshots = BTreeMap::from([(snapshot.offset.0, (snapshot, control))]);
        (self.start, self.same) = (snapshot.offset.0, 0);
        self.entries.clear();
        self.synced.clear();
    }

    /// Forgets the log's head up to the latest snapshot.
    pub fn clean(&mut self) {
        let Some((&offset, _)) = self.snapshots.last_key_value() else { return };
        let Ok(gone) = usize::try_from(offset - self.start) else { return };
        if offset > self.synced_end() {
            return;
        }
        self.entries.drain(..gone);
        self.synced.drain(..gone);
        self.same = self.same.saturating_sub(gone);
        self.start = offset;
        self.snapshots.retain(|at, _| *at == offset);
    }

    pub fn snapshot_ids(&self) -> Vec<SnapshotId> {
        self.snapshots.values().map(|(id, _)| *id).collect()
    }

    pub fn end_at(&self, offset: i64) -> LogEnd {
        let epoch = self.get(offset - 1).map_or(LeaderEpoch(0), |entry| entry.epoch);
        LogEnd { offset: Offset(offset), epoch }
    }

    /// The first of each epoch from an index on.
    pub fn epochs_from(&self, from: i64) -> Vec<EpochStart> {
        let mut epochs: Vec<EpochStart> = Vec::new();
        for offset in from..self.end() {
            let Some(entry) = self.get(offset) else { continue };
            if epochs.last().is_none_or(|last| last.epoch < entry.epoch) {
                epochs.push(EpochStart { epoch: entry.epoch, start: Offset(offset) });
            }
        }
        epochs
    }

    pub fn controls(&self, from: i64, to: i64) -> Vec<PlacedControl> {
        let placed = |offset| match self.get(offset) {
            Some(Entry { body: Body::Control(record), .. }) => {
                Some(PlacedControl { offset: Offset(offset), record: record.clone() })
            }
            _ => None,
        };
        (from..to).filter_map(placed).collect()
    }

    /// What a node that starts finds.
    pub fn stored(&self) -> Stored {
        let snapshot = self.snapshots.last_key_value().map(|(_, known)| known.clone());
        let from = snapshot.as_ref().map_or(0, |(id, _)| id.offset.0).max(self.start);
        let end = Offset(self.end());
        Stored {
            quorum_state: self.quorum_state.clone(),
            log: LogState {
                start: Offset(self.start),
                end,
                durable_end: end,
                epochs: self.epochs_from(self.start),
                snapshots: self.snapshot_ids(),
            },
            snapshot,
            controls: self.controls(from, end.0),
        }
    }
}

pub fn index_to_offset(index: usize) -> i64 {
    i64::try_from(index).expect("small logs")
}
