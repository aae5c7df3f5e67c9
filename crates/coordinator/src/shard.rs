//! The contract between every coordinator's machine and the one loop that runs it.

use types::{Instant, Offset, TimestampMs};

/// What the shell's clocks say: deadlines go by `instant`, what is written down by `wall`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Now {
    pub instant: Instant,
    pub wall: TimestampMs,
}

/// Whom an answer is for. The shell draws tickets; the machine answers each exactly once,
/// now or as part of a later decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What follows from one request: first the records, in order, then the answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision<Record, Reply> {
    pub records: Vec<Record>,
    pub replies: Vec<(Ticket, Reply)>,
}

impl<Record, Reply> Default for Decision<Record, Reply> {
    fn default() -> Self {
        Self { records: Vec::new(), replies: Vec::new() }
    }
}

impl<Record, Reply> Decision<Record, Reply> {
    /// An answer that changes nothing.
    #[must_use]
    pub fn answer(ticket: Ticket, reply: Reply) -> Self {
        Self { records: Vec::new(), replies: vec![(ticket, reply)] }
    }
}

/// A durable machine. Deciding cannot change state; applying cannot refuse.
pub trait Shard {
    type Request;
    type Reply;
    type Record;

    /// What `request` leads to in the present state.
    fn decide(&self, now: Now, request: Self::Request) -> Decision<Self::Record, Self::Reply>;

    /// Takes in a record of a decision, or one read back from the log, that stands at `offset`.
    fn apply(&mut self, offset: Offset, record: &Self::Record);

    /// When the machine wants to be asked again; a timeout is just another request.
    fn next_deadline(&self) -> Option<Instant>;
}
