//! A follower: fetches what its leader has, and first cuts off what its leader does not.
//!
//! ```text
//!             Records, Diverging                 refused, unreachable
//!            ┌───────────┐   ┌───────────────────────────────────────▶ Waiting
//!            ▼           │   │  ◀──────────────────────────────────────    │ until its time
//!          Fetching ─────┘───┘
//!            │   ▲                               fenced by its leader
//! OutOfRange │   │ LeaderEnds      Fetching ─────────────────────────▶ Fenced (until metadata)
//!            ▼   │
//!          Asking
//! ```

use types::{ErrorCode, LeaderEpoch, NodeId, Offset, TimestampMs};

use crate::assignment::LogPosition;
use crate::divergence::{EpochEnd, Epochs, cut};

/// After its first refusal a follower waits so long, then twice as long each time: mostly its leader
/// only has to learn of its election.
const BACKOFF_MS_MIN: i64 = 10;
const DOUBLINGS_MAX: u32 = 20;

/// The machine, for one epoch of one leader. New metadata makes a new one.
#[derive(Debug, Clone)]
pub struct Follower {
    leader: NodeId,
    epoch: LeaderEpoch,
    log_start: Offset,
    end: Offset,
    high_watermark: Offset,
    /// `replica.fetch.backoff.ms`: the longest wait.
    backoff_ms: i64,
    /// How often it was refused since it was last answered.
    refusals: u32,
    state: State,
    #[cfg(any(test, feature = "broken"))]
    pub(crate) broken: Option<crate::broken::BrokenRule>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Fetching,
    Waiting(TimestampMs),
    Asking,
    Fenced,
}

/// This partition's part of the next fetch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fetch {
    pub leader: NodeId,
    pub epoch: LeaderEpoch,
    pub offset: Offset,
    /// The epoch of the record before `offset`; -1 where there is none.
    pub last_fetched: LeaderEpoch,
    pub log_start: Offset,
}

/// The leader's answer to a [`Fetch`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fetched {
    /// Whole batches up to `next_offset`, which is the fetch's own offset where there are none.
    Records {
        next_offset: Offset,
        high_watermark: Offset,
        log_start: Offset,
    },
    /// The logs part at or before this point.
    Diverging(EpochEnd),
    Refused(ErrorCode),
    /// No answer.
    Unreachable,
}

/// What has happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowerInput {
    /// The answer to `fetch`. One to an earlier fetch is ignored.
    Fetched { fetch: Fetch, answer: Fetched },
    /// Where the log of `epoch`'s leader starts and ends, after [`FollowerEffect::AskEnds`]; `None`
    /// where it did not say. That of another term is ignored.
    LeaderEnds { epoch: LeaderEpoch, ends: Option<(Offset, Offset)> },
}

/// What the shell does, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FollowerEffect {
    /// Cut the log: what is behind goes, which may be all that it has.
    TruncateTo(Offset),
    /// The whole log goes; it begins again here, empty.
    RestartAt(Offset),
    /// Append the records of the answer.
    Append,
    HighWatermark(Offset),
    /// What is before it may be deleted.
    StartsAt(Offset),
    /// Ask the leader of this term by ListOffsets for its earliest and latest offset.
    AskEnds,
}

impl Follower {
    /// Follows `leader` in `epoch` with the log and the high watermark that this replica has.
    #[must_use]
    pub fn start(
        leader: NodeId,
        epoch: LeaderEpoch,
        LogPosition { log_start, end, high_watermark }: LogPosition,
        backoff_ms: i64,
    ) -> Self {
        Self {
            leader,
            epoch,
            log_start,
            end,
            high_watermark: high_watermark.clamp(log_start, end),
            backoff_ms,
            refusals: 0,
            state: State::Fetching,
            #[cfg(any(test, feature = "broken"))]
            broken: None,
        }
    }

    /// What to fetch; `None` where it is not time.
    #[must_use]
    pub fn plan(&self, now: TimestampMs, ours: &impl Epochs) -> Option<Fetch> {
        match self.state {
            State::Fetching => {}
            State::Waiting(until) if until <= now => {}
            State::Waiting(_) | State::Asking | State::Fenced => return None,
        }
        Some(Fetch {
            leader: self.leader,
            epoch: self.epoch,
            offset: self.end,
            last_fetched: ours.latest().unwrap_or(LeaderEpoch::NONE),
            log_start: self.log_start,
        })
    }

