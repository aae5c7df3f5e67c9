//! A member of the group: joins, shares the partitions as the leader says, commits offsets, rejoins.

use std::collections::BTreeMap;

use coordinator::{
    Call, Client, CommitOffsets, CommitPartition, CommitTopic, FetchOffsets, FetchTopic, GroupId,
    Heartbeat, JoinGroup, JoinReply, MemberId, Protocol, Reply as GroupReply, SyncGroup,
};
use types::{ErrorCode, TopicId};

use super::contact::Contact;
use crate::env::{Checked, Env, Place};
use crate::groups::OFFSETS_TOPIC;
use crate::message::{Reply, Request, Turn};

/// What the group shares: partitions of nobody's topic, by number.
const PARTITIONS: i32 = 4;
const GROUP: &str = "group";
const TOPIC: &str = "shared";
const SESSION_MS: i32 = 1_500;
const BEAT_EVERY_MS: i64 = 300;
const RETRY_MS: i64 = 90;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Joins,
    Syncs,
    /// Asks where its partitions were left.
    Looks,
    Works,
}

pub struct Member {
    pub contact: Contact,
    id: MemberId,
    generation: i32,
    stage: Stage,
    /// The leader's answer to its join: who shares.
    shares: Vec<(MemberId, coordinator::Bytes)>,
    owned: Vec<i32>,
    asked: Option<(u64, i64, Stage)>,
    next_at: i64,
    /// What was known to be committed when it asked, by partition.
    known: BTreeMap<i32, i64>,
    /// What its open commit says.
    committing: Option<(i32, i64)>,
    /// To its coordinator.
    connection: Option<(Place, Turn)>,
}

impl Member {
    pub fn new(place: Place) -> Self {
        Self {
            contact: Contact::new(place),
            id: MemberId::unknown(),
            generation: -1,
            stage: Stage::Joins,
            shares: Vec::new(),
            owned: Vec::new(),
            asked: None,
            next_at: 0,
            known: BTreeMap::new(),
            committing: None,
            connection: None,
        }
    }

    pub fn lack(&self) -> Option<String> {
        let works = self.stage == Stage::Works;
        (!works).then(|| format!("member {} only {:?}", self.contact.place, self.stage))
    }

    pub fn tick(&mut self, env: &mut Env) -> Result<i64, String> {
        let refresh = self.contact.tick(env);
        if let Some((_, until, _)) = self.asked {
            if until > env.now {
                return Ok(until.min(refresh));
            }
            self.asked = None;
            self.connection = None;
            if let Some((_, offset)) = self.committing.take() {
                env.shadow.offset_given_up(offset);
            }
            self.contact.doubt(env);
        }
        if self.next_at > env.now {
            return Ok(self.next_at.min(refresh));
        }
        let Some((_, place)) = self.contact.leader(OFFSETS_TOPIC, 0) else {
            self.contact.doubt(env);
            return Ok(env.now + RETRY_MS);
        };
        let patience = if self.stage == Stage::Joins { 4_000 } else { 1_000 };
        let call = self.call(env);
        let turn = self.turn(env, place);
        let number = env.ask(self.contact.place, place, 0, Request::Group(turn, call));
        let until = env.now + patience;
        self.asked = Some((number, until, self.stage));
        Ok(until.min(refresh))
    }

    /// The next request's on the connection to there.
    fn turn(&mut self, env: &mut Env, place: Place) -> Turn {
        let open = self.connection.filter(|(to, _)| *to == place);
        let turn =
            open.map_or_else(|| Turn { connection: env.number(), index: 0 }, |(_, turn)| turn);
        self.connection = Some((place, Turn { index: turn.index + 1, ..turn }));
        turn
    }

    fn call(&mut self, env: &mut Env) -> Call {
        let (group, member) = (GroupId::from(GROUP), self.id.clone());
        let (instance, generation) = (None, self.generation);
        match self.stage {
            Stage::Joins => Call::Join(JoinGroup {
                group,
                member,
                instance,
                client: Client { id: "sim".into(), host: "/0".into() },
                session_timeout_ms: SESSION_MS,
                rebalance_timeout_ms: SESSION_MS,
                protocol_type: "consumer".into(),
                protocols: vec![Protocol { name: "range".into(), metadata: [0, 0].into() }],
                random: u128::from(env.number()),
                id_required: true,
                can_skip_assignment: false,
            }),
            Stage::Syncs => Call::Sync(SyncGroup {
                group,
                member,
                instance,
                generation,
                protocol_type: Some("consumer".into()),
                protocol: Some("range".into()),
                assignments: self.shares.clone(),
            }),
            Stage::Looks => {
                self.known = self.owned.iter().map(|p| (*p, env.shadow.offset_known(*p))).collect();
                let (topic, topic_id) = (TOPIC.into(), TopicId::ZERO);
                let topic = FetchTopic { topic, topic_id, partitions: self.owned.clone() };
                Call::Fetch(FetchOffsets { group, topics: Some(vec![topic]) })
            }
            // in peace it writes nothing more, so that replicas can be level
            Stage::Works if self.owned.is_empty() || !env.is_rough || env.below(2) == 0 => {
                self.committing = None;
                Call::Heartbeat(Heartbeat { group, member, instance, generation })
            }
            Stage::Works => self.commit(env, group, member),
        }
    }

