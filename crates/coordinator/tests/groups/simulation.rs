//! Groups under chance: members that come, go, crash and lose messages, a coordinator that restarts.
//!
//! What must hold whatever happens:
//! - a generation has one leader, and generations only go up;
//! - a member gets exactly the bytes that its generation's leader gave for it;
//! - what was committed is there, also after a restart, and so is the last stable generation;
//! - every call is answered, once;
//! - when the chaos ends, all who are alive find together; when they are gone, nothing is left.
//!
//! `SEED=n` replays one seed; a failure prints the seed it happened under.

use std::collections::BTreeMap;

use crate::bench::Bench;
use crate::bench::dice::Dice;
use coordinator::{
    Bytes, Call, Client, CommitOffsets, CommitPartition, CommitTopic, Group, GroupConfig, GroupId,
    GroupShard, Heartbeat, InstanceId, JoinGroup, JoinReply, LeaveGroup, LeavingMember, ListGroups,
    MemberId, Protocol, Reply, Request, Shard, State, SyncGroup,
};
use types::{ErrorCode, TopicId};

const SEEDS: u64 = 1_000;
const STEPS: usize = 250;
const CLIENTS: usize = 5;
const SESSION_MS: i32 = 10_000;
const REBALANCE_MS: i32 = 20_000;
/// After this a client gives a call up and tries again.
const PATIENCE_MS: u64 = 25_000;

#[derive(Clone, Default)]
struct Person {
    name: String,
    instance: Option<InstanceId>,
    member: Option<MemberId>,
    generation: i32,
    /// Known when it leads: whom it has to give work.
    team: Option<Vec<MemberId>>,
    stage: Stage,
    waits_since: Option<u64>,
    dialect: u8,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Stage {
    #[default]
    Outside,
    Joined,
    Working,
}

struct World {
    bench: Bench,
    dice: Dice,
    people: Vec<Person>,
    /// How often, in percent, a message is lost.
    loss: usize,
    ms: u64,
    /// How much of the log has been compared.
    checked: usize,
    leaders: BTreeMap<i32, String>,
    given: BTreeMap<(i32, String), Bytes>,
    /// Who is behind a member id: an instance is the same under every id that it had.
    owners: BTreeMap<MemberId, String>,
    committed: BTreeMap<i32, i64>,
}

/// Names the seed when a run panics.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("replay with SEED={}", self.0);
        }
    }
}

fn group() -> GroupId {
    GroupId::from("g")
}

#[test]
fn whatever_happens_the_promises_hold() {
    let only = std::env::var("SEED").ok().map(|seed| seed.parse().expect("SEED is a number"));
    for seed in only.map_or(0..SEEDS, |seed: u64| seed..seed + 1) {
        let _seed = Seed(seed);
        let mut world = World::new(seed);
        world.chaos();
        world.calm();
        world.end();
    }
}

impl World {
    fn new(seed: u64) -> Self {
        let mut dice = Dice::new(seed);
        let config = GroupConfig {
            initial_rebalance_delay_ms: [0, 3_000][dice.below(2)],
            members_max: [3, usize::MAX, usize::MAX, usize::MAX][dice.below(4)],
            ..GroupConfig::default()
        };
        let people = (0..CLIENTS).map(|i| Person {
            name: format!("p{i}"),
            instance: dice.chance(40).then(|| InstanceId::from(format!("i{i}"))),
            dialect: u8::from(dice.chance(50)),
            ..Person::default()
        });
        let people = people.collect();
        let loss = [0, 5, 30][dice.below(3)];
        Self {
            bench: Bench::new(config),
            dice,
            people,
            loss,
            ms: 0,
            checked: 0,
            leaders: BTreeMap::new(),
            given: BTreeMap::new(),
            owners: BTreeMap::new(),
            committed: BTreeMap::new(),
        }
    }

    fn chaos(&mut self) {
        for _ in 0..STEPS {
            match self.dice.below(100) {
                0 => self.restart_coordinator(),
                1..=3 => self.crash_person(),
                4..=6 => self.leave(),
                7..=30 => {
                    let ms = [10, 300, 3_000, 12_000][self.dice.below(4)];
                    self.pass(ms);
                }
                _ => {
                    let who = self.dice.below(CLIENTS);
                    self.act(who);
                }
            }
            self.check_log();
        }
    }

