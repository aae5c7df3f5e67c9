//! The checkpoint of a log's epochs, which is written with and without the log's lock.

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use crate::disk::{Disk, Durability, replace_whole};
use crate::error::{Attempt as _, StorageError};

/// One writer at a time, and what is older never takes the place of what is newer. A flush that
/// outlives its log finds none: the folder's name may be another log's by then.
#[derive(Debug, Default)]
pub(super) struct EpochFile {
    /// [`crate::epochs::Epochs::changes`] of what this log has written.
    written: Mutex<u64>,
}

impl EpochFile {
    /// Puts `text` in the file, which holds the epochs as of `changes`.
    pub(super) fn write<D: Disk>(
        &self,
        disk: &D,
        path: &Path,
        (text, changes): (&str, u64),
    ) -> Result<(), StorageError> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if changes > *written {
            replace_whole(disk, path, text.as_bytes(), Durability::Synced)
                .attempt("write", path)?;
            *written = changes;
        }
        Ok(())
    }
}
