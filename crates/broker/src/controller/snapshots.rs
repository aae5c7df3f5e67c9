//! Snapshots beside the metadata log: when one is due, how it is written, what it lets go of.

use std::path::PathBuf;

use log::{Disk, Retired};
use metadata::decide::record_version;
use metadata::image::Image;
use tokio::task::JoinHandle;
use types::TimestampMs;

use super::checkpoint::{Checkpoint, Quorum, SnapshotId};
use super::error::ControllerError;
use super::files;
use super::metadata_log::MetadataLog;

/// A snapshot's first batch, which says how old it is, ends before this.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A snapshot that is to be written, by whichever thread has the time.
#[derive(Debug)]
pub(super) struct Draft<D: Disk> {
    disk: D,
    path: PathBuf,
    id: SnapshotId,
    last_timestamp: TimestampMs,
    image: Image,
    quorum: Quorum,
    now: TimestampMs,
}

impl<D: Disk> Draft<D> {
    /// Puts the file in its place, durably.
    ///
    /// # Errors
    /// Where the disk fails.
    pub(super) fn write(self) -> Result<SnapshotId, ControllerError> {
        let Self { disk, path, id, last_timestamp, image, quorum, now } = self;
        let release = image.features().metadata_version();
        let records = image.to_records().into_iter().map(|record| {
            let version = record_version(&record, release);
            (record, version)
        });
        let checkpoint = Checkpoint { last_timestamp, quorum, records: records.collect() };
        let bytes = match checkpoint.encode(id, now) {
            Ok(bytes) => bytes,
            Err(source) => return Err(ControllerError::Checkpoint { path, source }),
        };
        files::replace(&disk, &path, &bytes)
            .map_err(|e| ControllerError::disk("write", &path, e))?;
        tracing::info!(
            snapshot = id.file_name(),
            "the cluster's metadata is written as a snapshot"
        );
        Ok(id)
    }
}

/// The snapshot that is being written beside the controller's thread, if one is.
#[derive(Debug, Default)]
pub(super) struct SnapshotWriter {
    task: Option<JoinHandle<Result<SnapshotId, ControllerError>>>,
    /// The log was opened anew since it was begun, and knows of it by itself.
    is_stale: bool,
}

impl SnapshotWriter {
    pub(super) fn is_busy(&self) -> bool {
        self.task.is_some()
    }

    pub(super) fn begin<D: Disk>(&mut self, draft: Draft<D>) {
        self.task = Some(tokio::task::spawn_blocking(move || draft.write()));
        self.is_stale = false;
    }

    /// What was begun does not concern the log as it is by now.
    pub(super) fn forget(&mut self) {
        self.is_stale = true;
    }

    /// The next snapshot that is written; waits for ever while none is.
    pub(super) async fn next(&mut self) -> SnapshotId {
        loop {
            let Some(task) = &mut self.task else { std::future::pending().await };
            let written = task.await;
            self.task = None;
            match written {
                Ok(Ok(id)) if !self.is_stale => return id,
                Ok(Ok(_)) => {}
                Ok(Err(error)) => tracing::error!(%error, "a snapshot cannot be written"),
                Err(error) => tracing::error!(%error, "a snapshot could not be written"),
            }
        }
    }