    fn commit(&mut self, env: &mut Env, group: GroupId, member: MemberId) -> Call {
        let partition = self.owned[env.below(self.owned.len())];
        let offset = env.shadow.next_offset();
        self.committing = Some((partition, offset));
        let partitions =
            vec![CommitPartition { partition, offset, leader_epoch: -1, metadata: "".into() }];
        Call::Commit(CommitOffsets {
            group,
            member,
            instance: None,
            generation: self.generation,
            retention_ms: -1,
            knows_missing_group: true,
            topics: vec![CommitTopic { topic: TOPIC.into(), topic_id: TopicId::ZERO, partitions }],
        })
    }

    pub fn receive(&mut self, env: &mut Env, number: u64, reply: Option<Reply>) -> Checked {
        if self.contact.takes(number, &reply) {
            return Ok(());
        }
        if self.asked.is_none_or(|(asked, _, _)| asked != number) {
            return Ok(());
        }
        self.asked = None;
        self.next_at = env.now + RETRY_MS;
        let Some(Reply::Group(Some(reply))) = reply else {
            self.connection = None;
            self.contact.doubt(env);
            return Ok(());
        };
        match reply {
            GroupReply::Join(reply) => {
                self.joined(reply);
                self.next_at = env.now;
                Ok(())
            }
            GroupReply::Sync(reply) if reply.error == ErrorCode::None => {
                self.owned = reply.assignment.iter().map(|p| i32::from(*p)).collect();
                self.stage = if self.owned.is_empty() { Stage::Works } else { Stage::Looks };
                let (generation, id) = (self.generation, self.id.clone());
                self.owned.iter().try_for_each(|p| env.shadow.owns(generation, *p, &id))
            }
            GroupReply::Sync(reply) => {
                self.refused(reply.error);
                Ok(())
            }
            GroupReply::Heartbeat(error) => {
                self.next_at = env.now + BEAT_EVERY_MS;
                self.refused(error);
                Ok(())
            }
            GroupReply::Fetch(reply) => {
                self.stage = Stage::Works;
                let found = reply.topics.iter().flat_map(|topic| &topic.partitions);
                let offset = |p: &coordinator::FetchedPartition| {
                    p.committed.as_ref().map_or(-1, |c| c.offset)
                };
                found.into_iter().try_for_each(|p| {
                    let known = self.known.get(&p.partition).copied().unwrap_or(-1);
                    env.shadow.offset_found(p.partition, known, offset(p))
                })
            }
            GroupReply::Commit(reply) => {
                self.next_at = env.now + BEAT_EVERY_MS / 2;
                let errors = reply.topics.iter().flat_map(|topic| &topic.partitions);
                let error =
                    errors.map(|partition| partition.error).next().unwrap_or(ErrorCode::None);
                if let Some((partition, offset)) =
                    self.committing.take_if(|_| error == ErrorCode::None)
                {
                    env.shadow.offset_committed(partition, offset);
                }
                self.refused(error);
                Ok(())
            }
            GroupReply::Leave(_)
            | GroupReply::DeleteOffsets(_)
            | GroupReply::DeleteGroup(_)
            | GroupReply::Describe(_)
            | GroupReply::List(_) => Ok(()),
        }
    }

    fn joined(&mut self, reply: JoinReply) {
        match reply.error {
            ErrorCode::None => {
                (self.id, self.generation) = (reply.member, reply.generation);
                self.stage = Stage::Syncs;
                self.shares.clear();
                let count = i32::try_from(reply.members.len()).unwrap_or(1).max(1);
                for (index, member) in (0..).zip(reply.members) {
                    let mine = (0..PARTITIONS).filter(|p| p % count == index);
                    let bytes: Vec<u8> = mine.map(|p| u8::try_from(p).unwrap_or(0)).collect();
                    self.shares.push((member.member, bytes.into()));
                }
            }
            ErrorCode::MemberIdRequired => self.id = reply.member,
            _ => self.refused(reply.error),
        }
    }

    fn refused(&mut self, error: ErrorCode) {
        match error {
            ErrorCode::None | ErrorCode::CoordinatorNotAvailable => {}
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => {
                self.id = MemberId::unknown();
                self.generation = -1;
                self.stage = Stage::Joins;
            }
            _ => self.stage = Stage::Joins,
        }
    }
}
