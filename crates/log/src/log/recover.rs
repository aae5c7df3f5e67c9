//! After a crash: what is whole stays, the first bad byte ends the log.

use types::Offset;

use super::Log;
use super::append::marker_of;
use super::load::Listing;
use crate::disk::Disk;
use crate::error::{Attempt as _, LogError, StorageError};
use crate::names::Part;
use crate::scan::{Damage, Located, Scanner};
use record::ValidBatch;

/// How far a segment is whole.
struct Sound {
    bytes: u32,
    damage: Option<Damage>,
}

impl<D: Disk> Log<D> {
    /// Reads the segments from the `first` on, whole: checksums are compared, indexes, epochs and
    /// producers rebuilt. The log is cut at the first batch that is torn, garbled or out of order,
    /// and what lies behind it is removed. A gap between segments is a loss as well, unless
    /// compaction makes gaps: where a power failure has taken the end of a segment but not the next
    /// one, the records in front of the gap are the log. Room that was set aside for batches is no
    /// damage, but a gap behind it is a loss whoever made it. Before `durable_to` nothing can be lost:
    /// a gap there is from a time when the topic was compacted.
    pub(super) fn recover_segments(
        &mut self,
        listing: &Listing,
        first: usize,
        durable_to: Offset,
    ) -> Result<(), LogError> {
        let behind: Vec<_> = self.segments.drain(first..).collect();
        self.end = behind.first().map_or(self.end, |segment| segment.base_offset);
        let mut is_cut = false;
        let mut may_have_gaps = self.config.cleanup_compact;
        for mut segment in behind {
            let gap = segment.base_offset.0 - self.end.0;
            let may_have_gap = may_have_gaps || segment.base_offset <= durable_to;
            if is_cut || gap < 0 || (gap > 0 && !may_have_gap) {
                is_cut = true;
                self.recovery.truncated_bytes += u64::from(segment.bytes);
                segment.close_file(&self.home);
                self.remove_files(segment.base_offset)?;
                continue;
            }
            let bytes = segment.bytes;
            self.recovery.scanned_bytes += u64::from(bytes);
            self.end = segment.base_offset;
            self.remove_indexes(listing, segment.base_offset)?;
            segment.reset_indexes();
            self.segments.push(segment);
            let sound = self.sweep()?;
            if let Some(damage) = sound.damage.filter(|damage| !damage.is_blank) {
                self.cut_active(sound.bytes, bytes, &damage)?;
                is_cut = true;
            } else if sound.bytes < bytes {
                let active = self.segments.last_mut().expect("a log has an active segment");
                active.cut(&self.home, sound.bytes)?;
                may_have_gaps = false;
            }
        }
        self.store_recovered_indexes(first)
    }

    fn remove_indexes(&self, listing: &Listing, base_offset: Offset) -> Result<(), StorageError> {
        for part in [Part::OffsetIndex, Part::TimeIndex, Part::TxnIndex] {
            if listing.has(base_offset, part) {
                self.home.remove_if_there(&self.home.path(base_offset, part))?;
            }
        }
        Ok(())
    }

    /// Walks over the active segment, whose indexes are empty, up to the first bad batch.
    fn sweep(&mut self) -> Result<Sound, LogError> {
        let path = self.home.path(self.active_base(), Part::Log);
        let active = self.segments.last_mut().expect("a log has an active segment");
        let bytes = active.bytes;
        if bytes == 0 {
            return Ok(Sound { bytes, damage: None });
        }
        let file = active.file(&self.home)?;
        let mut scanner = Scanner::sweep(file.file(), 0, bytes);
        loop {
            let batch = match scanner.step().attempt("read", &path)? {
                Ok(None) => return Ok(Sound { bytes, damage: None }),
                Err(damage) => {
                    return Ok(Sound { bytes: damage.position, damage: Some(damage) });
                }
                Ok(Some(batch)) => batch,
            };
            let is_crc_valid = scanner.is_crc_valid(&batch).attempt("read", &path)?;
            if let Some(why) = self.objection(&batch, is_crc_valid) {
                let position = batch.position;
                let damage = Some(Damage { position, why, is_blank: false });
                return Ok(Sound { bytes: position, damage });
            }
            let body = batch.header.attributes.is_control().then(|| scanner.read(&batch));
            let body = body.transpose().attempt("read", &path)?;
            self.take_in(&batch, body.as_deref())?;
        }
    }

