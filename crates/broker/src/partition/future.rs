//! A replica on its way to another directory of this broker: it copies while the current one is
//! served, and takes its place when it has everything and the controller knows where it will be.
//!
//! ```text
//!   begin_move ─▶ step … step ─▶ complete ─▶ the controller is told ─▶ swap
//!        └───────────┴──────────────┴───────────────┴─▶ cancelled: another directory is named,
//!                                                       the partition or a directory is gone
//! ```

use super::directory::PartitionLog;
use super::{LogDirectory, LogState, Partition, now};
use log::{LogError, Relocated};
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::{ErrorCode, Offset};

/// So much may be left to copy when the log is held for the swap.
const LAST_BYTES_MAX: u32 = 1 << 20;

/// The copy that a replica makes of itself.
pub(crate) struct FutureReplica {
    pub directory: Arc<LogDirectory>,
    pub folder: PathBuf,
    copy: Mutex<Progress>,
    end: AtomicI64,
    is_complete: AtomicBool,
}

enum Progress {
    /// Begun by an earlier run of the broker.
    Found,
    Open(Box<PartitionLog>),
    /// It has taken its place, or was given up.
    Gone,
}

/// What became of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// So many bytes more are copied.
    Copied(u64),
    /// There is nothing to copy for the time being.
    Waiting,
    /// The controller is to be told before it can go on.
    Complete,
    /// The replica has moved, or will not.
    Ended,
}

/// Why a step was not done.
#[derive(Debug)]
enum Obstacle {
    /// The current log cannot be used.
    Current(ErrorCode),
    Log(LogError),
}

impl From<ErrorCode> for Obstacle {
    fn from(code: ErrorCode) -> Self {
        Self::Current(code)
    }
}

impl From<LogError> for Obstacle {
    fn from(error: LogError) -> Self {
        Self::Log(error)
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Current(code) => f.write_str(code.name()),
            Self::Log(error) => error.fmt(f),
        }
    }
}

impl fmt::Debug for FutureReplica {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FutureReplica").field("folder", &self.folder).finish_non_exhaustive()
    }
}

impl FutureReplica {
    fn begun(directory: Arc<LogDirectory>, copy: PartitionLog) -> Self {
        Self {
            directory,
            folder: copy.folder().to_owned(),
            end: AtomicI64::new(copy.end_offset().0),
            copy: Mutex::new(Progress::Open(Box::new(copy))),
            is_complete: AtomicBool::new(false),
        }
    }

    /// One that an earlier run has begun.
    pub(super) fn found(directory: Arc<LogDirectory>, folder: PathBuf) -> Self {
        let (copy, end) = (Mutex::new(Progress::Found), AtomicI64::new(0));
        Self { directory, folder, copy, end, is_complete: AtomicBool::new(false) }
    }

    /// Where the copy ends.
    pub(crate) fn end(&self) -> Offset {
        Offset(self.end.load(Ordering::Acquire))
    }

    /// Whether it had everything at some moment.
    pub(super) fn is_complete(&self) -> bool {
        self.is_complete.load(Ordering::Acquire)
    }

    fn copy(&self) -> MutexGuard<'_, Progress> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the copy up, unless it is the log by now.
    fn discard(&self) {
        let mut copy = self.copy();
        if !matches!(*copy, Progress::Gone) {
            *copy = Progress::Gone;
            if let Err(error) = self.directory.remove(&self.folder) {
                tracing::warn!(%error, "a copy that nobody needs stays");
            }
        }
    }
}

impl Partition {
    /// Begins to move to `directory`, or ends a move that goes elsewhere; tells whether there is
    /// something to do. It may block.
    ///
    /// # Errors
    /// `INVALID_TOPIC_EXCEPTION` where the topic's name is too long for a copy's folder,
    /// `KAFKA_STORAGE_ERROR`.
    pub(crate) fn begin_move(&self, directory: &Arc<LogDirectory>) -> Result<bool, ErrorCode> {
        let goes_there = |future: &Arc<FutureReplica>| Arc::ptr_eq(&future.directory, directory);
        if self.place.future().as_ref().is_some_and(goes_there) {
            return Ok(false);
        }
        self.cancel_move();
        if Arc::ptr_eq(&self.directory(), directory) {
            return Ok(false);
        }
        // a log that nobody has used yet has no folder to move
        self.open()?;
        let config = self.topic.rules.load().log.clone();
        let (name, id) = (&self.topic.name, self.topic.id);
        let copy = directory.create_future(name, id, self.index, config).map_err(|error| {
            tracing::error!(partition = ?self, %error, "cannot begin to move");
            error.code()
        })?;
        let copy = copy.ok_or(ErrorCode::InvalidTopicException)?;
        self.set_future(FutureReplica::begun(Arc::clone(directory), copy));
        tracing::info!(partition = ?self, to = %directory.path.display(), "the replica moves");
        Ok(true)
    }

    /// Takes up a move that an earlier run of the broker has begun.
    pub(super) fn resume_move(&self, directory: &Arc<LogDirectory>, folder: PathBuf) {
        self.set_future(FutureReplica::found(Arc::clone(directory), folder));
    }

