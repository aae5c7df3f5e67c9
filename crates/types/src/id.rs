//! Newtypes for the integers of Kafka's protocol: same width, different meaning, no mixing.

use std::fmt;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($int:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $int);

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl From<$int> for $name {
            fn from(value: $int) -> Self {
                Self(value)
            }
        }

        impl From<$name> for $int {
            fn from(value: $name) -> Self {
                value.0
            }
        }
    };
}

id!(/** Position of a record in a partition's log, counted in records from 0. */ Offset(i64));
id!(/** Term of a partition's leader; -1 where unknown. */ LeaderEpoch(i32));
id!(/** Version of a partition's state in the cluster's metadata; -1 where unknown. */ PartitionEpoch(i32));
id!(/** A broker's or controller's `node.id`; -1 where none. */ NodeId(i32));
id!(/** Index of a partition within its topic, from 0. */ Partition(i32));
id!(/** An idempotent or transactional producer; -1 where none. */ ProducerId(i64));
id!(/** Incarnation of a producer id; -1 where none. */ ProducerEpoch(i16));
id!(/** A producer's record counter within a partition; -1 where none; wraps from 2^31-1 to 0. */ Sequence(i32));
id!(/** Milliseconds since the Unix epoch; -1 where none. */ TimestampMs(i64));
id!(/** Incarnation of a broker's registration; -1 where unknown. */ BrokerEpoch(i64));

impl Offset {
    /// The first offset of a log that never lost its head.
    pub const ZERO: Self = Self(0);

    /// The offset `records` behind this one.
    #[must_use]
    pub const fn plus(self, records: i64) -> Self {
        Self(self.0 + records)
    }
}

impl LeaderEpoch {
    /// Stands for an unknown epoch in requests and in batches that no leader has appended.
    pub const NONE: Self = Self(-1);
}

impl NodeId {
    /// No node: an absent leader, or a consumer's replica id.
    pub const NONE: Self = Self(-1);
}

impl ProducerId {
    /// A batch of a producer that is not idempotent.
    pub const NONE: Self = Self(-1);
}

impl ProducerEpoch {
    /// The epoch that goes with [`ProducerId::NONE`].
    pub const NONE: Self = Self(-1);
}

impl TimestampMs {
    /// No timestamp.
    pub const NONE: Self = Self(-1);
}

impl Sequence {
    /// The sequence of batches without a producer id, and of control batches.
    pub const NONE: Self = Self(-1);

    /// The sequence `records` further on, wrapping from 2^31-1 to 0 (Kafka's rule).
    #[must_use]
    pub fn plus(self, records: i32) -> Self {
        let sum = i64::from(self.0) + i64::from(records);
        let wrapped = sum.rem_euclid(i64::from(i32::MAX) + 1);
        Self(i32::try_from(wrapped).expect("reduced modulo 2^31"))
    }

    /// How many records further on `later` is; `None` if it is behind, which is nearer for what is
    /// more than half of all sequences further on.
    #[must_use]
    pub fn until(self, later: Self) -> Option<i32> {
        let ahead = later.plus(-self.0);
        (ahead.0 <= i32::MAX / 2).then_some(ahead.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequence_wraps_to_zero_behind_the_greatest_int() {
        assert_eq!(Sequence(i32::MAX).plus(1), Sequence(0));
        assert_eq!(Sequence(i32::MAX - 1).plus(5), Sequence(3));
        assert_eq!(Sequence(7).plus(0), Sequence(7));
    }

    #[test]
    fn the_nearer_way_round_tells_which_sequence_is_later() {
        assert_eq!(Sequence(7).until(Sequence(7)), Some(0));
        assert_eq!(Sequence(7).until(Sequence(9)), Some(2));
        assert_eq!(Sequence(9).until(Sequence(7)), None);
        assert_eq!(Sequence(i32::MAX).until(Sequence(1)), Some(2));
        assert_eq!(Sequence(1).until(Sequence(i32::MAX)), None);
    }
}
