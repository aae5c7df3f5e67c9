//! Numbers that let brokers tell a retry from a new batch: one counter a partition and incarnation.
//!
//! ```text
//! new batch ─number()─▶ in flight ─ack()─▶ done
//!                          │ retriable failure: keeps its number, leaves again once nothing of its
//!                          │ partition is in the air
//!                          └ the broker lost track: restart() under the next epoch, from 0
//! ```

use types::{ProducerEpoch, ProducerId, Sequence};

/// A producer id and its incarnation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    pub id: ProducerId,
    pub epoch: ProducerEpoch,
}

impl Identity {
    /// Of a producer that is not idempotent.
    pub(crate) const NONE: Self = Self { id: ProducerId::NONE, epoch: ProducerEpoch::NONE };

    /// The same producer one incarnation later; `None` when the epochs are used up.
    pub(crate) fn bumped(self) -> Option<Self> {
        let epoch = self.epoch.0.checked_add(1).filter(|epoch| *epoch < i16::MAX)?;
        Some(Self { id: self.id, epoch: ProducerEpoch(epoch) })
    }
}

/// A batch's place in its partition's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    pub identity: Identity,
    pub base: Sequence,
}

/// The counter of one partition.
#[derive(Debug)]
pub(crate) struct Sequences {
    identity: Identity,
    next: Sequence,
    /// The base sequence that the broker must accept next: behind the last acknowledged record.
    expected: Sequence,
}

impl Default for Sequences {
    fn default() -> Self {
        Self { identity: Identity::NONE, next: Sequence(0), expected: Sequence(0) }
    }
}

impl Sequences {
    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// Counts from 0 under `identity`. Nothing may be in flight.
    pub(crate) fn restart(&mut self, identity: Identity) {
        *self = Self { identity, ..Self::default() };
    }

    /// The number of a new batch of that many records.
    pub(crate) fn number(&mut self, records: i32) -> Number {
        let base = self.next;
        self.next = base.plus(records);
        Number { identity: self.identity, base }
    }

    /// The broker has the batch.
    pub(crate) fn ack(&mut self, number: Number, records: i32) {
        if number.identity == self.identity {
            self.expected = number.base.plus(records);
        }
    }

    /// Whether everything before this batch is acknowledged, so that a refusal is about itself.
    pub(crate) fn is_next(&self, number: Number) -> bool {
        number.identity == self.identity && number.base == self.expected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Identity = Identity { id: ProducerId(7), epoch: ProducerEpoch(0) };

    #[test]
    fn numbers_follow_each_other_and_restart_at_zero() {
        let mut sequences = Sequences::default();
        sequences.restart(FIRST);
        let a = sequences.number(10);
        let b = sequences.number(5);
        assert_eq!((a.base, b.base), (Sequence(0), Sequence(10)));
        assert!(sequences.is_next(a) && !sequences.is_next(b));
        sequences.ack(a, 10);
        assert!(sequences.is_next(b));
        let second = FIRST.bumped().expect("epochs left");
        sequences.restart(second);
        assert!(!sequences.is_next(b), "an older incarnation");
        assert_eq!(sequences.number(1), Number { identity: second, base: Sequence(0) });
    }

    #[test]
    fn epochs_end() {
        let last = Identity { epoch: ProducerEpoch(i16::MAX - 1), ..FIRST };
        assert_eq!(last.bumped(), None);
    }
}
