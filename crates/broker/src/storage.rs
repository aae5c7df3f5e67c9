//! The log directories at the start: made, locked, identified, formatted if they are empty.

use crate::partition::LogDirectory;
use log::{FileCache, LogDir, MetaProperties, StorageError, WatchedDisk};
use rustix::process::{Resource, getrlimit, setrlimit};
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use types::{BrokerEpoch, DirectoryId, NodeId, Uuid};

/// Segment files that are open at a time, over all logs, if the process may have so many.
const OPEN_FILES_MAX: u64 = 4096;

/// Which part of the process's files that is, at most: the rest is for connections.
const OPEN_FILES_SHARE: u64 = 4;

/// The directories of this node, locked for this process.
#[derive(Debug)]
pub(crate) struct Storage {
    pub cluster_id: String,
    pub directories: Vec<Arc<LogDirectory>>,
    pub metadata: MetadataDirectory,
    pub files: FileCache<log::RealFile>,
}

/// Where the metadata log lies.
#[derive(Debug)]
pub(crate) struct MetadataDirectory {
    pub id: DirectoryId,
    pub disk: WatchedDisk,
    /// Where it is none of the log directories: locked for as long as this lasts.
    pub own: Option<LogDir<WatchedDisk>>,
}

/// Why the server cannot use its directories.
#[derive(Debug)]
pub enum StorageStartError {
    Directory {
        path: PathBuf,
        source: io::Error,
    },
    InUse {
        path: PathBuf,
    },
    Files(StorageError),
    OtherNode {
        path: PathBuf,
        found: NodeId,
        expected: NodeId,
    },
    OtherCluster {
        path: PathBuf,
        found: String,
        expected: String,
    },
    NotFormatted {
        path: PathBuf,
    },
    /// No directory can be used; the first fault.
    NoneUsable(Box<Self>),
    /// The directory of the metadata log cannot be used.
    NoMetadata(Box<Self>),
    SameId {
        path: PathBuf,
        id: DirectoryId,
    },
}

impl fmt::Display for StorageStartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Directory { path, source } => {
                write!(f, "cannot use the log directory {}: {source}", path.display())
            }
            Self::InUse { path } => write!(
                f,
                "another process uses the log directory {}: stop it, or choose other `log.dirs`",
                path.display()
            ),
            Self::Files(error) => error.fmt(f),
            Self::OtherNode { path, found, expected } => {
                write!(f, "{} belongs to node {found}, but `node.id` is {expected}", path.display())
            }
            Self::OtherCluster { path, found, expected } => write!(
                f,
                "{} belongs to cluster {found}, but other directories to {expected}",
                path.display()
            ),
            Self::NotFormatted { path } => write!(
                f,
                "{} is not formatted, and a broker cannot know which cluster it is for: run `klamm \
                 storage format --cluster-id ID --config FILE` with the id of the controller's",
                path.display()
            ),
            Self::NoneUsable(first) => {
                write!(f, "none of the log directories can be used: {first}")
            }
            Self::NoMetadata(fault) => {
                write!(f, "the directory of the metadata log must be usable: {fault}")
            }
            Self::SameId { path, id } => {
                write!(f, "{} has the directory id {id} of another one", path.display())
            }
        }
    }
}

impl std::error::Error for StorageStartError {}

impl From<StorageError> for StorageStartError {
    fn from(error: StorageError) -> Self {
        match error.source.kind() {
            io::ErrorKind::WouldBlock => {
                let path = error.path.parent().unwrap_or(&error.path).to_owned();
                Self::InUse { path }
            }
            _ => Self::Files(error),
        }
    }
}

impl StorageStartError {
    /// Whether the directory's disk is at fault, so that other directories may do without it: not
    /// what is written there, nor another process.
    fn is_of_the_disk(&self) -> bool {
        match self {
            Self::Directory { .. } => true,
            Self::Files(error) => !error.is_corrupt(),
            Self::InUse { .. }
            | Self::OtherNode { .. }
            | Self::OtherCluster { .. }
            | Self::NotFormatted { .. }
            | Self::NoneUsable(_)
            | Self::NoMetadata(_)
            | Self::SameId { .. } => false,
        }
    }
}