    /// When [`Follower::plan`] has something again; `None` where only an input changes that.
    #[must_use]
    pub fn next_deadline(&self) -> Option<TimestampMs> {
        match self.state {
            State::Waiting(until) => Some(until),
            State::Fetching | State::Asking | State::Fenced => None,
        }
    }

    /// Switches a rule off, or none: what a simulator must notice.
    #[cfg(any(test, feature = "broken"))]
    pub fn set_broken(&mut self, broken: Option<crate::BrokenRule>) {
        self.broken = broken;
    }

    /// Steps the machine.
    pub fn step(
        &mut self,
        now: TimestampMs,
        ours: &impl Epochs,
        input: FollowerInput,
        effects: &mut Vec<FollowerEffect>,
    ) {
        match input {
            FollowerInput::Fetched { fetch, answer } => {
                let is_current = fetch.epoch == self.epoch && fetch.offset == self.end;
                if is_current && self.plan_is_open() {
                    self.fetched(now, ours, answer, effects);
                }
            }
            FollowerInput::LeaderEnds { epoch, ends } => {
                if self.state == State::Asking && epoch == self.epoch {
                    self.leader_ends(now, ends, effects);
                }
            }
        }
    }

    fn plan_is_open(&self) -> bool {
        matches!(self.state, State::Fetching | State::Waiting(_))
    }

    fn fetched(
        &mut self,
        now: TimestampMs,
        ours: &impl Epochs,
        answer: Fetched,
        effects: &mut Vec<FollowerEffect>,
    ) {
        self.state = State::Fetching;
        match answer {
            Fetched::Records { next_offset, high_watermark, log_start } => {
                self.refusals = 0;
                self.append(next_offset, effects);
                self.follow_watermarks(high_watermark, log_start, effects);
            }
            Fetched::Diverging(leaders) => {
                let end = cut(ours, self.end, leaders);
                self.truncate_to(end, effects);
            }
            Fetched::Refused(ErrorCode::OffsetOutOfRange) => {
                self.state = State::Asking;
                effects.push(FollowerEffect::AskEnds);
            }
            Fetched::Refused(ErrorCode::FencedLeaderEpoch) => self.state = State::Fenced,
            Fetched::Refused(_) | Fetched::Unreachable => self.wait(now),
        }
    }

    fn append(&mut self, next_offset: Offset, effects: &mut Vec<FollowerEffect>) {
        assert!(next_offset >= self.end, "an answer begins where the fetch did");
        if next_offset > self.end {
            self.end = next_offset;
            effects.push(FollowerEffect::Append);
        }
    }

    fn follow_watermarks(
        &mut self,
        leaders_high_watermark: Offset,
        leaders_start: Offset,
        effects: &mut Vec<FollowerEffect>,
    ) {
        let high_watermark = leaders_high_watermark.min(self.end);
        if high_watermark > self.high_watermark {
            self.high_watermark = high_watermark;
            effects.push(FollowerEffect::HighWatermark(high_watermark));
        }
        let start = leaders_start.min(self.high_watermark);
        if start > self.log_start {
            self.log_start = start;
            effects.push(FollowerEffect::StartsAt(start));
        }
    }

    /// A log that began behind `end` keeps nothing, and begins there.
    fn truncate_to(&mut self, end: Offset, effects: &mut Vec<FollowerEffect>) {
        #[cfg(any(test, feature = "broken"))]
        if self.broken == Some(crate::broken::BrokenRule::KeepsWhatDiverges) {
            return;
        }
        self.end = end;
        self.log_start = self.log_start.min(end);
        self.high_watermark = self.high_watermark.min(end);
        effects.push(FollowerEffect::TruncateTo(end));
    }

    /// Kafka's rule for a follower outside of its leader's log: longer than it (an unclean leader) is
    /// cut to its end, entirely before it begins again at its start.
    fn leader_ends(
        &mut self,
        now: TimestampMs,
        ends: Option<(Offset, Offset)>,
        effects: &mut Vec<FollowerEffect>,
    ) {
        let Some((leaders_start, leaders_end)) = ends else {
            self.wait(now);
            return;
        };
        self.state = State::Fetching;
        if leaders_end < self.end {
            self.truncate_to(leaders_end, effects);
        } else if leaders_start > self.end {
            self.log_start = leaders_start;
            self.end = leaders_start;
            self.high_watermark = leaders_start;
            effects.push(FollowerEffect::RestartAt(leaders_start));
        }
    }