    /// Without losses and restarts everybody finds a place, or is told that there is none.
    fn calm(&mut self) {
        self.loss = 0;
        for _ in 0..45 {
            for who in 0..CLIENTS {
                self.act(who);
                self.act(who);
            }
            self.pass(2_000);
        }
        let generation = self.generation();
        let working = self.people.iter().filter(|p| p.stage == Stage::Working);
        assert!(working.clone().all(|p| p.generation == generation), "all in one generation");
        let members = self.classic().members.len();
        assert_eq!(working.count(), members, "the group has no ghosts");
        assert!(matches!(self.classic().state, State::Stable { until: None }));
    }

    /// Nobody calls any more: everything comes to an end by itself.
    fn end(&mut self) {
        self.pass(60 * 60 * 1_000);
        assert!(self.bench.open.is_empty(), "unanswered: {:?}", self.bench.open);
        assert_eq!(self.bench.shard.next_deadline(), None, "an idle group needs no timer");
        self.pass(8 * 24 * 60 * 60 * 1_000);
        let replies = self.bench.ask(Request::ExpireOffsets);
        assert!(replies.is_empty());
        let listed = self.bench.call("x", Call::List(ListGroups::default()));
        assert_eq!(listed, [("x".to_owned(), Reply::List(Vec::new()))]);
        assert_eq!(self.bench.replayed().group(&group()), None);
    }

    fn pass(&mut self, ms: u64) {
        self.ms += ms;
        while let Some(replies) = self.bench.tick_before(self.ms) {
            self.hear(replies);
        }
    }

    fn restart_coordinator(&mut self) {
        self.bench.crash();
        // a generation that was not complete is not known any more, and its number is free again
        let generation = self.generation();
        self.leaders.retain(|known, _| *known <= generation);
        self.given.retain(|(known, _), _| *known <= generation);
        self.check_committed();
    }

    fn crash_person(&mut self) {
        let who = self.dice.below(CLIENTS);
        let person = &mut self.people[who];
        let (name, instance) = (person.name.clone(), person.instance.clone());
        *person = Person { name, instance, dialect: person.dialect, ..Person::default() };
    }

    fn leave(&mut self) {
        let who = self.dice.below(CLIENTS);
        let person = self.people[who].clone();
        let Some(member) = person.member else { return };
        let members = vec![LeavingMember { member, instance: person.instance }];
        let call = Call::Leave(LeaveGroup { group: group(), members });
        self.send(who, call);
        let person = &mut self.people[who];
        (person.member, person.stage, person.waits_since) = (None, Stage::Outside, None);
    }

    /// What this person would do next.
    fn act(&mut self, who: usize) {
        let person = self.people[who].clone();
        if let Some(since) = person.waits_since {
            if self.ms - since < PATIENCE_MS {
                return;
            }
            self.people[who].waits_since = None;
        }
        let group = group();
        let member = person.member.clone().unwrap_or_else(MemberId::unknown);
        let (instance, generation) = (person.instance.clone(), person.generation);
        match person.stage {
            Stage::Outside => self.join(who, &person),
            Stage::Joined => {
                let assignments = self.share_out(&person);
                let (protocol_type, protocol) = (None, None);
                self.people[who].waits_since = Some(self.ms);
                #[rustfmt::skip]
                let call = Call::Sync(SyncGroup {
                    group, member, instance, generation, protocol_type, protocol, assignments,
                });
                self.send(who, call);
            }
            Stage::Working if self.dice.chance(30) => self.commit(who, &person),
            Stage::Working => {
                let call = Heartbeat { group, member, instance, generation };
                self.send(who, Call::Heartbeat(call));
            }
        }
    }

    fn join(&mut self, who: usize, person: &Person) {
        // now and then somebody changes what it says about itself
        let version = u8::from(self.dice.chance(5)) + 2 * person.dialect;
        let names = if person.dialect == 0 { ["range", "sticky"] } else { ["sticky", "range"] };
        let protocol =
            |name: &str| Protocol { name: name.into(), metadata: [version].as_slice().into() };
        let random = u128::from(self.dice.next());
        let call = Call::Join(JoinGroup {
            group: group(),
            member: person.member.clone().unwrap_or_else(MemberId::unknown),
            instance: person.instance.clone(),
            client: Client { id: person.name.as_str().into(), host: "/127.0.0.1".into() },
            session_timeout_ms: SESSION_MS,
            rebalance_timeout_ms: REBALANCE_MS,
            protocol_type: "jobs".into(),
            protocols: names.map(protocol).into(),
            random,
            id_required: self.dice.chance(80),
            can_skip_assignment: true,
        });
        self.people[who].waits_since = Some(self.ms);
        self.send(who, call);
    }

