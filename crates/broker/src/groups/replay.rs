//! Reading a partition of `__consumer_offsets` back into a machine.

use crate::partition::Partition;
use coordinator::{GroupConfig, GroupShard, Record, Shard, StoredRecord};
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
    scratch: Scratch,
}

/// The machine as the log describes it, and the offset behind the log's last record. Blocks.
pub(super) fn replay(
    partition: &Partition,
    config: GroupConfig,
) -> Result<(GroupShard, Offset), ErrorCode> {
    let shard = GroupShard::new(config);
    let mut replay = Replay { shard, undecided: Undecided::new(), scratch: Scratch::new() };
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
            replay.batch(&batch)?;
            at = batch.header().next_offset();
        }
        if at == before {
            return Err(ErrorCode::CorruptMessage);
        }
    }
    Ok((replay.shard, end))
}

impl Replay {
    fn batch(&mut self, batch: &Batch<'_>) -> Result<(), ErrorCode> {
        let header = *batch.header();
        let records = batch.records(&mut self.scratch).map_err(|_| ErrorCode::CorruptMessage)?;
        for record in records {
            let record = record.map_err(|_| ErrorCode::CorruptMessage)?;
            if header.attributes.is_control() {
                let marker = ControlRecord::parse(&record).map(|marker| marker.control_type);
                let undecided = self.undecided.remove(&header.producer_id).unwrap_or_default();
                if marker == Some(ControlType::Commit) {
                    for (offset, stored) in undecided {
                        self.shard.apply(offset, &Record::Stored(stored));
                    }
                }
                continue;
            }
            let Some(stored) = decode(record.key, record.value) else { continue };
            if header.attributes.is_transactional() {
                let undecided = self.undecided.entry(header.producer_id).or_default();
                undecided.push((record.offset, stored));
            } else {
                self.shard.apply(record.offset, &Record::Stored(stored));
            }
        }
        Ok(())
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
