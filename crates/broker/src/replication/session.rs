//! A follower's side of a fetch session (KIP-227): which request comes next.

/// No session yet, or none any more.
const FULL: i32 = 0;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Session {
    pub id: i32,
    pub epoch: i32,
    /// The leader had no room for one.
    is_refused: bool,
}

impl Session {
    pub const NONE: Self = Self { id: 0, epoch: FULL, is_refused: false };

    /// Whether the next request names everything.
    pub fn is_full(self) -> bool {
        self.epoch == FULL
    }

    /// Whether the leader may hold the next request back. Not one that asks for a session: who gives
    /// it up before it is answered does not know which one the leader is to end.
    pub fn may_wait(self) -> bool {
        !self.is_full() || self.is_refused
    }

    /// What to go on with where this one is of no use any more: a full request that names it, so
    /// that the leader ends it.
    pub fn anew(self) -> Self {
        Self { epoch: FULL, ..self }
    }

    /// The session behind an answer that named `id`; a leader without room names none.
    pub fn answered(self, id: i32) -> Self {
        let epoch = match (id, self.is_full()) {
            (0, _) => FULL,
            (_, true) => 1,
            (_, false) => self.epoch.checked_add(1).unwrap_or(1),
        };
        Self { id, epoch, is_refused: id == 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(session: Session) -> (i32, i32) {
        (session.id, session.epoch)
    }

    #[test]
    fn a_session_counts_up_from_1_and_without_room_begins_anew() {
        let begun = Session::NONE.answered(7);
        assert_eq!(told(begun), (7, 1));
        assert_eq!(told(begun.answered(7)), (7, 2));
        assert_eq!(Session { epoch: i32::MAX, ..begun }.answered(7).epoch, 1);
        assert_eq!(told(begun.answered(0)), told(Session::NONE));
        assert_eq!(told(Session::NONE.answered(0)), told(Session::NONE));
    }

    #[test]
    fn a_session_that_is_given_up_is_ended_by_the_next_full_request() {
        let given_up = Session::NONE.answered(7).answered(7).anew();
        assert_eq!(told(given_up), (7, 0));
        assert!(given_up.is_full());
        assert_eq!(told(given_up.anew()), (7, 0), "nobody has answered");
        assert_eq!(told(given_up.answered(9)), (9, 1));
    }

    #[test]
    fn an_answer_that_names_a_session_is_not_waited_for() {
        assert!(!Session::NONE.may_wait());
        let begun = Session::NONE.answered(7);
        assert!(begun.may_wait());
        assert!(!begun.anew().may_wait());
        let refused = Session::NONE.answered(0);
        assert!(refused.may_wait(), "else fetches of nothing would follow each other at once");
        assert!(refused.anew().may_wait());
    }
}
