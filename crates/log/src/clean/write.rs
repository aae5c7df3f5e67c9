//! A segment that compaction writes, with its indexes, under names that say it is not whole yet.

use std::path::{Path, PathBuf};

use record::BatchHeader;
use types::Offset;

use super::Input;
use crate::disk::{Access, Disk, DiskFile};
use crate::error::{Attempt as _, StorageError};
use crate::index::AbortedTxn;
use crate::names::{FileName, Part, Stage};
use crate::segment::{Indexes, SEGMENT_BYTES_MAX};

/// Where a part of a segment lies until the segment is whole.
pub(crate) fn cleaned_path(folder: &Path, base_offset: Offset, part: Part) -> PathBuf {
    folder.join(FileName { base_offset, part, stage: Stage::Cleaned }.text())
}

#[derive(Debug)]
pub(super) struct Writer<D: Disk> {
    disk: D,
    base_offset: Offset,
    file: D::File,
    path: PathBuf,
    index_paths: [PathBuf; 3],
    bytes: u32,
    indexes: Indexes,
    interval: u32,
    has_aborted: bool,
}

impl<D: Disk> Writer<D> {
    pub(super) fn begin(
        disk: &D,
        folder: &Path,
        base_offset: Offset,
        input: &Input,
    ) -> Result<Self, StorageError> {
        let path = cleaned_path(folder, base_offset, Part::Log);
        let index_paths = [Part::OffsetIndex, Part::TimeIndex, Part::TxnIndex]
            .map(|part| cleaned_path(folder, base_offset, part));
        let file = disk.open(&path, Access::Replace).attempt("create", &path)?;
        for index_path in &index_paths {
            match disk.remove_file(index_path) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                outcome => outcome.attempt("remove", index_path)?,
            }
        }
        Ok(Self {
            disk: disk.clone(),
            base_offset,
            file,
            path,
            index_paths,
            bytes: 0,
            indexes: Indexes::empty(base_offset),
            interval: input.index_interval_bytes,
            has_aborted: false,
        })
    }

    /// Writes a batch, which is whole, behind the last one.
    pub(super) fn append(&mut self, batch: &[u8]) -> Result<(), StorageError> {
        let header = BatchHeader::parse(batch).expect("a batch that was read or written here");
        let end = usize::try_from(self.bytes).ok().map(|bytes| bytes.saturating_add(batch.len()));
        let end = end.and_then(|end| u32::try_from(end).ok());
        let end = end.filter(|end| *end <= SEGMENT_BYTES_MAX).ok_or_else(|| {
            StorageError::corrupt(&self.path, "cleaned segments would have 2 GiB or more")
        })?;
        if self.indexes.have_many_waiting() {
            self.indexes.store(&self.disk, &self.index_paths)?;
        }
        let position = u64::from(self.bytes);
        self.file.write_at(batch, &[], position).attempt("write", &self.path)?;
        self.indexes.note(self.base_offset, &header, self.bytes, self.interval);
        self.bytes = end;
        Ok(())
    }

    pub(super) fn note_aborted(&mut self, txn: &AbortedTxn) {
        self.indexes.push_aborted(txn);
        self.has_aborted = true;
    }

    /// Completes the indexes and makes all durable; yields the bytes of the log, and whether it has
    /// aborted transactions.
    pub(super) fn finish(mut self) -> Result<(u32, bool), StorageError> {
        self.indexes.seal();
        self.indexes.store(&self.disk, &self.index_paths)?;
        self.file.sync().attempt("sync", &self.path)?;
        let [offset, time, txn] = &self.index_paths;
        let txn = self.has_aborted.then_some(txn);
        for path in [offset, time].into_iter().chain(txn) {
            let file = self.disk.open(path, Access::Read);
            file.and_then(|file| file.sync()).attempt("sync", path)?;
        }
        Ok((self.bytes, self.has_aborted))
    }

    /// Removes what was written; what stays is removed at the next start.
    pub(super) fn abandon(self) {
        for path in self.index_paths.iter().chain([&self.path]) {
            let _ = self.disk.remove_file(path);
        }
    }
}
