//! A node that runs: its machines, what they wait for, and who gets which message and deadline.

use std::collections::BTreeMap;

use log::MemDisk;
use metadata::image::{Image, Replay};
use raft::{Input, Raft, RequestId, SnapshotId};
use types::{BrokerEpoch, NodeId, Offset, Uuid};

use crate::active::Active;
use crate::broker::{Asked, Broker};
use crate::env::{Checked, Env, Place, Return};
use crate::message::{Command, Content, Envelope, Key, Outcome, Reply, Request};
use crate::metadata_log::MetadataLog;
use crate::shape::Roles;

/// What survives a process.
#[derive(Debug, Clone)]
pub struct Stable {
    pub metadata: MemDisk,
    pub quorum_state: Option<raft::QuorumState>,
    /// Ascending.
    pub snapshots: Vec<SnapshotId>,
    pub metadata_start: Offset,
    /// Of the metadata log: another disk is another replica.
    pub directory: Uuid,
    pub directories: Vec<Directory>,
    /// The broker's epoch, where it stopped in order.
    pub stopped_in: Option<BrokerEpoch>,
}

/// A log directory, on a volume of its own.
#[derive(Debug, Clone)]
pub struct Directory {
    pub id: Uuid,
    pub disk: MemDisk,
    /// Offline: a broker that starts tries it again.
    pub is_dead: bool,
    /// Its disk has died, with all that was in it.
    pub is_lost: bool,
    /// The file `replication-offset-checkpoint`.
    pub high_watermarks: BTreeMap<Key, Offset>,
    /// Where logs ended when the power went.
    pub ended_at: BTreeMap<Key, Offset>,
    /// Whether it was left in order.
    pub is_clean: bool,
}

pub struct Process {
    pub place: Place,
    pub life: u32,
    pub roles: Roles,
    pub stable: Stable,
    pub raft: Raft,
    pub log: MetadataLog,
    /// Who waits for which answer of the quorum.
    pub waiting: BTreeMap<RequestId, Return>,
    /// The batches that the reply brought which is being taken.
    pub fetched: Vec<u8>,
    pub flush_at: Option<i64>,
    /// When another node last asked something of the quorum here, or this one began to lead it.
    pub heard_at: i64,
    /// The committed records, and how far they go.
    pub replay: Replay,
    pub applied: Offset,
    pub image: Image,
    pub active: Option<Active>,
    pub broker: Option<Broker>,
    pub asked: BTreeMap<u64, Asked>,
    /// It has crashed between two effects; what it does from here on counts for nothing.
    pub is_doomed: bool,
}

impl Process {
    pub fn id(&self) -> NodeId {
        node_id(self.place)
    }

    /// Takes a message.
    pub fn receive(&mut self, env: &mut Env, envelope: Envelope) -> Checked {
        let Envelope { from, to, life, number, content } = envelope;
        let back = Return { from: to, to: from, life, number };
        match content {
            Content::Request(request) => self.serve(env, back, *request),
            Content::Reply(_) if life != self.life => Ok(()),
            Content::Reply(reply) => self.learn(env, from, number, reply.map(|reply| *reply)),
            Content::Gone(run) => self.gone(env, from, run),
        }
    }

    fn serve(&mut self, env: &mut Env, back: Return, request: Request) -> Checked {
        match request {
            Request::Quorum(request) => {
                let id = RequestId(env.number());
                env.shadow.quorum.asked(id, &request);
                self.heard_at = env.now;
                self.waiting.insert(id, back);
                self.step(env, Input::Request { id, request })
            }
            Request::Control(command) => self.control(env, back, *command),
            Request::Metadata => {
                let reply = Reply::Metadata(Box::new(self.image.clone()));
                env.answer(back, reply);
                Ok(())
            }
            Request::Follow(follow) => {
                self.with_broker(env, |b, p, env| b.follow(p, env, back, follow))
            }
            Request::Ends(key, epoch) => {
                self.with_broker(env, |b, p, env| b.ends(p, env, back, key, epoch))
            }
            Request::Produce(produce) => {
                self.with_broker(env, |b, p, env| b.produce(p, env, back, produce))
            }
            Request::Consume(key, from) => {
                self.with_broker(env, |b, p, env| b.consume(p, env, back, key, from))
            }
            Request::Group(turn, call) => {
                self.with_broker(env, |b, p, env| b.group(p, env, back, turn, call))
            }
        }
    }

