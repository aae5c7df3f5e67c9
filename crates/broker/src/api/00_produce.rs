//! Produce: validate each partition's batch, append it, answer with its offset.

use crate::dispatch::RequestContext;
use crate::partition::{
    AppendError, ELECTION_GRACE, EndsSeen, Leader, Move, Partition, Stored, Topic, Waiter, now,
};
use log::{Appended, LogError, Origin};
use metadata::is_internal_topic;
use record::{Rejection, Rules, TimestampType, ValidBatch, with_scratch};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use types::{ErrorCode, LeaderEpoch, NodeId, Offset, TimestampMs};
use wire::produce_request::{PartitionProduceData, ProduceRequest, TopicProduceData};
use wire::produce_response::{
    BatchIndexAndErrorMessage, LeaderIdAndEpoch, NodeEndpoint, PartitionProduceResponse,
    ProduceResponse, TopicProduceResponse,
};

const FIRST_VERSION_WITH_ZSTD: i16 = 7;
const FIRST_VERSION_WITH_LEADERS: i16 = 10;
const FIRST_VERSION_WITH_IDS: i16 = 13;

const ACKS_ALL: i16 = -1;
const ACKS_LEADER: i16 = 1;
/// The client wants no answer: what goes wrong can only be told by closing the connection.
pub(crate) const ACKS_NONE: i16 = 0;

/// Kafka's own console and tools may repair internal topics under this client id.
const ADMIN_CLIENT_ID: &str = "__admin_client";

/// A batch that is to be acknowledged when every in-sync replica has it.
struct Awaited {
    partition: Arc<Partition>,
    /// The term in which it was appended.
    epoch: LeaderEpoch,
    end: Offset,
}

/// Why a partition took nothing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Refused {
    pub(crate) code: ErrorCode,
    message: Option<String>,
    records: Vec<BatchIndexAndErrorMessage<'static>>,
    leader: Option<Leader>,
}

/// What is the same for all partitions of a request.
struct Terms {
    acks: i16,
    zstd_allowed: bool,
    internal_allowed: bool,
    deadline: Instant,
    /// So long may a leader take to hear of its election.
    patient_until: Instant,
    now: TimestampMs,
}

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: ProduceRequest<'a>,
) -> ProduceResponse<'a> {
    let timeout = Duration::from_millis(u64::try_from(request.timeout_ms).unwrap_or(0));
    let asked_at = Instant::now();
    let terms = Terms {
        acks: request.acks,
        zstd_allowed: context.version >= FIRST_VERSION_WITH_ZSTD,
        internal_allowed: context.client_id == Some(ADMIN_CLIENT_ID),
        deadline: asked_at + timeout,
        patient_until: asked_at + ELECTION_GRACE,
        now: now(),
    };
    let mut responses = Vec::with_capacity(request.topic_data.len());
    let (mut leaders, mut awaited) = (Vec::new(), Vec::new());
    for topic in request.topic_data {
        responses.push(append_to_topic(context, &terms, topic, &mut awaited, &mut leaders).await);
    }
    await_all(context, &terms, awaited, &mut responses, &mut leaders).await;
    let node_endpoints = context.endpoints_of(&leaders).map(|endpoint| NodeEndpoint {
        node_id: endpoint.node.0,
        host: endpoint.host.into(),
        port: endpoint.port,
        rack: endpoint.rack.map(Cow::Owned),
    });
    ProduceResponse { responses, node_endpoints: node_endpoints.collect(), ..Default::default() }
}

/// The first error in a response.
pub(crate) fn first_error(response: &ProduceResponse<'_>) -> Option<ErrorCode> {
    let partitions = response.responses.iter().flat_map(|topic| &topic.partition_responses);
    let codes = partitions.map(|partition| ErrorCode::from_wire(partition.error_code));
    codes.into_iter().find(|code| *code != ErrorCode::None)
}

async fn append_to_topic<'a>(
    context: &RequestContext<'_>,
    terms: &Terms,
    topic: TopicProduceData<'a>,
    awaited: &mut Vec<Awaited>,
    leaders: &mut Vec<Leader>,
) -> TopicProduceResponse<'a> {
    let found = find_topic(context, &topic);
    let mut partition_responses = Vec::with_capacity(topic.partition_data.len());
    for data in topic.partition_data {
        let outcome = match &found {
            Ok(found) => append_to_partition(terms, found, &data).await,
            Err(code) => Err((*code).into()),
        };
        partition_responses.push(match outcome {
            Ok((appended, uncommitted)) => {
                awaited.extend(uncommitted);
                appended
            }
            Err(refused) => refused.into_response(context.version, data.index, leaders),
        });
    }
    TopicProduceResponse { name: topic.name, topic_id: topic.topic_id, partition_responses }
}

