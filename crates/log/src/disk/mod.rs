//! What a log needs of a disk, so small that a disk that crashes at any write can stand in for the
//! real one.

mod mem;
mod real;
mod watched;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use types::TimestampMs;

pub use mem::{MemDisk, MemFile, Outage, Survival};
pub use real::{HeldLock, RealDisk, RealFile, without_waiting};
pub use watched::{WatchedDisk, Witness};

/// A file system as a log uses it. Everything is synchronous; a path is absolute or relative as the
/// caller likes.
///
/// Durability is POSIX's: file contents last after [`DiskFile::sync`], names after
/// [`Disk::sync_dir`] of their folder.
pub trait Disk: Clone + Send + Sync + fmt::Debug + 'static {
    /// An open file.
    type File: DiskFile;
    /// Held while a directory belongs to this process.
    type Lock: Send + Sync + fmt::Debug;

    /// Opens a file.
    ///
    /// # Errors
    /// `NotFound` unless `access` creates; `StorageFull`; whatever the system says.
    fn open(&self, path: &Path, access: Access) -> io::Result<Self::File>;

    /// The entries of a folder in no particular order.
    ///
    /// # Errors
    /// `NotFound`, or whatever the system says.
    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>>;

    /// Length and last modification of a file.
    ///
    /// # Errors
    /// `NotFound`, or whatever the system says.
    fn stat(&self, path: &Path) -> io::Result<Stat>;

    /// Creates a folder whose parent exists.
    ///
    /// # Errors
    /// `AlreadyExists`, `StorageFull`, or whatever the system says.
    fn create_folder(&self, path: &Path) -> io::Result<()>;

    /// Renames a file or folder, replacing a file of the new name at one stroke.
    ///
    /// # Errors
    /// `NotFound`, or whatever the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file; its open handles go on.
    ///
    /// # Errors
    /// `NotFound`, or whatever the system says.
    fn remove_file(&self, path: &Path) -> io::Result<()>;

    /// Removes a folder with all that is in it.
    ///
    /// # Errors
    /// `NotFound`, or whatever the system says.
    fn remove_folder(&self, path: &Path) -> io::Result<()>;

    /// Makes the names in a folder durable.
    ///
    /// # Errors
    /// Whatever the system says; what was not durable before may be lost then.
    fn sync_dir(&self, folder: &Path) -> io::Result<()>;

    /// Makes everything durable that was written to the volume of a locked file, contents and names,
    /// by whomever.
    ///
    /// # Errors
    /// Whatever the system says; nothing written since the last success may be taken as durable
    /// then.
    fn sync_volume(&self, lock: &Self::Lock) -> io::Result<()>;

    /// Creates the file if need be and takes an exclusive lock on it that ends with this process.
    ///
    /// # Errors
    /// `WouldBlock` when another process holds it.
    fn lock(&self, path: &Path) -> io::Result<Self::Lock>;

    /// Room on the volume that holds `path`.
    ///
    /// # Errors
    /// Whatever the system says.
    fn space(&self, path: &Path) -> io::Result<Space>;
}

/// An open file, usable from many threads.
pub trait DiskFile: Send + Sync + fmt::Debug + 'static {
    /// Reads up to `buffer.len()` bytes; fewer at the end of the file, 0 behind it.
    ///
    /// # Errors
    /// Whatever the system says.
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize>;

    /// Writes `head` and then `body` as one piece at `position`, with one system call where the
    /// system takes it whole.
    ///
    /// # Errors
    /// `StorageFull` and others; a part of the bytes may be in the file then.
    fn write_at(&self, head: &[u8], body: &[u8], position: u64) -> io::Result<()>;

    /// Cuts or extends (by zeros) the file.
    ///
    /// # Errors
    /// Whatever the system says.
    fn set_len(&self, bytes: u64) -> io::Result<()>;

    /// The file's length.
    ///
    /// # Errors
    /// Whatever the system says.
    fn bytes(&self) -> io::Result<u64>;

    /// Makes contents and length durable.
    ///
    /// # Errors
    /// Whatever the system says; nothing written since the last success may be taken as durable
    /// then.
    fn sync(&self) -> io::Result<()>;
}

/// How a file is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// An existing file, for reading.
    Read,
    /// An existing file, for reading and writing.
    Write,
    /// For reading and writing; created empty if missing.
    Create,
    /// For reading and writing; emptied if it exists.
    Replace,
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The last part of the path; names that are not UTF-8 are left out of listings.
    pub name: String,
    /// Whether it is a folder.
    pub is_folder: bool,
}

/// What is known of a file without opening it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// Length.
    pub bytes: u64,
    /// Last change of the contents.
    pub modified: TimestampMs,
}

/// A volume's room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// Size of the volume.
    pub total_bytes: u64,
    /// What this process may still fill.
    pub usable_bytes: u64,
}

/// Reads exactly `buffer.len()` bytes.
///
/// # Errors
/// `UnexpectedEof` when the file ends before; whatever the file says.
pub(crate) fn read_exact_at<F: DiskFile>(
    file: &F,
    buffer: &mut [u8],
    position: u64,
) -> io::Result<()> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], position + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            bytes => done += bytes,
        }
    }
    Ok(())
}

/// A whole small file.
///
/// # Errors
/// `InvalidData` when it is longer than `bytes_max`; whatever the disk says.
pub(crate) fn read_whole<D: Disk>(disk: &D, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let file = disk.open(path, Access::Read)?;
    let bytes = file.bytes()?;
    if bytes > bytes_max {
        let why = format!("{bytes} bytes are more than the {bytes_max} that such a file can have");
        return Err(io::Error::new(io::ErrorKind::InvalidData, why));
    }
    let mut buffer = vec![0; usize::try_from(bytes).map_err(io::Error::other)?];
    read_exact_at(&file, &mut buffer, 0)?;
    Ok(buffer)
}

/// Puts `contents` in place of a file so that a crash leaves the old or the new one: `<path>.tmp`,
/// sync, rename.
///
/// # Errors
/// Whatever the disk says; the old file stands then.
pub(crate) fn replace_whole<D: Disk>(
    disk: &D,
    path: &Path,
    contents: &[u8],
    durability: Durability,
) -> io::Result<()> {
    let staged = stage_whole(disk, path, contents)?;
    if durability == Durability::Synced {
        staged.sync()?;
    }
    drop(staged);
    disk.rename(&staged_path(path), path)?;
    if durability == Durability::Synced {
        disk.sync_dir(path.parent().unwrap_or(Path::new(".")))?;
    }
    Ok(())
}

/// Puts `contents` beside a file that they are to replace, at [`staged_path`].
///
/// # Errors
/// Whatever the disk says.
pub(crate) fn stage_whole<D: Disk>(disk: &D, path: &Path, contents: &[u8]) -> io::Result<D::File> {
    let file = disk.open(&staged_path(path), Access::Replace)?;
    file.write_at(contents, &[], 0)?;
    Ok(file)
}

/// Where the next contents of a file wait until they take its name.
pub(crate) fn staged_path(path: &Path) -> PathBuf {
    let mut staged = path.as_os_str().to_owned();
    staged.push(".tmp");
    PathBuf::from(staged)
}

/// Whether a file must outlast the machine's loss of power.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Durability {
    Synced,
    /// What is lost can be had again from the log itself.
    Rebuildable,
}
