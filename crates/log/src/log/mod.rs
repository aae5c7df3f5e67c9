//! One partition's log: what it holds, and where each of its capabilities is written.

mod append;
mod close;
mod compact;
mod epoch_file;
mod epochs;
mod flush;
mod load;
mod look_back;
mod producers;
mod read;
mod recent;
mod recover;
mod relocate;
mod retain;
mod roll;
mod time;
mod truncate;

use std::path::Path;
use std::sync::Arc;

use types::{LeaderEpoch, Offset, TimestampMs};

pub use append::Appended;
pub use close::Closing;
pub use compact::{Compaction, Dirtiness};
pub use flush::{FlushFailed, FlushJob, Flushed};
pub use load::{Opening, Recovery};
pub use read::Slice;
pub use relocate::Piece;
pub use retain::Retired;
pub use time::TimestampedOffset;

use crate::config::LogConfig;
use crate::disk::Disk;
use crate::epochs::Epochs;
use crate::home::Home;
use crate::producer::Producers;
use crate::segment::Segment;
use epoch_file::EpochFile;
use recent::RecentBatches;

/// A partition's log. Every method is synchronous; the owner sees to it that one runs at a time.
///
/// ```text
///   log start                 recovery point              end
///       |  segment | segment | segment | active segment    |
///                            | not known to be on disk     |
/// ```
#[derive(Debug)]
pub struct Log<D: Disk> {
    home: Home<D>,
    config: LogConfig,
    /// By base offset; never empty, the last one is active.
    segments: Vec<Segment<D>>,
    start: Offset,
    end: Offset,
    recent: RecentBatches,
    producers: Producers,
    epochs: Epochs,
    epoch_file: Arc<EpochFile>,
    durable: Durable,
    recovery: Recovery,
    #[cfg(any(test, feature = "broken"))]
    pub(crate) broken: Option<crate::broken::Broken>,
}

/// Another one after each cut of the log, and after another log has taken its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation(u64);

/// How far the log is known to be on disk.
#[derive(Clone, Copy, Debug)]
struct Durable {
    recovery_point: Offset,
    /// When everything was on disk last.
    since: TimestampMs,
    /// Of the newest producer snapshot; a clean log has one at its end.
    snapshot: Option<Offset>,
    /// How often a file was created, and up to which one the names are on disk.
    names: u64,
    names_synced: u64,
    /// How often the log was cut: what a flush of before has synced is no proof of what is there
    /// since.
    truncations: u64,
    /// Whether a sync has failed: what the system then has dropped cannot be known without reading
    /// it.
    has_failed: bool,
}

impl<D: Disk> Log<D> {
    /// The first offset that may be read.
    pub const fn start_offset(&self) -> Offset {
        self.start
    }

    /// One behind the last record: what the next one gets.
    pub const fn end_offset(&self) -> Offset {
        self.end
    }

    /// Everything before it is on disk.
    pub const fn recovery_point(&self) -> Offset {
        self.durable.recovery_point
    }

    /// What was begun on a log of another generation says nothing of this one.
    pub const fn generation(&self) -> Generation {
        Generation(self.durable.truncations)
    }

    /// What opening the log had to mend.
    pub const fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The epoch of the last leader that appended or was announced.
    pub fn latest_epoch(&self) -> Option<LeaderEpoch> {
        self.epochs.latest()
    }

    /// Bytes of all segments' logs.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| u64::from(segment.bytes)).sum()
    }

    /// How many segments there are.
    pub const fn segment_count(&self) -> usize {
        self.segments.len()
    }

    /// The folder that holds the log.
    pub fn folder(&self) -> &Path {
        &self.home.folder
    }

    /// The configs in force.
    pub const fn config(&self) -> &LogConfig {
        &self.config
    }

    /// Puts other configs in force, for the next append and the next tick.
    pub fn set_config(&mut self, config: LogConfig) {
        self.config = config;
    }

    /// Frees what can be had again from disk: indexes of closed segments, positions for tailing
    /// readers.
    pub fn release_memory(&mut self) {
        let closed = self.segments.len() - 1;
        for segment in &mut self.segments[..closed] {
            segment.forget_indexes();
        }
        self.recent = RecentBatches::default();
    }

    fn active(&mut self) -> &mut Segment<D> {
        self.segments.last_mut().expect("a log has an active segment")
    }

    fn active_base(&self) -> Offset {
        self.segments.last().expect("a log has an active segment").base_offset
    }

    /// The segment that holds `offset`, or the first one.
    fn segment_at(&self, offset: Offset) -> usize {
        let behind = self.segments.partition_point(|segment| segment.base_offset <= offset);
        behind.saturating_sub(1)
    }

    /// Where the segment's offsets end.
    fn segment_end(&self, index: usize) -> Offset {
        self.segments.get(index + 1).map_or(self.end, |next| next.base_offset)
    }
}
