//! A shard on the bench: a clock that tests turn, a log in memory, and tickets with their answers.

pub mod dice;
pub mod script;

use std::collections::BTreeMap;

use coordinator::{
    Call, GroupConfig, GroupShard, Instant, Now, Reply, Request, Shard, StoredRecord, Ticket,
};
use types::{Offset, TimestampMs};

/// Wall time when the bench is set up: far from zero, so that the two clocks cannot be confused.
const EPOCH_MS: i64 = 1_700_000_000_000;

pub struct Bench {
    pub shard: GroupShard,
    pub log: Vec<StoredRecord>,
    /// Calls that have no answer yet, by who asked.
    pub open: BTreeMap<Ticket, String>,
    config: GroupConfig,
    ms: u64,
    tickets: u64,
}

impl Bench {
    pub fn new(config: GroupConfig) -> Self {
        Self {
            shard: GroupShard::new(config.clone()),
            log: Vec::new(),
            open: BTreeMap::new(),
            config,
            ms: 0,
            tickets: 0,
        }
    }

    pub fn now(&self) -> Now {
        let passed = i64::try_from(self.ms).expect("a short test");
        Now { instant: Instant(self.ms), wall: TimestampMs(EPOCH_MS + passed) }
    }

    /// A call of `who`; the answers that it brings, to anybody.
    pub fn call(&mut self, who: &str, call: Call) -> Vec<(String, Reply)> {
        let ticket = Ticket(self.tickets);
        self.tickets += 1;
        self.open.insert(ticket, who.to_owned());
        self.ask(Request::Call(ticket, call))
    }

    /// One round of the shell's loop.
    pub fn ask(&mut self, request: Request) -> Vec<(String, Reply)> {
        let decision = self.shard.decide(self.now(), request);
        for record in &decision.records {
            let offset = Offset(i64::try_from(self.log.len()).expect("a short test"));
            self.shard.apply(offset, record);
            self.log.extend(record.stored().cloned());
        }
        let claim = |(ticket, reply)| {
            let who = self.open.remove(&ticket).expect("a ticket is answered once");
            (who, reply)
        };
        decision.replies.into_iter().map(claim).collect()
    }

    /// Lets time pass, with a tick at every deadline on the way.
    pub fn pass(&mut self, ms: u64) -> Vec<(String, Reply)> {
        let end = self.ms + ms;
        let mut replies = Vec::new();
        while let Some(more) = self.tick_before(end) {
            replies.extend(more);
        }
        replies
    }

    /// Goes on to the next deadline, or, if none is left before it, to `end`.
    pub fn tick_before(&mut self, end: u64) -> Option<Vec<(String, Reply)>> {
        let Some(Instant(due)) = self.shard.next_deadline().filter(|due| due.0 <= end) else {
            self.ms = end;
            return None;
        };
        self.ms = self.ms.max(due);
        let replies = self.ask(Request::Tick);
        let next = self.shard.next_deadline();
        assert!(next.is_none_or(|next| next.0 > self.ms), "a tick leaves nothing that is due");
        Some(replies)
    }

    /// The shard as another one would be after reading the log.
    pub fn replayed(&self) -> GroupShard {
        let mut shard = GroupShard::new(self.config.clone());
        for (offset, record) in (0i64..).zip(&self.log) {
            shard.apply(Offset(offset), &coordinator::Record::Stored(record.clone()));
        }
        shard
    }

    /// Loses what was not stored, and every call that was not answered.
    pub fn crash(&mut self) {
        self.shard = self.replayed();
        self.open.clear();
        self.ask(Request::Loaded);
    }
}
