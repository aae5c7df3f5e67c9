//! One machine with a shell that performs everything at once, for tables of decisions.

use types::{ErrorCode, LeaderEpoch, NodeId, Offset, TimestampMs, Uuid};

use crate::message::{FetchAnswer, FetchRequest, VoteAnswer};
use crate::{
    Answer, Config, CorrelationId, Destination, Effect, Endpoint, Endpoints, Input, LeaderInfo,
    QuorumState, Raft, ReplicaKey, Reply, Request, RequestId, RoleKind, SnapshotControl, Stored,
    Timeouts, VersionRange, Voter, VoterSet,
};

pub const LISTENER: &str = "CONTROLLER";

pub fn endpoint(id: i32) -> Endpoint {
    Endpoint { host: format!("node{id}"), port: 9093 }
}

pub fn endpoints(id: i32) -> Endpoints {
    Endpoints::one(LISTENER, endpoint(id))
}

/// The replica that `id` is in every test: its disk is named after it.
pub fn key(id: i32) -> ReplicaKey {
    ReplicaKey::new(NodeId(id), Uuid([u8::try_from(id).expect("small ids"); 16]))
}

pub fn voter(id: i32) -> Voter {
    Voter {
        key: key(id),
        endpoints: endpoints(id),
        kraft_versions: VersionRange { min: 0, max: 1 },
    }
}

pub fn voters(ids: &[i32]) -> VoterSet {
    ids.iter().map(|id| voter(*id)).collect()
}

pub fn config(id: i32, bootstrap: &[i32]) -> Config {
    Config {
        node: NodeId(id),
        directory: key(id).directory_or_zero(),
        listener: LISTENER.to_owned(),
        endpoints: endpoints(id),
        can_become_voter: true,
        auto_join: false,
        bootstrap: bootstrap.iter().map(|id| endpoint(*id)).collect(),
        static_voters: VoterSet::default(),
        timeouts: Timeouts::default(),
        seed: u64::from(id.unsigned_abs()),
    }
}

/// A directory that was formatted with these voters.
pub fn formatted(ids: &[i32]) -> Stored {
    let control = SnapshotControl { kraft_version: 1, voters: Some(voters(ids)) };
    let mut stored = Stored::default();
    stored.log.snapshots.push(crate::BOOTSTRAP_SNAPSHOT);
    stored.snapshot = Some((crate::BOOTSTRAP_SNAPSHOT, control));
    stored
}

/// A machine under test.
pub struct Node {
    pub raft: Raft,
    pub now: TimestampMs,
    /// What the file `quorum-state` holds.
    pub persisted: Option<QuorumState>,
    /// The request that was sent last.
    pub last_sent: Option<CorrelationId>,
    next_request: u64,
}

impl Node {
    pub fn open(config: Config, stored: Stored) -> (Self, Vec<Effect>) {
        let (now, mut effects) = (TimestampMs(1_000_000), Vec::new());
        let persisted = stored.quorum_state.clone();
        let raft = Raft::open(config, stored, now, &mut effects);
        let mut node = Self { raft, now, persisted, last_sent: None, next_request: 0 };
        node.flush(&mut effects);
        (node, effects)
    }

    /// A step and the flush behind it.
    pub fn step(&mut self, input: Input) -> Vec<Effect> {
        let mut effects = Vec::new();
        self.raft.step(self.now, input, &mut effects);
        self.flush(&mut effects);
        effects
    }

    /// Lets time pass until the machine is in a state; what its last step brought.
    pub fn wait_for(&mut self, role: RoleKind) -> Vec<Effect> {
        let mut effects = Vec::new();
        for _ in 0..1_000 {
            if self.raft.role() == role {
                return effects;
            }
            effects = self.wait();
        }
        panic!("is {:?}, not {role:?}", self.raft.role())
    }

    /// Lets the machine's next deadline come.
    pub fn wait(&mut self) -> Vec<Effect> {
        let deadline = self.raft.next_deadline().expect("something is due");
        assert!(deadline > self.now, "a deadline that has passed was not kept");
        self.now = deadline;
        self.step(Input::Tick)
    }

