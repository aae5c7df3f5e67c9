//! Opening a log: one listing of its folder, one look at each segment, and no more than the state
//! at hand requires.
//!
//! A log that was never written costs one listing: it has no segment file until its first append.
//! After a clean shutdown the end of the last segment is found behind its last index entry. After a
//! crash every segment that reaches behind the recovery point is read whole, see
//! [`super::recover`].

use std::path::PathBuf;
use std::sync::Arc;

use types::{Offset, TimestampMs};

use super::recent::RecentBatches;
use super::{Durable, Log};
use crate::checkpoint::parse_epochs;
use crate::config::LogConfig;
use crate::disk::{Disk, read_whole};
use crate::epochs::Epochs;
use crate::error::{Attempt as _, LogError, StorageError};
use crate::file_cache::FileCache;
use crate::home::Home;
use crate::names::{FileName, LEADER_EPOCHS, Part, Stage};
use crate::producer::Producers;
use crate::segment::{SEGMENT_BYTES_MAX, Segment};

/// A checkpoint of epochs has a line for each change of leaders; more are no such file.
const EPOCHS_BYTES_MAX: u64 = 64 << 20;

/// What the checkpoints of the log directory say of a log.
#[derive(Clone, Copy, Debug)]
pub struct Opening {
    /// From `log-start-offset-checkpoint`, 0 without.
    pub start_offset: Offset,
    /// From `recovery-point-offset-checkpoint`, 0 without.
    pub recovery_point: Offset,
    /// Whether the directory was left in order: nothing needs to be read again.
    pub is_clean: bool,
    pub now: TimestampMs,
}

/// What opening a log had to mend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// Bytes of segments that were read whole.
    pub scanned_bytes: u64,
    /// Bytes cut off, later segments included.
    pub truncated_bytes: u64,
    /// What the first bad bytes were, with their segment and position.
    pub damage: Option<String>,
}

/// The folder's files, sorted out.
#[derive(Debug, Default)]
pub(super) struct Listing {
    files: Vec<FileName>,
    has_epochs: bool,
}

impl Listing {
    pub(super) fn has(&self, base_offset: Offset, part: Part) -> bool {
        self.files.contains(&FileName::live(base_offset, part))
    }

    /// The offsets that have a file of this kind, rising.
    pub(super) fn offsets(&self, part: Part) -> Vec<Offset> {
        let live = self.files.iter().filter(|file| file.stage == Stage::Live && file.part == part);
        let mut offsets: Vec<Offset> = live.map(|file| file.base_offset).collect();
        offsets.sort_unstable();
        offsets
    }
}

impl<D: Disk> Log<D> {
    /// Opens the log in `folder`, which exists. Torn and garbled ends are cut off, see
    /// [`Log::recovery`].
    ///
    /// # Errors
    /// `Storage`, `DiskFull`.
    pub fn open(
        disk: D,
        files: FileCache<D::File>,
        folder: PathBuf,
        config: LogConfig,
        opening: Opening,
    ) -> Result<Self, LogError> {
        let home = Home { disk, files, folder };
        let listing = list(&home)?;
        let segments = existing_segments(&home, &listing, opening)?;
        let mut log = Self::with_segments(home, config, segments, opening);
        if log.is_untouched(&listing) {
            log.durable.recovery_point = log.end;
            return Ok(log);
        }
        log.load_contents(&listing, opening)?;
        Ok(log)
    }

    /// The log of a folder that was just created.
    pub(crate) fn create(
        disk: D,
        files: FileCache<D::File>,
        folder: PathBuf,
        config: LogConfig,
        now: TimestampMs,
    ) -> Self {
        let home = Home { disk, files, folder };
        let segments = vec![Segment::empty(Offset::ZERO, now)];
        let (start_offset, recovery_point) = (Offset::ZERO, Offset::ZERO);
        let opening = Opening { start_offset, recovery_point, is_clean: true, now };
        Self::with_segments(home, config, segments, opening)
    }

    fn with_segments(
        home: Home<D>,
        config: LogConfig,
        segments: Vec<Segment<D>>,
        opening: Opening,
    ) -> Self {
        let start = opening.start_offset.max(segments[0].base_offset);
        Self {
            home,
            config,
            segments,
            start,
            end: start,
            recent: RecentBatches::default(),
            producers: Producers::default(),
            epochs: Epochs::default(),
            epoch_file: Arc::default(),
            durable: Durable::new(opening.recovery_point, opening.now),
            recovery: Recovery::default(),
            #[cfg(any(test, feature = "broken"))]
            broken: None,
        }
    }