    /// Bytes that no other generation, member or try has.
    fn share_out(&mut self, person: &Person) -> Vec<(MemberId, Bytes)> {
        let team = person.team.iter().flatten();
        team.map(|member| (member.clone(), self.dice.next().to_be_bytes().as_slice().into()))
            .collect()
    }

    fn commit(&mut self, who: usize, person: &Person) {
        let partition = i32::try_from(self.dice.below(3)).expect("small");
        let offset = i64::try_from(self.dice.below(1_000)).expect("small");
        let metadata = "".into();
        let commit = CommitPartition { partition, offset, leader_epoch: -1, metadata };
        let call = Call::Commit(CommitOffsets {
            group: group(),
            member: person.member.clone().unwrap_or_else(MemberId::unknown),
            instance: person.instance.clone(),
            generation: person.generation,
            retention_ms: -1,
            knows_missing_group: true,
            topics: vec![CommitTopic {
                topic: "t".into(),
                topic_id: TopicId::ZERO,
                partitions: vec![commit],
            }],
        });
        let Some(reply) = self.send(who, call) else { return };
        let Reply::Commit(reply) = reply else { panic!("{reply:?} to a commit") };
        if reply.topics[0].partitions[0].error.is_none() {
            self.committed.insert(partition, offset);
        }
        self.check_committed();
    }

    /// Brings a call to the coordinator, unless it is lost; gives back the caller's own answer.
    fn send(&mut self, who: usize, call: Call) -> Option<Reply> {
        if self.dice.chance(self.loss) {
            return None;
        }
        let was_completing = self.state().is_some_and(is_completing);
        let sync = if let Call::Sync(sync) = &call { Some(sync.clone()) } else { None };
        let person = &self.people[who];
        let member = person.member.as_ref().map_or("", |member| member.as_str());
        let caller = format!("{} {member}", person.name);
        let replies = self.bench.call(&caller, call);
        if let Some(sync) = sync.filter(|_| was_completing && self.state().is_some_and(is_stable)) {
            for (member, bytes) in sync.assignments {
                let owner = self.owners[&member].clone();
                self.given.insert((sync.generation, owner), bytes);
            }
        }
        let own = replies.iter().find(|(to, _)| *to == caller).map(|(_, reply)| reply.clone());
        self.hear(replies);
        own
    }

    /// Checks every answer, and lets those hear it whom it reaches.
    fn hear(&mut self, replies: Vec<(String, Reply)>) {
        for (caller, reply) in &replies {
            if let Reply::Join(join) = reply
                && join.error.is_none()
            {
                let owner = self.owner(self.person(caller), join.member.as_str());
                self.owners.insert(join.member.clone(), owner);
            }
        }
        for (caller, reply) in replies {
            self.check_reply(&caller, &reply);
            if self.dice.chance(self.loss) {
                continue;
            }
            let who = self.person(&caller);
            let person = &mut self.people[who];
            match &reply {
                Reply::Heartbeat(error) => person.learn_error(*error),
                reply if person.waits_since.is_some() => person.learn(reply),
                _ => {}
            }
        }
    }

    fn person(&self, caller: &str) -> usize {
        let name = caller.split(' ').next();
        self.people.iter().position(|p| Some(&*p.name) == name).expect("one of us")
    }

    fn owner(&self, who: usize, member: &str) -> String {
        let instance = self.people[who].instance.as_ref();
        instance.map_or(member, |instance| instance.as_str()).to_owned()
    }

    fn check_reply(&mut self, caller: &str, reply: &Reply) {
        match reply {
            Reply::Join(join) if join.error.is_none() => self.check_join(join),
            Reply::Sync(sync) if sync.error.is_none() => {
                let member = caller.split(' ').next_back().expect("name and member");
                let key = (self.generation(), self.owner(self.person(caller), member));
                let given = self.given.get(&key).cloned().unwrap_or_else(|| [].into());
                assert_eq!(sync.assignment, given, "{caller} gets what the leader gave");
            }
            _ => {}
        }
    }