fn find_topic(
    context: &RequestContext<'_>,
    topic: &TopicProduceData<'_>,
) -> Result<Arc<Topic>, ErrorCode> {
    let partitions = &context.node.partitions;
    match context.version >= FIRST_VERSION_WITH_IDS {
        true => partitions.with_id(topic.topic_id).ok_or(ErrorCode::UnknownTopicId),
        false => partitions.named(&topic.name).ok_or(ErrorCode::UnknownTopicOrPartition),
    }
}

async fn append_to_partition(
    terms: &Terms,
    topic: &Topic,
    data: &PartitionProduceData<'_>,
) -> Result<(PartitionProduceResponse<'static>, Option<Awaited>), Refused> {
    let partition = topic.partition(data.index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    if !matches!(terms.acks, ACKS_ALL | ACKS_LEADER | ACKS_NONE) {
        return Err(ErrorCode::InvalidRequiredAcks.into());
    }
    if is_internal_topic(&topic.facts.name) && !terms.internal_allowed {
        return Err(ErrorCode::InvalidTopicException.into());
    }
    let epoch = partition.term(terms.patient_until).await?;
    if terms.acks == ACKS_ALL && !partition.has_enough_in_sync() {
        return Err(ErrorCode::NotEnoughReplicas.into());
    }
    let rules = topic.facts.rules.load_full();
    let batch = validated(data, &rules.records, terms)?;
    let log = partition.log().await?;
    let Stored { appended, ends, unsynced } =
        log.append(&batch, Origin::Client, epoch, terms.now)?;
    if unsynced >= rules.flush_messages {
        partition.flushed(appended.last_offset).await?;
    }
    let is_replicated = terms.acks == ACKS_ALL && partition.is_replicated();
    let awaited = is_replicated.then(|| Awaited {
        partition: Arc::clone(partition),
        epoch,
        end: appended.last_offset.plus(1),
    });
    let is_stamped = rules.records.timestamp_type == TimestampType::LogAppendTime;
    Ok((accepted(data.index, &appended, ends, is_stamped), awaited))
}

/// The partition's one batch, if the topic takes it. A transactional one is refused: there is no
/// coordinator that could ever end the transaction.
fn validated<'a>(
    data: &'a PartitionProduceData<'_>,
    rules: &Rules,
    terms: &Terms,
) -> Result<ValidBatch<'a>, Refused> {
    let bytes = data.records.as_slice().unwrap_or_default();
    let batch = with_scratch(|scratch| match terms.zstd_allowed {
        true => record::validate(bytes, rules, terms.now, scratch),
        false => {
            let rules = Rules { zstd_allowed: false, ..rules.clone() };
            record::validate(bytes, &rules, terms.now, scratch)
        }
    })?;
    match batch.header().attributes.is_transactional() {
        true => Err(ErrorCode::InvalidTxnState.into()),
        false => Ok(batch),
    }
}

/// Waits for what was appended (acks=all): the partitions of a request wait together.
async fn await_all(
    context: &RequestContext<'_>,
    terms: &Terms,
    awaited: Vec<Awaited>,
    responses: &mut [TopicProduceResponse<'_>],
    leaders: &mut Vec<Leader>,
) {
    let node = context.node.settings.node_id;
    for Awaited { partition, epoch, end } in awaited {
        let Err(refused) = committed(node, &partition, epoch, end, terms.deadline).await else {
            continue;
        };
        let is_of_topic = |topic: &&mut TopicProduceResponse<'_>| {
            topic.topic_id == partition.topic.id || *topic.name == *partition.topic.name
        };
        let topic = responses.iter_mut().find(is_of_topic);
        let answers = topic.into_iter().flat_map(|topic| &mut topic.partition_responses);
        for answer in answers.filter(|answer| answer.index == partition.index) {
            refused.clone().put_in_doubt(context.version, answer, leaders);
        }
    }
}

/// Waits until every in-sync replica has what `node` appended before `end` in its term.
///
/// # Errors
/// Why the client must not take it for acknowledged.
pub(crate) async fn committed(
    node: NodeId,
    partition: &Arc<Partition>,
    epoch: LeaderEpoch,
    end: Offset,
    deadline: Instant,
) -> Result<(), Refused> {
    let waiter = Arc::new(Waiter::default());
    let outcome = loop {
        partition.await_move(Move::Committed, &waiter);
        let is_committed = partition.ends_if_open().is_some_and(|ends| ends.high_watermark >= end);
        // looked at behind the watermark: one that another leader has moved is not this one's
        match partition.led_by(node) {
            Ok(led) if led == epoch => {}
            Ok(_) => break Err(partition.leader().into()),
            Err(leader) => break Err(leader.into()),
        }
        if is_committed {
            break match partition.is_acknowledged(end) {
                true => Ok(()),
                false => Err(ErrorCode::NotEnoughReplicasAfterAppend.into()),
            };
        }
        if tokio::time::timeout_at(deadline, waiter.woken()).await.is_err() {
            break Err(ErrorCode::RequestTimedOut.into());
        }
    };
    partition.forget(Move::Committed, &waiter);
    outcome
}

