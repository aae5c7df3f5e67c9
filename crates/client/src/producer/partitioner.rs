//! Which partition a record goes to: Java's and librdkafka's rules by name, or the caller's own.

use std::collections::HashMap;
use std::fmt;

use crate::TopicMetadata;

/// A rule of the caller's own for records that name no partition.
pub trait Partitioner: Send {
    /// The partition for a record with this key and value.
    fn partition(&mut self, topic: &TopicMetadata, key: Option<&[u8]>, value: Option<&[u8]>)
    -> i32;
}

impl<F> Partitioner for F
where
    F: FnMut(&TopicMetadata, Option<&[u8]>, Option<&[u8]>) -> i32 + Send,
{
    fn partition(&mut self, t: &TopicMetadata, key: Option<&[u8]>, value: Option<&[u8]>) -> i32 {
        self(t, key, value)
    }
}

/// The rules that have a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PartitionerKind {
    /// Java's default: murmur2 of the key; without a key a batch's worth sticks to one partition.
    Sticky,
    /// Java's `RoundRobinPartitioner`: one after the other among those that have leaders.
    RoundRobin,
    /// librdkafka: CRC-32 of the key; no key counts as an empty one.
    Consistent,
    /// librdkafka's default: CRC-32 of the key, any partition without one.
    ConsistentRandom,
    /// librdkafka: murmur2 of the key; no key counts as an empty one.
    Murmur2,
    /// librdkafka: murmur2 of the key, any partition without one.
    Murmur2Random,
    /// Any partition.
    Random,
}

impl PartitionerKind {
    pub(crate) const NAMES: &str = "RoundRobinPartitioner, or one of librdkafka's: consistent, \
                                    consistent_random, murmur2, murmur2_random, random";

    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text.rsplit('.').next().unwrap_or(text) {
            "" | "sticky" | "UniformStickyPartitioner" | "DefaultPartitioner" => Some(Self::Sticky),
            "RoundRobinPartitioner" | "roundrobin" => Some(Self::RoundRobin),
            "consistent" => Some(Self::Consistent),
            "consistent_random" => Some(Self::ConsistentRandom),
            "murmur2" => Some(Self::Murmur2),
            "murmur2_random" => Some(Self::Murmur2Random),
            "random" => Some(Self::Random),
            _ => None,
        }
    }
}

/// A rule with what it remembers.
pub(crate) enum Rule {
    Named { kind: PartitionerKind, ignore_keys: bool, turns: HashMap<Box<str>, usize> },
    Custom(Box<dyn Partitioner>),
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named { kind, .. } => kind.fmt(f),
            Self::Custom(_) => f.write_str("custom"),
        }
    }
}

impl Rule {
    pub(crate) fn named(kind: PartitionerKind, ignore_keys: bool) -> Self {
        Self::Named { kind, ignore_keys, turns: HashMap::new() }
    }

    /// The partition, or `None` for whichever is sticky at the moment.
    pub(crate) fn choose(
        &mut self,
        topic: &TopicMetadata,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
    ) -> Option<i32> {
        let count = topic.partition_count();
        let (kind, turns) = match self {
            Self::Custom(own) => return Some(own.partition(topic, key, value)),
            Self::Named { ignore_keys: true, .. } => return None,
            Self::Named { kind, turns, .. } => (*kind, turns),
        };
        let non_empty = key.filter(|key| !key.is_empty());
        match kind {
            PartitionerKind::Sticky => key.map(|key| by_murmur2(key, count)),
            PartitionerKind::RoundRobin => Some(next_in_turn(topic, turns)),
            PartitionerKind::Consistent => Some(by_crc32(key.unwrap_or_default(), count)),
            PartitionerKind::ConsistentRandom => non_empty.map(|key| by_crc32(key, count)),
            PartitionerKind::Murmur2 => Some(by_murmur2(key.unwrap_or_default(), count)),
            PartitionerKind::Murmur2Random => key.map(|key| by_murmur2(key, count)),
            PartitionerKind::Random => None,
        }
    }
}

