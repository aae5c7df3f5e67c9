//! The offset checkpoints of a directory, kept current while logs come and go.

use std::collections::BTreeSet;
use std::path::PathBuf;

use types::{Offset, Partition};

use super::{CHECKPOINT_BYTES_MAX, read_text};
use crate::checkpoint::{OffsetsByPartition, offsets_text, parse_offsets};
use crate::disk::{Disk, Durability, replace_whole};
use crate::error::{Attempt as _, StorageError};

/// A topic's name and a partition's number.
pub(super) type Key = (String, Partition);

/// One checkpoint file and what is to be in it.
#[derive(Debug)]
pub(super) struct Checkpoint {
    path: PathBuf,
    offsets: OffsetsByPartition,
    /// Gone here, but still in the file.
    stale: BTreeSet<Key>,
    /// While somebody collects offsets of all logs: those of which something newer was said since.
    overtaken: Option<BTreeSet<Key>>,
}

impl Checkpoint {
    /// A garbled checkpoint counts as none: every log is then read from its beginning, and begins
    /// with its first segment.
    pub(super) fn load<D: Disk>(disk: &D, path: PathBuf) -> Result<Self, StorageError> {
        let parsed = match read_text(disk, &path, CHECKPOINT_BYTES_MAX) {
            // Kafka creates them empty
            Ok(Some(text)) if !text.is_empty() => {
                parse_offsets(&text).map_err(|why| StorageError::corrupt(&path, why))
            }
            Ok(Some(_) | None) => Ok(OffsetsByPartition::new()),
            Err(error) => Err(error),
        };
        let offsets = match parsed {
            Err(error) if error.is_corrupt() => {
                tracing::warn!(%error, "the checkpoint counts as none");
                OffsetsByPartition::new()
            }
            parsed => parsed?,
        };
        Ok(Self { path, offsets, stale: BTreeSet::new(), overtaken: None })
    }

    pub(super) const fn offsets(&self) -> &OffsetsByPartition {
        &self.offsets
    }

    pub(super) fn get(&self, key: &Key) -> Option<Offset> {
        self.offsets.get(key).copied()
    }

    /// The partition's log is no more. Its line goes with the next store: it does no harm to anyone
    /// but a partition of the same name, see [`Checkpoint::make_way`].
    pub(super) fn forget(&mut self, key: &Key) {
        self.overtake(key);
        if self.offsets.remove(key).is_some() {
            self.stale.insert(key.clone());
        }
    }

    /// Sees to it that the file says nothing of a partition that is about to be created.
    pub(super) fn make_way<D: Disk>(&mut self, disk: &D, key: &Key) -> Result<(), StorageError> {
        self.forget(key);
        if self.stale.contains(key) { self.write(disk) } else { Ok(()) }
    }

    /// Somebody begins to collect what [`Checkpoint::store_collected`] gets.
    pub(super) fn begin_to_collect(&mut self) {
        self.overtaken.get_or_insert_default();
    }

    /// What was collected of this log is out of date.
    pub(super) fn overtake(&mut self, key: &Key) {
        if let Some(overtaken) = &mut self.overtaken {
            overtaken.insert(key.clone());
        }
    }

    /// As [`Checkpoint::store`], but for the logs that were stored, cut, made or put aside since
    /// [`Checkpoint::begin_to_collect`]: their offsets may be those of before.
    pub(super) fn store_collected<D: Disk>(
        &mut self,
        disk: &D,
        offsets: &OffsetsByPartition,
    ) -> Result<(), StorageError> {
        let overtaken = self.overtaken.take().unwrap_or_default();
        self.take_in(offsets.iter().filter(|(key, _)| !overtaken.contains(key)));
        self.write(disk)
    }

    /// Takes in `offsets`, keeps those of all other logs, and writes the file.
    pub(super) fn store<D: Disk>(
        &mut self,
        disk: &D,
        offsets: &OffsetsByPartition,
    ) -> Result<(), StorageError> {
        offsets.keys().for_each(|key| self.overtake(key));
        self.take_in(offsets.iter());
        self.write(disk)
    }

    fn take_in<'a>(&mut self, offsets: impl Iterator<Item = (&'a Key, &'a Offset)>) {
        for (key, offset) in offsets {
            match self.offsets.get_mut(key) {
                Some(known) => *known = *offset,
                None => {
                    self.offsets.insert(key.clone(), *offset);
                }
            }
        }
    }

    fn write<D: Disk>(&mut self, disk: &D) -> Result<(), StorageError> {
        let text = offsets_text(&self.offsets);
        replace_whole(disk, &self.path, text.as_bytes(), Durability::Synced)
            .attempt("write", &self.path)?;
        self.stale.clear();
        Ok(())
    }
}
