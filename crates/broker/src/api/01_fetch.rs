//! Fetch: read what there is, or wait until there is enough; the records go from file to socket.

use crate::dispatch::RequestContext;
use crate::fetch::{self, Budget, FIRST_VERSION_WITH_IDS, Followed, Reader, Reading, Want};
use crate::net::FileRange;
use crate::partition::{FetchingReplica, Leader, Waiter};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use types::{BrokerEpoch, ErrorCode, NodeId};
use wire::Records;
use wire::fetch_request::FetchRequest;
use wire::fetch_response::{
    AbortedTransaction, EpochEndOffset, FetchResponse, FetchableTopicResponse, LeaderIdAndEpoch,
    NodeEndpoint, PartitionData,
};

/// Consumers from this version on may be sent to a follower (KIP-392).
const FIRST_VERSION_WITH_RACK: i16 = 11;
const FIRST_VERSION_WITH_REPLICA_STATE: i16 = 15;
/// From this one on Kafka says who leads, and where that is (KIP-951), though 12 has a field for it.
const FIRST_VERSION_WITH_LEADERS: i16 = 16;

const READ_COMMITTED: i8 = 1;

/// An answer, and the file ranges that its records are.
#[derive(Debug)]
pub(crate) struct Fetched {
    pub response: FetchResponse<'static>,
    pub ranges: Vec<FileRange>,
}

/// What there was to read when the wait for it ended.
struct Found {
    readings: Vec<Reading>,
    /// Whether the client had gone by then.
    has_asker_left: bool,
}

pub(crate) async fn answer(context: &RequestContext<'_>, request: FetchRequest<'_>) -> Fetched {
    let sessions = &context.node.fetch_sessions;
    let begun = sessions.begin(&request, context.version, std::time::Instant::now());
    let mut fetching = match begun {
        Ok(fetching) => fetching,
        Err(code) => {
            let response = FetchResponse { error_code: code.code(), ..Default::default() };
            return Fetched { response, ranges: Vec::new() };
        }
    };
    let want = Want {
        committed_only: request.isolation_level == READ_COMMITTED,
        by_id: context.version >= FIRST_VERSION_WITH_IDS,
        reader: reader(&request, context.version),
        rack: rack(context, &request),
    };
    let Found { readings, has_asker_left } =
        read_enough(context, &request, &mut fetching.followed, want).await;
    let mut answer = Answer {
        version: context.version,
        is_incremental: fetching.is_incremental,
        topics: Vec::new(),
        ranges: Vec::new(),
        leaders: Vec::new(),
    };
    for (followed, reading) in fetching.followed.iter_mut().zip(readings) {
        answer.add(followed, reading).await;
    }
    let Answer { topics, ranges, leaders, .. } = answer;
    move_read_behind(&mut fetching.followed, &topics, fetching.is_incremental);
    let session_id = match has_asker_left {
        true => {
            sessions.close(fetching.session_id);
            0
        }
        false => {
            sessions.end(fetching.session_id, fetching.followed);
            fetching.session_id
        }
    };
    let response = FetchResponse {
        session_id,
        responses: topics,
        node_endpoints: node_endpoints(context, &leaders),
        ..Default::default()
    };
    Fetched { response, ranges }
}

/// A replica's id is that of its broker; -1 is a consumer, what is below a tool.
fn reader(request: &FetchRequest<'_>, version: i16) -> Reader {
    let (id, epoch) = match version >= FIRST_VERSION_WITH_REPLICA_STATE {
        true => (request.replica_state.replica_id, request.replica_state.replica_epoch),
        false => (request.replica_id, -1),
    };
    match id {
        0.. => Reader::Replica {
            replica: FetchingReplica { node: NodeId(id), broker_epoch: BrokerEpoch(epoch) },
            is_news: true,
        },
        -1 => Reader::Consumer { may_follow: version >= FIRST_VERSION_WITH_RACK },
        _ => Reader::Debugger,
    }
}

/// Where a consumer is, if that is to decide which replica it reads from.
fn rack<'r>(context: &RequestContext<'_>, request: &'r FetchRequest<'_>) -> Option<&'r str> {
    let decides = context.node.settings.fetch.reads_from_closest && !request.rack_id.is_empty();
    let is_consumer = matches!(reader(request, context.version), Reader::Consumer { .. });
    (decides && is_consumer).then_some(&*request.rack_id)
}

