//! One partition of `__consumer_offsets` as a machine: all its groups and offsets.

use std::collections::BTreeMap;
use std::sync::Arc;

use types::{ErrorCode, Offset};

use crate::classic::Transition;
use crate::offsets::Offsets;
use crate::wakes::Wakes;
use crate::{
    Call, ClassicGroup, Decision, DescribeReply, FetchOffsets, FetchReply, GroupConfig, GroupId,
    Heartbeat, Instant, JoinGroup, JoinReply, LeaveGroup, LeaveReply, LeftMember, ListGroups,
    ListedGroup, MemberId, Now, Record, Reply, Request, Shard, State, StoredRecord, SyncGroup,
    SyncReply, Ticket, Volatile,
};

/// A group, by the protocol that its members speak.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Group {
    Classic(Arc<ClassicGroup>),
    /// Found in the log; its records stay there, its members are not coordinated.
    Foreign(GroupKind),
}

/// Kafka's group types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GroupKind {
    Classic,
    Consumer,
    Share,
    Streams,
}

impl GroupKind {
    /// Kafka's name of the type.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Classic => "classic",
            Self::Consumer => "consumer",
            Self::Share => "share",
            Self::Streams => "streams",
        }
    }

    /// What its groups name as protocol type.
    const fn protocol_type(self) -> &'static str {
        match self {
            Self::Classic | Self::Consumer => "consumer",
            Self::Share => "share",
            Self::Streams => "streams",
        }
    }
}

/// The groups and offsets of one partition.
#[derive(Debug, Default)]
pub struct GroupShard {
    pub(crate) config: GroupConfig,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) offsets: Offsets,
    wakes: Wakes,
}

impl Shard for GroupShard {
    type Request = Request;
    type Reply = Reply;
    type Record = Record;

    fn decide(&self, now: Now, request: Request) -> Decision<Record, Reply> {
        match request {
            Request::Call(ticket, call) => self.decide_call(now, ticket, &call),
            Request::Loaded => self.decide_loaded(now),
            Request::Tick => self.decide_tick(now),
            Request::ExpireOffsets => self.decide_expiry(now),
            Request::TopicsDeleted(topics) => self.decide_topics_deleted(&topics),
        }
    }

    fn apply(&mut self, _offset: Offset, record: &Record) {
        match record {
            Record::Stored(stored) => self.apply_stored(stored),
            Record::Volatile(Volatile::Group(group)) => self.set_classic(group.clone()),
            Record::Volatile(Volatile::Alive { group, member, until }) => {
                if let Some(Group::Classic(classic)) = self.groups.get_mut(group) {
                    Arc::make_mut(classic).keep_alive(member, *until);
                    self.wakes.no_later_than(group, *until);
                }
            }
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        self.wakes.first()
    }
}

impl GroupShard {
    /// A shard that has replayed nothing yet.
    #[must_use]
    pub fn new(config: GroupConfig) -> Self {
        Self { config, ..Self::default() }
    }

    /// The broker's settings have changed; deadlines that run keep theirs.
    pub fn set_config(&mut self, config: GroupConfig) {
        self.config = config;
    }

    /// A group, if it is here.
    #[must_use]
    pub fn group(&self, id: &GroupId) -> Option<&Group> {
        self.groups.get(id)
    }

    /// Everything that a group has committed.
    #[must_use]
    pub fn committed(&self, group: &GroupId) -> FetchReply {
        self.offsets.fetch(&FetchOffsets { group: group.clone(), topics: None })
    }

