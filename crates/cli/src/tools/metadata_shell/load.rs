//! From the files of a metadata log to its state: one log segment, one snapshot, or a directory.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use metadata::image::{Image, Provenance, Replay};
use record::Batch;
use rustix::fs::{FlockOperation, fcntl_lock, flock};
use types::{LeaderEpoch, Offset, TimestampMs};
use wire::record_frame::MetadataRecord;

/// The directory of the metadata log in a log directory.
const METADATA_LOG: &str = "__cluster_metadata-0";

/// What the files say.
#[derive(Debug)]
pub struct Loaded {
    pub image: Image,
    /// When the last of it was written, by the controller's clock; -1 before the first record.
    pub written: TimestampMs,
}

/// Reads what is at `path`; the refusal is a sentence.
pub fn load(path: &Path) -> Result<Loaded, String> {
    let mut reader = Reader::default();
    if path.is_dir() {
        let inner = path.join(METADATA_LOG);
        let folder = if inner.is_dir() { inner } else { path.to_owned() };
        let _lock = lock(folder.parent().unwrap_or(&folder))?;
        reader.read_folder(&folder)?;
    } else {
        let parent = path.parent().unwrap_or(path);
        let _lock = lock(parent.parent().unwrap_or(parent))?;
        reader.read(path, Offset(0))?;
    }
    Ok(Loaded { image: reader.replay.publish(), written: reader.written })
}

/// Keeps servers away from the log directory, if it is one, or is refused because one is there.
fn lock(folder: &Path) -> Result<Option<File>, String> {
    let path = folder.join(".lock");
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(format!("{}: {error}", path.display())),
    };
    // Kafka's servers take the one, and ours both
    let locked = flock(&file, FlockOperation::NonBlockingLockShared);
    match locked.and_then(|()| fcntl_lock(&file, FlockOperation::NonBlockingLockShared)) {
        Ok(()) => Ok(Some(file)),
        Err(_) => Err(format!(
            "Unable to lock {}. Please ensure that no broker or controller process is using this \
             directory before proceeding.",
            folder.display()
        )),
    }
}

/// The state so far.
struct Reader {
    replay: Replay,
    written: TimestampMs,
}

impl Default for Reader {
    fn default() -> Self {
        Self { replay: Replay::from_image(Image::default()), written: TimestampMs(-1) }
    }
}

impl Reader {
    /// The latest snapshot, and of the log what came after it.
    fn read_folder(&mut self, folder: &Path) -> Result<(), String> {
        let wrong = |error: io::Error| format!("{}: {error}", folder.display());
        let entries: io::Result<Vec<_>> = std::fs::read_dir(folder).map_err(wrong)?.collect();
        let paths: Vec<PathBuf> = entries.map_err(wrong)?.iter().map(|e| e.path()).collect();
        let snapshots = paths.iter().filter_map(|path| Some((snapshot_id(path)?, path)));
        let mut log: Vec<_> =
            paths.iter().filter_map(|path| Some((base_offset(path)?, path))).collect();
        log.sort();
        let mut from = Offset(0);
        if let Some(((end, epoch), path)) = snapshots.max() {
            self.read(path, from)?;
            from = end;
            self.replay.skip_to(Offset(end.0 - 1), epoch);
        } else if log.is_empty() {
            return Err(format!("{} holds neither a log nor a snapshot", folder.display()));
        }
        // a segment whose successor begins before that has nothing more
        let first = log.iter().rposition(|(base, _)| *base <= from).unwrap_or(0);
        log.iter().skip(first).try_for_each(|(_, path)| self.read(path, from))
    }

    /// Adds a file, its records from `from` on.
    fn read(&mut self, path: &Path, from: Offset) -> Result<(), String> {
        let show = |error: &dyn std::fmt::Display| format!("{}: {error}", path.display());
        let bytes = std::fs::read(path).map_err(|error| show(&error))?;
        for batch in record::batches(&bytes) {
            let batch = batch.map_err(|error| show(&error))?;
            let header = batch.header();
            if header.attributes.is_control() || header.last_offset() < from {
                continue;
            }
            self.apply(&batch, from).map_err(|error| show(&error))?;
            self.written = header.max_timestamp;
        }
        Ok(())
    }

    fn apply(&mut self, batch: &Batch<'_>, from: Offset) -> Result<(), String> {
        let epoch: LeaderEpoch = batch.header().leader_epoch;
        let Provenance { offset: last, .. } = self.replay.latest().provenance;
        record::with_scratch(|scratch| {
            let records = batch.records(scratch).map_err(|error| error.to_string())?;
            for record in records {
                let record = record.map_err(|error| error.to_string())?;
                if record.offset < from || (record.offset <= last && from > Offset(0)) {
                    continue;
                }
                let value = record.value.unwrap_or_default();
                let (read, _) = MetadataRecord::decode(value)
                    .map_err(|error| format!("the record at offset {}: {error}", record.offset))?;
                self.replay.apply(record.offset, epoch, &read);
            }
            Ok(())
        })
    }
}

/// `00000000000000000123-0000000004.checkpoint`: end offset and epoch.
fn snapshot_id(path: &Path) -> Option<(Offset, LeaderEpoch)> {
    let name = path.file_name()?.to_str()?.strip_suffix(".checkpoint")?;
    let (end, epoch) = name.split_once('-')?;
    Some((Offset(end.parse().ok()?), LeaderEpoch(epoch.parse().ok()?)))
}

/// `00000000000000000123.log`: the offset that it begins with.
fn base_offset(path: &Path) -> Option<Offset> {
    let name = path.file_name()?.to_str()?.strip_suffix(".log")?;
    name.parse().ok().map(Offset)
}