/// Reads until there are `min_bytes`, an error, or no more time.
async fn read_enough(
    context: &RequestContext<'_>,
    request: &FetchRequest<'_>,
    followed: &mut [Followed],
    want: Want<'_>,
) -> Found {
    let found = |readings| Found { readings, has_asker_left: false };
    // there never is more than the answer may hold
    let bytes_min =
        usize::try_from(request.min_bytes).unwrap_or(0).min(bytes_max(context, request));
    let is_enough = |readings: &[Reading]| {
        readings.is_empty()
            || readings.iter().map(Reading::bytes).sum::<usize>() >= bytes_min
            || readings.iter().any(Reading::is_urgent)
    };
    let readings = read_all(context, request, followed, want).await;
    let wait = Duration::from_millis(u64::try_from(request.max_wait_ms).unwrap_or(0));
    if wait.is_zero() || is_enough(&readings) {
        return found(readings);
    }
    drop(readings);
    let want = want.noted();
    let awaited = want.reader.awaits();
    let deadline = Instant::now() + wait;
    let waiter = Arc::new(Waiter::default());
    let mut stopping = context.node.stopping.clone();
    let found = loop {
        for partition in followed.iter().filter_map(|followed| followed.partition.as_ref()) {
            partition.await_move(awaited, &waiter);
        }
        let readings = read_all(context, request, followed, want).await;
        if is_enough(&readings) {
            break found(readings);
        }
        tokio::select! {
            biased;
            () = waiter.woken() => {}
            () = tokio::time::sleep_until(deadline) => break found(readings),
            _ = stopping.wait_for(|stop| *stop) => break found(readings),
            // however long it was ready to wait
            () = context.peer.hung_up() => break Found { readings, has_asker_left: true },
        }
    };
    for partition in followed.iter().filter_map(|followed| followed.partition.as_ref()) {
        partition.forget(awaited, &waiter);
    }
    found
}

async fn read_all(
    context: &RequestContext<'_>,
    request: &FetchRequest<'_>,
    followed: &mut [Followed],
    want: Want<'_>,
) -> Vec<Reading> {
    let mut budget = Budget { bytes_left: bytes_max(context, request), is_untouched: true };
    let mut readings = Vec::with_capacity(followed.len());
    for partition in followed {
        let reading = fetch::read(&context.node.partitions, partition, want, &mut budget).await;
        readings.push(reading);
    }
    readings
}

/// What the client and `fetch.max.bytes` allow an answer to hold.
fn bytes_max(context: &RequestContext<'_>, request: &FetchRequest<'_>) -> usize {
    let bytes = request.max_bytes.min(context.node.settings.fetch.response_bytes_max);
    usize::try_from(bytes).unwrap_or(0)
}

