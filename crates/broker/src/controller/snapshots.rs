//! Snapshots beside the metadata log: when one is due, how it is written, what it lets go of.

use log::{Disk, Retired};
use types::TimestampMs;
use wire::record_frame::MetadataRecord;

use super::checkpoint::{Checkpoint, Quorum, SnapshotId};
use super::error::ControllerError;
use super::files;
use super::metadata_log::MetadataLog;

impl<D: Disk> MetadataLog<D> {
    /// The snapshots in the folder, oldest first.
    pub(super) fn snapshots(&self) -> Result<Vec<SnapshotId>, ControllerError> {
        let entries = self.disk.list(&self.folder);
        let entries = entries.map_err(|e| ControllerError::disk("list", &self.folder, e))?;
        let mut ids: Vec<SnapshotId> =
            entries.iter().filter_map(|entry| SnapshotId::parse(&entry.name)).collect();
        ids.sort_unstable();
        Ok(ids)
    }

    /// Reads a snapshot.
    pub(super) fn load(&mut self, id: SnapshotId) -> Result<Checkpoint, ControllerError> {
        let path = self.folder.join(id.file_name());
        let bytes = files::read(&self.disk, &path)
            .map_err(|e| ControllerError::disk("read", &path, e))?
            .unwrap_or_default();
        let decoded = Checkpoint::decode(&bytes);
        let checkpoint = decoded.map_err(|source| ControllerError::Checkpoint { path, source })?;
        self.last_timestamp = self.last_timestamp.max(checkpoint.last_timestamp);
        Ok(checkpoint)
    }

    /// Drops a log that ends before the snapshot: what follows it is all that counts.
    pub(super) fn start_behind(
        &mut self,
        id: SnapshotId,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        if self.log.end_offset() < id.end {
            self.log.start_over_at(id.end, now)?;
        }
        self.epoch = self.epoch.max(id.epoch);
        Ok(())
    }

    /// Whether enough was written, or long enough ago, for another snapshot.
    pub(super) fn is_snapshot_due(&self, now: TimestampMs) -> bool {
        let (bytes, since) = self.since_snapshot;
        let interval = self.settings.snapshot_interval_ms;
        bytes >= self.settings.snapshot_bytes
            || (bytes > 0 && interval > 0 && now.0 - since.0 >= interval)
    }

    /// Writes a snapshot of all records before the log's end and lets go of what it replaces.
    pub(super) fn snapshot(
        &mut self,
        records: Vec<(MetadataRecord<'static>, i16)>,
        quorum: &Quorum,
        now: TimestampMs,
    ) -> Result<SnapshotId, ControllerError> {
        let id = SnapshotId { end: self.log.end_offset(), epoch: self.epoch };
        let path = self.folder.join(id.file_name());
        let checkpoint =
            Checkpoint { last_timestamp: self.last_timestamp, quorum: quorum.clone(), records };
        let bytes = checkpoint
            .encode(id, now)
            .map_err(|source| ControllerError::Checkpoint { path: path.clone(), source })?;
        files::replace(&self.disk, &path, &bytes)
            .map_err(|e| ControllerError::disk("write", &path, e))?;
        self.since_snapshot = (0, now);
        self.trim(id, bytes.len() as u64, now)?;
        Ok(id)
    }

    /// Removes older snapshots, and the log before the newest one, while there is too much of them.
    fn trim(
        &mut self,
        newest: SnapshotId,
        newest_bytes: u64,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let Ok(limit) = u64::try_from(self.settings.retention_bytes) else { return Ok(()) };
        let older: Vec<SnapshotId> =
            self.snapshots()?.into_iter().filter(|id| *id < newest).collect();
        let path = |id: &SnapshotId| self.folder.join(id.file_name());
        let bytes_of = |id: &SnapshotId| self.disk.stat(&path(id)).map_or(0, |stat| stat.bytes);
        let total: u64 = older.iter().map(bytes_of).sum::<u64>() + newest_bytes + self.log.bytes();
        if total <= limit {
            return Ok(());
        }
        for id in &older {
            let path = path(id);
            self.disk.remove_file(&path).map_err(|e| ControllerError::disk("remove", &path, e))?;
        }
        self.log.delete_records(newest.end)?;
        self.retired.push(self.log.apply_retention(newest.end, now)?);
        let (due, kept): (Vec<Retired>, Vec<Retired>) =
            std::mem::take(&mut self.retired).into_iter().partition(|files| files.due <= now);
        self.retired = kept;
        for files in due {
            if let Err(error) = files.remove(&self.disk) {
                tracing::warn!(%error, "files of the metadata log stay; they are tried again");
                self.retired.push(files);
            }
        }
        Ok(())
    }
}
