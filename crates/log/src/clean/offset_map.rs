//! The latest offset of each key in the dirty part of a log, in bounded memory.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use types::Offset;

/// Latest offsets by key. A key is known by 128 bits of two hashes with secret seeds, so that an
/// entry costs the same whatever the key's length, and nobody can make two keys one.
#[derive(Debug)]
pub struct OffsetMap {
    seeds: [RandomState; 2],
    offsets: HashMap<u128, Offset>,
    entries_max: usize,
    latest: Option<Offset>,
}

impl OffsetMap {
    /// An empty map for at most so many keys.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        let seeds = [RandomState::new(), RandomState::new()];
        Self { seeds, offsets: HashMap::new(), entries_max, latest: None }
    }

    /// How many keys are in.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offsets.is_empty()
    }

    /// Forgets all keys and keeps the memory.
    pub(super) fn clear(&mut self) {
        self.offsets.clear();
        self.latest = None;
    }

    /// Notes a record; tells whether there was room.
    pub(super) fn put(&mut self, key: &[u8], offset: Offset) -> bool {
        let digest = self.digest(key);
        if self.offsets.len() >= self.entries_max && !self.offsets.contains_key(&digest) {
            return false;
        }
        self.offsets.insert(digest, offset);
        self.note(offset);
        true
    }

    /// Everything up to `offset` was seen.
    pub(super) fn note(&mut self, offset: Offset) {
        self.latest = self.latest.max(Some(offset));
    }

    /// Up to where the log was seen.
    pub(super) const fn latest(&self) -> Option<Offset> {
        self.latest
    }

    /// The latest record of this key.
    pub(super) fn get(&self, key: &[u8]) -> Option<Offset> {
        self.offsets.get(&self.digest(key)).copied()
    }

    fn digest(&self, key: &[u8]) -> u128 {
        let [high, low] = self.seeds.each_ref().map(|seed| u128::from(seed.hash_one(key)));
        high << 64 | low
    }
}
