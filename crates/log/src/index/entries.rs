//! A file of sorted entries of equal size that grows at its end: what the offset and the time index
//! share.
//!
//! The newest entries wait in memory and are written a page at a time: an index costs the append
//! path one system call every few thousand batches. A crash loses what waits, and recovery writes
//! it again from the log.

use std::path::Path;

use crate::disk::{Access, Disk, DiskFile, read_exact_at};
use crate::error::{Attempt as _, StorageError};

/// So many entries wait in memory before they are written: ten thousand busy partitions can afford
/// them.
const WAITING_ENTRIES_MAX: u32 = 128;
/// So many are read at once: those of the next 2 MiB of log, at Kafka's default interval.
const PAGE_ENTRIES: u32 = 512;

/// Entries of `N` bytes.
#[derive(Debug, Default)]
pub(crate) struct Entries<const N: usize> {
    stored: u32,
    waiting: Vec<[u8; N]>,
    page: Option<Page<N>>,
}

/// The part of the file that was read last, for those who read on.
#[derive(Debug)]
struct Page<const N: usize> {
    first: u32,
    entries: Box<[[u8; N]]>,
}

/// Where an index lies.
#[derive(Debug)]
pub(crate) struct Place<'a, D> {
    pub(crate) disk: &'a D,
    pub(crate) path: &'a Path,
}

impl<const N: usize> Entries<N> {
    /// Bytes of an entry, as the file's length counts them.
    const ENTRY_BYTES: u64 = N as u64;

    /// The entries of a file; none without one. A part of an entry at the end does not count.
    pub(crate) fn open<D: Disk>(place: &Place<'_, D>) -> Result<Self, StorageError> {
        let bytes = match place.disk.stat(place.path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
            stat => stat.attempt("look at", place.path)?.bytes,
        };
        let stored = u32::try_from(bytes / Self::ENTRY_BYTES)
            .map_err(|_| StorageError::corrupt(place.path, "an index has less than 4 GiB"))?;
        Ok(Self { stored, waiting: Vec::new(), page: None })
    }

    pub(crate) fn count(&self) -> u32 {
        self.stored + self.waiting_count()
    }

    fn waiting_count(&self) -> u32 {
        u32::try_from(self.waiting.len()).expect("few wait")
    }

    /// Whether the next [`Entries::push`] should be preceded by [`Entries::store`].
    pub(crate) fn has_many_waiting(&self) -> bool {
        self.waiting_count() >= WAITING_ENTRIES_MAX
    }

    pub(crate) fn push(&mut self, entry: [u8; N]) {
        self.waiting.push(entry);
    }

    /// Writes what waits, and creates the file if there is none.
    pub(crate) fn store<D: Disk>(&mut self, place: &Place<'_, D>) -> Result<(), StorageError> {
        let file = place.disk.open(place.path, Access::Create).attempt("open", place.path)?;
        let position = u64::from(self.stored) * Self::ENTRY_BYTES;
        file.write_at(self.waiting.as_flattened(), &[], position).attempt("write", place.path)?;
        self.stored = self.count();
        self.waiting = Vec::new();
        Ok(())
    }

    /// Drops entries from the end until `count` are left.
    pub(crate) fn truncate<D: Disk>(
        &mut self,
        count: u32,
        place: &Place<'_, D>,
    ) -> Result<(), StorageError> {
        if count >= self.stored {
            let waiting = (count - self.stored) as usize;
            self.waiting.truncate(waiting);
            return Ok(());
        }
        let file = place.disk.open(place.path, Access::Create).attempt("open", place.path)?;
        file.set_len(u64::from(count) * Self::ENTRY_BYTES).attempt("cut", place.path)?;
        *self = Self { stored: count, waiting: Vec::new(), page: None };
        Ok(())
    }

    /// Every entry, in order.
    pub(crate) fn read_all<D: Disk>(
        &self,
        place: &Place<'_, D>,
    ) -> Result<Vec<[u8; N]>, StorageError> {
        let mut entries = vec![[0; N]; self.stored as usize];
        if self.stored > 0 {
            Reader::new(place).read(entries.as_flattened_mut(), 0)?;
        }
        entries.extend(&self.waiting);
        Ok(entries)
    }

    pub(crate) fn last<D: Disk>(
        &mut self,
        place: &Place<'_, D>,
    ) -> Result<Option<[u8; N]>, StorageError> {
        match self.count().checked_sub(1) {
            Some(last) => self.get(last, &mut Reader::new(place)).map(Some),
            None => Ok(None),
        }
    }

