//! Fetch requests out of positions, and answers into records.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use types::{ErrorCode, TopicId};
use wire::fetch_request::{FetchPartition, FetchRequest, FetchTopic, ForgottenTopic};
use wire::fetch_response::{FetchResponse, PartitionData};
use wire::{Records, Str};

use super::records::Chunk;
use super::session::Plan;
use crate::cluster::LeaderHint;
use crate::config::{ConsumerConfig, IsolationLevel};
use crate::net::Answer;
use crate::{Error, Metadata, Node, Result, TopicPartition};

/// From this version on topics go by their ids alone.
const TOPIC_IDS_FROM: i16 = 13;

/// A request to one broker, with what is needed to read the answer.
pub(super) struct FetchOrder {
    pub request: FetchRequest<'static>,
    pub version_cap: i16,
    names: HashMap<TopicId, Arc<str>>,
}

/// The request that follows a session's plan.
pub(super) fn order(config: &ConsumerConfig, metadata: &Metadata, plan: &Plan) -> FetchOrder {
    let id = |topic: &str| metadata.topic(topic).map_or(TopicId::ZERO, |topic| topic.id);
    let mut topics: Vec<FetchTopic<'static>> = Vec::new();
    for (tp, wish) in &plan.send {
        let partition = FetchPartition {
            partition: tp.partition,
            current_leader_epoch: wish.leader_epoch,
            fetch_offset: wish.offset,
            partition_max_bytes: wish.bytes_max,
            ..Default::default()
        };
        match topics.last_mut().filter(|topic| topic.topic == *tp.topic) {
            Some(topic) => topic.partitions.push(partition),
            None => topics.push(FetchTopic {
                topic: Str::Owned(tp.topic.to_string()),
                topic_id: id(&tp.topic),
                partitions: vec![partition],
            }),
        }
    }
    let forgotten = plan.forget.iter().map(|tp| ForgottenTopic {
        topic: Str::Owned(tp.topic.to_string()),
        topic_id: id(&tp.topic),
        partitions: vec![tp.partition],
    });
    let forgotten: Vec<_> = forgotten.collect();
    let names = metadata.topics().filter(|t| !t.id.is_zero());
    let ids_known = topics.iter().all(|topic| !topic.topic_id.is_zero())
        && forgotten.iter().all(|topic| !topic.topic_id.is_zero());
    FetchOrder {
        names: names.map(|topic| (topic.id, Arc::clone(&topic.name))).collect(),
        version_cap: if ids_known { i16::MAX } else { TOPIC_IDS_FROM - 1 },
        request: FetchRequest {
            replica_id: -1,
            max_wait_ms: i32::try_from(config.fetch_max_wait.as_millis()).unwrap_or(i32::MAX),
            min_bytes: config.fetch_min_bytes,
            max_bytes: config.fetch_max_bytes,
            isolation_level: config.isolation_level.code(),
            session_id: plan.session_id,
            session_epoch: plan.session_epoch,
            topics,
            forgotten_topics_data: forgotten,
            rack_id: Str::Owned(config.client_rack.clone().unwrap_or_default()),
            ..Default::default()
        },
    }
}

/// What a broker said about one partition.
pub(super) struct Fetched {
    pub partition: TopicPartition,
    pub error: ErrorCode,
    pub high_watermark: i64,
    pub last_stable_offset: i64,
    pub preferred_replica: Option<i32>,
    /// Where our history parts from the leader's, if it does.
    pub diverging: Option<i64>,
    pub hint: Option<LeaderHint>,
    pub data: Unread,
}

/// A whole answer.
pub(super) struct FetchAnswer {
    pub error: ErrorCode,
    pub session_id: i32,
    pub partitions: Vec<Fetched>,
}

