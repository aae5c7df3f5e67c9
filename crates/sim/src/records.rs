//! Batches as the simulator fills and reads them: a record is a number that no other record has.

use log::{Log, MemDisk};
use record::{BatchBuilder, Codec, Producer, Scratch, batches};
use types::{LeaderEpoch, Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

/// A batch that nobody wrote as an idempotent producer.
pub const NOBODY: Producer = Producer {
    id: ProducerId::NONE,
    epoch: ProducerEpoch::NONE,
    base_sequence: Sequence::NONE,
    transactional: false,
};

/// A record of a partition, as the shadow compares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub offset: Offset,
    pub epoch: LeaderEpoch,
    pub producer: ProducerId,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
}

impl Entry {
    /// The number that it holds, where it is a producer's.
    pub fn number(&self) -> Option<u64> {
        let bytes = self.value.as_deref()?.first_chunk()?;
        self.key.is_none().then(|| u64::from_be_bytes(*bytes))
    }
}

pub fn seal(numbers: &[u64], producer: Producer, now: TimestampMs) -> Vec<u8> {
    let mut builder = BatchBuilder::new();
    for number in numbers {
        let value = number.to_be_bytes();
        builder.append(now, None, Some(&value), &[]).expect("a small record");
    }
    builder.finish(Codec::NONE, producer, &mut Scratch::new())
}

/// The records of whole batches.
pub fn entries(bytes: &[u8]) -> Vec<Entry> {
    let mut entries = Vec::new();
    for batch in batches(bytes) {
        let batch = batch.expect("batches that a log holds");
        let (epoch, producer) = (batch.header().leader_epoch, batch.header().producer_id);
        for record in batch.records(&mut Scratch::new()).expect("not compressed") {
            let record = record.expect("records that a producer wrote");
            entries.push(Entry {
                offset: record.offset,
                epoch,
                producer,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
            });
        }
    }
    entries
}

/// Whole batches from the one that holds `from` on, of records before `upper`.
pub fn read(
    log: &mut Log<MemDisk>,
    from: Offset,
    upper: Offset,
    bytes_max: u32,
) -> Option<Vec<u8>> {
    if from >= upper.min(log.end_offset()) {
        return Some(Vec::new());
    }
    let Some(slice) = log.read(from, bytes_max, upper, true).ok()? else {
        return Some(Vec::new());
    };
    let mut bytes = slice.to_vec().ok()?;
    let mut framed = batches(&bytes);
    while framed.next().is_some_and(|batch| batch.is_ok()) {}
    let whole = framed.position();
    bytes.truncate(whole);
    Some(bytes)
}

/// Whole batches of everything in `from..upper`.
pub fn read_all(log: &mut Log<MemDisk>, from: Offset, upper: Offset) -> Option<Vec<u8>> {
    let (mut bytes, mut next) = (Vec::new(), from);
    while next < upper {
        let piece = read(log, next, upper, u32::MAX)?;
        let Some(last) = batches(&piece).filter_map(Result::ok).last() else { break };
        next = last.header().next_offset();
        bytes.extend_from_slice(&piece);
    }
    Some(bytes)
}