    fn decide_call(&self, now: Now, ticket: Ticket, call: &Call) -> Decision<Record, Reply> {
        let reply = match call {
            Call::Join(request) => return self.decide_join(now, ticket, request),
            Call::Sync(request) => return self.decide_sync(now, ticket, request),
            Call::Leave(request) => return self.decide_leave(now, ticket, request),
            Call::Heartbeat(request) => return self.decide_heartbeat(now, ticket, request),
            Call::Commit(request) => return self.decide_commit(now, ticket, request),
            Call::DeleteOffsets(request) => return self.decide_delete_offsets(ticket, request),
            Call::DeleteGroup(group) => return self.decide_delete_group(ticket, group),
            Call::Fetch(request) => Reply::Fetch(self.offsets.fetch(request)),
            Call::Describe(group) => Reply::Describe(self.describe(group)),
            Call::List(filters) => Reply::List(self.list(filters)),
        };
        Decision::answer(ticket, reply)
    }

    fn decide_join(
        &self,
        now: Now,
        ticket: Ticket,
        request: &JoinGroup,
    ) -> Decision<Record, Reply> {
        let refuse = |error, member: &MemberId| {
            Decision::answer(ticket, Reply::Join(JoinReply::refuse(error, member.clone())))
        };
        let member = &request.member;
        let timeouts = self.config.session_timeout_ms_min..=self.config.session_timeout_ms_max;
        if request.group.as_str().is_empty() {
            return refuse(ErrorCode::InvalidGroupId, member);
        }
        if !request.names_fit() {
            return refuse(ErrorCode::InvalidRequest, member);
        }
        if !timeouts.contains(&request.session_timeout_ms) {
            return refuse(ErrorCode::InvalidSessionTimeout, member);
        }
        let mut transition = match self.groups.get(&request.group) {
            Some(Group::Classic(group)) => Transition::of(&self.config, now, group),
            Some(Group::Foreign(_)) => {
                return refuse(ErrorCode::InconsistentGroupProtocol, &MemberId::unknown());
            }
            None if member.is_unknown() => {
                let group = ClassicGroup::new(request.group.clone());
                Transition::of_unknown(&self.config, now, group)
            }
            None => return refuse(ErrorCode::UnknownMemberId, member),
        };
        transition.join(ticket, request);
        transition.decision()
    }

    fn decide_sync(
        &self,
        now: Now,
        ticket: Ticket,
        request: &SyncGroup,
    ) -> Decision<Record, Reply> {
        let Some(Group::Classic(group)) = self.groups.get(&request.group) else {
            let reply = SyncReply::refuse(ErrorCode::UnknownMemberId);
            return Decision::answer(ticket, Reply::Sync(reply));
        };
        let mut transition = Transition::of(&self.config, now, group);
        transition.sync(ticket, request);
        transition.decision()
    }

    fn decide_leave(
        &self,
        now: Now,
        ticket: Ticket,
        request: &LeaveGroup,
    ) -> Decision<Record, Reply> {
        let Some(Group::Classic(group)) = self.groups.get(&request.group) else {
            let error = ErrorCode::UnknownMemberId;
            let refuse = |m: &crate::LeavingMember| LeftMember {
                member: m.member.clone(),
                instance: m.instance.clone(),
                error,
            };
            let members = request.members.iter().map(refuse).collect();
            let reply = LeaveReply { error: ErrorCode::None, members };
            return Decision::answer(ticket, Reply::Leave(reply));
        };
        let mut transition = Transition::of(&self.config, now, group);
        transition.leave(ticket, request);
        transition.decision()
    }

    fn decide_heartbeat(
        &self,
        now: Now,
        ticket: Ticket,
        request: &Heartbeat,
    ) -> Decision<Record, Reply> {
        let answer = match self.groups.get(&request.group) {
            Some(Group::Classic(group)) => group.heartbeat(now.instant, request),
            Some(Group::Foreign(_)) | None => Err(ErrorCode::UnknownMemberId),
        };
        match answer {
            Err(error) => Decision::answer(ticket, Reply::Heartbeat(error)),
            Ok((error, until)) => {
                let (group, member) = (request.group.clone(), request.member.clone());
                Decision {
                    records: vec![Record::Volatile(Volatile::Alive { group, member, until })],
                    replies: vec![(ticket, Reply::Heartbeat(error))],
                }
            }
        }
    }

