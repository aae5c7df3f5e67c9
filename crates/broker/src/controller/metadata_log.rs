//! The metadata log on disk: `__cluster_metadata-0`, its snapshots beside its segments.

use std::io;
use std::path::{Path, PathBuf};

use log::{Disk, FileCache, Log, LogConfig, Opening, Origin, Retired};
use metadata::config::ServerConfig;
use metadata::decide::{BATCH_BYTES_MAX, Encoded};
use raft::{PlacedControl, QuorumState};
use record::{Batch, BatchBuilder, ControlRecord, ControlType, ValidBatch, batches, with_scratch};
use types::{LeaderEpoch, Offset, TimestampMs, Uuid};
use wire::record_frame::MetadataRecord;

use super::checkpoint;
use super::error::ControllerError;
use super::files;

/// Folder of the metadata log's only partition.
pub const FOLDER: &str = "__cluster_metadata-0";
const PARTITION_METADATA: &str = "partition.metadata";
const QUORUM_STATE: &str = "quorum-state";
const READ_BYTES: u32 = 4 << 20;

/// When snapshots are made and how much history is kept behind them.
#[derive(Clone, Debug)]
pub struct MetadataLogSettings {
    /// `metadata.log.segment.bytes`.
    pub segment_bytes: u32,
    /// `metadata.log.segment.ms`.
    pub segment_ms: i64,
    /// `metadata.log.max.record.bytes.between.snapshots`.
    pub snapshot_bytes: u64,
    /// `metadata.log.max.snapshot.interval.ms`; 0 for none.
    pub snapshot_interval_ms: i64,
    /// `metadata.max.retention.bytes`; negative for no limit.
    pub retention_bytes: i64,
    /// `metadata.max.retention.ms`; negative for no limit.
    pub retention_ms: i64,
    /// `internal.metadata.max.batch.size.in.bytes`.
    pub batch_bytes_max: usize,
}

impl MetadataLogSettings {
    /// What a node's configuration says.
    #[must_use]
    pub fn from_config(config: &ServerConfig) -> Self {
        let defaults = Self::default();
        let number = |key, default| config.value(key).as_i64().unwrap_or(default);
        let unsigned = |key, default: u64| {
            config.value(key).as_i64().and_then(|n| u64::try_from(n).ok()).unwrap_or(default)
        };
        let segment_bytes =
            unsigned("metadata.log.segment.bytes", u64::from(defaults.segment_bytes));
        // for tests, which want a segment smaller than the other key allows
        let segment_bytes = unsigned("internal.metadata.log.segment.bytes", segment_bytes);
        Self {
            segment_bytes: u32::try_from(segment_bytes).unwrap_or(defaults.segment_bytes),
            segment_ms: number("metadata.log.segment.ms", defaults.segment_ms),
            snapshot_bytes: unsigned(
                "metadata.log.max.record.bytes.between.snapshots",
                defaults.snapshot_bytes,
            ),
            snapshot_interval_ms: number(
                "metadata.log.max.snapshot.interval.ms",
                defaults.snapshot_interval_ms,
            ),
            retention_bytes: number("metadata.max.retention.bytes", defaults.retention_bytes),
            retention_ms: number("metadata.max.retention.ms", defaults.retention_ms),
            batch_bytes_max: config
                .value("internal.metadata.max.batch.size.in.bytes")
                .as_i64()
                .and_then(|bytes| usize::try_from(bytes).ok())
                .unwrap_or(defaults.batch_bytes_max),
        }
    }
}

impl Default for MetadataLogSettings {
    /// Kafka's defaults.
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 30,
            segment_ms: 7 * 24 * 60 * 60 * 1000,
            snapshot_bytes: 20 * 1024 * 1024,
            snapshot_interval_ms: 60 * 60 * 1000,
            retention_bytes: 100 * 1024 * 1024,
            retention_ms: 7 * 24 * 60 * 60 * 1000,
            batch_bytes_max: BATCH_BYTES_MAX,
        }
    }
}

/// The log, its epoch, and what was written since the last snapshot.
#[derive(Debug)]
pub(super) struct MetadataLog<D: Disk> {
    pub(super) disk: D,
    pub(super) folder: PathBuf,
    pub(super) log: Log<D>,
    pub(super) epoch: LeaderEpoch,
    pub(super) last_timestamp: TimestampMs,
    pub(super) settings: MetadataLogSettings,
    /// Bytes of records since the last snapshot, and when that was.
    pub(super) since_snapshot: (u64, TimestampMs),
    pub(super) retired: Vec<Retired>,
}