    fn wait(&mut self, now: TimestampMs) {
        let doubled = BACKOFF_MS_MIN.checked_shl(self.refusals).unwrap_or(i64::MAX);
        self.refusals = (self.refusals + 1).min(DOUBLINGS_MAX);
        let wait = doubled.min(self.backoff_ms);
        self.state = State::Waiting(TimestampMs(now.0.saturating_add(wait)));
    }

    /// The log lost its beginning without the leader's word: to retention.
    pub fn starts_at(&mut self, log_start: Offset) {
        self.log_start = self.log_start.max(log_start);
        self.high_watermark = self.high_watermark.max(self.log_start);
    }

    /// The leader that is followed.
    #[must_use]
    pub fn leader(&self) -> NodeId {
        self.leader
    }

    #[must_use]
    pub fn epoch(&self) -> LeaderEpoch {
        self.epoch
    }

    #[must_use]
    pub fn high_watermark(&self) -> Offset {
        self.high_watermark
    }

    /// The end of this replica's log.
    #[must_use]
    pub fn end(&self) -> Offset {
        self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simulation::Records;

    const TERM: LeaderEpoch = LeaderEpoch(5);

    fn follower(log_start: i64, end: i64) -> Follower {
        let (log_start, end) = (Offset(log_start), Offset(end));
        let position = LogPosition { log_start, end, high_watermark: end };
        Follower::start(NodeId(1), TERM, position, 100)
    }

    fn step(follower: &mut Follower, input: FollowerInput) -> Vec<FollowerEffect> {
        let mut effects = Vec::new();
        follower.step(TimestampMs(0), &Records::default(), input, &mut effects);
        effects
    }

    fn planned(follower: &Follower) -> Fetch {
        follower.plan(TimestampMs(0), &Records::default()).expect("it fetches")
    }

    /// A follower that is told to ask for its leader's ends.
    fn asking(log_start: i64, end: i64) -> Follower {
        let mut follower = follower(log_start, end);
        let fetch = planned(&follower);
        let answer = Fetched::Refused(ErrorCode::OffsetOutOfRange);
        let effects = step(&mut follower, FollowerInput::Fetched { fetch, answer });
        assert_eq!(effects, [FollowerEffect::AskEnds]);
        follower
    }

    fn ends(epoch: LeaderEpoch, start: i64, end: i64) -> FollowerInput {
        FollowerInput::LeaderEnds { epoch, ends: Some((Offset(start), Offset(end))) }
    }

    #[test]
    fn a_leader_that_ends_before_the_log_begins_leaves_nothing_of_it() {
        let mut follower = asking(1_000, 1_200);
        let effects = step(&mut follower, ends(TERM, 0, 800));
        assert_eq!(effects, [FollowerEffect::TruncateTo(Offset(800))]);
        let fetch = planned(&follower);
        assert_eq!((fetch.offset, fetch.log_start), (Offset(800), Offset(800)));
    }

    #[test]
    fn logs_that_part_before_this_one_begins_have_nothing_in_common() {
        let mut follower = follower(1_000, 1_200);
        let fetch = planned(&follower);
        let answer = Fetched::Diverging(EpochEnd { epoch: LeaderEpoch(4), end: Offset(800) });
        let effects = step(&mut follower, FollowerInput::Fetched { fetch, answer });
        assert_eq!(effects, [FollowerEffect::TruncateTo(Offset(800))]);
        assert_eq!(planned(&follower).log_start, Offset(800));
    }

    #[test]
    fn ends_of_another_term_are_not_obeyed() {
        let mut follower = asking(0, 1_200);
        assert_eq!(step(&mut follower, ends(LeaderEpoch(4), 0, 800)), []);
        assert_eq!(follower.plan(TimestampMs(0), &Records::default()), None, "it still waits");
        let effects = step(&mut follower, ends(TERM, 0, 900));
        assert_eq!(effects, [FollowerEffect::TruncateTo(Offset(900))]);
    }
}