    fn objection(&self, batch: &Located, is_crc_valid: bool) -> Option<String> {
        if !is_crc_valid {
            return Some("the checksum does not match".to_owned());
        }
        let base = batch.base_offset();
        (base < self.end).then(|| format!("offset {base} follows {}", self.end))
    }

    /// A batch that is in the active segment becomes part of the log.
    fn take_in(&mut self, batch: &Located, control: Option<&[u8]>) -> Result<(), LogError> {
        let interval = self.config.index_interval_bytes;
        let active = self.segments.last_mut().expect("a log has an active segment");
        active.index(&self.home, batch, interval)?;
        self.end = batch.header.next_offset();
        let valid = control.and_then(|bytes| ValidBatch::trusted(bytes).ok());
        let marker = valid.and_then(|batch| marker_of(&batch).ok().flatten());
        self.note(&batch.header, marker)
    }

    fn cut_active(&mut self, sound: u32, bytes: u32, damage: &Damage) -> Result<(), LogError> {
        let active = self.segments.last_mut().expect("a log has an active segment");
        let path = self.home.path(active.base_offset, Part::Log);
        let what = format!("{} at byte {}: {}", path.display(), damage.position, damage.why);
        tracing::warn!(
            cut_bytes = bytes - sound,
            end_offset = self.end.0,
            "{what}; the log ends there"
        );
        self.recovery.truncated_bytes += u64::from(bytes - sound);
        self.recovery.damage = Some(what);
        active.cut(&self.home, sound)?;
        Ok(())
    }

    /// Closed segments have complete indexes on disk; the active one's are written when it is
    /// closed.
    fn store_recovered_indexes(&mut self, first: usize) -> Result<(), LogError> {
        let closed = self.segments.len() - 1;
        for segment in self.segments.iter_mut().take(closed).skip(first) {
            segment.seal(&self.home)?;
            segment.forget_indexes();
        }
        Ok(())
    }

    /// Reads every epoch from the batches: the checkpoint could not be used.
    pub(super) fn rebuild_epochs(&mut self) -> Result<(), LogError> {
        self.epochs.truncate_end(Offset(0));
        self.walk(self.start, self.end, |log, batch, _| {
            log.epochs.assign_later(batch.header.leader_epoch, batch.base_offset());
        })
    }

    /// Shows every batch in `from..to` by its header, with all bytes where it is a control batch.
    pub(super) fn walk(
        &mut self,
        from: Offset,
        to: Offset,
        mut visit: impl FnMut(&mut Self, &Located, Option<&[u8]>),
    ) -> Result<(), LogError> {
        if from >= to {
            return Ok(());
        }
        for index in self.segment_at(from)..self.segments.len() {
            let segment = &mut self.segments[index];
            if segment.base_offset >= to {
                break;
            }
            if segment.bytes == 0 {
                continue;
            }
            let path = self.home.path(segment.base_offset, Part::Log);
            let position = segment.position_before(&self.home, from)?;
            let (file, bytes) = (segment.file(&self.home)?, segment.bytes);
            let mut scanner = Scanner::sweep(file.file(), position, bytes);
            while let Some(batch) = scanner
                .step()
                .attempt("read", &path)?
                .map_err(|damage| crate::segment::damaged(&path, &damage))?
            {
                if batch.base_offset() >= to {
                    break;
                }
                if batch.header.last_offset() >= from {
                    let is_control = batch.header.attributes.is_control();
                    let body = is_control.then(|| scanner.read(&batch)).transpose();
                    visit(self, &batch, body.attempt("read", &path)?.as_deref());
                }
            }
        }
        Ok(())
    }
}