    fn is_untouched(&self, listing: &Listing) -> bool {
        self.segments.len() == 1
            && self.segments[0].bytes == 0
            && !listing.has_epochs
            && self.start == self.segments[0].base_offset
            && listing.offsets(Part::Snapshot).is_empty()
    }

    fn load_contents(&mut self, listing: &Listing, opening: Opening) -> Result<(), LogError> {
        let has_all_epochs = !listing.has_epochs || self.load_epochs()?;
        let recover_from = self.first_to_recover(listing, opening);
        match recover_from {
            None => {
                self.end = self.active_end()?;
                self.load_producers(listing, self.end, opening)?;
            }
            Some(first) => {
                let base = self.segments[first].base_offset;
                self.load_producers(listing, base, opening)?;
                let durable_to =
                    if opening.is_clean { Offset(i64::MAX) } else { opening.recovery_point };
                self.recover_segments(listing, first, durable_to)?;
            }
        }
        if !has_all_epochs {
            self.rebuild_epochs()?;
        }
        self.settle(opening)?;
        self.remove_stray_snapshots(listing)?;
        self.producers.expire(opening.now, self.config.producer_id_expiration_ms);
        Ok(())
    }

    fn active_end(&mut self) -> Result<Offset, StorageError> {
        let active = self.segments.last_mut().expect("a log has an active segment");
        active.read_end_offset(&self.home)
    }

    /// The first segment that must be read whole: one that reaches behind the recovery point of a
    /// crashed log, or one without its indexes.
    fn first_to_recover(&self, listing: &Listing, opening: Opening) -> Option<usize> {
        (0..self.segments.len()).find(|&index| {
            let segment = &self.segments[index];
            let next = self.segments.get(index + 1).map(|next| next.base_offset);
            let is_behind = next.is_none_or(|next| next > opening.recovery_point);
            let lacks_index = !listing.has(segment.base_offset, Part::OffsetIndex)
                || !listing.has(segment.base_offset, Part::TimeIndex);
            segment.bytes > 0 && (lacks_index || (is_behind && !opening.is_clean))
        })
    }

    /// Reads the checkpoint of epochs; tells whether it could be used.
    fn load_epochs(&mut self) -> Result<bool, StorageError> {
        let path = self.home.join(LEADER_EPOCHS);
        let bytes = read_whole(&self.home.disk, &path, EPOCHS_BYTES_MAX).attempt("read", &path)?;
        match parse_epochs(&String::from_utf8_lossy(&bytes)) {
            Ok(stored) => {
                self.epochs = Epochs::from_stored(stored);
                Ok(true)
            }
            Err(why) => {
                tracing::warn!(path = %path.display(), why, "epochs are read from the log instead");
                Ok(false)
            }
        }
    }

    /// Makes start, end, epochs and recovery point agree with what the segments hold.
    fn settle(&mut self, opening: Opening) -> Result<(), LogError> {
        if self.start > self.end {
            self.start_over_at(self.start, opening.now)?;
        }
        self.epochs.truncate_end(self.end);
        self.epochs.truncate_start(self.start);
        let recovery_point = match (opening.is_clean, self.recovery.truncated_bytes) {
            (true, 0) => self.end,
            _ => opening.recovery_point.min(self.end),
        };
        self.durable.recovery_point = recovery_point;
        Ok(())
    }
}

impl Durable {
    const fn new(recovery_point: Offset, now: TimestampMs) -> Self {
        Self {
            recovery_point,
            since: now,
            snapshot: None,
            names: 0,
            names_synced: 0,
            truncations: 0,
            has_failed: false,
        }
    }
}

/// Lists the folder and clears away what a deletion or compaction has left.
fn list<D: Disk>(home: &Home<D>) -> Result<Listing, StorageError> {
    let entries = home.disk.list(&home.folder).attempt("list", &home.folder)?;
    let mut listing = Listing::default();
    let mut left_over = Vec::new();
    for entry in entries {
        listing.has_epochs |= entry.name == LEADER_EPOCHS;
        let Some(file) = FileName::parse(&entry.name).filter(|_| !entry.is_folder) else {
            continue;
        };
        match file.stage {
            Stage::Live | Stage::Swap => listing.files.push(file),
            Stage::Deleted | Stage::Cleaned => left_over.push(file),
        }
    }
    drop_split_swaps(home, &mut listing, &left_over)?;
    for file in left_over {
        home.remove_if_there(&home.join(&file.text()))?;
    }
    finish_swaps(home, &mut listing)?;
    remove_orphans(home, &mut listing)?;
    Ok(listing)
}

