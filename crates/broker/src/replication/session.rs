//! A follower's side of a fetch session (KIP-227): which request comes next.

/// No session yet, or none any more.
const FULL: i32 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub id: i32,
    pub epoch: i32,
}

impl Session {
    pub const NONE: Self = Self { id: 0, epoch: FULL };

    /// Whether the next request names everything.
    pub fn is_full(self) -> bool {
        self.epoch == FULL
    }

    /// The session behind an answer that named `id`; a leader without room names none.
    pub fn answered(self, id: i32) -> Self {
        match (id, self.is_full()) {
            (0, _) => Self::NONE,
            (id, true) => Self { id, epoch: 1 },
            (id, false) => Self { id, epoch: self.epoch.checked_add(1).unwrap_or(1) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_counts_up_from_1_and_without_room_begins_anew() {
        let begun = Session::NONE.answered(7);
        assert_eq!(begun, Session { id: 7, epoch: 1 });
        assert_eq!(begun.answered(7), Session { id: 7, epoch: 2 });
        assert_eq!(Session { id: 7, epoch: i32::MAX }.answered(7).epoch, 1);
        assert_eq!(begun.answered(0), Session::NONE);
        assert_eq!(Session::NONE.answered(0), Session::NONE);
    }
}
