//! One pass over the partitions of a fetch: what each may read, within the request's budget.

use super::Followed;
use crate::partition::{EndsSeen, FetchingReplica, Leader, LogGuard, Move, Partition, Partitions};
use log::{AbortedTxn, EpochEnd, LogError, RealFile, Slice};
use std::sync::Arc;
use types::{ErrorCode, LeaderEpoch, NodeId, Offset};

/// What a client may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Want<'r> {
    /// Only what no open transaction could take back (`read_committed`).
    pub committed_only: bool,
    /// Whether topics are named by id.
    pub by_id: bool,
    pub reader: Reader,
    /// A consumer's `client.rack`, where it shall be sent to the closest replica.
    pub rack: Option<&'r str>,
}

impl Want<'_> {
    /// The same once every position has been noted.
    pub(crate) fn noted(self) -> Self {
        let reader = match self.reader {
            Reader::Replica { replica, .. } => Reader::Replica { replica, is_news: false },
            other @ (Reader::Consumer { .. } | Reader::Debugger) => other,
        };
        Self { reader, ..self }
    }
}

/// Who reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// A consumer, which may read from a follower if it knows how to (KIP-392).
    Consumer { may_follow: bool },
    /// Another broker's replica; `is_news` where its position has not been noted yet.
    Replica { replica: FetchingReplica, is_news: bool },
    /// A tool that looks at one replica's log, committed or not.
    Debugger,
}

impl Reader {
    /// What it waits for where there is nothing to read.
    pub(crate) fn awaits(self) -> Move {
        match self {
            Self::Consumer { .. } => Move::Committed,
            Self::Replica { .. } | Self::Debugger => Move::Appended,
        }
    }
}

/// How many bytes the answer may still take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    pub bytes_left: usize,
    /// Until something was read, one batch may be larger than every limit (KIP-74, rule 23).
    pub is_untouched: bool,
}

/// What became of one partition in a pass.
#[derive(Debug)]
pub(crate) enum Reading {
    Refused {
        code: ErrorCode,
        leader: Option<Leader>,
    },
    /// The client's log has gone another way than this one (KIP-320).
    Diverged {
        ends: EndsSeen,
        end: EpochEnd,
    },
    /// The client had better read from another replica.
    Elsewhere {
        ends: EndsSeen,
        node: NodeId,
    },
    Read {
        ends: EndsSeen,
        slice: Option<Slice<RealFile>>,
        aborted: Option<Vec<AbortedTxn>>,
    },
}

impl Reading {
    /// Bytes of records.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Read { slice: Some(slice), .. } => bytes_of(slice),
            Self::Read { slice: None, .. }
            | Self::Refused { .. }
            | Self::Diverged { .. }
            | Self::Elsewhere { .. } => 0,
        }
    }

    /// Whether the client must hear of it at once: of what is no record, and of records that end with
    /// their segment, for those behind them come only when it has moved on.
    pub(crate) fn is_urgent(&self) -> bool {
        match self {
            Self::Refused { .. } | Self::Diverged { .. } | Self::Elsewhere { .. } => true,
            Self::Read { slice, .. } => slice.as_ref().is_some_and(|slice| slice.continues),
        }
    }
}

pub(crate) fn bytes_of(slice: &Slice<RealFile>) -> usize {
    usize::try_from(slice.bytes).unwrap_or(usize::MAX)
}

/// Reads one partition. The log is opened if need be; nothing else waits.
pub(crate) async fn read(
    partitions: &Partitions,
    followed: &mut Followed,
    want: Want<'_>,
    budget: &mut Budget,
) -> Reading {
    match try_read(partitions, followed, want, budget).await {
        Ok(reading) => reading,
        Err(refused) => {
            followed.partition = None;
            Reading::Refused { code: refused.code, leader: refused.leader }
        }
    }
}

struct Refused {
    code: ErrorCode,
    leader: Option<Leader>,
}