fn next_in_turn(topic: &TopicMetadata, turns: &mut HashMap<Box<str>, usize>) -> i32 {
    let turn = match turns.get_mut(&*topic.name) {
        Some(turn) => turn,
        None => turns.entry(Box::from(&*topic.name)).or_default(),
    };
    let index = *turn;
    *turn = turn.wrapping_add(1);
    let mut open = topic.open_partitions();
    let count = open.clone().count();
    open.nth(index % count.max(1)).unwrap_or(0)
}

fn by_murmur2(key: &[u8], partitions: i32) -> i32 {
    (murmur2(key) & i32::MAX) % partitions.max(1)
}

fn by_crc32(key: &[u8], partitions: i32) -> i32 {
    let partitions = partitions.max(1).unsigned_abs();
    i32::try_from(crc32(key) % partitions).unwrap_or(0)
}

/// The murmur2 variant that Java's clients hash keys with (seed 0x9747b28c, little-endian words).
#[must_use]
pub fn murmur2(data: &[u8]) -> i32 {
    const M: u32 = 0x5bd1_e995;
    let seeded = 0x9747_b28c_u32 ^ u32::try_from(data.len()).unwrap_or(u32::MAX);
    let (words, tail) = data.as_chunks::<4>();
    let mut h = words.iter().fold(seeded, |h, word| {
        let k = u32::from_le_bytes(*word).wrapping_mul(M);
        h.wrapping_mul(M) ^ (k ^ (k >> 24)).wrapping_mul(M)
    });
    if !tail.is_empty() {
        let last = tail.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte));
        h = (h ^ last).wrapping_mul(M);
    }
    h ^= h >> 13;
    h = h.wrapping_mul(M);
    (h ^ (h >> 15)).cast_signed()
}

/// CRC-32 (ISO-HDLC), as zlib computes it.
fn crc32(data: &[u8]) -> u32 {
    !data.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let mask = if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
            (crc >> 1) ^ mask
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    #[test]
    fn murmur2_is_that_of_java() {
        // org.apache.kafka.common.utils.Utils.murmur2
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()), hash, "{text}");
        }
    }

    #[test]
    fn crc32_is_that_of_zlib() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn records_without_a_key_follow_their_rule() {
        let topic = TopicMetadata::led_by(&[Some(1); 4]);
        for (name, chosen) in [
            ("", None),
            ("consistent", Some(0)),
            ("consistent_random", None),
            ("murmur2", Some((murmur2(b"") & i32::MAX) % 4)),
            ("murmur2_random", None),
            ("random", None),
        ] {
            let kind = PartitionerKind::parse(name).expect(name);
            assert_eq!(Rule::named(kind, false).choose(&topic, None, None), chosen, "{name}");
        }
        let mut ignoring = Rule::named(PartitionerKind::Sticky, true);
        assert_eq!(ignoring.choose(&topic, Some(b"k"), None), None);
    }

    #[test]
    fn round_robin_skips_partitions_without_a_leader() {
        let mut rule = Rule::named(PartitionerKind::RoundRobin, false);
        let topic = TopicMetadata::led_by(&[Some(1), None, Some(1)]);
        let turns: Vec<_> = (0..4).map(|_| rule.choose(&topic, Some(b"k"), None)).collect();
        assert_eq!(turns, [Some(0), Some(2), Some(0), Some(2)]);
    }

    #[test]
    fn closures_are_partitioners() {
        let last = |t: &TopicMetadata, _: Option<&[u8]>, _: Option<&[u8]>| t.partition_count() - 1;
        let mut rule = Rule::Custom(Box::new(last));
        assert_eq!(rule.choose(&TopicMetadata::led_by(&[None; 7]), None, None), Some(6));
    }
}
