//! Whole files, replaced at one stroke: half-written ones never bear the real name.

use std::io;
use std::path::{Path, PathBuf};

use log::{Access, Disk, DiskFile};

/// Ends the names of files that are being written; Kafka's suffix for snapshots.
const PART: &str = "part";

/// All bytes of a file; `None` where there is none.
pub(super) fn read<D: Disk>(disk: &D, path: &Path) -> io::Result<Option<Vec<u8>>> {
    Ok(read_part(disk, path, 0, usize::MAX)?.map(|(_, contents)| contents))
}

/// The file's size and at most `bytes_max` bytes from `position` on; `None` where there is none.
pub(super) fn read_part<D: Disk>(
    disk: &D,
    path: &Path,
    position: u64,
    bytes_max: usize,
) -> io::Result<Option<(u64, Vec<u8>)>> {
    let file = match disk.open(path, Access::Read) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let size = file.bytes()?;
    let left = usize::try_from(size.saturating_sub(position)).map_err(io::Error::other)?;
    let mut contents = vec![0; left.min(bytes_max)];
    let mut done = 0;
    while done < contents.len() {
        match file.read_at(&mut contents[done..], position + done as u64)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            more => done += more,
        }
    }
    Ok(Some((size, contents)))
}

/// Puts `contents` in the place of the file, durably.
pub(super) fn replace<D: Disk>(disk: &D, path: &Path, contents: &[u8]) -> io::Result<()> {
    let part = with_suffix(path, PART);
    let file = disk.open(&part, Access::Replace)?;
    file.write_at(&[], contents, 0)?;
    file.sync()?;
    disk.rename(&part, path)?;
    match path.parent() {
        Some(folder) => disk.sync_dir(folder),
        None => Ok(()),
    }
}

fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(suffix);
    PathBuf::from(name)
}
