//! Fetch sessions (KIP-227): brokers remember what we read, so that requests say what changed.

use std::collections::BTreeMap;

use types::ErrorCode;

use crate::TopicPartition;

/// What a fetch says about one partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wish {
    pub offset: i64,
    pub leader_epoch: i32,
    pub bytes_max: i32,
}

/// The session with one broker.
#[derive(Debug, Default)]
pub(super) struct Session {
    /// 0 while there is none.
    id: i32,
    /// 0 opens a session.
    epoch: i32,
    known: BTreeMap<TopicPartition, Wish>,
}

/// What to put into the next request.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub session_id: i32,
    pub session_epoch: i32,
    pub send: Vec<(TopicPartition, Wish)>,
    pub forget: Vec<TopicPartition>,
}

impl Session {
    /// The next request that makes `wishes` what the broker serves.
    pub(super) fn plan(&mut self, wishes: BTreeMap<TopicPartition, Wish>) -> Plan {
        let known = std::mem::replace(&mut self.known, wishes);
        let full = self.epoch == 0;
        let changed = |(partition, wish): &(&TopicPartition, &Wish)| {
            full || known.get(*partition) != Some(*wish)
        };
        let send = self.known.iter().filter(changed).map(|(p, w)| (p.clone(), *w)).collect();
        let gone = known.keys().filter(|p| !full && !self.known.contains_key(*p));
        let forget = gone.cloned().collect();
        Plan { session_id: self.id, session_epoch: self.epoch, send, forget }
    }

    /// Takes note of an answer's session; an error of the whole answer closes the session.
    pub(super) fn answered(&mut self, error: ErrorCode, session_id: i32) {
        if !error.is_none() || session_id == 0 {
            self.reset();
            return;
        }
        self.id = session_id;
        self.epoch = if self.epoch == i32::MAX { 1 } else { self.epoch + 1 };
    }

    /// The next request opens a session.
    pub(super) fn reset(&mut self) {
        self.id = 0;
        self.epoch = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(list: &[(i32, i64)]) -> BTreeMap<TopicPartition, Wish> {
        let wish = |offset| Wish { offset, leader_epoch: 0, bytes_max: 1 };
        list.iter().map(|(p, offset)| (TopicPartition::new("t", *p), wish(*offset))).collect()
    }

    fn sent(plan: &Plan) -> (i32, i32, Vec<i32>, Vec<i32>) {
        let send = plan.send.iter().map(|(p, _)| p.partition).collect();
        let forget = plan.forget.iter().map(|p| p.partition).collect();
        (plan.session_id, plan.session_epoch, send, forget)
    }

    #[test]
    fn only_changes_are_sent_once_the_session_stands() {
        let mut session = Session::default();
        assert_eq!(sent(&session.plan(wishes(&[(0, 0), (1, 0)]))), (0, 0, vec![0, 1], vec![]));
        session.answered(ErrorCode::None, 99);
        assert_eq!(sent(&session.plan(wishes(&[(0, 5), (1, 0)]))), (99, 1, vec![0], vec![]));
        session.answered(ErrorCode::None, 99);
        assert_eq!(sent(&session.plan(wishes(&[(1, 0), (2, 0)]))), (99, 2, vec![2], vec![0]));
        session.answered(ErrorCode::FetchSessionIdNotFound, 0);
        assert_eq!(sent(&session.plan(wishes(&[(1, 0)]))), (0, 0, vec![1], vec![]));
    }

    #[test]
    fn a_broker_without_room_for_sessions_gets_full_requests() {
        let mut session = Session::default();
        session.plan(wishes(&[(0, 0)]));
        session.answered(ErrorCode::None, 0);
        assert_eq!(sent(&session.plan(wishes(&[(0, 0)]))), (0, 0, vec![0], vec![]));
    }
}
