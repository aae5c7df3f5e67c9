//! Compacts logs, one at a time, the dirtiest first, on a thread of its own.

use super::Chores;
use crate::partition::{Partition, Partitions, now};
use log::{Cleaning, Compaction, Dirtiness, LogError, OffsetMap, WatchedDisk};
use std::collections::HashSet;
use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use types::{Offset, TopicId};

/// What the server's properties say of compaction.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CleanerSettings {
    /// `log.cleaner.enable`.
    pub is_enabled: bool,
    /// `log.cleaner.backoff.ms`: the rest when no log needs compaction.
    pub backoff: Duration,
    /// `log.cleaner.dedupe.buffer.size`: room for keys.
    pub map_bytes_max: usize,
}

/// What a key costs in the map, at its fullest.
const KEY_BYTES: usize = 64;

/// The running thread; none where compaction is turned off.
#[derive(Debug)]
pub(crate) struct Cleaner {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Stop {
    is_asked: Mutex<bool>,
    asked: Condvar,
}

impl Stop {
    fn is_asked(&self) -> bool {
        *self.is_asked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Rests; tells whether the thread shall end.
    fn wait(&self, time: Duration) -> bool {
        let is_asked = self.is_asked.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.asked.wait_timeout_while(is_asked, time, |is_asked| !*is_asked);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

impl Cleaner {
    pub(crate) fn start(
        chores: Arc<Chores>,
        partitions: Arc<Partitions>,
        settings: CleanerSettings,
    ) -> io::Result<Self> {
        let stop = Arc::new(Stop::default());
        if !settings.is_enabled {
            return Ok(Self { stop, thread: None });
        }
        let round = Round {
            chores,
            partitions,
            settings,
            stop: Arc::clone(&stop),
            uncleanable: HashSet::new(),
        };
        let thread = thread::Builder::new().name("klamm-cleaner".into());
        Ok(Self { stop, thread: Some(thread.spawn(move || round.run())?) })
    }

    /// Ends the thread behind the group of segments that it is writing.
    pub(crate) fn stop(self) {
        *self.stop.is_asked.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.asked.notify_one();
        if self.thread.is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the cleaner's thread panicked");
        }
    }
}

struct Round {
    chores: Arc<Chores>,
    partitions: Arc<Partitions>,
    settings: CleanerSettings,
    stop: Arc<Stop>,
    /// Logs with damage: trying again would not help.
    uncleanable: HashSet<(TopicId, i32)>,
}

/// A log that is due.
struct Due {
    partition: Arc<Partition>,
    dirtiness: Dirtiness,
    compaction: Compaction,
}

impl Round {
    fn run(mut self) {
        while !self.stop.is_asked() {
            match self.dirtiest() {
                Some(due) => self.clean(&due),
                None if self.stop.wait(self.settings.backoff) => return,
                None => {}
            }
        }
    }

    /// Of the logs that are open: whoever is closed was not written since it was looked at last.
    fn dirtiest(&self) -> Option<Due> {
        let partitions = self.partitions.all();
        let due = partitions.into_iter().filter_map(|partition| self.due(partition));
        due.max_by(|one, other| one.dirtiness.ratio().total_cmp(&other.dirtiness.ratio()))
    }

    fn due(&self, partition: Arc<Partition>) -> Option<Due> {
        let compaction = partition.topic.rules.load().compaction?;
        let is_uncleanable = self.uncleanable.contains(&(partition.topic.id, partition.index));
        // what is compacted while it is copied would have to be copied again
        if is_uncleanable || partition.future().is_some() {
            return None;
        }
        let cleaned_to =
            partition.directory().cleaned_to(&partition.topic.name, partition.index).ok()?;
        let mut log = partition.log_if_open()?;
        let high_watermark = log.ends().high_watermark;
        let dirtiness = log.dirtiness(cleaned_to, high_watermark, &compaction, now());
        drop(log);
        let dirtiness = dirtiness
            .inspect_err(|error| tracing::warn!(?partition, %error, "cannot tell what is dirty"))
            .ok()?;
        let is_due = dirtiness.is_due(&compaction);
        is_due.then_some(Due { partition, dirtiness, compaction })
    }

    fn clean(&mut self, due: &Due) {
        let Due { partition, dirtiness, .. } = due;
        let topic = &partition.topic;
        match self.compact_and_note(due) {
            Ok(None) => {}
            Ok(Some(end)) if end > dirtiness.first_dirty => {}
            // no room for the keys of a single batch: the next time is no better
            Ok(Some(_)) => {
                self.uncleanable.insert((topic.id, partition.index));
            }
            Err(_) if partition.is_gone() => {}
            Err(LogError::DiskFull(error)) => {
                tracing::warn!(?partition, %error, "compaction waits for room");
                self.stop.wait(self.settings.backoff);
            }
            Err(error) => {
                tracing::error!(?partition, %error, "the log is not compacted until the next start");
                self.uncleanable.insert((topic.id, partition.index));
            }
        }
    }

    /// As [`Self::compact`]. What it says is noted where the log was at the beginning: it may have moved,
    /// or another topic have its name by now.
    fn compact_and_note(&self, due: &Due) -> Result<Option<Offset>, LogError> {
        let partition = &due.partition;
        let directory = partition.directory();
        directory.begin_to_clean()?;
        let end = self.compact(due)?;
        if let Some(end) = end {
            directory.store_cleaned_to(&partition.topic.name, partition.index, end)?;
        }
        Ok(end)
    }

    /// Yields up to where the log is clean; `None` where somebody else has changed the log meanwhile,
    /// or the thread shall end.
    fn compact(&self, due: &Due) -> Result<Option<Offset>, LogError> {
        let Due { partition, dirtiness, compaction } = due;
        let (generation, cleaning) = match partition.log_if_open() {
            Some(mut log) => {
                let high_watermark = log.ends().high_watermark;
                let cleaning = log.begin_clean(dirtiness, high_watermark, compaction, now())?;
                (log.generation(), cleaning)
            }
            None => return Ok(None),
        };
        let compacted = self.compact_from(partition, cleaning);
        let is_there = || partition.log_if_open().is_some_and(|log| log.generation() == generation);
        // what was cut, or has moved away, cannot be read to its end
        if compacted.is_err() && !is_there() { Ok(None) } else { compacted }
    }

    fn compact_from(
        &self,
        partition: &Partition,
        cleaning: Cleaning<WatchedDisk>,
    ) -> Result<Option<Offset>, LogError> {
        // freed behind each log: between them, days may go by
        let mut map = OffsetMap::new((self.settings.map_bytes_max / KEY_BYTES).max(1));
        let mut mapped = cleaning.map(&mut map)?;
        let (mut before, mut after) = (0, 0);
        while !self.stop.is_asked() {
            let Some(cleaned) = mapped.clean_group()? else {
                let end = mapped.end();
                tracing::info!(?partition, before, after, to = end.0, "compacted, in bytes");
                return Ok(Some(end));
            };
            let (bytes_before, bytes_after) = cleaned.bytes_before_and_after();
            (before, after) = (before + bytes_before, after + bytes_after);
            let Some(mut log) = partition.log_if_open() else { break };
            let Some(retired) = log.replace(cleaned, now())? else { break };
            drop(log);
            self.chores.add_files(retired);
        }
        Ok(None)
    }
}
