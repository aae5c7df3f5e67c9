//! Reading a partition of `__consumer_offsets` back into a machine.

use crate::partition::Partition;
use coordinator::{GroupConfig, GroupShard, OffsetKey, Record, Shard, StoredRecord};
use record::{Batch, ControlRecord, ControlType, Scratch, batches};
use std::collections::BTreeMap;
use types::{ErrorCode, Offset, ProducerId};

/// Read at once: large enough for few calls, small enough to be forgotten again.
const READ_BYTES: u32 = 1 << 20;

/// Records that take effect if their producer's transaction is committed.
type Undecided = BTreeMap<ProducerId, Vec<(Offset, StoredRecord)>>;

struct Replay {
    shard: GroupShard,
    undecided: Undecided,
    /// Where the offsets stand in the log that took effect since a transaction is open: what is behind
    /// wins, whenever it was decided (rule 42).
    newest: BTreeMap<OffsetKey, Offset>,
}

/// The machine as the log describes it, and the offset behind the log's last record. Blocks.
pub(super) fn replay(
    partition: &Partition,
    config: GroupConfig,
) -> Result<(GroupShard, Offset), ErrorCode> {
    let mut replay = Replay::new(config);
    let mut scratch = Scratch::new();
    let (mut at, end) = {
        let log = partition.open()?;
        (log.start_offset(), log.end_offset())
    };
    while at < end {
        let slice = partition.open()?.read(at, READ_BYTES, end, true).map_err(|e| e.code())?;
        let Some(slice) = slice else { break };
        let bytes = slice.to_vec().map_err(|_| ErrorCode::KafkaStorageError)?;
        let before = at;
        for batch in batches(&bytes) {
            let batch = batch.map_err(|_| ErrorCode::CorruptMessage)?;
            replay.batch(&batch, &mut scratch)?;
            at = batch.header().next_offset();
        }
        if at == before {
            return Err(ErrorCode::CorruptMessage);
        }
    }
    Ok((replay.shard, end))
}

impl Replay {
    fn new(config: GroupConfig) -> Self {
        let shard = GroupShard::new(config);
        Self { shard, undecided: Undecided::new(), newest: BTreeMap::new() }
    }

    fn batch(&mut self, batch: &Batch<'_>, scratch: &mut Scratch) -> Result<(), ErrorCode> {
        let header = *batch.header();
        let records = batch.records(scratch).map_err(|_| ErrorCode::CorruptMessage)?;
        for record in records {
            let record = record.map_err(|_| ErrorCode::CorruptMessage)?;
            if header.attributes.is_control() {
                let marker = ControlRecord::parse(&record).map(|marker| marker.control_type);
                self.decided(header.producer_id, marker == Some(ControlType::Commit));
                continue;
            }
            let Some(stored) = decode(record.key, record.value) else { continue };
            if header.attributes.is_transactional() {
                let undecided = self.undecided.entry(header.producer_id).or_default();
                undecided.push((record.offset, stored));
            } else {
                self.apply(record.offset, stored);
            }
        }
        Ok(())
    }

    fn decided(&mut self, producer: ProducerId, is_commit: bool) {
        let decided = self.undecided.remove(&producer).unwrap_or_default();
        for (offset, stored) in decided.into_iter().filter(|_| is_commit) {
            if self.is_newest(offset, &stored) {
                self.apply(offset, stored);
            }
        }
        if self.undecided.is_empty() {
            self.newest.clear();
        }
    }

    fn is_newest(&self, offset: Offset, stored: &StoredRecord) -> bool {
        match stored {
            StoredRecord::Offset { key, .. } => self.newest.get(key).is_none_or(|at| *at < offset),
            StoredRecord::Group { .. } | StoredRecord::Foreign { .. } => true,
        }
    }

    fn apply(&mut self, offset: Offset, stored: StoredRecord) {
        if let StoredRecord::Offset { key, value } = &stored
            && !self.undecided.is_empty()
        {
            match value {
                Some(_) => self.newest.insert(key.clone(), offset),
                None => self.newest.remove(key),
            };
        }
        self.shard.apply(offset, &Record::Stored(stored));
    }
}