impl From<ErrorCode> for Refused {
    fn from(code: ErrorCode) -> Self {
        Self { code, leader: None }
    }
}

impl From<LogError> for Refused {
    fn from(error: LogError) -> Self {
        if matches!(error, LogError::DiskFull(_) | LogError::Storage(_)) {
            tracing::error!(%error, "cannot read");
        }
        error.code().into()
    }
}

/// What to look up in a log.
#[derive(Clone, Copy)]
struct Stretch {
    from: Offset,
    bytes_max: u32,
    upper: Offset,
    takes_one: bool,
}

type Found = (Option<Slice<RealFile>>, Option<Vec<AbortedTxn>>);

impl Stretch {
    fn find(self, log: &mut LogGuard<'_>, with_aborted: bool) -> Result<Found, LogError> {
        let Self { from, bytes_max, upper, takes_one } = self;
        let slice = log.read(from, bytes_max, upper, takes_one)?;
        let aborted = match (&slice, with_aborted) {
            (Some(_), true) => Some(log.aborted_transactions(from, upper)?),
            (None, true) => Some(Vec::new()),
            (_, false) => None,
        };
        Ok((slice, aborted))
    }
}

/// Looks into indexes and batch headers: at once where they are in memory, else on a thread that
/// may wait for the disk.
async fn look_up(
    partition: &Arc<Partition>,
    stretch: Stretch,
    with_aborted: bool,
) -> Result<Found, Refused> {
    let at_once = {
        let mut log = partition.log().await?;
        log::without_waiting(|| stretch.find(&mut log, with_aborted))
    };
    match at_once {
        Err(error) if error.would_wait() => {}
        found => return Ok(found?),
    }
    let opened = Arc::clone(partition);
    let found = partition.directory().pool.run(move || -> Result<Found, Refused> {
        Ok(stretch.find(&mut opened.open()?, with_aborted)?)
    });
    found.await.unwrap_or(Err(ErrorCode::KafkaStorageError.into()))
}

async fn try_read(
    partitions: &Partitions,
    followed: &mut Followed,
    want: Want<'_>,
    budget: &mut Budget,
) -> Result<Reading, Refused> {
    let partition = find(partitions, followed, want)?;
    let asked = followed.current_leader_epoch;
    let epoch = check_leadership(&partition, partitions.node(), asked, want.reader)?;
    let ends = partition.ends().await?;
    if followed.last_fetched_epoch != LeaderEpoch::NONE {
        let known = partition.log().await?.epoch_end_offset(followed.last_fetched_epoch);
        let known = known.ok_or(ErrorCode::OffsetOutOfRange)?;
        if let Some(end) = divergence(followed, known) {
            return Ok(Reading::Diverged { ends, end });
        }
    }
    let from = followed.fetch_offset;
    if from < ends.log_start || from > ends.log_end {
        return Err(ErrorCode::OffsetOutOfRange.into());
    }
    let ends = match want.reader {
        Reader::Replica { replica, is_news: true } => {
            partition.log().await?.fetched(replica, epoch, from, followed.log_start)?
        }
        Reader::Replica { .. } | Reader::Consumer { .. } | Reader::Debugger => ends,
    };
    if let Some(node) = want.rack.and_then(|rack| partition.closest(rack, from)) {
        return Ok(Reading::Elsewhere { ends, node });
    }
    let upper = match want.reader {
        Reader::Replica { .. } | Reader::Debugger => ends.log_end,
        Reader::Consumer { .. } if want.committed_only => ends.last_stable,
        Reader::Consumer { .. } => ends.high_watermark,
    };
    if let Reader::Replica { replica, .. } = want.reader
        && partition.is_feeding_limited(replica.node)
    {
        return Ok(Reading::Read { ends, slice: None, aborted: None });
    }
    let no_aborted = want.committed_only.then(Vec::new);
    let is_spent = budget.bytes_left == 0 && !budget.is_untouched;
    if from >= upper || is_spent {
        return Ok(Reading::Read { ends, slice: None, aborted: no_aborted });
    }
    let partition_max = usize::try_from(followed.bytes_max).unwrap_or(0);
    let bytes_max = u32::try_from(partition_max.min(budget.bytes_left)).unwrap_or(u32::MAX);
    let stretch = Stretch { from, bytes_max, upper, takes_one: budget.is_untouched };
    let (slice, aborted) = look_up(&partition, stretch, want.committed_only).await?;
    if let Some(slice) = &slice {
        budget.bytes_left = budget.bytes_left.saturating_sub(bytes_of(slice));
        budget.is_untouched = false;
        if matches!(want.reader, Reader::Replica { .. }) {
            partition.has_fed(bytes_of(slice));
        }
    }
    Ok(Reading::Read { ends, slice, aborted })
}

