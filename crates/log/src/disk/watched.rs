//! The machine's disk under watch: the first call that a broken disk answers is told to whoever is
//! in charge, and from then on nothing more is tried on it. A directory so fails once, as a whole,
//! whoever meets the fault first.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use rustix::io::Errno;

use super::real::{HeldLock, RealFile};
use super::{Access, Disk, Entry, RealDisk, Space, Stat};

/// What a disk answers that is broken, gone, or no longer to be written: no later call is better.
const BROKEN: [Errno; 12] = [
    Errno::IO,
    Errno::ROFS,
    Errno::NXIO,
    Errno::NODEV,
    Errno::STALE,
    Errno::UCLEAN,
    Errno::BADMSG,
    Errno::REMOTEIO,
    Errno::NOMEDIUM,
    Errno::NOTCONN,
    Errno::ACCESS,
    Errno::PERM,
];

/// One directory of the machine's file system, and a witness to its faults.
#[derive(Clone, Debug)]
pub struct WatchedDisk(Arc<Witness>);

/// Who is told of the fault.
type Tell = Box<dyn Fn(&io::Error) + Send + Sync>;

/// Knows whether a directory has failed.
pub struct Witness {
    root: PathBuf,
    has_failed: AtomicBool,
    tell: OnceLock<Tell>,
}

impl WatchedDisk {
    /// Watches the directory at `root`.
    #[must_use]
    pub fn new(root: PathBuf) -> Self {
        let (has_failed, tell) = (AtomicBool::new(false), OnceLock::new());
        Self(Arc::new(Witness { root, has_failed, tell }))
    }

    /// Who knows whether it has failed.
    #[must_use]
    pub fn witness(&self) -> Arc<Witness> {
        Arc::clone(&self.0)
    }
}

impl Witness {
    /// Whether the directory has failed.
    #[must_use]
    pub fn has_failed(&self) -> bool {
        self.has_failed.load(Ordering::Acquire)
    }

    /// Names who is told of the fault, once, in the thread that meets it and that may hold any
    /// lock. A second call changes nothing.
    pub fn on_failure(&self, tell: impl Fn(&io::Error) + Send + Sync + 'static) {
        let is_first = self.tell.set(Box::new(tell)).is_ok();
        if is_first && self.has_failed() {
            self.tell(&io::Error::other("it failed while it was opened"));
        }
    }

    /// Takes note of an error that somebody met on a file of the directory.
    pub fn note(&self, error: &io::Error) {
        if self.is_fault(error) && !self.has_failed.swap(true, Ordering::AcqRel) {
            self.tell(error);
        }
    }

    /// Whether the error is the disk's, and not that of a single file.
    fn is_fault(&self, error: &io::Error) -> bool {
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                std::fs::read_dir(&self.root).is_err()
            }
            _ => Errno::from_io_error(error).is_some_and(|errno| BROKEN.contains(&errno)),
        }
    }

    fn tell(&self, error: &io::Error) {
        if let Some(tell) = self.tell.get() {
            tell(error);
        }
    }

    fn check(&self) -> io::Result<()> {
        let is_offline = self.has_failed();
        let refuse = || io::Error::other("the directory has failed and is offline");
        if is_offline { Err(refuse()) } else { Ok(()) }
    }

    /// Does what is not to be tried on a directory that has failed.
    pub(super) fn watch<T>(&self, attempt: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        self.check()?;
        attempt().inspect_err(|error| self.note(error))
    }
}

impl fmt::Debug for Witness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Witness")
            .field("root", &self.root)
            .field("has_failed", &self.has_failed())
            .finish_non_exhaustive()
    }
}

impl Disk for WatchedDisk {
    type File = RealFile;
    type Lock = HeldLock;

    fn open(&self, path: &Path, access: Access) -> io::Result<RealFile> {
        let file = self.0.watch(|| RealDisk.open(path, access))?;
        Ok(file.watched_by(self.witness()))
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        self.0.watch(|| RealDisk.list(folder))
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        self.0.watch(|| RealDisk.stat(path))
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.0.watch(|| RealDisk.create_folder(path))
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.0.watch(|| RealDisk.rename(from, to))
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        self.0.watch(|| RealDisk.remove_file(path))
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        self.0.watch(|| RealDisk.remove_folder(path))
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        self.0.watch(|| RealDisk.sync_dir(folder))
    }

    fn sync_volume(&self, lock: &HeldLock) -> io::Result<()> {
        self.0.watch(|| RealDisk.sync_volume(lock))
    }

    fn lock(&self, path: &Path) -> io::Result<HeldLock> {
        self.0.watch(|| RealDisk.lock(path))
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        self.0.watch(|| RealDisk.space(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::DiskFile as _;
    use std::sync::atomic::AtomicUsize;

    fn watched(root: &Path) -> (WatchedDisk, Arc<AtomicUsize>) {
        let disk = WatchedDisk::new(root.to_owned());
        let told = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&told);
        disk.witness().on_failure(move |_| {
            count.fetch_add(1, Ordering::Relaxed);
        });
        (disk, told)
    }

    #[test]
    fn a_missing_file_is_no_fault_of_the_disk() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, told) = watched(folder.path());
        assert!(disk.open(&folder.path().join("f"), Access::Read).is_err());
        assert!(disk.list(&folder.path().join("f")).is_err());
        disk.witness().note(&io::ErrorKind::StorageFull.into());
        disk.witness().note(&io::ErrorKind::WouldBlock.into());
        assert!(!disk.witness().has_failed());
        assert_eq!(told.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_fault_is_told_once_and_nothing_more_is_tried() {
        let folder = tempfile::tempdir().unwrap();
        let (disk, told) = watched(folder.path());
        let path = folder.path().join("f");
        let file = disk.open(&path, Access::Create).unwrap();
        for _ in 0..2 {
            disk.witness().note(&Errno::IO.into());
        }
        assert!(disk.witness().has_failed());
        assert_eq!(told.load(Ordering::Relaxed), 1);
        assert!(file.write_at(b"x", b"", 0).is_err());
        assert!(disk.open(&path, Access::Read).is_err());
        assert!(std::fs::read(&path).unwrap().is_empty());
    }

    #[test]
    fn a_directory_that_is_gone_has_failed() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().join("data");
        std::fs::create_dir(&root).unwrap();
        let (disk, told) = watched(&root);
        std::fs::remove_dir(&root).unwrap();
        std::fs::write(&root, "a file in its place").unwrap();
        assert!(disk.open(&root.join("f"), Access::Create).is_err());
        assert_eq!(told.load(Ordering::Relaxed), 1);
    }
}