    /// Returns when nothing is being written.
    pub(super) async fn ended(mut self) {
        if let Some(task) = self.task.take()
            && let Err(error) = task.await
        {
            tracing::error!(%error, "a snapshot could not be written");
        }
    }
}

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

    /// The size of a snapshot and some of its bytes; `None` where it is not there.
    pub(super) fn snapshot_part(
        &self,
        id: SnapshotId,
        position: u64,
        bytes_max: usize,
    ) -> Result<Option<(u64, Vec<u8>)>, ControllerError> {
        let path = self.folder.join(id.file_name());
        files::read_part(&self.disk, &path, position, bytes_max)
            .map_err(|e| ControllerError::disk("read", &path, e))
    }

    /// Writes a snapshot that the leader has sent, which stands for all that the log held.
    pub(super) fn install(
        &mut self,
        id: SnapshotId,
        bytes: &[u8],
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let path = self.folder.join(id.file_name());
        files::replace(&self.disk, &path, bytes)
            .map_err(|e| ControllerError::disk("write", &path, e))?;
        self.log.start_over_at(id.end, now)?;
        self.since_snapshot = (0, now);
        Ok(())
    }

    /// Drops a log that ends before the snapshot: what follows it is all that counts.
    pub(super) fn start_behind(
        &mut self,
        id: SnapshotId,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let last = self.log.epoch_at(id.end.plus(-1));
        // a process may have been killed between putting a snapshot in place and dropping the log
        let is_another = last.is_some_and(|epoch| epoch != id.epoch);
        if self.log.end_offset() < id.end || is_another {
            self.log.start_over_at(id.end, now)?;
        }
        Ok(())
    }

    /// Whether enough was written, or long enough ago, for another snapshot.
    pub(super) fn is_snapshot_due(&self, now: TimestampMs) -> bool {
        let (bytes, since) = self.since_snapshot;
        let interval = self.settings.snapshot_interval_ms;
        bytes >= self.settings.snapshot_bytes
            || (bytes > 0 && interval > 0 && now.0 - since.0 >= interval)
    }

    /// What a snapshot of all records before `id` is to say, for whoever writes it.
    pub(super) fn draft(
        &mut self,
        id: SnapshotId,
        (image, quorum): (Image, Quorum),
        now: TimestampMs,
    ) -> Draft<D> {
        self.since_snapshot = (0, now);
        let (disk, path) = (self.disk.clone(), self.folder.join(id.file_name()));
        Draft { disk, path, id, last_timestamp: self.last_timestamp, image, quorum, now }
    }

    /// Lets go of what a snapshot that has been written replaces. Whether it is of use: a later one
    /// may have come from the leader meanwhile.
    pub(super) fn snapshot_written(
        &mut self,
        id: SnapshotId,
        now: TimestampMs,
    ) -> Result<bool, ControllerError> {
        let is_of_use = id.end >= self.log.start_offset();
        if !is_of_use {
            self.remove(id)?;
        }
        self.trim(now)?;
        Ok(is_of_use)
    }

    fn remove(&self, id: SnapshotId) -> Result<(), ControllerError> {
        let path = self.folder.join(id.file_name());
        self.disk.remove_file(&path).map_err(|e| ControllerError::disk("remove", &path, e))
    }

    /// Lets go of the oldest snapshots while they are too old, or too large together with the log,
    /// and of the log before those that are left. The newest stays, whatever it is.
    fn trim(&mut self, now: TimestampMs) -> Result<(), ControllerError> {
        loop {
            let ids = self.snapshots()?;
            let [oldest, next, ..] = ids[..] else { break };
            if !self.are_too_large(&ids) && !self.is_too_old(oldest, now)? {
                break;
            }
            self.remove(oldest)?;
            self.log.delete_records(next.end)?;
            self.retired.push(self.log.apply_retention(next.end, now)?);
        }
        self.remove_retired(now);
        Ok(())
    }

    fn are_too_large(&self, ids: &[SnapshotId]) -> bool {
        let Ok(limit) = u64::try_from(self.settings.retention_bytes) else { return false };
        let path = |id: &SnapshotId| self.folder.join(id.file_name());
        let bytes_of = |id: &SnapshotId| self.disk.stat(&path(id)).map_or(0, |stat| stat.bytes);
        ids.iter().map(bytes_of).sum::<u64>() + self.log.bytes() > limit
    }

    /// A snapshot is as old as the newest record in it.
    fn is_too_old(&self, id: SnapshotId, now: TimestampMs) -> Result<bool, ControllerError> {
        let retention_ms = self.settings.retention_ms;
        if retention_ms < 0 {
            return Ok(false);
        }
        let path = self.folder.join(id.file_name());
        let (_, bytes) = files::read_part(&self.disk, &path, 0, HEAD_BYTES_MAX)
            .map_err(|e| ControllerError::disk("read", &path, e))?
            .unwrap_or_default();
        let last = Checkpoint::last_timestamp(&bytes)
            .map_err(|source| ControllerError::Checkpoint { path, source })?;
        Ok(now.0.saturating_sub(last.0) > retention_ms)
    }

    fn remove_retired(&mut self, now: TimestampMs) {
        let (due, kept): (Vec<Retired>, Vec<Retired>) =
            std::mem::take(&mut self.retired).into_iter().partition(|files| files.due <= now);
        self.retired = kept;
        for files in due {
            if let Err(error) = files.remove(&self.disk) {
                tracing::warn!(%error, "files of the metadata log stay; they are tried again");
                self.retired.push(files);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use log::MemDisk;
    use metadata::decide::Encoded;
    use types::Offset;
    use wire::no_op_record::NoOpRecord;
    use wire::record_frame::MetadataRecord;

    use super::super::metadata_log::MetadataLogSettings;
    use super::*;

    const HOUR_MS: i64 = 60 * 60 * 1000;

    /// A snapshot of one record an hour, for so many hours; the log's start and the snapshots' ends.
    fn kept_after(hours: i64, retention_ms: i64, retention_bytes: i64) -> (Offset, Vec<i64>) {
        let settings =
            MetadataLogSettings { retention_ms, retention_bytes, ..MetadataLogSettings::default() };
        let disk = MemDisk::new();
        disk.create_folder(Path::new("data")).unwrap();
        let mut log = MetadataLog::open(disk, Path::new("data"), settings, TimestampMs(0)).unwrap();
        let epoch = types::LeaderEpoch(1);
        log.begin_epoch(epoch);
        for hour in 1..=hours {
            let now = TimestampMs(hour * HOUR_MS);
            let record: MetadataRecord<'static> = NoOpRecord {}.into();
            let bytes = record.encode(0).unwrap();
            log.append(&[vec![Encoded { record, bytes }]], now).unwrap();
            log.flush(now).unwrap();
            let id = SnapshotId { end: log.end_offset(), epoch };
            let said = (Image::default(), Quorum::default());
            assert_eq!(log.draft(id, said, now).write().unwrap(), id);
            assert!(log.snapshot_written(id, now).unwrap());
        }
        let ends = log.snapshots().unwrap().iter().map(|id| id.end.0).collect();
        (log.log.start_offset(), ends)
    }

    #[test]
    fn a_snapshot_is_due_in_time_where_there_is_something_to_say() {
        let due_after = |snapshot_interval_ms, records: usize| {
            let settings =
                MetadataLogSettings { snapshot_interval_ms, ..MetadataLogSettings::default() };
            let disk = MemDisk::new();
            disk.create_folder(Path::new("data")).unwrap();
            let mut log =
                MetadataLog::open(disk, Path::new("data"), settings, TimestampMs(0)).unwrap();
            log.begin_epoch(types::LeaderEpoch(1));
            for _ in 0..records {
                let record: MetadataRecord<'static> = NoOpRecord {}.into();
                let bytes = record.encode(0).unwrap();
                log.append(&[vec![Encoded { record, bytes }]], TimestampMs(0)).unwrap();
            }
            (1..=3).find(|hour| log.is_snapshot_due(TimestampMs(hour * HOUR_MS)))
        };
        assert_eq!(due_after(2 * HOUR_MS, 1), Some(2));
        assert_eq!(due_after(2 * HOUR_MS, 0), None);
        assert_eq!(due_after(0, 1), None, "only its size counts");
    }

    #[test]
    fn snapshots_are_kept_for_their_time() {
        assert_eq!(kept_after(6, 2 * HOUR_MS, -1), (Offset(4), vec![4, 5, 6]));
    }

    #[test]
    fn snapshots_are_kept_up_to_their_size_and_the_newest_always() {
        let (start, ends) = kept_after(20, -1, 3_000);
        assert!(ends.len() > 1 && ends.len() < 20, "the oldest go, one by one: {ends:?}");
        assert_eq!(start.0, ends[0]);
        assert_eq!(kept_after(6, -1, 0), (Offset(6), vec![6]));
        assert_eq!(kept_after(6, 0, -1), (Offset(6), vec![6]));
        assert_eq!(kept_after(3, -1, -1), (Offset(0), vec![1, 2, 3]));
    }
}
