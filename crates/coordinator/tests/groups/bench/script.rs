//! Scenarios as text: a command a line, and behind `=>` every answer that it brings.
//!
//! Member ids are drawn at random by the machine; in scripts they go by the name of their client.

use std::collections::BTreeMap;
use std::fmt::Write;

use coordinator::{
    Call, Client, CommitOffsets, CommitPartition, CommitTopic, DeleteOffsets, DeletedTopic,
    FetchOffsets, FetchTopic, GroupConfig, GroupId, Heartbeat, InstanceId, JoinGroup, LeaveGroup,
    LeavingMember, ListGroups, MemberId, Protocol, Reply, Request, SyncGroup, TopicPartitions,
};
use types::{ErrorCode, TopicId};

use super::Bench;

/// What a client remembers between its calls.
#[derive(Clone, Default)]
struct Memory {
    member: Option<MemberId>,
    generation: i32,
}

struct Player {
    bench: Bench,
    clients: BTreeMap<String, Memory>,
    names: BTreeMap<MemberId, String>,
    draws: u128,
}

/// Plays a script; a line that answers otherwise than it says fails with all that was played.
pub fn check(config: &GroupConfig, script: &str) {
    let mut player = Player {
        bench: Bench::new(config.clone()),
        clients: BTreeMap::new(),
        names: BTreeMap::new(),
        draws: 0,
    };
    let mut played = String::new();
    for line in script.lines().map(str::trim).filter(|l| !l.is_empty() && !l.starts_with('#')) {
        let (command, expected) = line.split_once("=>").unwrap_or((line, ""));
        let answer = player.play(command.trim());
        writeln!(played, "{command}=> {answer}").expect("memory");
        assert_eq!(answer, expected.trim(), "after\n{played}");
    }
}

impl Player {
    fn play(&mut self, command: &str) -> String {
        let mut words = command.split_whitespace();
        let first = words.next().expect("a command");
        let replies = if let Some(ms) = first.strip_prefix('+') {
            self.bench.pass(ms.parse().expect("milliseconds"))
        } else {
            match first {
                "crash" => {
                    self.bench.crash();
                    Vec::new()
                }
                "expire" => self.bench.ask(Request::ExpireOffsets),
                "topic-deleted" => {
                    let gone = |name: &str| DeletedTopic { name: name.into(), id: TopicId::ZERO };
                    let topics = words.map(gone).collect();
                    self.bench.ask(Request::TopicsDeleted(topics))
                }
                who => {
                    let verb = words.next().expect("a verb");
                    let call = self.call(who, verb, &words.collect::<Vec<_>>());
                    self.bench.call(who, call)
                }
            }
        };
        self.remember(&replies);
        let lines =
            replies.iter().map(|(who, reply)| self.render(who, reply).trim_end().to_owned());
        lines.collect::<Vec<_>>().join("; ")
    }

    fn call(&mut self, who: &str, verb: &str, args: &[&str]) -> Call {
        let option = |name: &str| option(args, name);
        let int = |name: &str| int(args, name);
        let memory = self.clients.entry(who.to_owned()).or_default().clone();
        let member = match option("id") {
            Some("none") => MemberId::unknown(),
            Some(id) => self.id_of(id),
            None => memory.member.unwrap_or_else(MemberId::unknown),
        };
        let instance = option("static").map(InstanceId::from);
        let generation: i32 = int("gen").unwrap_or(memory.generation);
        let group = GroupId::from(option("group").unwrap_or("g"));
        match verb {
            "join" => self.join(who, group, member, instance, args),
            "sync" => Call::Sync(SyncGroup {
                group,
                member,
                instance,
                generation,
                protocol_type: option("type").map(Into::into),
                protocol: option("protocol").map(Into::into),
                assignments: option("assign").map(|a| self.assignments(a)).unwrap_or_default(),
            }),
            "heartbeat" => Call::Heartbeat(Heartbeat { group, member, instance, generation }),
            "leave" => {
                let members = vec![LeavingMember { member, instance }];
                Call::Leave(LeaveGroup { group, members })
            }
            "commit" => Call::Commit(CommitOffsets {
                group,
                member,
                instance,
                generation: if who == "nobody" { int("gen").unwrap_or(-1) } else { generation },
                retention_ms: int("retention").unwrap_or(-1).into(),
                knows_missing_group: int("v").unwrap_or(9) >= 9,
                topics: commits(args[0], option("note").unwrap_or("")),
            }),
            "fetch" => {
                let topics = (args[0] != "all").then(|| partitions(args[0]));
                let topics = topics.map(|topics| topics.into_iter().map(fetch_topic).collect());
                Call::Fetch(FetchOffsets { group, topics })
            }
            "delete-offsets" => {
                Call::DeleteOffsets(DeleteOffsets { group, topics: partitions(args[0]) })
            }
            "delete-group" => Call::DeleteGroup(group),
            "describe" => Call::Describe(group),
            "list" => Call::List(ListGroups {
                states: option("states").into_iter().flat_map(texts).collect(),
                types: option("types").into_iter().flat_map(texts).collect(),
            }),
            other => panic!("no verb {other}"),
        }
    }