    fn decide_loaded(&self, now: Now) -> Decision<Record, Reply> {
        let with_members = |group: &&Arc<ClassicGroup>| !group.members.is_empty();
        let groups = self.groups.values().filter_map(Group::classic).filter(with_members);
        self.step_each(now, groups, Transition::resume)
    }

    fn decide_tick(&self, now: Now) -> Decision<Record, Reply> {
        let due = self.wakes.due(now.instant);
        let groups = due.filter_map(|id| self.groups.get(id)).filter_map(Group::classic);
        self.step_each(now, groups, Transition::expire)
    }

    fn step_each<'a>(
        &'a self,
        now: Now,
        groups: impl Iterator<Item = &'a Arc<ClassicGroup>>,
        step: impl Fn(&mut Transition<'a>),
    ) -> Decision<Record, Reply> {
        let mut all = Decision::default();
        for group in groups {
            let mut transition = Transition::of(&self.config, now, group);
            step(&mut transition);
            let decision = transition.decision();
            all.records.extend(decision.records);
            all.replies.extend(decision.replies);
        }
        all
    }

    fn describe(&self, id: &GroupId) -> DescribeReply {
        match self.groups.get(id) {
            Some(Group::Classic(group)) => group.describe(),
            Some(Group::Foreign(_)) | None => DescribeReply {
                error: ErrorCode::GroupIdNotFound,
                state: "Dead",
                protocol_type: "".into(),
                protocol: "".into(),
                members: Vec::new(),
            },
        }
    }

    fn list(&self, filters: &ListGroups) -> Vec<ListedGroup> {
        let groups = self.groups.iter().map(|(id, group)| match group {
            Group::Classic(group) => group.list(),
            Group::Foreign(kind) => ListedGroup {
                group: id.clone(),
                protocol_type: kind.protocol_type().into(),
                state: State::Empty.name(),
                kind: *kind,
            },
        });
        groups.filter(|group| passes(group, filters)).collect()
    }

    fn apply_stored(&mut self, record: &StoredRecord) {
        match record {
            StoredRecord::Offset { key, value: Some(value) } => {
                self.offsets.set(key, value.clone());
                if !self.groups.contains_key(&key.group) {
                    // its clients only keep their offsets here
                    let group = ClassicGroup::new(key.group.clone());
                    self.groups.insert(key.group.clone(), Group::Classic(Arc::new(group)));
                }
            }
            StoredRecord::Offset { key, value: None } => self.offsets.remove(key),
            StoredRecord::Group { group, value: Some(stored) } => {
                self.set_classic(Arc::new(ClassicGroup::from_stored(group, stored)));
            }
            StoredRecord::Group { group, value: None } => {
                if matches!(self.groups.get(group), Some(Group::Classic(_))) {
                    self.groups.remove(group);
                    self.wakes.set(group, None);
                }
            }
            StoredRecord::Foreign { group, kind, present: true } => {
                self.groups.insert(group.clone(), Group::Foreign(*kind));
                self.wakes.set(group, None);
            }
            StoredRecord::Foreign { group, kind, present: false } => {
                if self.groups.get(group) == Some(&Group::Foreign(*kind)) {
                    self.groups.remove(group);
                }
            }
        }
    }

    fn set_classic(&mut self, group: Arc<ClassicGroup>) {
        self.wakes.set(&group.id, group.deadline());
        self.groups.insert(group.id.clone(), Group::Classic(group));
    }
}

impl Group {
    fn classic(&self) -> Option<&Arc<ClassicGroup>> {
        match self {
            Self::Classic(group) => Some(group),
            Self::Foreign(_) => None,
        }
    }
}

fn passes(group: &ListedGroup, filters: &ListGroups) -> bool {
    let among = |wanted: &[crate::Text], name: &str| {
        wanted.is_empty() || wanted.iter().any(|text| text.trim().eq_ignore_ascii_case(name))
    };
    among(&filters.states, group.state) && among(&filters.types, group.kind.name())
}