    pub fn request(&mut self, request: Request) -> (RequestId, Vec<Effect>) {
        self.next_request += 1;
        let id = RequestId(self.next_request);
        (id, self.step(Input::Request { id, request }))
    }

    /// The answer to a request that does not wait.
    pub fn ask(&mut self, request: Request) -> Answer {
        let (id, effects) = self.request(request);
        answer_to(id, &effects).expect("answered at once")
    }

    pub fn fetch(&mut self, fetch: FetchRequest) -> FetchAnswer {
        match self.ask(Request::Fetch(fetch)) {
            Answer::Fetch(answer) => answer,
            other => panic!("a fetch was answered by {other:?}"),
        }
    }

    pub fn reply(&mut self, correlation: CorrelationId, reply: Reply) -> Vec<Effect> {
        self.step(Input::Reply { correlation, reply })
    }

    /// The leader's shell writes records.
    pub fn append(&mut self, count: i64) -> Vec<Effect> {
        let (epoch, end) = (self.raft.epoch(), self.raft.log().end.plus(count));
        self.step(Input::Appended { epoch, end })
    }

    fn flush(&mut self, effects: &mut Vec<Effect>) {
        let end = self.raft.log().end;
        self.raft.step(self.now, Input::Flushed { end }, effects);
        for effect in effects.iter() {
            match effect {
                Effect::Persist(state) => self.persisted = Some(state.clone()),
                Effect::Send { correlation, .. } => self.last_sent = Some(*correlation),
                _ => {}
            }
        }
    }
}

pub fn answer_to(id: RequestId, effects: &[Effect]) -> Option<Answer> {
    effects.iter().find_map(|effect| match effect {
        Effect::Respond { to, answer } if *to == id => Some(answer.clone()),
        _ => None,
    })
}

/// A vote, given or not, by a voter in `epoch` that knows no leader.
pub fn vote_answer(epoch: i32, granted: bool) -> Reply {
    let leader = LeaderInfo { epoch: LeaderEpoch(epoch), ..LeaderInfo::default() };
    Reply::Vote(VoteAnswer { error: ErrorCode::None, leader, granted })
}

/// Lets an election come and be won up to `role`.
pub fn elected(node: &mut Node, role: RoleKind) -> Vec<Effect> {
    let mut effects = node.wait_for(RoleKind::Prospective);
    while node.raft.role() != role {
        let votes = sent(&effects);
        let (_, correlation, _) = votes.first().expect("asks for votes");
        let epoch = node.raft.epoch().0;
        effects = node.reply(*correlation, vote_answer(epoch, true));
    }
    effects
}

/// Lets it be won altogether.
pub fn lead(node: &mut Node) -> Vec<Effect> {
    elected(node, RoleKind::Leader)
}

/// What is sent, in order.
pub fn sent(effects: &[Effect]) -> Vec<(Destination, CorrelationId, Request)> {
    let send = |effect: &Effect| match effect {
        Effect::Send { to, correlation, request } => {
            Some((to.clone(), *correlation, request.clone()))
        }
        _ => None,
    };
    effects.iter().filter_map(send).collect()
}

/// The last watermark that was told.
pub fn high_watermark(effects: &[Effect]) -> Option<Offset> {
    effects.iter().rev().find_map(|effect| match effect {
        Effect::HighWatermark(offset) => Some(*offset),
        _ => None,
    })
}

pub fn fetch(replica: i32, epoch: i32, offset: i64, last_epoch: i32) -> FetchRequest {
    FetchRequest {
        replica: key(replica),
        current_epoch: LeaderEpoch(epoch),
        offset: Offset(offset),
        last_fetched_epoch: LeaderEpoch(last_epoch),
        high_watermark: Offset(i64::MAX),
        wait_ms_max: 0,
        bytes_max: 1 << 20,
    }
}