/// What was read moves to the end of its session, so that others come first the next time.
fn move_read_behind(
    followed: &mut Vec<Followed>,
    answered: &[FetchableTopicResponse<'_>],
    is_incremental: bool,
) {
    let has_records = |data: &PartitionData<'_>| !data.records.is_empty();
    let any = answered.iter().flat_map(|topic| &topic.partitions).any(has_records);
    if !is_incremental || !any {
        return;
    }
    let (read, unread): (Vec<_>, Vec<_>) =
        std::mem::take(followed).into_iter().partition(|partition| partition.was_read);
    followed.extend(unread);
    followed.extend(read);
}

/// The response while it grows.
struct Answer {
    version: i16,
    is_incremental: bool,
    topics: Vec<FetchableTopicResponse<'static>>,
    ranges: Vec<FileRange>,
    leaders: Vec<Leader>,
}

impl Answer {
    async fn add(&mut self, followed: &mut Followed, reading: Reading) {
        let mut data = PartitionData {
            partition_index: followed.index,
            high_watermark: -1,
            preferred_read_replica: -1,
            aborted_transactions: None,
            records: Records::from(Vec::new()),
            ..Default::default()
        };
        followed.was_read = false;
        let is_telling = match reading {
            Reading::Refused { code, leader } => {
                self.refuse(&mut data, code, leader);
                followed.tell_error();
                true
            }
            Reading::Diverged { ends, end } => {
                data.diverging_epoch =
                    EpochEndOffset { epoch: end.epoch.0, end_offset: end.end_offset.0 };
                set_ends(&mut data, followed, ends);
                true
            }
            Reading::Elsewhere { ends, node } => {
                data.preferred_read_replica = node.0;
                set_ends(&mut data, followed, ends);
                true
            }
            Reading::Read { ends, slice, aborted } => {
                data.aborted_transactions = aborted.map(|aborted| {
                    let entry = |txn: log::AbortedTxn| AbortedTransaction {
                        producer_id: txn.producer_id.0,
                        first_offset: txn.first_offset.0,
                    };
                    aborted.into_iter().map(entry).collect()
                });
                let has_moved = set_ends(&mut data, followed, ends);
                let has_records = slice.is_some();
                if let Some(slice) = slice {
                    followed.was_read = true;
                    data.records = self.cut(followed, slice).await;
                }
                has_moved || has_records
            }
        };
        if is_telling || !self.is_incremental {
            self.push(followed, data);
        }
    }

    fn refuse(&mut self, data: &mut PartitionData<'_>, code: ErrorCode, leader: Option<Leader>) {
        data.error_code = code.code();
        let is_missing =
            matches!(code, ErrorCode::UnknownTopicOrPartition | ErrorCode::UnknownTopicId);
        // as in Kafka, where the two are answered in different places
        data.aborted_transactions = is_missing.then(Vec::new);
        // a client that is ahead knows the leader better than this broker
        let helps = code != ErrorCode::UnknownLeaderEpoch;
        let is_known = self.version >= FIRST_VERSION_WITH_LEADERS;
        if let Some(leader) = leader.filter(|_| helps && is_known) {
            data.current_leader =
                LeaderIdAndEpoch { leader_id: leader.id.0, leader_epoch: leader.epoch.0 };
            self.leaders.push(leader);
        }
    }

    /// Makes a file range of what was read; its pages are in memory then.
    async fn cut(
        &mut self,
        followed: &Followed,
        slice: log::Slice<log::RealFile>,
    ) -> Records<'static> {
        let index = u32::try_from(self.ranges.len()).expect("less partitions than 2^32");
        let bytes = slice.bytes;
        let range =
            FileRange { file: slice.file, position: slice.position, bytes: u64::from(bytes) };
        if let Some(partition) = &followed.partition {
            fetch::warm(&partition.directory().pool, &range).await;
        }
        self.ranges.push(range);
        Records::Range { index, bytes }
    }

    /// Appends to the topic at the end, or begins another.
    fn push(&mut self, followed: &Followed, data: PartitionData<'static>) {
        let is_same = |topic: &&mut FetchableTopicResponse<'_>| {
            topic.topic_id == followed.topic_id && *topic.topic == *followed.topic
        };
        if let Some(topic) = self.topics.last_mut().filter(is_same) {
            topic.partitions.push(data);
            return;
        }
        self.topics.push(FetchableTopicResponse {
            topic: Cow::Owned(followed.topic.to_string()),
            topic_id: followed.topic_id,
            partitions: vec![data],
        });
    }
}

/// Fills in the ends; whether they differ from what the session has told.
fn set_ends(
    data: &mut PartitionData<'_>,
    followed: &mut Followed,
    ends: crate::partition::EndsSeen,
) -> bool {
    data.high_watermark = ends.high_watermark.0;
    data.last_stable_offset = ends.last_stable.0;
    data.log_start_offset = ends.log_start.0;
    followed.tell(ends.high_watermark.0, ends.log_start.0)
}

fn node_endpoints(context: &RequestContext<'_>, leaders: &[Leader]) -> Vec<NodeEndpoint<'static>> {
    let endpoint = |endpoint: crate::cluster::BrokerEndpoint| NodeEndpoint {
        node_id: endpoint.node.0,
        host: Cow::Owned(endpoint.host),
        port: endpoint.port,
        rack: endpoint.rack.map(Cow::Owned),
    };
    context.endpoints_of(leaders).map(endpoint).collect()
}