    fn join(
        &mut self,
        who: &str,
        group: GroupId,
        member: MemberId,
        instance: Option<InstanceId>,
        args: &[&str],
    ) -> Call {
        self.draws += 1;
        let version = int(args, "v").unwrap_or(9);
        Call::Join(JoinGroup {
            group,
            member,
            instance,
            client: Client { id: who.into(), host: "/127.0.0.1".into() },
            session_timeout_ms: int(args, "session").unwrap_or(10_000),
            rebalance_timeout_ms: int(args, "rebalance").unwrap_or(60_000),
            protocol_type: option(args, "type").unwrap_or("jobs").into(),
            protocols: protocols(option(args, "protocols").unwrap_or("range:")),
            random: self.draws,
            id_required: version >= 4,
            can_skip_assignment: version >= 9,
        })
    }

    fn id_of(&self, name: &str) -> MemberId {
        self.clients.get(name).and_then(|m| m.member.clone()).unwrap_or_else(|| name.into())
    }

    fn assignments(&self, text: &str) -> Vec<(MemberId, coordinator::Bytes)> {
        let pairs = text.split(',').map(|pair| pair.split_once(':').expect("member:bytes"));
        pairs.map(|(name, bytes)| (self.id_of(name), bytes.as_bytes().into())).collect()
    }

    /// Clients take over what an answer tells them, before anything is printed.
    fn remember(&mut self, replies: &[(String, Reply)]) {
        for (who, reply) in replies {
            let Reply::Join(join) = reply else { continue };
            let memory = self.clients.entry(who.clone()).or_default();
            if matches!(join.error, ErrorCode::None | ErrorCode::MemberIdRequired) {
                memory.member = Some(join.member.clone());
                memory.generation = join.generation;
                self.names.insert(join.member.clone(), who.clone());
            }
        }
    }

    fn name_of(&self, id: &MemberId) -> String {
        self.names.get(id).cloned().unwrap_or_else(|| id.to_string())
    }

    fn render(&self, who: &str, reply: &Reply) -> String {
        match reply {
            Reply::Join(r) if !r.error.is_none() => format!("{who} join {}", r.error),
            Reply::Join(r) => {
                let members = r.members.iter().map(|m| {
                    format!("{}:{}", self.name_of(&m.member), String::from_utf8_lossy(&m.metadata))
                });
                let members = members.collect::<Vec<_>>().join(" ");
                let protocol = r.protocol.as_deref().unwrap_or("-");
                let leader = self.name_of(&r.leader);
                let skip = if r.skip_assignment { " skip" } else { "" };
                format!(
                    "{who} joined {} {protocol} leader {leader} [{members}]{skip}",
                    r.generation
                )
            }
            Reply::Sync(r) if !r.error.is_none() => format!("{who} sync {}", r.error),
            Reply::Sync(r) => format!("{who} synced {}", String::from_utf8_lossy(&r.assignment)),
            Reply::Heartbeat(error) => format!("{who} heartbeat {error}"),
            Reply::Leave(r) => {
                let errors = r.members.iter().map(|m| m.error.to_string());
                format!("{who} left {}", errors.collect::<Vec<_>>().join(","))
            }
            Reply::Commit(r) => format!("{who} committed {}", topic_errors(&r.topics)),
            Reply::Fetch(r) => format!("{who} fetched {}", fetched(r)),
            Reply::DeleteOffsets(r) if !r.error.is_none() => format!("{who} {}", r.error),
            Reply::DeleteOffsets(r) => format!("{who} deleted {}", topic_errors(&r.topics)),
            Reply::DeleteGroup(error) => format!("{who} deleted {error}"),
            Reply::Describe(r) => {
                let members = r.members.iter().map(|m| {
                    let assignment = String::from_utf8_lossy(&m.assignment).into_owned();
                    format!("{}:{assignment}", self.name_of(&m.member))
                });
                let members = members.collect::<Vec<_>>().join(" ");
                format!("{who} sees {} {:?} [{members}] {}", r.state, r.protocol, r.error)
            }
            Reply::List(groups) => {
                let groups = groups.iter().map(|g| {
                    format!("{}/{}/{}/{}", g.group, g.protocol_type, g.state, g.kind.name())
                });
                format!("{who} lists {}", groups.collect::<Vec<_>>().join(" "))
            }
        }
    }
}

