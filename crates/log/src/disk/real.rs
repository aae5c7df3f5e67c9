//! The disk of the machine: thin calls to the system, one each.

use std::cell::Cell;
use std::fs::{self, File, OpenOptions};
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::time::UNIX_EPOCH;

use rustix::fs::{FlockOperation, fcntl_lock, flock};
use rustix::io::{Errno, ReadWriteFlags};
use types::TimestampMs;

use super::watched::Witness;
use super::{Access, Disk, DiskFile, Entry, Space, Stat};

/// The machine's file system.
#[derive(Clone, Copy, Debug, Default)]
pub struct RealDisk;

thread_local! {
    static MAY_WAIT: Cell<bool> = const { Cell::new(true) };
}

/// Runs `work`, in which a read of pages that are not in memory fails with `WouldBlock` where it
/// would wait for the disk. File systems that cannot tell are read as ever.
pub fn without_waiting<T>(work: impl FnOnce() -> T) -> T {
    /// Puts back what held before, also if `work` panics.
    struct Before(bool);
    impl Drop for Before {
        fn drop(&mut self) {
            MAY_WAIT.set(self.0);
        }
    }
    let _before = Before(MAY_WAIT.replace(false));
    work()
}

/// A file of the machine; [`AsFd`] gives what `sendfile` wants.
#[derive(Debug)]
pub struct RealFile {
    file: File,
    /// Of a [`super::WatchedDisk`].
    witness: Option<Arc<Witness>>,
}

impl AsFd for RealFile {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// A lock on a file, until it is dropped.
#[derive(Debug)]
pub struct HeldLock(File);

impl Drop for HeldLock {
    fn drop(&mut self) {
        // closing the file would not do: a process that is just being forked holds it too
        let _ = flock(&self.0, FlockOperation::Unlock);
    }
}

impl Disk for RealDisk {
    type File = RealFile;
    type Lock = HeldLock;

    fn open(&self, path: &Path, access: Access) -> io::Result<RealFile> {
        let mut options = OpenOptions::new();
        match access {
            Access::Read => options.read(true),
            Access::Write => options.read(true).write(true),
            Access::Create => options.read(true).write(true).create(true).truncate(false),
            Access::Replace => options.read(true).write(true).create(true).truncate(true),
        };
        options.open(path).map(|file| RealFile { file, witness: None })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let is_folder = if kind.is_symlink() { entry.path().is_dir() } else { kind.is_dir() };
            if let Ok(name) = entry.file_name().into_string() {
                entries.push(Entry { name, is_folder });
            }
        }
        Ok(entries)
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let metadata = fs::metadata(path)?;
        let since_epoch = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let modified = i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX);
        Ok(Stat { bytes: metadata.len(), modified: TimestampMs(modified) })
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        fs::create_dir(path)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        fs::remove_dir_all(path)
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    fn sync_volume(&self, lock: &HeldLock) -> io::Result<()> {
        // errors of writing back since this file was opened, or since the last call, show here
        Ok(rustix::fs::syncfs(&lock.0)?)
    }

    fn lock(&self, path: &Path) -> io::Result<HeldLock> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        // the JVM takes the record lock and sees no other; it does not exclude a second owner in
        // this process
        fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive)?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(HeldLock(file))
    }

    fn space(&self, path: &Path) -> io::Result<Space> {
        let volume = rustix::fs::statvfs(path)?;
        Ok(Space {
            total_bytes: volume.f_blocks.saturating_mul(volume.f_frsize),
            usable_bytes: volume.f_bavail.saturating_mul(volume.f_frsize),
        })
    }
}

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        self.watch(|| {
            loop {
                let read = if MAY_WAIT.get() {
                    self.file.read_at(buffer, position)
                } else {
                    self.read_at_once(buffer, position)
                };
                match read {
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    outcome => return outcome,
                }
            }
        })
    }

    fn write_at(&self, head: &[u8], body: &[u8], position: u64) -> io::Result<()> {
        self.watch(|| self.write_whole(head, body, position))
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        self.watch(|| self.file.set_len(bytes))
    }

    fn bytes(&self) -> io::Result<u64> {
        self.watch(|| Ok(self.file.metadata()?.len()))
    }

    fn sync(&self) -> io::Result<()> {
        self.watch(|| self.file.sync_data())
    }
}

impl RealFile {
    pub(super) fn watched_by(self, witness: Arc<Witness>) -> Self {
        Self { witness: Some(witness), ..self }
    }

    /// Takes note of an error that somebody met who used the file by its descriptor.
    pub fn note(&self, error: &io::Error) {
        if let Some(witness) = &self.witness {
            witness.note(error);
        }
    }

    fn watch<T>(&self, attempt: impl FnOnce() -> io::Result<T>) -> io::Result<T> {
        match &self.witness {
            Some(witness) => witness.watch(attempt),
            None => attempt(),
        }
    }

    fn write_whole(&self, head: &[u8], body: &[u8], position: u64) -> io::Result<()> {
        let total = head.len() + body.len();
        let mut done = 0;
        while done < total {
            let head_rest = &head[done.min(head.len())..];
            let body_rest = &body[done.saturating_sub(head.len())..];
            let pieces = [IoSlice::new(head_rest), IoSlice::new(body_rest)];
            match rustix::io::pwritev(&self.file, &pieces, position + done as u64) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(bytes) => done += bytes,
                Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn read_at_once(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut target = [IoSliceMut::new(buffer)];
        match rustix::io::preadv2(&self.file, &mut target, position, ReadWriteFlags::NOWAIT) {
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => self.file.read_at(buffer, position),
            outcome => Ok(outcome?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cold_pages_are_told_from_warm_ones() {
        use rustix::fs::{Advice, fadvise};
        let folder = tempfile::tempdir().unwrap();
        let file = RealDisk.open(&folder.path().join("f"), Access::Create).unwrap();
        file.write_at(&[7; 4096], b"", 0).unwrap();
        file.sync().unwrap();
        let mut buffer = [0; 100];
        assert_eq!(without_waiting(|| file.read_at(&mut buffer, 0)).unwrap(), 100);
        fadvise(&file, 0, None, Advice::DontNeed).unwrap();
        match without_waiting(|| file.read_at(&mut buffer, 0)) {
            Ok(_) => eprintln!("skipped: this file system keeps its pages, or cannot tell"),
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        assert_eq!(file.read_at(&mut buffer, 0).unwrap(), 100, "whoever waits gets them");
        assert_eq!(buffer, [7; 100]);
    }

    #[test]
    fn head_and_body_stand_one_after_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = RealDisk.open(&folder.path().join("f"), Access::Create).unwrap();
        file.write_at(b"head", b"body", 2).unwrap();
        let mut buffer = [9; 12];
        assert_eq!(file.read_at(&mut buffer, 0).unwrap(), 10);
        assert_eq!(&buffer[..10], b"\0\0headbody");
    }

    #[test]
    fn a_directory_has_one_owner() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(".lock");
        let held = RealDisk.lock(&path).unwrap();
        assert_eq!(RealDisk.lock(&path).unwrap_err().kind(), io::ErrorKind::WouldBlock);
        let _of_a_fork = held.0.try_clone().unwrap();
        drop(held);
        RealDisk.lock(&path).unwrap();
    }
}