/// A record of the log as it is replayed.
pub(super) enum Replayed<'r> {
    Metadata(MetadataRecord<'r>),
    Control(ControlRecord<'r>),
    /// A control record of a type that this build does not know.
    Unknown,
}

impl<D: Disk> MetadataLog<D> {
    /// Opens the log in `directory`, creating its folder if need be.
    pub(super) fn open(
        disk: D,
        directory: &Path,
        settings: MetadataLogSettings,
        now: TimestampMs,
    ) -> Result<Self, ControllerError> {
        let folder = directory.join(FOLDER);
        match disk.create_folder(&folder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                return Err(ControllerError::disk("create", &folder, error));
            }
            _ => {}
        }
        let partition_metadata = folder.join(PARTITION_METADATA);
        if disk.stat(&partition_metadata).is_err() {
            let text = format!("version: 0\ntopic_id: {}", Uuid::ONE);
            files::replace(&disk, &partition_metadata, text.as_bytes())
                .map_err(|e| ControllerError::disk("write", &partition_metadata, e))?;
        }
        let config = LogConfig {
            segment_bytes: settings.segment_bytes,
            segment_ms: settings.segment_ms,
            retention_ms: -1,
            retention_bytes: -1,
            ..LogConfig::default()
        };
        // nothing but the log itself says how far it is on disk, so its tail is always read again
        let opening =
            Opening { start_offset: Offset(0), recovery_point: Offset(0), is_clean: false, now };
        let log = Log::open(disk.clone(), FileCache::new(2), folder.clone(), config, opening)?;
        let epoch = log.latest_epoch().unwrap_or(LeaderEpoch(0));
        Ok(Self {
            disk,
            folder,
            log,
            epoch,
            last_timestamp: TimestampMs(0),
            settings,
            since_snapshot: (0, now),
            retired: Vec::new(),
        })
    }

    pub(super) fn end_offset(&self) -> Offset {
        self.log.end_offset()
    }

    pub(super) fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(super) fn start_offset(&self) -> Offset {
        self.log.start_offset()
    }

    /// What is appended from here on is of this epoch.
    pub(super) fn begin_epoch(&mut self, epoch: LeaderEpoch) {
        self.epoch = epoch;
    }

    /// Puts on disk who leads which epoch, and whom this node has voted for.
    pub(super) fn store_quorum_state(&self, state: &QuorumState) -> Result<(), ControllerError> {
        let path = self.folder.join(QUORUM_STATE);
        files::replace(&self.disk, &path, state.to_json().as_bytes())
            .map_err(|e| ControllerError::disk("write", &path, e))
    }

    /// What `quorum-state` says; `None` where there is no such file.
    pub(super) fn quorum_state(&self) -> Result<Option<QuorumState>, ControllerError> {
        let path = self.folder.join(QUORUM_STATE);
        let bytes =
            files::read(&self.disk, &path).map_err(|e| ControllerError::disk("read", &path, e))?;
        let Some(bytes) = bytes else { return Ok(None) };
        match QuorumState::parse(&String::from_utf8_lossy(&bytes)) {
            Ok(state) => Ok(Some(state)),
            Err(source) => Err(ControllerError::QuorumState { path, source }),
        }
    }

    /// Appends batches: all of them or none. They are durable after [`Self::flush`].
    pub(super) fn append(
        &mut self,
        batches: &[Vec<Encoded>],
        now: TimestampMs,
    ) -> Result<Offset, ControllerError> {
        let base = self.log.end_offset();
        for batch in batches {
            if let Err(error) = self.append_batch(batch, now) {
                if self.log.end_offset() > base {
                    self.truncate_to(base, now)?;
                }
                return Err(error);
            }
        }
        Ok(base)
    }

    fn append_batch(
        &mut self,
        records: &[Encoded],
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        let mut builder = BatchBuilder::new();
        let end = self.log.end_offset();
        for record in records {
            builder
                .append(now, None, Some(&record.bytes), &[])
                .map_err(|e| self.bad_record(end, e.to_string()))?;
        }
        self.write(&checkpoint::seal(&mut builder), now)?;
        Ok(())
    }

    /// Appends control records as one batch.
    pub(super) fn append_control(
        &mut self,
        records: &[(ControlType, Vec<u8>)],
        now: TimestampMs,
    ) -> Result<Offset, ControllerError> {
        self.write(&checkpoint::control(records, now), now)
    }

    fn write(
        &mut self,
        batch: &ValidBatch<'_>,
        now: TimestampMs,
    ) -> Result<Offset, ControllerError> {
        let appended = self.log.append(batch, Origin::Replication, self.epoch, now)?;
        self.since_snapshot.0 += batch.total_bytes() as u64;
        self.last_timestamp = now;
        Ok(appended.base_offset)
    }

    /// Appends batches as their leader wrote them.
    pub(super) fn append_replicated(
        &mut self,
        batches: &[u8],
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        self.log.append_replicated(batches, now)?;
        self.since_snapshot.0 += batches.len() as u64;
        self.last_timestamp = now;
        Ok(())
    }

    /// Cuts the log's tail.
    pub(super) fn truncate_to(
        &mut self,
        end: Offset,
        now: TimestampMs,
    ) -> Result<(), ControllerError> {
        Ok(self.log.truncate_to(end, now)?)
    }

    /// Makes everything durable that was appended.
    pub(super) fn flush(&mut self, now: TimestampMs) -> Result<(), ControllerError> {
        Ok(self.log.flush(now)?)
    }

    /// Hands out every record from `from` on and before `until`, in order.
    pub(super) fn replay(
        &mut self,
        from: Offset,
        until: Offset,
        mut take: impl FnMut(Offset, LeaderEpoch, Replayed<'_>) -> Result<(), ControllerError>,
    ) -> Result<(), ControllerError> {
        self.each_batch(from, until, |log, batch| {
            log.last_timestamp = batch.header().max_timestamp;
            log.replay_batch(batch, from, &mut take)
        })
    }

    /// The quorum's own records from `from` on; counts what stands there for the next snapshot.
    pub(super) fn controls(&mut self, from: Offset) -> Result<Vec<PlacedControl>, ControllerError> {
        let mut controls = Vec::new();
        self.each_batch(from, self.end_offset(), |log, batch| {
            log.since_snapshot.0 += batch.header().total_bytes() as u64;
            if !batch.header().attributes.is_control() {
                return Ok(());
            }
            log.replay_batch(batch, from, &mut |offset, _, record| {
                let Replayed::Control(control) = record else { return Ok(()) };
                let read = super::quorum::read(&control);
                let read = read.map_err(|e| log.bad_record(offset, e.to_string()))?;
                controls.extend(read.map(|record| PlacedControl { offset, record }));
                Ok(())
            })
        })?;
        Ok(controls)
    }

    fn each_batch(
        &mut self,
        from: Offset,
        until: Offset,
        mut take: impl FnMut(&mut Self, &Batch<'_>) -> Result<(), ControllerError>,
    ) -> Result<(), ControllerError> {
        let mut next = from.max(self.log.start_offset());
        while next < until {
            let Some(slice) = self.log.read(next, READ_BYTES, until, true)? else { return Ok(()) };
            let bytes =
                slice.to_vec().map_err(|e| ControllerError::disk("read", &self.folder, e))?;
            let before = next;
            for batch in batches(&bytes) {
                let batch = batch.map_err(|e| self.bad_record(next, e.to_string()))?;
                take(self, &batch)?;
                next = batch.header().next_offset();
            }
            if next == before {
                return Err(self.bad_record(next, "no batch can be read there".to_owned()));
            }
        }
        Ok(())
    }

    /// The batches from `from` on, committed or not: one at least, if there is any.
    pub(super) fn read(
        &mut self,
        from: Offset,
        bytes_max: u32,
    ) -> Result<Vec<u8>, ControllerError> {
        let end = self.log.end_offset();
        let slice = self.log.read(from, bytes_max, end, true)?;
        let bytes = slice.map_or(Ok(Vec::new()), |slice| slice.to_vec());
        bytes.map_err(|error| ControllerError::disk("read", &self.folder, error))
    }

    fn replay_batch(
        &self,
        batch: &Batch<'_>,
        from: Offset,
        take: &mut impl FnMut(Offset, LeaderEpoch, Replayed<'_>) -> Result<(), ControllerError>,
    ) -> Result<(), ControllerError> {
        let epoch = batch.header().leader_epoch;
        let is_control = batch.header().attributes.is_control();
        let bad = |offset, why: String| self.bad_record(offset, why);
        let base = batch.header().base_offset;
        with_scratch(|scratch| {
            for record in batch.records(scratch).map_err(|e| bad(base, e.to_string()))? {
                let record = record.map_err(|e| bad(base, e.to_string()))?;
                if record.offset < from {
                    continue;
                }
                let replayed = if is_control {
                    ControlRecord::parse(&record).map_or(Replayed::Unknown, Replayed::Control)
                } else {
                    let value = record.value.unwrap_or_default();
                    let decoded = MetadataRecord::decode(value);
                    let (decoded, _) = decoded.map_err(|e| bad(record.offset, e.to_string()))?;
                    Replayed::Metadata(decoded)
                };
                take(record.offset, epoch, replayed)?;
            }
            Ok(())
        })
    }

    pub(super) fn bad_record(&self, offset: Offset, why: String) -> ControllerError {
        ControllerError::Record { folder: self.folder.clone(), offset: offset.0, why }
    }

    /// Reads a file beside the metadata log's folder, as `bootstrap.checkpoint`.
    pub(super) fn read_beside(&self, name: &str) -> Result<Option<Vec<u8>>, ControllerError> {
        let path = self.folder.parent().unwrap_or(&self.folder).join(name);
        files::read(&self.disk, &path).map_err(|e| ControllerError::disk("read", &path, e))
    }

    /// Leaves the log in order.
    pub(super) fn close(mut self, now: TimestampMs) -> Result<(), ControllerError> {
        Ok(self.log.close(now)?)
    }
}