/// Takes an answer apart; the records stay where they lie.
pub(super) fn read(order: &FetchOrder, answer: Answer) -> Result<FetchAnswer> {
    let mut partitions = Vec::new();
    let mut places = Vec::new();
    let (error, session_id) = {
        let response: FetchResponse<'_> = answer.decode()?;
        for topic in &response.responses {
            let name: Arc<str> = match order.names.get(&topic.topic_id) {
                Some(name) => Arc::clone(name),
                None if !topic.topic.is_empty() => Arc::from(&*topic.topic),
                None => return Err(Error::protocol(format!("fetched topic {}", topic.topic_id))),
            };
            for data in &topic.partitions {
                places.push(match &data.records {
                    Records::Inline(bytes) => answer.position_of(bytes),
                    Records::Null | Records::Range { .. } => 0..0,
                });
                partitions.push(read_partition(&response, &name, data));
            }
        }
        (ErrorCode::from_wire(response.error_code), response.session_id)
    };
    let bytes = Arc::new(answer.into_bytes());
    for (fetched, place) in partitions.iter_mut().zip(places) {
        fetched.data.range = place;
        fetched.data.bytes = Arc::clone(&bytes);
    }
    Ok(FetchAnswer { error, session_id, partitions })
}

fn read_partition(
    response: &FetchResponse<'_>,
    name: &Arc<str>,
    data: &PartitionData<'_>,
) -> Fetched {
    let aborted = data.aborted_transactions.iter().flatten();
    let mut aborted: Vec<_> = aborted.map(|t| (t.first_offset, t.producer_id)).collect();
    aborted.sort_unstable();
    let leader = &data.current_leader;
    let nodes = response.node_endpoints.iter().map(|n| Node {
        id: n.node_id,
        host: n.host.to_string(),
        port: n.port,
        rack: n.rack.as_deref().map(str::to_owned),
    });
    let (index, id, epoch) = (data.partition_index, leader.leader_id, leader.leader_epoch);
    Fetched {
        partition: TopicPartition::new(Arc::clone(name), data.partition_index),
        error: ErrorCode::from_wire(data.error_code),
        high_watermark: data.high_watermark,
        last_stable_offset: data.last_stable_offset,
        preferred_replica: Some(data.preferred_read_replica).filter(|id| *id >= 0),
        diverging: Some(data.diverging_epoch.end_offset).filter(|offset| *offset >= 0),
        hint: LeaderHint::given(index, id, epoch, nodes),
        data: Unread { aborted: aborted.into(), ..Unread::default() },
    }
}

/// Batches of one partition that nobody has looked into yet.
#[derive(Default)]
pub(super) struct Unread {
    bytes: Arc<Vec<u8>>,
    range: Range<usize>,
    /// Transactions whose records are not to be shown: first offset and producer, by first offset.
    aborted: VecDeque<(i64, i64)>,
    /// Those of them that the batches read so far are inside of.
    open: BTreeMap<i64, i64>,
}

/// What the next batch came to.
pub(super) enum NextBatch {
    Records {
        chunk: Chunk,
        next_offset: i64,
        leader_epoch: i32,
    },
    /// Nothing to show up to there.
    Skipped {
        next_offset: i64,
        leader_epoch: i32,
    },
    End,
}

impl Unread {
    pub(super) fn is_empty(&self) -> bool {
        self.range.is_empty()
    }

    /// Reads the next batch; records before `from` are left out.
    pub(super) fn next(
        &mut self,
        config: &ConsumerConfig,
        partition: &TopicPartition,
        from: i64,
    ) -> Result<NextBatch> {
        let bytes = Arc::clone(&self.bytes);
        let mut batches = record::batches(&bytes[self.range.clone()]);
        let corrupt = |what: &dyn std::fmt::Display| {
            Err(Error::explained(
                ErrorCode::CorruptMessage.code(),
                Some(&format!("{partition}: {what}")),
            ))
        };
        let batch = match batches.next() {
            None => {
                self.range.start = self.range.end;
                return Ok(NextBatch::End);
            }
            Some(Err(error)) => return corrupt(&error),
            Some(Ok(batch)) => batch,
        };
        if config.check_crcs && !batch.is_crc_valid() {
            return corrupt(&"the checksum does not match");
        }
        self.range.start += batch.bytes().len();
        let header = batch.header();
        let (next_offset, leader_epoch) = (header.next_offset().0, header.leader_epoch.0);
        let skipped = NextBatch::Skipped { next_offset, leader_epoch };
        if next_offset <= from || header.record_count == 0 {
            return Ok(skipped);
        }
        let hidden = self.is_aborted(config.isolation_level, &batch);
        if hidden || header.attributes.is_control() {
            return Ok(skipped);
        }
        let read = record::with_scratch(|scratch| {
            Chunk::read(&partition.topic, partition.partition, &batch, from, scratch)
        });
        match read {
            Ok(chunk) => Ok(NextBatch::Records { chunk, next_offset, leader_epoch }),
            Err(error) => corrupt(&error),
        }
    }

