//! One at a time opens a partition's folder, and nobody takes it away meanwhile: whoever wants it
//! put aside leaves word, and whoever opens it does that at the end.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use types::TopicId;

/// A partition's folder in one directory.
pub(super) type FolderKey = (Box<str>, i32);

/// A folder's owner wants it put aside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Word {
    pub id: TopicId,
    pub delay_ms: i64,
}

/// The folders of a directory that are being opened.
#[derive(Debug, Default)]
pub(super) struct Openings {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Debug, Default)]
struct State {
    begun: HashMap<FolderKey, Option<Word>>,
    are_over: bool,
}

impl Openings {
    /// Waits until nobody else opens that folder. Whether it may be opened: not once
    /// [`Self::end_all`] was called. [`Self::end`] is to follow.
    pub(super) fn begin(&self, key: &FolderKey) -> bool {
        let is_busy = |state: &mut State| state.begun.contains_key(key);
        let waited = self.ended.wait_while(self.state(), is_busy);
        let mut state = waited.unwrap_or_else(PoisonError::into_inner);
        if !state.are_over {
            state.begun.insert(key.clone(), None);
        }
        !state.are_over
    }

    /// Leaves word with who opens the folder at this moment; whether anyone does.
    pub(super) fn leave_word(&self, key: &FolderKey, word: Word) -> bool {
        match self.state().begun.get_mut(key) {
            Some(left) => {
                *left = Some(word);
                true
            }
            None => false,
        }
    }

    /// The next word that was left, which is to be done; without one, the opening has ended.
    pub(super) fn end(&self, key: &FolderKey) -> Option<Word> {
        let mut state = self.state();
        let word = state.begun.get_mut(key).and_then(Option::take);
        if word.is_none() {
            state.begun.remove(key);
            self.ended.notify_all();
        }
        word
    }

    /// Returns when nobody opens a folder; nobody does any more from then on.
    pub(super) fn end_all(&self) {
        let mut state = self.state();
        state.are_over = true;
        let is_busy = |state: &mut State| !state.begun.is_empty();
        drop(self.ended.wait_while(state, is_busy));
    }

    #[cfg(test)]
    pub(super) fn is_begun(&self, key: &FolderKey) -> bool {
        self.state().begun.contains_key(key)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