impl Storage {
    /// Opens every directory; those without `meta.properties` are formatted for the cluster that
    /// the others belong to, or, where `may_found` says so, for one that begins here. A directory
    /// whose disk fails is left out, unless it is the only one, or that of the metadata log.
    pub(crate) fn open(
        paths: &[String],
        metadata_path: &str,
        node: NodeId,
        may_found: bool,
    ) -> Result<Self, StorageStartError> {
        let files = FileCache::new(open_files_max());
        let mut outcomes = Vec::new();
        let mut first_fault = None;
        for path in paths {
            match open_one(Path::new(path), &files) {
                Err(fault) if !fault.is_of_the_disk() => return Err(fault),
                Err(fault) if are_same(path.as_ref(), metadata_path) && paths.len() > 1 => {
                    return Err(no_metadata(fault));
                }
                Err(fault) => {
                    tracing::error!("a log directory is out of service: {fault}");
                    first_fault.get_or_insert(fault);
                    outcomes.push(Err(PathBuf::from(path)));
                }
                Ok(opened) => outcomes.push(Ok(opened)),
            }
        }
        let own = match paths.iter().any(|path| are_same(path.as_ref(), metadata_path)) {
            true => None,
            false => Some(open_one(Path::new(metadata_path), &files).map_err(no_metadata)?),
        };
        let usable: Vec<&Opened> = outcomes.iter().flatten().chain(&own).collect();
        if let Some(fault) = first_fault.filter(|_| usable.is_empty()) {
            return Err(StorageStartError::NoneUsable(Box::new(fault)));
        }
        if !may_found && usable.iter().all(|(_, meta)| meta.is_none()) {
            let path = paths.first().map(PathBuf::from).unwrap_or_default();
            return Err(StorageStartError::NotFormatted { path });
        }
        let cluster_id = agreed_cluster(&usable, node)?;
        let mut directories: Vec<Arc<LogDirectory>> = Vec::new();
        for outcome in outcomes {
            let directory = match outcome {
                Ok((directory, meta)) => take_over(directory, meta, &cluster_id, node)?,
                Err(path) => LogDirectory::unusable(path),
            };
            let same = |other: &&Arc<LogDirectory>| {
                other.id == directory.id && !other.is_offline() && !directory.is_offline()
            };
            if directories.iter().any(|other| same(&other)) {
                let (path, id) = (directory.path, directory.id);
                return Err(StorageStartError::SameId { path, id });
            }
            directories.push(Arc::new(directory));
        }
        let metadata = match own {
            Some((own, meta)) => {
                let id = identify(&own, meta, &cluster_id, node)?;
                MetadataDirectory { id, disk: own.disk().clone(), own: Some(own) }
            }
            None => metadata_among(&directories, metadata_path)?,
        };
        Ok(Self { cluster_id, directories, metadata, files })
    }

    /// The epoch of the run that left every directory in order: what it had is all there.
    pub(crate) fn epoch_left_in(&self) -> Option<BrokerEpoch> {
        let mut epochs = self.directories.iter().map(|directory| directory.epoch_left_in);
        let first = epochs.next().flatten()?;
        epochs.all(|epoch| epoch == Some(first)).then_some(first)
    }
}

/// Raises the process's limit of open files as far as it may, and says how many are for segments.
fn open_files_max() -> usize {
    let mut limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        limit.current = limit.maximum;
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
    }
    let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
    usize::try_from((files / OPEN_FILES_SHARE).min(OPEN_FILES_MAX)).unwrap_or(usize::MAX)
}

fn create(path: &Path) -> Result<(), StorageStartError> {
    let failed = |source| StorageStartError::Directory { path: path.to_owned(), source };
    std::fs::create_dir_all(path).map_err(failed)
}

