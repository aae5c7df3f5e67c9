//! The shell around `coordinator`: a shard lives where its partition is led, and speaks when its
//! records are committed.

use std::collections::{BTreeMap, VecDeque};

use coordinator::{
    Call, Decision, GroupConfig, GroupShard, Now, Record, Reply as GroupReply,
    Request as GroupRequest, Shard, StoredRecord, Ticket,
};
use log::Origin;
use metadata::image::Image;
use record::{BatchBuilder, Codec, Scratch};
use replica::LeaderInput;
use types::{LeaderEpoch, Offset};

use crate::broker::Broker;
use crate::env::{Checked, Env, Return, ShellRule};
use crate::message::{Key, Reply, Turn};
use crate::process::Process;
use crate::records::{NOBODY, entries, read_all};

pub const OFFSETS_TOPIC: &str = "__consumer_offsets";
/// So long a shard that could not write is gone.
const AGAIN_MS: i64 = 100;

pub struct GroupHost {
    shard: GroupShard,
    epoch: LeaderEpoch,
    waiting: BTreeMap<Ticket, Return>,
    /// Answers, and up to where the log must be committed for them.
    answers: VecDeque<(Offset, Return, GroupReply)>,
}

impl GroupHost {
    pub fn wake(&self) -> Option<i64> {
        self.shard.next_deadline().map(|at| at.0.cast_signed())
    }

    /// Nobody who waits here is answered any more.
    fn dismiss(self, env: &mut Env) {
        let answered = self.answers.into_iter().map(|(_, back, _)| back);
        for back in self.waiting.into_values().chain(answered) {
            env.answer(back, Reply::Group(None));
        }
    }
}

fn now(env: &Env) -> Now {
    Now { instant: env.instant(), wall: env.timestamp() }
}

fn config(env: &Env) -> GroupConfig {
    GroupConfig {
        broken: env.group_rule(),
        initial_rebalance_delay_ms: 100,
        session_timeout_ms_min: 100,
        session_timeout_ms_max: 60_000,
        ..GroupConfig::default()
    }
}

impl Broker {
    /// Opens the shard where its partition is led here, forgets it where it is not.
    pub fn host_groups(&mut self, process: &mut Process, env: &mut Env, image: &Image) -> Checked {
        let Some(topic) = image.topics().named(OFFSETS_TOPIC) else { return Ok(()) };
        let key = (topic.id, 0);
        let epoch = self.leads(key).map(|partition| partition.state.leader_epoch);
        if self.groups.get(&key).is_some_and(|host| Some(host.epoch) == epoch) {
            return Ok(());
        }
        if let Some(host) = self.groups.remove(&key) {
            host.dismiss(env);
        }
        let (Some(epoch), Some(partition)) = (epoch, self.partitions.get_mut(&key)) else {
            return Ok(());
        };
        let (start, end) = (partition.log.start_offset(), partition.log.end_offset());
        let Some(bytes) = read_all(&mut partition.log, start, end) else { return Ok(()) };
        let mut shard = GroupShard::new(config(env));
        for entry in entries(&bytes) {
            let key = entry.key.as_deref().unwrap_or_default();
            let stored = StoredRecord::decode(key, entry.value.as_deref());
            if let Some(stored) = stored.map_err(|error| format!("replay a group: {error}"))? {
                shard.apply(entry.offset, &Record::Stored(stored));
            }
        }
        let (waiting, answers) = (BTreeMap::new(), VecDeque::new());
        self.groups.insert(key, GroupHost { shard, epoch, waiting, answers });
        self.ask_group(process, env, key, GroupRequest::Loaded)
    }

    pub fn group(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        back: Return,
        turn: Turn,
        call: Call,
    ) -> Checked {
        if !self.is_next(turn) {
            return Ok(());
        }
        env.narrate(|| format!("node {} is called: {call:?}", process.place));
        let Some((key, host)) = self.groups.iter_mut().next() else {
            env.answer(back, Reply::Group(None));
            return Ok(());
        };
        let (key, ticket) = (*key, Ticket(env.number()));
        host.waiting.insert(ticket, back);
        self.ask_group(process, env, key, GroupRequest::Call(ticket, call))
    }

    pub fn tick_groups(&mut self, process: &mut Process, env: &mut Env) -> Checked {
        let due = |host: &GroupHost| host.wake().is_some_and(|at| at <= env.now);
        let keys: Vec<Key> =
            self.groups.iter().filter(|(_, host)| due(host)).map(|(key, _)| *key).collect();
        keys.into_iter().try_for_each(|key| self.ask_group(process, env, key, GroupRequest::Tick))
    }

    /// One round: decide, apply, append; who is answered waits for the log.
    fn ask_group(
        &mut self,
        process: &mut Process,
        env: &mut Env,
        key: Key,
        request: GroupRequest,
    ) -> Checked {
        let Some(host) = self.groups.get_mut(&key) else { return Ok(()) };
        let Decision { records, replies } = host.shard.decide(now(env), request);
        let epoch = host.epoch;
        let mut builder = BatchBuilder::new();
        for record in &records {
            host.shard.apply(Offset::ZERO, record);
            let Some(stored) = record.stored() else { continue };
            let bytes = stored.encode().map_err(|error| format!("store a group: {error}"))?;
            let value = bytes.value.as_deref();
            builder.append(env.timestamp(), Some(&bytes.key), value, &[]).expect("a small record");
        }
        let mut is_written = self.leads(key).is_some_and(|led| led.state.leader_epoch == epoch);
        let mut end = Offset::ZERO;
        self.with_partition(process, env, key, |partition, work, env| {
            if is_written && !builder.is_empty() {
                let enough = partition.leader().is_some_and(|leader| leader.has_enough_in_sync());
                let batch = builder.seal(Codec::NONE, NOBODY, &mut Scratch::new());
                let now = env.timestamp();
                is_written =
                    enough && partition.log.append(&batch, Origin::Coordinator, epoch, now).is_ok();
                if is_written {
                    work.has_news = true;
                    let end = partition.log.end_offset();
                    partition.lead(env, work, LeaderInput::Appended(end))?;
                }
            }
            end = partition.log.end_offset();
            Ok(())
        })?;
        let Some(host) = self.groups.get_mut(&key) else { return Ok(()) };
        for (ticket, reply) in replies {
            let Some(back) = host.waiting.remove(&ticket) else { continue };
            host.answers.push_back((end, back, reply));
        }
        if !is_written {
            if let Some(host) = self.groups.remove(&key) {
                host.dismiss(env);
            }
            // when leaders look next it is read again from the log, where its last decision is not
            self.look_at = self.look_at.min(env.now + AGAIN_MS);
            return Ok(());
        }
        self.groups_committed(env, key);
        Ok(())
    }

    /// Speaks what the log has committed.
    pub fn groups_committed(&mut self, env: &mut Env, key: Key) {
        let Some(committed) = self.leads(key).map(|partition| partition.high_watermark()) else {
            return;
        };
        let early = env.is_broken(ShellRule::GroupsSpeakEarly);
        let Some(host) = self.groups.get_mut(&key) else { return };
        while let Some((_, back, reply)) =
            host.answers.pop_front_if(|(end, _, _)| *end <= committed || early)
        {
            env.answer(back, Reply::Group(Some(reply)));
        }
    }
}