    /// How many entries, from the first on, satisfy `is_before`; and the last of them.
    pub(crate) fn search<D: Disk>(
        &mut self,
        place: &Place<'_, D>,
        is_before: impl Fn(&[u8; N]) -> bool,
    ) -> Result<(u32, Option<[u8; N]>), StorageError> {
        let mut reader = Reader::new(place);
        let (mut low, mut high) = self.search_range(&is_before);
        while low < high {
            let middle = low + (high - low) / 2;
            // within one page, the rest is searched in memory
            if high - low <= PAGE_ENTRIES / 2 {
                self.load_page(low, &mut reader)?;
            }
            if is_before(&self.get(middle, &mut reader)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        let last = low.checked_sub(1).map(|last| self.get(last, &mut reader)).transpose()?;
        Ok((low, last))
    }

    /// Bounds of a search that what is in memory already gives.
    fn search_range(&self, is_before: &impl Fn(&[u8; N]) -> bool) -> (u32, u32) {
        if self.waiting.first().is_some_and(is_before) {
            return (self.stored, self.count());
        }
        if let Some(page) = &self.page {
            let count = u32::try_from(page.entries.len()).unwrap_or(0);
            let reaches_up = page.first + count >= self.stored;
            let is_here = page.entries.first().is_some_and(is_before)
                && (reaches_up || page.entries.last().is_some_and(|last| !is_before(last)));
            if is_here {
                return (page.first, page.first + count);
            }
        }
        (0, self.stored)
    }

    fn get<D: Disk>(&self, at: u32, reader: &mut Reader<'_, D>) -> Result<[u8; N], StorageError> {
        if let Some(waiting) = at.checked_sub(self.stored) {
            return Ok(self.waiting[waiting as usize]);
        }
        let in_page = self
            .page
            .as_ref()
            .and_then(|page| page.entries.get(at.checked_sub(page.first)? as usize).copied());
        if let Some(entry) = in_page {
            return Ok(entry);
        }
        let mut entry = [0; N];
        reader.read(&mut entry, u64::from(at) * Self::ENTRY_BYTES)?;
        Ok(entry)
    }

    fn load_page<D: Disk>(
        &mut self,
        first: u32,
        reader: &mut Reader<'_, D>,
    ) -> Result<(), StorageError> {
        let is_loaded = self.page.as_ref().is_some_and(|page| {
            first >= page.first && ((first - page.first) as usize) < page.entries.len()
        });
        let count = PAGE_ENTRIES.min(self.stored.saturating_sub(first)) as usize;
        if is_loaded || count == 0 {
            return Ok(());
        }
        let mut entries = vec![[0; N]; count].into_boxed_slice();
        reader.read(entries.as_flattened_mut(), u64::from(first) * Self::ENTRY_BYTES)?;
        self.page = Some(Page { first, entries });
        Ok(())
    }
}

/// Opens the file at the first read that memory cannot answer.
struct Reader<'a, D: Disk> {
    place: &'a Place<'a, D>,
    file: Option<D::File>,
}

impl<'a, D: Disk> Reader<'a, D> {
    const fn new(place: &'a Place<'a, D>) -> Self {
        Self { place, file: None }
    }

    fn read(&mut self, buffer: &mut [u8], position: u64) -> Result<(), StorageError> {
        let Place { disk, path } = self.place;
        let file = match &mut self.file {
            Some(file) => file,
            empty => empty.insert(disk.open(path, Access::Read).attempt("open", path)?),
        };
        read_exact_at(file, buffer, position).attempt("read", path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::MemDisk;

    #[test]
    fn every_entry_is_found_whether_stored_waiting_or_cached() {
        let disk = MemDisk::new();
        let place = Place { disk: &disk, path: Path::new("/i") };
        let mut entries = Entries::<4>::default();
        for i in 0..3000_u32 {
            if entries.has_many_waiting() {
                entries.store(&place).unwrap();
            }
            entries.push((i * 10).to_be_bytes());
        }
        assert_eq!((entries.count(), entries.stored), (3000, 2944));
        for probe in (0..3000).rev().chain(0..3000).chain([2999, 5, 1400, 1401]) {
            for (target, expected) in [(probe * 10, probe), (probe * 10 + 1, probe + 1)] {
                let before = |entry: &[u8; 4]| u32::from_be_bytes(*entry) < target;
                let (count, last) = entries.search(&place, before).unwrap();
                assert_eq!(count, expected, "target {target}");
                let last = last.map(u32::from_be_bytes);
                assert_eq!(last, expected.checked_sub(1).map(|last| last * 10));
            }
        }
    }

    #[test]
    fn a_cut_drops_waiting_and_stored_entries() {
        let disk = MemDisk::new();
        let place = Place { disk: &disk, path: Path::new("/i") };
        let mut entries = Entries::<4>::default();
        (0..10_u32).for_each(|i| entries.push(i.to_be_bytes()));
        entries.store(&place).unwrap();
        (10..20_u32).for_each(|i| entries.push(i.to_be_bytes()));
        entries.truncate(15, &place).unwrap();
        assert_eq!(entries.last(&place).unwrap(), Some(14_u32.to_be_bytes()));
        entries.truncate(3, &place).unwrap();
        assert_eq!(entries.last(&place).unwrap(), Some(2_u32.to_be_bytes()));
        assert_eq!(disk.stat(place.path).unwrap().bytes, 12);
        assert_eq!(Entries::<4>::open(&place).unwrap().count(), 3);
    }
}