    fn learn(&mut self, env: &mut Env, from: Place, number: u64, reply: Option<Reply>) -> Checked {
        let Some(asked) = self.asked.remove(&number) else { return Ok(()) };
        if let Asked::Quorum(correlation) = asked {
            return match reply {
                Some(Reply::Quorum { reply, bytes }) => {
                    self.fetched = bytes;
                    self.step(env, Input::Reply { correlation, reply })
                }
                _ => self.step(env, Input::Failed { correlation }),
            };
        }
        self.with_broker(env, |b, p, env| b.learn(p, env, from, asked, reply))
    }

    /// Another node's process is known to be gone.
    fn gone(&mut self, env: &mut Env, who: Place, run: BrokerEpoch) -> Checked {
        if env.shape.nodes[who].controller {
            self.step(env, Input::LeaderGone(node_id(who)))?;
        }
        self.fence_gone(env, node_id(who), run)
    }

    fn control(&mut self, env: &mut Env, back: Return, command: Command) -> Checked {
        if !self.active.as_ref().is_some_and(|active| active.is_claimed) {
            env.answer(back, Reply::Control(Outcome::NotController));
            return Ok(());
        }
        if let Command::UnregisterBroker(broker) = command
            && !env.shadow.may_forget(broker)
        {
            return Ok(());
        }
        self.command(env, back, command)
    }

    /// Whatever is due.
    pub fn tick(&mut self, env: &mut Env) -> Checked {
        if self.flush_at.is_some_and(|at| at <= env.now) {
            self.flush(env)?;
        }
        if self.raft.next_deadline().is_some_and(|at| at.0 <= env.now) {
            self.step(env, Input::Tick)?;
        }
        self.expire_sessions(env)?;
        self.with_broker(env, Broker::tick)
    }

    /// When to come back.
    pub fn wake(&self) -> i64 {
        let raft = self.raft.next_deadline().map(|at| at.0);
        let sessions = self.active.as_ref().and_then(Active::next_deadline);
        let broker = self.broker.as_ref().map(|broker| broker.wake(&self.asked));
        let all = [raft, self.flush_at, sessions, broker];
        all.into_iter().flatten().min().unwrap_or(i64::MAX)
    }

    /// Lets the broker work on what the rest of the process knows.
    pub fn with_broker(
        &mut self,
        env: &mut Env,
        work: impl FnOnce(&mut Broker, &mut Self, &mut Env) -> Checked,
    ) -> Checked {
        let Some(mut broker) = self.broker.take() else { return Ok(()) };
        let worked = if self.is_doomed { Ok(()) } else { work(&mut broker, self, env) };
        self.broker = Some(broker);
        worked
    }

    /// Notes where the logs end: what a loss of power takes of them is seen when they are opened.
    pub fn note_ends(&mut self) {
        let partitions = self.broker.iter().flat_map(|broker| broker.partitions.values());
        for partition in partitions.filter(|partition| !partition.has_failed) {
            let ended_at = &mut self.stable.directories[partition.directory].ended_at;
            ended_at.insert(partition.key, partition.log.end_offset());
        }
    }

    /// Asks another node and remembers what for.
    pub fn ask(&mut self, env: &mut Env, to: Place, request: Request, asked: Asked) -> u64 {
        let number = env.ask(self.place, to, self.life, request);
        self.asked.insert(number, asked);
        number
    }

    /// The controller that leads, as far as this node knows.
    pub fn controller(&self) -> Option<Place> {
        let leader = self.raft.leader().id?;
        usize::try_from(leader.0).ok()
    }
}

pub fn node_id(place: Place) -> NodeId {
    NodeId(i32::try_from(place).expect("few nodes"))
}
