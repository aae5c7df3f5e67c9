//! One partition's log on disk (a crate because of a stricter law: synchronous, over a small Disk).

#[cfg(any(test, feature = "broken"))]
mod broken;
mod checkpoint;
mod clean;
mod config;
mod directory;
mod disk;
mod epochs;
mod error;
mod file_cache;
mod home;
mod index;
mod log;
mod names;
mod producer;
mod scan;
mod segment;

#[cfg(any(test, feature = "broken"))]
pub use broken::Broken;
pub use checkpoint::OffsetsByPartition;
pub use clean::{Cleaned, Cleaning, Mapped, OffsetMap};
pub use config::LogConfig;
pub use directory::{Collected, Folder, LogDir, MetaProperties, Relocated, VolumeSynced};
pub use disk::{
    Access, Disk, DiskFile, Entry, HeldLock, MemDisk, MemFile, Outage, RealDisk, RealFile, Space,
    Stat, Survival, WatchedDisk, Witness, without_waiting,
};
pub use epochs::{EpochEnd, EpochStart};
pub use error::{LogError, StorageError};
pub use file_cache::{FileCache, OpenFile};
pub use index::AbortedTxn;
pub use log::{
    Appended, Closing, Compaction, Dirtiness, FlushFailed, FlushJob, Flushed, Generation, Log,
    Opening, Piece, Recovery, Retired, Slice, TimestampedOffset,
};
pub use names::{FolderName, FolderState};
pub use producer::{Origin, ProducerStatus};