    fn set_future(&self, future: FutureReplica) {
        let before = self.place.future().replace(Arc::new(future));
        if let Some(before) = before {
            before.discard();
        }
    }

    /// The copy that is being made, if one is.
    pub(crate) fn future(&self) -> Option<Arc<FutureReplica>> {
        self.place.future().clone()
    }

    /// Stays where it is.
    pub(crate) fn cancel_move(&self) {
        // bound on its own, so that the lock is free while the folder goes
        let future = self.place.future().take();
        if let Some(future) = future {
            tracing::info!(partition = ?self, "the replica does not move");
            future.discard();
        }
    }

    /// Copies the next batches, or takes the last step. It may block.
    pub(crate) fn move_on(&self, bytes_max: u32) -> Step {
        let Some(future) = self.future() else { return Step::Ended };
        match self.step(&future, bytes_max) {
            Ok(step) => step,
            Err(Obstacle::Log(LogError::DiskFull(error))) if !self.is_gone() => {
                tracing::warn!(partition = ?self, %error, "the move waits for room");
                Step::Waiting
            }
            Err(obstacle) => {
                if !self.is_gone() {
                    tracing::error!(partition = ?self, %obstacle, "the replica cannot be moved");
                }
                self.cancel_move();
                Step::Ended
            }
        }
    }

    fn step(&self, future: &FutureReplica, bytes_max: u32) -> Result<Step, Obstacle> {
        let mut slot = future.copy();
        if matches!(*slot, Progress::Found) {
            *slot = self.open_found(future)?;
        }
        let Progress::Open(copy) = &mut *slot else { return Ok(Step::Ended) };
        future.end.store(copy.end_offset().0, Ordering::Release);
        let mut current = self.open()?;
        let piece = copy.next_piece(&mut current, bytes_max, now())?;
        drop(current);
        let Some(piece) = piece else { return self.finish(future, &mut slot) };
        let bytes = piece.read()?;
        if !self.open()?.still_has(&piece) {
            return Ok(Step::Copied(0));
        }
        copy.take_piece(&bytes, now())?;
        future.end.store(copy.end_offset().0, Ordering::Release);
        Ok(Step::Copied(bytes.len() as u64))
    }

    fn open_found(&self, future: &FutureReplica) -> Result<Progress, Obstacle> {
        let config = self.topic.rules.load().log.clone();
        let found = future.directory.open_future(&future.folder, self.topic.id, config)?;
        // one of another topic that had the same name is none
        found
            .map(|copy| Progress::Open(Box::new(copy)))
            .ok_or(ErrorCode::InconsistentTopicId.into())
    }

    /// The copy has what the log had a moment ago.
    fn finish(&self, future: &FutureReplica, slot: &mut Progress) -> Result<Step, Obstacle> {
        let Progress::Open(copy) = &mut *slot else { return Ok(Step::Ended) };
        copy.flush(now())?;
        let was_complete = future.is_complete.swap(true, Ordering::AcqRel);
        if !self.place.is_agreed(future.directory.id) {
            return Ok(if was_complete { Step::Waiting } else { Step::Complete });
        }
        self.swap(future, slot)
    }

    /// Makes the copy the log, while nobody can use either.
    fn swap(&self, future: &FutureReplica, slot: &mut Progress) -> Result<Step, Obstacle> {
        let Progress::Open(copy) = &mut *slot else { return Ok(Step::Ended) };
        let mut current = self.open()?;
        while let Some(piece) = copy.next_piece(&mut current, LAST_BYTES_MAX, now())? {
            let bytes = piece.read()?;
            copy.take_piece(&bytes, now())?;
            if bytes.len() as u64 >= u64::from(LAST_BYTES_MAX) {
                return Ok(Step::Copied(bytes.len() as u64));
            }
        }
        let left = self.directory();
        let (name, index) = (&self.topic.name, self.index);
        let high_watermark = current.ends().high_watermark;
        let known = Relocated { high_watermark, cleaned_to: left.cleaned_to(name, index)? };
        future.directory.promote(copy, &current, name, index, known)?;
        copy.set_high_watermark(high_watermark);
        let Progress::Open(copy) = std::mem::replace(slot, Progress::Gone) else {
            unreachable!("it was open above")
        };
        current.replica.log = LogState::Open(copy);
        self.place.move_to(Arc::clone(&future.directory));
        self.forget_move(future);
        self.retire_left(&left);
        drop(current);
        tracing::info!(partition = ?self, to = %self.directory().path.display(), "moved");
        self.refresh_config();
        Ok(Step::Ended)
    }

    /// Readers may still hold files in it.
    fn retire_left(&self, left: &LogDirectory) {
        let delay_ms = self.topic.rules.load().log.file_delete_delay_ms;
        let retired = left.retire(&self.topic.name, self.topic.id, self.index, delay_ms);
        if let Err(error) = retired {
            tracing::error!(partition = ?self, %error, "the folder that was left stays");
        }
    }

    fn forget_move(&self, future: &FutureReplica) {
        let mut known = self.place.future();
        if known.as_ref().is_some_and(|known| std::ptr::eq(&raw const **known, future)) {
            *known = None;
        }
    }
}