/// The value of `name=value`.
fn option<'a>(args: &[&'a str], name: &str) -> Option<&'a str> {
    args.iter().find_map(|a| a.split_once('=').filter(|(n, _)| *n == name)).map(|(_, v)| v)
}

fn int(args: &[&str], name: &str) -> Option<i32> {
    option(args, name).map(|v| v.parse().expect("a number"))
}

/// `name:metadata,…`; topics of a subscription are written `name:@a+b`.
fn protocols(text: &str) -> Vec<Protocol> {
    let protocol = |pair: &str| {
        let (name, metadata) = pair.split_once(':').expect("name:metadata");
        let metadata = match metadata.strip_prefix('@') {
            Some(topics) => subscription(topics),
            None => metadata.as_bytes().to_vec(),
        };
        Protocol { name: name.into(), metadata: metadata.into() }
    };
    text.split(',').map(protocol).collect()
}

fn subscription(topics: &str) -> Vec<u8> {
    let topics: Vec<&str> = topics.split('+').collect();
    let mut bytes = vec![0, 1];
    bytes.extend(u32::try_from(topics.len()).expect("few").to_be_bytes());
    for topic in topics {
        bytes.extend(u16::try_from(topic.len()).expect("short").to_be_bytes());
        bytes.extend(topic.as_bytes());
    }
    bytes
}

/// `topic/partition=offset,…`
fn commits(text: &str, note: &str) -> Vec<CommitTopic> {
    let commit = |item: &str| {
        let (place, offset) = item.split_once('=').expect("topic/partition=offset");
        let (topic, partition) = place.split_once('/').expect("topic/partition");
        CommitTopic {
            topic: topic.into(),
            topic_id: TopicId::ZERO,
            partitions: vec![CommitPartition {
                partition: partition.parse().expect("a number"),
                offset: offset.parse().expect("a number"),
                leader_epoch: -1,
                metadata: note.into(),
            }],
        }
    };
    text.split(',').map(commit).collect()
}

fn partitions(text: &str) -> Vec<TopicPartitions> {
    let place = |item: &str| {
        let (topic, partition) = item.split_once('/').expect("topic/partition");
        let partitions = vec![partition.parse().expect("a number")];
        TopicPartitions { topic: topic.into(), partitions }
    };
    text.split(',').map(place).collect()
}

fn fetch_topic(asked: TopicPartitions) -> FetchTopic {
    FetchTopic { topic: asked.topic, topic_id: TopicId::ZERO, partitions: asked.partitions }
}

fn texts(list: &str) -> impl Iterator<Item = coordinator::Text> {
    list.split(',').map(Into::into)
}

fn topic_errors(topics: &[coordinator::TopicErrors]) -> String {
    let all = topics.iter().flat_map(|t| t.partitions.iter().map(move |p| (t, p)));
    let errors = all.map(|(t, p)| format!("{}/{}:{}", t.topic, p.partition, p.error));
    errors.collect::<Vec<_>>().join(" ")
}

fn fetched(reply: &coordinator::FetchReply) -> String {
    let all = reply.topics.iter().flat_map(|t| t.partitions.iter().map(move |p| (t, p)));
    let offsets = all.map(|(t, p)| match &p.committed {
        Some(c) => format!("{}/{}={}{}", t.topic, p.partition, c.offset, c.metadata),
        None => format!("{}/{}=none", t.topic, p.partition),
    });
    offsets.collect::<Vec<_>>().join(" ")
}
