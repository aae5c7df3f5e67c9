//! Batches of one partition from all of its replicas, side by side.

use std::collections::BTreeMap;

use client::admin::ReplicaContent;

/// A replica by its broker, and what it has.
type Of<T> = (i32, T);

/// Where a replica is not like the first one.
#[derive(Debug, PartialEq, Eq)]
pub enum Difference {
    /// Its next batch ends elsewhere.
    Offset { first: Of<i64>, other: Of<i64> },
    /// The batch that ends here holds something else.
    Checksum { offset: i64, first: Of<u32>, other: Of<u32> },
}

/// What one look at all replicas came to.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Round {
    pub differences: Vec<Difference>,
    /// Behind the last batch that every replica has below its high watermark.
    pub next_offset: Option<i64>,
}

/// Compares batch by batch, as far as all replicas have them below their high watermarks.
pub fn compare(replicas: &BTreeMap<i32, ReplicaContent>) -> Round {
    let mut round = Round::default();
    for index in 0.. {
        let batch_of = |(broker, content): (&i32, &ReplicaContent)| {
            let batch = content.batches.get(index)?;
            (batch.last_offset < content.high_watermark).then_some((*broker, *batch))
        };
        let batches: Option<Vec<_>> = replicas.iter().map(batch_of).collect();
        let Some(((first, batch), others)) = batches.as_deref().and_then(<[_]>::split_first) else {
            break;
        };
        for (broker, other) in others {
            if other.last_offset != batch.last_offset {
                let (first, other) = ((*first, batch.last_offset), (*broker, other.last_offset));
                round.differences.push(Difference::Offset { first, other });
                return round;
            }
            if other.crc != batch.crc {
                let (offset, first, other) =
                    (batch.last_offset, (*first, batch.crc), (*broker, other.crc));
                round.differences.push(Difference::Checksum { offset, first, other });
            }
        }
        round.next_offset = Some(batch.last_offset + 1);
    }
    round
}

#[cfg(test)]
mod tests {
    use super::*;
    use client::admin::BatchSum;
    use types::{ErrorCode, Uuid};

    fn replica(high_watermark: i64, batches: &[(i64, u32)]) -> ReplicaContent {
        let batches = batches
            .iter()
            .map(|(last_offset, crc)| BatchSum { last_offset: *last_offset, crc: *crc });
        ReplicaContent {
            topic: Uuid::ZERO,
            partition: 0,
            error: ErrorCode::None,
            high_watermark,
            batches: batches.collect(),
        }
    }

    fn round(one: ReplicaContent, two: ReplicaContent) -> Round {
        compare(&BTreeMap::from([(1, one), (2, two)]))
    }

    #[test]
    fn only_what_all_have_below_the_high_watermark_counts() {
        let alike = round(replica(9, &[(4, 7), (8, 5)]), replica(9, &[(4, 7)]));
        assert_eq!(alike, Round { differences: vec![], next_offset: Some(5) });
        let ahead = round(replica(4, &[(4, 7)]), replica(9, &[(4, 8)]));
        assert_eq!(ahead, Round::default());
        assert_eq!(round(replica(0, &[]), replica(0, &[])), Round::default());
    }

    #[test]
    fn other_contents_and_other_offsets_are_differences() {
        let crc = round(replica(9, &[(4, 7), (8, 5)]), replica(9, &[(4, 6), (8, 5)]));
        let difference = Difference::Checksum { offset: 4, first: (1, 7), other: (2, 6) };
        assert_eq!(crc, Round { differences: vec![difference], next_offset: Some(9) });
        let offset = round(replica(9, &[(4, 7)]), replica(9, &[(5, 7)]));
        let difference = Difference::Offset { first: (1, 4), other: (2, 5) };
        assert_eq!(offset, Round { differences: vec![difference], next_offset: None });
    }
}