/// Whether two paths, perhaps written differently, are of one directory.
pub(crate) fn are_same(one: &Path, other: &str) -> bool {
    let place = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    place(one) == place(other.as_ref())
}

fn no_metadata(fault: StorageStartError) -> StorageStartError {
    match fault.is_of_the_disk() {
        true => StorageStartError::NoMetadata(Box::new(fault)),
        false => fault,
    }
}

/// The metadata log lies in one of the log directories.
fn metadata_among(
    directories: &[Arc<LogDirectory>],
    path: &str,
) -> Result<MetadataDirectory, StorageStartError> {
    let directory = directories.iter().find(|directory| are_same(&directory.path, path));
    let found =
        directory.and_then(|at| Some(MetadataDirectory { id: at.id, disk: at.disk()?, own: None }));
    found.ok_or_else(|| {
        let source = io::Error::other("it is out of service");
        no_metadata(StorageStartError::Directory { path: PathBuf::from(path), source })
    })
}

type Opened = (LogDir<WatchedDisk>, Option<MetaProperties>);

fn open_one(path: &Path, files: &FileCache<log::RealFile>) -> Result<Opened, StorageStartError> {
    create(path)?;
    let disk = WatchedDisk::new(path.to_owned());
    let directory = LogDir::open(disk, files.clone(), path.to_owned())?;
    let meta = directory.meta_properties()?;
    Ok((directory, meta))
}

fn take_over(
    directory: LogDir<WatchedDisk>,
    meta: Option<MetaProperties>,
    cluster_id: &str,
    node: NodeId,
) -> Result<LogDirectory, StorageStartError> {
    let id = identify(&directory, meta, cluster_id, node)?;
    Ok(LogDirectory::new(id, directory)?)
}

fn agreed_cluster(opened: &[&Opened], node: NodeId) -> Result<String, StorageStartError> {
    let mut agreed: Option<&str> = None;
    for (directory, meta) in opened {
        let Some(meta) = meta else { continue };
        let path = || directory.path().to_owned();
        if meta.node_id != node {
            let (found, expected) = (meta.node_id, node);
            return Err(StorageStartError::OtherNode { path: path(), found, expected });
        }
        let expected = *agreed.get_or_insert(&meta.cluster_id);
        if meta.cluster_id != expected {
            let (found, expected) = (meta.cluster_id.clone(), expected.to_owned());
            return Err(StorageStartError::OtherCluster { path: path(), found, expected });
        }
    }
    Ok(agreed.map_or_else(|| random_id().to_string(), str::to_owned))
}

/// The directory's id; written first if the directory, or the release that formatted it, had none.
fn identify(
    directory: &LogDir<WatchedDisk>,
    meta: Option<MetaProperties>,
    cluster_id: &str,
    node_id: NodeId,
) -> Result<DirectoryId, StorageStartError> {
    if let Some(id) = meta.and_then(|meta| meta.directory_id) {
        return Ok(id);
    }
    let id = random_id();
    let cluster_id = cluster_id.to_owned();
    let meta = MetaProperties { cluster_id, node_id, directory_id: Some(id) };
    meta.store(directory.disk(), directory.path())?;
    Ok(id)
}

/// A random id whose text does not look like a flag.
pub(crate) fn random_id() -> Uuid {
    loop {
        let mut bytes = [0; 16];
        for half in bytes.chunks_mut(8) {
            half.copy_from_slice(&RandomState::new().hash_one(()).to_be_bytes());
        }
        let id = Uuid::from_random(bytes);
        if !id.to_string().starts_with('-') {
            return id;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_the_same_however_its_path_is_written() {
        let here = std::env::current_dir().expect("there is one");
        for (one, other, expected) in [
            (here.join("data"), "data", true),
            (here.join("data"), "./data/", true),
            (here.join("data"), "other", false),
        ] {
            assert_eq!(are_same(&one, other), expected, "{one:?} {other}");
        }
    }
}