/// The partition, remembered over the requests of a session.
fn find(
    partitions: &Partitions,
    followed: &mut Followed,
    want: Want<'_>,
) -> Result<Arc<Partition>, Refused> {
    if let Some(partition) = &followed.partition
        && !partition.is_gone()
    {
        return Ok(Arc::clone(partition));
    }
    let topic = match want.by_id {
        true => partitions.with_id(followed.topic_id).ok_or_else(|| lost(partitions, followed))?,
        false => partitions.named(&followed.topic).ok_or(ErrorCode::UnknownTopicOrPartition)?,
    };
    let found = topic.partition(followed.index).ok_or(ErrorCode::UnknownTopicOrPartition)?;
    followed.found_as = Some(Arc::clone(&topic.facts.name));
    followed.partition = Some(Arc::clone(found));
    Ok(Arc::clone(found))
}

/// What became of a topic whose id is not known, or not any more: within a session its name is
/// remembered, and may have another id since (rule 52).
fn lost(partitions: &Partitions, followed: &Followed) -> ErrorCode {
    match &followed.found_as {
        None => ErrorCode::UnknownTopicId,
        Some(name) if partitions.named(name).is_some() => ErrorCode::InconsistentTopicId,
        Some(_) => ErrorCode::UnknownTopicOrPartition,
    }
}

/// Whether this replica serves the reader, and in which term. First of all, both must mean the same
/// leader: who is behind has to learn of it, and who is ahead knows it better than this broker.
fn check_leadership(
    partition: &Partition,
    node: NodeId,
    current_epoch: LeaderEpoch,
    reader: Reader,
) -> Result<LeaderEpoch, Refused> {
    let leader = partition.leader();
    let refused = |code| Err(Refused { code, leader: Some(leader) });
    if let Some(code) = epoch_error(current_epoch, leader.epoch) {
        return refused(code);
    }
    match reader {
        _ if leader.id == node => Ok(leader.epoch),
        Reader::Consumer { may_follow: true } | Reader::Debugger if leader.id != NodeId::NONE => {
            Ok(leader.epoch)
        }
        Reader::Consumer { .. } | Reader::Debugger | Reader::Replica { .. } => {
            refused(ErrorCode::NotLeaderOrFollower)
        }
    }
}

/// What a client's idea of the leader epoch is answered with (rule 26).
pub(crate) fn epoch_error(current: LeaderEpoch, ours: LeaderEpoch) -> Option<ErrorCode> {
    match current {
        LeaderEpoch::NONE => None,
        epoch if epoch < ours => Some(ErrorCode::FencedLeaderEpoch),
        epoch if epoch > ours => Some(ErrorCode::UnknownLeaderEpoch),
        _ => None,
    }
}

/// Where the client's log must be cut, if it is not a beginning of this one.
fn divergence(followed: &Followed, known: EpochEnd) -> Option<EpochEnd> {
    let is_other = known.epoch < followed.last_fetched_epoch;
    (is_other || known.end_offset < followed.fetch_offset).then_some(known)
}