/// A segment that is cleaned into several: the last of these is renamed first, so that a part that
/// still is half-written tells that those behind it are not to be used.
fn drop_split_swaps<D: Disk>(
    home: &Home<D>,
    listing: &mut Listing,
    left_over: &[FileName],
) -> Result<(), StorageError> {
    let cleaned = left_over.iter().filter(|file| file.stage == Stage::Cleaned);
    let Some(first) = cleaned.map(|file| file.base_offset).min() else { return Ok(()) };
    let is_part = |file: &mut FileName| file.stage == Stage::Swap && file.base_offset >= first;
    let parts: Vec<FileName> = listing.files.extract_if(.., is_part).collect();
    for part in &parts {
        home.remove_if_there(&home.join(&part.text()))?;
    }
    if !parts.is_empty() {
        // were they to come back without the half-written one, they would count as whole
        home.disk.sync_dir(&home.folder).attempt("sync", &home.folder)?;
    }
    Ok(())
}

/// Compaction had written these wholly when the process ended: they take the place of what they
/// were made from.
fn finish_swaps<D: Disk>(home: &Home<D>, listing: &mut Listing) -> Result<(), StorageError> {
    let swaps: Vec<FileName> =
        listing.files.extract_if(.., |file| file.stage == Stage::Swap).collect();
    let mut logs: Vec<Offset> =
        swaps.iter().filter(|swap| swap.part == Part::Log).map(|swap| swap.base_offset).collect();
    logs.sort_unstable();
    for base_offset in logs {
        let name = FileName { base_offset, part: Part::Log, stage: Stage::Swap };
        let end = swap_end(home, name)?;
        let replaced = |file: &mut FileName| {
            (base_offset..end).contains(&file.base_offset) && file.part != Part::Snapshot
        };
        for file in listing.files.extract_if(.., replaced) {
            home.remove_if_there(&home.join(&file.text()))?;
        }
    }
    for swap in swaps {
        let live = FileName { stage: Stage::Live, ..swap };
        let (from, to) = (home.join(&swap.text()), home.join(&live.text()));
        home.disk.rename(&from, &to).attempt("rename", &from)?;
        listing.files.push(live);
    }
    Ok(())
}

/// The offset behind the last batch of a file that is not in its place yet.
fn swap_end<D: Disk>(home: &Home<D>, name: FileName) -> Result<Offset, StorageError> {
    let path = home.join(&name.text());
    let file = home.disk.open(&path, crate::disk::Access::Read).attempt("open", &path)?;
    let bytes = crate::DiskFile::bytes(&file).attempt("look at", &path)?;
    let bytes = u32::try_from(bytes).unwrap_or(SEGMENT_BYTES_MAX).min(SEGMENT_BYTES_MAX);
    let mut scanner = crate::scan::Scanner::sweep(&file, 0, bytes);
    let mut end = name.base_offset.plus(1);
    while let Ok(Some(batch)) = scanner.step().attempt("read", &path)? {
        end = end.max(batch.header.next_offset());
    }
    Ok(end)
}

/// Removes indexes whose log is gone.
fn remove_orphans<D: Disk>(home: &Home<D>, listing: &mut Listing) -> Result<(), StorageError> {
    let logs = listing.offsets(Part::Log);
    let orphan = |file: &mut FileName| {
        let is_index = match file.part {
            Part::OffsetIndex | Part::TimeIndex | Part::TxnIndex => true,
            Part::Log | Part::Snapshot => false,
        };
        is_index && logs.binary_search(&file.base_offset).is_err()
    };
    for file in listing.files.extract_if(.., orphan) {
        home.remove_if_there(&home.join(&file.text()))?;
    }
    Ok(())
}

/// The segments by base offset; one without a file where there is none.
fn existing_segments<D: Disk>(
    home: &Home<D>,
    listing: &Listing,
    opening: Opening,
) -> Result<Vec<Segment<D>>, StorageError> {
    let mut segments = Vec::new();
    for base_offset in listing.offsets(Part::Log) {
        let path = home.path(base_offset, Part::Log);
        let stat = home.disk.stat(&path).attempt("look at", &path)?;
        let bytes = u32::try_from(stat.bytes).ok().filter(|bytes| *bytes <= SEGMENT_BYTES_MAX);
        let bytes = bytes.ok_or_else(|| StorageError::corrupt(&path, "2 GiB or more"))?;
        let has_aborted = listing.has(base_offset, Part::TxnIndex);
        segments.push(if bytes == 0 {
            Segment::empty(base_offset, opening.now)
        } else {
            Segment::existing(base_offset, bytes, stat.modified, has_aborted)
        });
    }
    if segments.is_empty() {
        segments.push(Segment::empty(opening.start_offset, opening.now));
    }
    Ok(segments)
}
