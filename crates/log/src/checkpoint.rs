//! The small text files beside the logs: offsets by partition, epochs of one log, a partition's
//! identity.
//!
//! ```text
//!   *-offset-checkpoint     leader-epoch-checkpoint    partition.metadata
//!   0         version       0         version          version: 0
//!   2         count         1         count            topic_id: ZCXkGOrXRNa0pnjlFfV-NQ
//!   orders 0 17             5 1026    epoch, start
//!   orders 1 0
//! ```

use std::collections::BTreeMap;
use std::fmt::Write as _;

use types::{LeaderEpoch, Offset, Partition, TopicId};

use crate::epochs::EpochStart;

const VERSION: &str = "0";

/// Offsets by topic and partition, as the files of a log directory hold them.
pub type OffsetsByPartition = BTreeMap<(String, Partition), Offset>;

/// Why a checkpoint cannot be read; the reason names the line.
pub(crate) type Malformed = String;

pub(crate) fn offsets_text(offsets: &OffsetsByPartition) -> String {
    let mut text = format!("{VERSION}\n{}\n", offsets.len());
    for ((topic, partition), offset) in offsets {
        writeln!(text, "{topic} {partition} {offset}").expect("a String takes all");
    }
    text
}

pub(crate) fn parse_offsets(text: &str) -> Result<OffsetsByPartition, Malformed> {
    let entry = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let topic = words.next()?.to_owned();
        let partition = words.next()?.parse().ok().map(Partition)?;
        let offset = words.next()?.parse().ok().map(Offset)?;
        words.next().is_none().then_some(((topic, partition), offset))
    };
    Ok(parse_entries(text, entry)?.into_iter().collect())
}

pub(crate) fn epochs_text(epochs: &[EpochStart]) -> String {
    let mut text = format!("{VERSION}\n{}\n", epochs.len());
    for entry in epochs {
        writeln!(text, "{} {}", entry.epoch, entry.start_offset).expect("a String takes all");
    }
    text
}

pub(crate) fn parse_epochs(text: &str) -> Result<Vec<EpochStart>, Malformed> {
    parse_entries(text, |line| {
        let (epoch, start) = line.split_once(' ')?;
        let epoch = epoch.parse().ok().map(LeaderEpoch)?;
        Some(EpochStart { epoch, start_offset: start.parse().ok().map(Offset)? })
    })
}

fn parse_entries<T>(text: &str, entry: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Malformed> {
    let mut lines = text.lines();
    match lines.next() {
        Some(VERSION) => {}
        other => return Err(format!("line 1 should be the version {VERSION}, not {other:?}")),
    }
    let count: Option<usize> = lines.next().and_then(|line| line.parse().ok());
    let count = count.ok_or("line 2 should be the number of entries")?;
    let entries: Result<Vec<T>, Malformed> = lines
        .enumerate()
        .map(|(i, line)| entry(line).ok_or_else(|| format!("line {}: {line:?}", i + 3)))
        .collect();
    let entries = entries?;
    if entries.len() == count {
        Ok(entries)
    } else {
        Err(format!("{count} entries are announced, {} are there", entries.len()))
    }
}

pub(crate) fn partition_metadata_text(topic_id: TopicId) -> String {
    format!("version: {VERSION}\ntopic_id: {topic_id}")
}

pub(crate) fn parse_partition_metadata(text: &str) -> Result<TopicId, Malformed> {
    let value = |key: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim())
    };
    if value("version") != Some(VERSION) {
        return Err(format!("there should be a line \"version: {VERSION}\""));
    }
    let id = value("topic_id").and_then(|id| id.parse().ok());
    let id = id.filter(|id: &TopicId| !id.is_zero());
    id.ok_or_else(|| "there should be a line \"topic_id: \" with an id".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn offsets_are_as_kafka_writes_them() {
        // replication-offset-checkpoint of Apache Kafka 4.3.1
        let text = "0\n1\nplain 0 3097\n";
        let offsets = parse_offsets(text).unwrap();
        assert_eq!(offsets[&("plain".to_owned(), Partition(0))], Offset(3097));
        assert_eq!(offsets_text(&offsets), text);
        assert_eq!(offsets_text(&OffsetsByPartition::new()), "0\n0\n");
    }

    #[test]
    fn epochs_are_as_kafka_writes_them() {
        let text = "0\n2\n0 0\n5 1026\n";
        let epochs = parse_epochs(text).unwrap();
        assert_eq!(epochs[1], EpochStart { epoch: LeaderEpoch(5), start_offset: Offset(1026) });
        assert_eq!(epochs_text(&epochs), text);
    }

    #[test]
    fn partition_metadata_is_as_kafka_writes_it() {
        let text = "version: 0\ntopic_id: ZCXkGOrXRNa0pnjlFfV-NQ";
        assert_eq!(partition_metadata_text(parse_partition_metadata(text).unwrap()), text);
        assert!(parse_partition_metadata("version: 1\ntopic_id: ZCXkGOrXRNa0pnjlFfV-NQ").is_err());
        assert!(parse_partition_metadata("version: 0\n").is_err());
    }

    #[test]
    fn damage_is_named() {
        let check = |text: &str, why: &str| assert_eq!(parse_offsets(text), Err(why.to_owned()));
        check("", "line 1 should be the version 0, not None");
        check("0\n", "line 2 should be the number of entries");
        check("0\n2\na 0 1\n", "2 entries are announced, 1 are there");
        check("0\n1\na 0\n", "line 3: \"a 0\"");
        check("0\n1\na 0 1 2\n", "line 3: \"a 0 1 2\"");
    }
}
