//! Who waits for which end of a partition to move.

use super::EndsSeen;
use super::waiters::Waiters;

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Move {
    /// Records were appended: followers wait for that.
    Appended,
    /// Records were committed, or the log's start has moved: all others wait for that.
    Committed,
}

#[derive(Debug, Default)]
pub(super) struct Moves {
    appended: Waiters,
    committed: Waiters,
}

impl Moves {
    pub(super) fn of(&self, kind: Move) -> &Waiters {
        match kind {
            Move::Appended => &self.appended,
            Move::Committed => &self.committed,
        }
    }

    /// Wakes those for whom something has moved.
    pub(super) fn wake(&self, before: EndsSeen, after: EndsSeen) {
        if before.log_end != after.log_end || before.log_start != after.log_start {
            self.appended.wake();
        }
        let committed = |ends: EndsSeen| EndsSeen { log_end: after.log_end, ..ends };
        if committed(before) != after {
            self.committed.wake();
        }
    }

    /// Wakes everyone: another broker leads, or nobody any more.
    pub(super) fn wake_all(&self) {
        self.appended.wake();
        self.committed.wake();
    }
}