fn accepted(
    index: i32,
    appended: &Appended,
    ends: EndsSeen,
    is_stamped: bool,
) -> PartitionProduceResponse<'static> {
    let log_append_time_ms = match is_stamped || appended.is_duplicate {
        true => appended.max_timestamp.0,
        false => TimestampMs::NONE.0,
    };
    PartitionProduceResponse {
        index,
        base_offset: appended.base_offset.0,
        log_append_time_ms,
        log_start_offset: ends.log_start.0,
        ..Default::default()
    }
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self { code, ..Self::default() }
    }
}

impl From<Leader> for Refused {
    fn from(leader: Leader) -> Self {
        let code = ErrorCode::NotLeaderOrFollower;
        Self { code, leader: Some(leader), ..Self::default() }
    }
}

impl From<LogError> for Refused {
    fn from(error: LogError) -> Self {
        if matches!(error, LogError::DiskFull(_) | LogError::Storage(_)) {
            tracing::error!(%error, "cannot append");
        }
        Self { code: error.code(), message: Some(error.to_string()), ..Self::default() }
    }
}

impl From<AppendError> for Refused {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::NotLeader(leader) => leader.into(),
            AppendError::Overtakes { .. } => Self {
                code: ErrorCode::NotLeaderOrFollower,
                message: Some(error.to_string()),
                ..Self::default()
            },
            AppendError::Log(error) => error.into(),
        }
    }
}

impl From<Rejection> for Refused {
    fn from(rejection: Rejection) -> Self {
        let of_record = |record: record::RecordRejection| BatchIndexAndErrorMessage {
            batch_index: record.index,
            batch_index_error_message: record.message.map(Cow::Owned),
        };
        Self {
            code: rejection.code,
            message: Some(rejection.message),
            records: rejection.record_errors.into_iter().map(of_record).collect(),
            leader: None,
        }
    }
}

impl Refused {
    fn into_response(
        self,
        version: i16,
        index: i32,
        leaders: &mut Vec<Leader>,
    ) -> PartitionProduceResponse<'static> {
        let mut answer = PartitionProduceResponse { index, base_offset: -1, ..Default::default() };
        self.put_in_doubt(version, &mut answer, leaders);
        answer
    }

    /// Puts the refusal into what is answered otherwise. What was appended, but may not stay, keeps
    /// its place in the answer.
    fn put_in_doubt(
        self,
        version: i16,
        answer: &mut PartitionProduceResponse<'_>,
        leaders: &mut Vec<Leader>,
    ) {
        let leader = self.leader.filter(|_| version >= FIRST_VERSION_WITH_LEADERS);
        leaders.extend(leader);
        answer.error_code = self.code.code();
        answer.record_errors = self.records;
        answer.error_message = self.message.map(Cow::Owned);
        answer.current_leader = leader.map_or_else(LeaderIdAndEpoch::default, |leader| {
            LeaderIdAndEpoch { leader_id: leader.id.0, leader_epoch: leader.epoch.0 }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use types::NodeId;

    #[test]
    fn an_answer_in_doubt_says_where_the_records_are_as_kafka_s_does() {
        let appended =
            PartitionProduceResponse { base_offset: 7, log_start_offset: 3, ..Default::default() };
        let leader = Leader { id: NodeId(2), epoch: LeaderEpoch(5) };
        for (refused, code, leaders_told) in [
            (Refused::from(ErrorCode::RequestTimedOut), ErrorCode::RequestTimedOut, vec![]),
            (Refused::from(leader), ErrorCode::NotLeaderOrFollower, vec![leader]),
        ] {
            let (mut answer, mut leaders) = (appended.clone(), Vec::new());
            refused.clone().put_in_doubt(FIRST_VERSION_WITH_LEADERS, &mut answer, &mut leaders);
            assert_eq!(answer.error_code, code.code());
            assert_eq!((answer.base_offset, answer.log_start_offset), (7, 3));
            assert_eq!(leaders, leaders_told);
            let nothing = refused.into_response(FIRST_VERSION_WITH_LEADERS, 0, &mut leaders);
            assert_eq!((nothing.error_code, nothing.base_offset), (code.code(), -1));
        }
    }
}