/// What cannot be understood stays in the log for who can.
fn decode(key: Option<&[u8]>, value: Option<&[u8]>) -> Option<StoredRecord> {
    match StoredRecord::decode(key?, value) {
        Ok(stored) => stored,
        Err(error) => {
            tracing::warn!(%error, "a record of {} is skipped", super::OFFSETS_TOPIC);
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use coordinator::CommittedOffset;
    use record::{BatchBuilder, Codec, Producer, ValidBatch, control_batch, with_scratch};
    use types::{LeaderEpoch, ProducerEpoch, Sequence, TimestampMs, TopicId};

    const NOW: TimestampMs = TimestampMs(1_000);

    fn producer(id: i64) -> Producer {
        let (id, epoch) = (ProducerId(id), ProducerEpoch(0));
        Producer { id, epoch, base_sequence: Sequence(0), transactional: true }
    }

    fn key() -> OffsetKey {
        OffsetKey { group: "g".into(), topic: "t".into(), partition: 0 }
    }

    fn commit(offset: Option<i64>, producer: Producer) -> ValidBatch<'static> {
        let value = offset.map(|offset| CommittedOffset {
            offset,
            leader_epoch: -1,
            metadata: "".into(),
            committed_at: NOW,
            expires_at: None,
            topic_id: TopicId::ZERO,
        });
        let bytes = StoredRecord::Offset { key: key(), value }.encode().unwrap();
        let mut builder = BatchBuilder::new();
        builder.append(NOW, Some(&bytes.key), bytes.value.as_deref(), &[]).unwrap();
        with_scratch(|scratch| builder.seal(Codec::NONE, producer, scratch))
    }

    fn marker(control_type: ControlType, id: i64) -> ValidBatch<'static> {
        let marker = ControlRecord { control_type, value: &[0; 6] };
        control_batch(&[marker], NOW, Producer { base_sequence: Sequence::NONE, ..producer(id) })
    }

    fn replayed(log: &[ValidBatch<'_>]) -> Option<i64> {
        let (mut replay, mut scratch) = (Replay::new(GroupConfig::default()), Scratch::new());
        for (at, batch) in (0..).zip(log) {
            let header = batch.header_bytes(Offset(at), LeaderEpoch(0));
            let bytes = [&header[..], batch.body()].concat();
            let batch = batches(&bytes).next().unwrap().unwrap();
            replay.batch(&batch, &mut scratch).unwrap();
        }
        let committed = replay.shard.committed(&"g".into());
        let partition = committed.topics.first()?.partitions.first()?.committed.as_ref();
        partition.map(|committed| committed.offset)
    }

    #[test]
    fn what_stands_last_in_the_log_wins_whenever_it_was_decided() {
        let plain = |offset| commit(Some(offset), Producer::NONE);
        let (one, two) =
            (|offset| commit(Some(offset), producer(1)), commit(Some(30), producer(2)));
        let committed = |id| marker(ControlType::Commit, id);
        let aborted = |id| marker(ControlType::Abort, id);
        let cases: [(&str, Vec<ValidBatch<'_>>, Option<i64>); 7] = [
            ("committed", vec![plain(10), one(20), committed(1)], Some(20)),
            ("aborted", vec![plain(10), one(20), aborted(1)], Some(10)),
            ("undecided", vec![plain(10), one(20)], Some(10)),
            ("a plain one behind", vec![one(20), plain(10), committed(1)], Some(10)),
            ("another behind", vec![one(20), two, committed(2), committed(1)], Some(30)),
            ("the second of one", vec![one(20), one(15), committed(1)], Some(15)),
            (
                "deleted meanwhile",
                vec![one(20), plain(10), commit(None, Producer::NONE), committed(1)],
                Some(20),
            ),
        ];
        for (what, log, expected) in cases {
            assert_eq!(replayed(&log), expected, "{what}");
        }
    }
}
