//! Where a log lives: its folder on a disk, and the cache that opens its files.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use types::Offset;

use crate::disk::{Access, Disk};
use crate::error::{Attempt as _, StorageError};
use crate::file_cache::{FileCache, FileSlot, OpenFile};
use crate::names::{FileName, Part};

/// A log's folder.
#[derive(Debug)]
pub(crate) struct Home<D: Disk> {
    pub(crate) disk: D,
    pub(crate) files: FileCache<D::File>,
    pub(crate) folder: PathBuf,
}

impl<D: Disk> Home<D> {
    pub(crate) fn path(&self, base_offset: Offset, part: Part) -> PathBuf {
        self.folder.join(FileName::live(base_offset, part).text())
    }

    /// The paths of the segment's three indexes, whether they exist or not.
    pub(crate) fn index_paths(&self, base_offset: Offset) -> [PathBuf; 3] {
        [Part::OffsetIndex, Part::TimeIndex, Part::TxnIndex]
            .map(|part| self.path(base_offset, part))
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The segment's open file.
    pub(crate) fn log_file(
        &self,
        base_offset: Offset,
        slot: &mut FileSlot<D::File>,
    ) -> Result<Arc<OpenFile<D::File>>, StorageError> {
        let mut path = PathBuf::new();
        let open = || {
            path = self.path(base_offset, Part::Log);
            self.disk.open(&path, Access::Create)
        };
        self.files.get(slot, open).attempt("open", &path)
    }

    /// Removes a file that may not be there.
    pub(crate) fn remove_if_there(&self, path: &Path) -> Result<(), StorageError> {
        match self.disk.remove_file(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            outcome => outcome.attempt("remove", path),
        }
    }
}
