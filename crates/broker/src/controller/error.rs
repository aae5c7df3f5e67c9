//! What can keep the metadata log from being opened or written.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use log::LogError;

use super::checkpoint::CheckpointError;

/// Why the controller cannot start, or cannot go on.
#[derive(Debug)]
pub enum ControllerError {
    /// The disk does not do as it is told.
    Disk { attempt: &'static str, path: PathBuf, source: io::Error },
    /// The metadata log refuses or fails.
    Log(LogError),
    /// A snapshot cannot be read or written.
    Checkpoint { path: PathBuf, source: CheckpointError },
    /// A record of the metadata log cannot be read.
    Record { folder: PathBuf, offset: i64, why: String },
    /// The file `quorum-state` is not one.
    QuorumState { path: PathBuf, source: raft::QuorumStateError },
    /// The quorum belongs to another cluster.
    OtherCluster { own: String, asked: String },
    /// The cluster refuses this node's registration.
    Registration { why: String },
    /// The thread cannot be started.
    Thread(io::Error),
}

impl ControllerError {
    pub(super) fn disk(attempt: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Disk { attempt, path: path.to_owned(), source }
    }
}

impl From<LogError> for ControllerError {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl fmt::Display for ControllerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disk { attempt, path, source } => {
                write!(f, "cannot {attempt} {}: {source}", path.display())
            }
            Self::Log(error) => write!(f, "the metadata log: {error}"),
            Self::Checkpoint { path, source } => {
                write!(f, "the snapshot {} cannot be used: {source}", path.display())
            }
            Self::Record { folder, offset, why } => write!(
                f,
                "the metadata log in {} has a record at offset {offset} that cannot be read: {why}",
                folder.display()
            ),
            Self::QuorumState { path, source } => write!(
                f,
                "{} is no quorum state ({source}); restore it, or remove it if this node was never a \
                 voter",
                path.display()
            ),
            Self::OtherCluster { own, asked } => write!(
                f,
                "this node's directories belong to cluster {own}, but the controller at {asked} to \
                 another (INCONSISTENT_CLUSTER_ID)"
            ),
            Self::Registration { why } => write!(f, "this node cannot register: {why}"),
            Self::Thread(error) => write!(f, "cannot start the controller's thread: {error}"),
        }
    }
}

impl std::error::Error for ControllerError {}