    fn check_join(&mut self, join: &JoinReply) {
        assert_eq!(join.generation, self.generation(), "the generation that is");
        let newest = self.leaders.last_key_value().map_or(0, |(generation, _)| *generation);
        assert!(join.generation >= newest, "generations go up");
        // a leader may be a static member that has not been heard of since the last restart
        if let Some(owner) = self.owners.get(&join.leader) {
            let leader = self.leaders.entry(join.generation).or_insert_with(|| owner.clone());
            assert_eq!(leader, owner, "one leader a generation");
        }
        let leads = join.leader == join.member;
        assert_eq!(leads, !join.members.is_empty(), "the leader sees its team");
    }

    fn check_committed(&mut self) {
        let reply = self.bench.shard.committed(&group());
        let found = reply.topics.iter().flat_map(|t| &t.partitions).map(|p| {
            (p.partition, p.committed.as_ref().map(|c| c.offset).expect("only what was committed"))
        });
        assert_eq!(found.collect::<BTreeMap<_, _>>(), self.committed);
    }

    /// A stable generation is in the log as it is in memory.
    fn check_log(&mut self) {
        let log_records = self.bench.log.len();
        if log_records == self.checked || !self.state().is_some_and(is_stable) {
            return;
        }
        self.checked = log_records;
        assert_eq!(durable(&self.bench.shard), durable(&self.bench.replayed()));
    }

    fn state(&self) -> Option<State> {
        match self.bench.shard.group(&group()) {
            Some(Group::Classic(group)) => Some(group.state),
            Some(Group::Foreign(_)) | None => None,
        }
    }

    fn classic(&self) -> &coordinator::ClassicGroup {
        let Some(Group::Classic(group)) = self.bench.shard.group(&group()) else {
            panic!("the group is there")
        };
        group
    }

    fn generation(&self) -> i32 {
        match self.bench.shard.group(&group()) {
            Some(Group::Classic(group)) => group.generation,
            Some(Group::Foreign(_)) | None => 0,
        }
    }
}

impl Person {
    /// What its one open call has brought.
    fn learn(&mut self, reply: &Reply) {
        match reply {
            Reply::Join(join) => {
                self.waits_since = None;
                match join.error {
                    ErrorCode::None => {
                        self.member = Some(join.member.clone());
                        self.generation = join.generation;
                        let team = join.members.iter().map(|m| m.member.clone()).collect();
                        self.team = (!join.skip_assignment).then_some(team);
                        self.stage = Stage::Joined;
                    }
                    ErrorCode::MemberIdRequired => self.member = Some(join.member.clone()),
                    error => self.learn_error(error),
                }
            }
            Reply::Sync(sync) => {
                self.waits_since = None;
                match sync.error {
                    ErrorCode::None => self.stage = Stage::Working,
                    error => self.learn_error(error),
                }
            }
            _ => {}
        }
    }

    /// Kafka's clients: a new id, or only a new join.
    fn learn_error(&mut self, error: ErrorCode) {
        match error {
            ErrorCode::None => {}
            ErrorCode::UnknownMemberId | ErrorCode::FencedInstanceId => {
                (self.member, self.stage) = (None, Stage::Outside);
            }
            _ => self.stage = Stage::Outside,
        }
    }
}

fn is_completing(state: State) -> bool {
    matches!(state, State::CompletingRebalance { .. })
}

fn is_stable(state: State) -> bool {
    matches!(state, State::Stable { .. })
}

/// What a reload must bring back of the group.
fn durable(shard: &GroupShard) -> impl PartialEq + std::fmt::Debug + use<> {
    let Some(Group::Classic(group)) = shard.group(&group()) else { return None };
    let protocol = group.protocol.as_deref().unwrap_or_default();
    let members = group.members.iter().map(|(id, m)| {
        let said = m.protocols.iter().find(|p| &*p.name == protocol).map(|p| p.metadata.clone());
        (id.clone(), m.instance.clone(), said, m.assignment.clone())
    });
    let members: Vec<_> = members.collect();
    let instances = group.instances.clone();
    Some((group.generation, group.protocol.clone(), group.leader.clone(), members, instances))
}