    /// Whether a batch belongs to a transaction that was aborted. The end marker closes it.
    fn is_aborted(&mut self, isolation: IsolationLevel, batch: &record::Batch<'_>) -> bool {
        if isolation == IsolationLevel::ReadUncommitted {
            return false;
        }
        let header = batch.header();
        let last = header.last_offset().0;
        while let Some((first, producer)) = self.aborted.front().copied() {
            if first > last {
                break;
            }
            self.aborted.pop_front();
            self.open.insert(producer, first);
        }
        let producer = header.producer_id.0;
        if header.attributes.is_control() {
            self.open.remove(&producer);
            return true;
        }
        header.attributes.is_transactional() && self.open.contains_key(&producer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ConsumerConfig;
    use record::{BatchBuilder, Codec, Producer, with_scratch};
    use types::{ProducerEpoch, ProducerId, Sequence, TimestampMs};

    fn batch(base: i64, producer: i64, transactional: bool) -> Vec<u8> {
        let mut builder = BatchBuilder::new();
        builder.append(TimestampMs(0), None, Some(b"v"), &[]).expect("fits");
        let producer = Producer {
            id: ProducerId(producer),
            epoch: ProducerEpoch(0),
            base_sequence: Sequence(0),
            transactional,
        };
        let mut bytes = with_scratch(|s| builder.finish(Codec::NONE, producer, s));
        bytes[..8].copy_from_slice(&base.to_be_bytes());
        bytes
    }

    fn shown(isolation: IsolationLevel, from: i64, aborted: &[(i64, i64)]) -> Vec<i64> {
        let config = ConsumerConfig { isolation_level: isolation, ..ConsumerConfig::default() };
        let bytes = [batch(0, 1, true), batch(1, 2, true), batch(2, 3, false), batch(3, 2, true)];
        let bytes = bytes.concat();
        let mut unread = Unread {
            range: 0..bytes.len(),
            bytes: Arc::new(bytes),
            aborted: aborted.iter().copied().collect(),
            open: BTreeMap::new(),
        };
        let (mut seen, mut from) = (Vec::new(), from);
        loop {
            let partition = TopicPartition::new("t", 0);
            match unread.next(&config, &partition, from).expect("whole") {
                NextBatch::End => return seen,
                NextBatch::Skipped { next_offset, .. } => from = from.max(next_offset),
                NextBatch::Records { chunk, next_offset, .. } => {
                    seen.extend(chunk.last_offset());
                    from = next_offset;
                }
            }
        }
    }

    #[test]
    fn aborted_records_are_hidden_from_those_who_read_committed() {
        let aborted = [(1, 2)];
        assert_eq!(shown(IsolationLevel::ReadCommitted, 0, &aborted), [0, 2]);
        assert_eq!(shown(IsolationLevel::ReadUncommitted, 0, &aborted), [0, 1, 2, 3]);
        assert_eq!(shown(IsolationLevel::ReadCommitted, 2, &[]), [2, 3]);
    }

    #[test]
    fn damaged_batches_are_an_error() {
        let mut bytes = batch(0, 1, false);
        *bytes.last_mut().expect("bytes") ^= 1;
        let mut unread =
            Unread { range: 0..bytes.len(), bytes: Arc::new(bytes), ..Unread::default() };
        let partition = TopicPartition::new("t", 0);
        let read = unread.next(&ConsumerConfig::default(), &partition, 0);
        assert_eq!(read.err().map(|e| e.code()), Some(ErrorCode::CorruptMessage));
    }
}
