//! The open files of all logs together, so many at most: an idle partition holds none.
//!
//! A log keeps a [`FileSlot`] for each segment, which finds the file without a lock while it is
//! open. The cache evicts by the clock algorithm: a hand goes round, a file used again since its
//! last visit gets another round. Whoever still reads an evicted or removed file holds it by its
//! own `Arc`.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

/// A file that the cache has opened.
#[derive(Debug)]
pub struct OpenFile<F> {
    file: F,
    recently_used: AtomicBool,
}

/// The open files; clones share them.
#[derive(Debug)]
pub struct FileCache<F>(Arc<Mutex<Clock<F>>>);

/// A place that a file has in the cache while it is open.
#[derive(Debug)]
pub(crate) struct FileSlot<F>(Weak<OpenFile<F>>);

#[derive(Debug)]
struct Clock<F> {
    files: Vec<Arc<OpenFile<F>>>,
    hand: usize,
    files_max: usize,
}

impl<F> OpenFile<F> {
    /// The file itself.
    pub const fn file(&self) -> &F {
        &self.file
    }
}

impl<F> Clone for FileCache<F> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<F> Default for FileSlot<F> {
    fn default() -> Self {
        Self(Weak::new())
    }
}

impl<F> FileCache<F> {
    /// A cache of at most `files_max` open files, at least one.
    #[must_use]
    pub fn new(files_max: usize) -> Self {
        let files_max = files_max.max(1);
        Self(Arc::new(Mutex::new(Clock { files: Vec::new(), hand: 0, files_max })))
    }

    /// How many files are open.
    #[must_use]
    pub fn open_files(&self) -> usize {
        self.clock().files.len()
    }

    /// Closes every file that nobody has used again since it was opened or since the last call.
    pub fn close_idle(&self) {
        let mut clock = self.clock();
        clock.files.retain(|file| file.recently_used.swap(false, Ordering::Relaxed));
        clock.files.shrink_to_fit();
        clock.hand = 0;
    }

    /// The slot's file, opened by `open` if it is not.
    ///
    /// # Errors
    /// That of `open`.
    pub(crate) fn get(
        &self,
        slot: &mut FileSlot<F>,
        open: impl FnOnce() -> io::Result<F>,
    ) -> io::Result<Arc<OpenFile<F>>> {
        if let Some(file) = slot.0.upgrade() {
            if !file.recently_used.load(Ordering::Relaxed) {
                file.recently_used.store(true, Ordering::Relaxed);
            }
            return Ok(file);
        }
        let file = Arc::new(OpenFile { file: open()?, recently_used: AtomicBool::new(false) });
        slot.0 = Arc::downgrade(&file);
        self.clock().insert(Arc::clone(&file));
        Ok(file)
    }

    /// Lets go of the slot's file, if it is open: its name is gone, and its room should go too.
    pub(crate) fn close(&self, slot: &mut FileSlot<F>) {
        if let Some(file) = slot.0.upgrade() {
            self.clock().files.retain(|open| !Arc::ptr_eq(open, &file));
        }
        slot.0 = Weak::new();
    }

    fn clock(&self) -> MutexGuard<'_, Clock<F>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<F> Clock<F> {
    fn insert(&mut self, file: Arc<OpenFile<F>>) {
        if self.files.len() < self.files_max {
            self.files.push(file);
            return;
        }
        loop {
            self.hand = (self.hand + 1) % self.files.len();
            let candidate = &mut self.files[self.hand];
            if !candidate.recently_used.swap(false, Ordering::Relaxed) {
                *candidate = file;
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(cache: &FileCache<u32>, slot: &mut FileSlot<u32>, number: u32) -> (u32, bool) {
        let mut opened = false;
        let file = cache.get(slot, || {
            opened = true;
            Ok(number)
        });
        (*file.unwrap().file(), opened)
    }

    #[test]
    fn no_more_files_are_open_than_allowed() {
        let cache = FileCache::new(3);
        let mut slots: Vec<FileSlot<u32>> = (0..10).map(|_| FileSlot::default()).collect();
        for (number, slot) in (0..).zip(&mut slots) {
            assert_eq!(get(&cache, slot, number), (number, true));
            assert!(cache.open_files() <= 3);
        }
        let (_, opened_again) = get(&cache, &mut slots[0], 0);
        assert!(opened_again);
        assert_eq!(get(&cache, &mut slots[9], 9), (9, false));
    }

    #[test]
    fn a_file_that_is_used_outlives_those_that_are_not() {
        let cache = FileCache::new(2);
        let (mut busy, mut first) = (FileSlot::default(), FileSlot::default());
        get(&cache, &mut busy, 1);
        get(&cache, &mut first, 2);
        for number in 3..9 {
            assert_eq!(get(&cache, &mut busy, 1).0, 1);
            get(&cache, &mut FileSlot::default(), number);
        }
        assert_eq!(get(&cache, &mut busy, 1), (1, false));
    }

    #[test]
    fn idle_and_closed_files_are_let_go() {
        let cache = FileCache::new(8);
        let (mut idle, mut closed) = (FileSlot::default(), FileSlot::default());
        get(&cache, &mut idle, 1);
        get(&cache, &mut closed, 2);
        cache.close(&mut closed);
        assert_eq!(cache.open_files(), 1);
        assert_eq!(get(&cache, &mut idle, 1), (1, false));
        cache.close_idle();
        assert_eq!(cache.open_files(), 1);
        cache.close_idle();
        assert_eq!(cache.open_files(), 0);
        assert_eq!(get(&cache, &mut idle, 1), (1, true));
    }
}
