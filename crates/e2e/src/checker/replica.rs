//! One replica's log files, read without any of the code that wrote them but the batch format.

use std::fmt;
use std::path::Path;

use record::{batches, with_scratch};

use super::Name;

/// One partition's log on one node.
#[derive(Clone, Debug)]
pub struct Replica {
    pub node: u8,
    pub partition: i32,
    /// In the order of the files.
    pub batches: Vec<StoredBatch>,
}

/// A batch as it lies on disk, and its records.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredBatch {
    pub base_offset: i64,
    pub next_offset: i64,
    pub bytes: Vec<u8>,
    /// Empty for control batches.
    pub records: Vec<Stored>,
}

/// A record on disk: keyed by its producer, its value the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    pub offset: i64,
    pub key: String,
    pub value: String,
    pub origin: Origin,
}

/// What a batch's header says of where it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Origin {
    pub leader_epoch: i32,
    pub producer_id: i64,
    pub producer_epoch: i16,
    pub base_sequence: i32,
}

impl Replica {
    /// Reads what a node has of a partition below `data`, its log directory.
    ///
    /// # Panics
    /// If its files cannot be read, or hold anything but whole batches.
    #[must_use]
    pub fn read(node: u8, data: &Path, topic: &str, partition: i32) -> Self {
        let folder = data.join(format!("{topic}-{partition}"));
        let entries = std::fs::read_dir(&folder).into_iter().flatten().flatten();
        let mut files: Vec<_> = entries.map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "log"));
        files.sort();
        let mut stored = Vec::new();
        for file in files {
            let bytes = std::fs::read(&file).expect("read a segment");
            // a segment that is being written may be longer than what is in it
            let zeros = bytes.iter().rev().take_while(|byte| **byte == 0).count();
            let named = format!("node {node}, {}", file.display());
            stored.extend(read_batches(&bytes, zeros, &named));
        }
        Self { node, partition, batches: stored }
    }

    /// The offset behind its last batch.
    #[must_use]
    pub fn end(&self) -> i64 {
        self.batches.last().map_or(0, |batch| batch.next_offset)
    }

    /// Its records below `high_watermark`.
    pub fn records(&self, high_watermark: i64) -> impl Iterator<Item = &Stored> {
        self.batches_below(high_watermark).flat_map(|batch| &batch.records)
    }

    /// Where the first batch below `high_watermark` is that the two do not share, byte for byte.
    #[must_use]
    pub fn differs_from(&self, other: &Self, high_watermark: i64) -> Option<i64> {
        let mut ours = self.batches_below(high_watermark);
        let mut theirs = other.batches_below(high_watermark);
        loop {
            match (ours.next(), theirs.next()) {
                (None, None) => return None,
                (Some(a), Some(b)) if a == b => {}
                (a, b) => return a.or(b).map(|batch| batch.base_offset),
            }
        }
    }

    fn batches_below(&self, high_watermark: i64) -> impl Iterator<Item = &StoredBatch> {
        self.batches.iter().take_while(move |batch| batch.base_offset < high_watermark)
    }
}

/// `zeros` of `bytes` at the end may be no batch.
fn read_batches(bytes: &[u8], zeros: usize, named: &str) -> Vec<StoredBatch> {
    let mut stored = Vec::new();
    let mut read = 0;
    for batch in batches(bytes) {
        let batch = match batch {
            Ok(batch) => batch,
            Err(_) if read + zeros >= bytes.len() => break,
            Err(error) => panic!("{named}: {error}"),
        };
        read += batch.bytes().len();
        assert!(
            batch.is_crc_valid(),
            "{named}: a damaged batch at {}",
            batch.header().base_offset.0
        );
        let header = batch.header();
        let mut records = Vec::new();
        let origin = Origin {
            leader_epoch: header.leader_epoch.0,
            producer_id: header.producer_id.0,
            producer_epoch: header.producer_epoch.0,
            base_sequence: header.base_sequence.0,
        };
        if !header.attributes.is_control() {
            with_scratch(|scratch| {
                for record in batch.records(scratch).expect("readable records") {
                    let record = record.expect("a readable record");
                    let text = |bytes: Option<&[u8]>| {
                        String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
                    };
                    let (key, value) = (text(record.key), text(record.value));
                    records.push(Stored { offset: record.offset.0, key, value, origin });
                }
            });
        }
        stored.push(StoredBatch {
            base_offset: header.base_offset.0,
            next_offset: header.next_offset().0,
            bytes: batch.bytes().to_vec(),
            records,
        });
    }
    stored
}

impl Stored {
    /// Whose it is, if it is one of our producers' records.
    #[must_use]
    pub fn name(&self, partition: i32) -> Option<Name> {
        let number = self.value.parse().ok()?;
        Some(Name { producer: self.key.as_str().into(), partition, number })
    }
}

/// As consumers tell it.
impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.key, self.value)
    }
}
