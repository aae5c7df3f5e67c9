//! A producer: idempotent with acks=all, one batch in flight a partition, sent again until it is
//! acknowledged; or with acks=1, sent once, three in flight.
//!
//! One, because Kafka's snapshots of producers keep the last batch of each: a log that was opened anew or
//! cut refuses the batch before that when it is sent again.

use std::collections::{BTreeMap, VecDeque};

use record::Producer as Writer;
use types::{ErrorCode, Offset, ProducerEpoch, ProducerId, Sequence};

use super::contact::Contact;
use crate::env::{Checked, Env, Place};
use crate::message::{Command, Key, Outcome, ProduceRequest, Reply, Request};
use crate::records::{NOBODY, seal};

const IN_FLIGHT_MAX: usize = 3;
const IN_FLIGHT_MAX_IDEMPOTENT: usize = 1;
const RETRY_MS: i64 = 80;

pub struct Producer {
    pub contact: Contact,
    is_idempotent: bool,
    id: Option<ProducerId>,
    id_asked: Option<(u64, i64)>,
    lanes: BTreeMap<(String, i32), Lane>,
}

/// What goes to one partition, in order.
#[derive(Default)]
struct Lane {
    key: Option<Key>,
    batches: VecDeque<Batch>,
    next_sequence: i32,
}

struct Batch {
    numbers: Vec<u64>,
    sequence: Option<i32>,
    bytes: Vec<u8>,
    asked: Option<(u64, i64)>,
    retry_at: i64,
    is_done: bool,
}

impl Producer {
    pub fn new(place: Place, is_idempotent: bool) -> Self {
        let contact = Contact::new(place);
        Self { contact, is_idempotent, id: None, id_asked: None, lanes: BTreeMap::new() }
    }

    /// Something to be sent.
    pub fn send(&mut self, topic: &str, partition: i32, numbers: Vec<u64>) {
        let lane = self.lanes.entry((topic.to_owned(), partition)).or_default();
        lane.batches.push_back(Batch {
            numbers,
            sequence: None,
            bytes: Vec::new(),
            asked: None,
            retry_at: 0,
            is_done: false,
        });
    }

    pub fn lack(&self) -> Option<String> {
        let waits = |lane: &Lane| !lane.batches.is_empty();
        let (name, lane) = self.lanes.iter().find(|(_, lane)| waits(lane))?;
        let count = lane.batches.len();
        Some(format!("{count} batches of producer {} for {name:?}", self.contact.place))
    }

    pub fn tick(&mut self, env: &mut Env) -> i64 {
        let mut wake = self.contact.tick(env);
        if self.is_idempotent && self.id.is_none() {
            return wake.min(self.ask_for_id(env));
        }
        let writer = self.id.unwrap_or(ProducerId::NONE);
        for ((topic, index), lane) in &mut self.lanes {
            lane.follow_topic(env, &self.contact, topic, *index);
            let Some((key, place)) = self.contact.leader(topic, *index) else {
                if !lane.batches.is_empty() {
                    self.contact.doubt(env);
                    wake = wake.min(env.now + RETRY_MS);
                }
                continue;
            };
            lane.key = Some(key);
            let in_flight_max =
                if self.is_idempotent { IN_FLIGHT_MAX_IDEMPOTENT } else { IN_FLIGHT_MAX };
            for batch in lane.batches.iter_mut().take(in_flight_max).filter(|batch| !batch.is_done)
            {
                if batch.sequence.is_none() {
                    batch.sequence = Some(lane.next_sequence);
                    lane.next_sequence +=
                        i32::try_from(batch.numbers.len()).expect("a small batch");
                    batch.seal(env, writer);
                }
                if batch.asked.is_some_and(|(_, until)| until <= env.now) {
                    batch.asked = None;
                    self.contact.doubt(env);
                    batch.is_done = !self.is_idempotent;
                }
                if batch.asked.is_none() && batch.retry_at <= env.now && !batch.is_done {
                    let (acks_all, bytes) = (self.is_idempotent, batch.bytes.clone());
                    let request = ProduceRequest { key, acks_all, bytes };
                    let number = env.ask(self.contact.place, place, 0, Request::Produce(request));
                    batch.asked = Some((number, Contact::patience(env)));
                }
                wake = wake.min(batch.asked.map_or(batch.retry_at, |(_, until)| until));
            }
            lane.batches.retain(|batch| self.is_idempotent || !batch.is_done);
        }
        wake
    }

    fn ask_for_id(&mut self, env: &mut Env) -> i64 {
        if let Some((_, until)) = self.id_asked.filter(|(_, until)| *until > env.now) {
            return until;
        }
        let brokers = self.contact.image.cluster().brokers.values();
        let Some(broker) = brokers.into_iter().find(|broker| broker.is_active()) else {
            return env.now + RETRY_MS;
        };
        let command = Command::AllocateProducerIds(broker.id, broker.epoch);
        let controllers: Vec<Place> = env.shape.controllers().collect();
        let to = controllers[env.below(controllers.len())];
        let request = Request::Control(Box::new(command));
        let number = env.ask(self.contact.place, to, 0, request);
        let until = env.now + RETRY_MS * 3;
        self.id_asked = Some((number, until));
        until
    }

    pub fn receive(&mut self, env: &mut Env, number: u64, reply: Option<Reply>) -> Checked {
        if self.contact.takes(number, &reply) {
            return Ok(());
        }
        if self.id_asked.take_if(|(asked, _)| *asked == number).is_some() {
            if let Some(Reply::Control(Outcome::AllocateProducerIds(response))) = reply
                && response.error_code == ErrorCode::None.code()
            {
                self.id = Some(ProducerId(response.producer_id_start));
                return env.shadow.producer_id_given(response.producer_id_start);
            }
            return Ok(());
        }
        let lanes = self.lanes.values_mut();
        let found = lanes.flat_map(|lane| lane.batches.iter_mut().map(|batch| (lane.key, batch)));
        let mut found = found.filter(|(_, batch)| batch.asked.is_some_and(|(n, _)| n == number));
        let Some((Some(key), batch)) = found.next() else { return Ok(()) };
        batch.asked = None;
        batch.retry_at = env.now + RETRY_MS;
        env.narrate(|| format!("producer: {reply:?} for {:?} of {key:?}", batch.numbers));
        match reply {
            Some(Reply::Produce(Ok(base))) => {
                batch.is_done = true;
                let numbers = batch.numbers.clone();
                self.acknowledged(env, key, base, &numbers)?;
            }
            _ => {
                batch.is_done = !self.is_idempotent;
                self.contact.doubt(env);
            }
        }
        for lane in self.lanes.values_mut() {
            while lane.batches.pop_front_if(|batch| batch.is_done).is_some() {}
        }
        Ok(())
    }

    fn acknowledged(&self, env: &mut Env, key: Key, base: Offset, numbers: &[u64]) -> Checked {
        if self.is_idempotent { env.shadow.acknowledges(key, base, numbers) } else { Ok(()) }
    }
}

impl Lane {
    /// What was meant for a topic that is gone is given up; its namesake begins anew.
    fn follow_topic(&mut self, env: &Env, contact: &Contact, topic: &str, index: i32) {
        let id = contact.topic(topic);
        let is_deleted = |key: Key| env.shadow.image().topics().get(key.0).is_none();
        let is_gone = self.key.is_some_and(|key| id != Some(key.0) && is_deleted(key));
        let topics = env.shadow.image().topics();
        let exists = topics.named(topic).is_some_and(|topic| topic.partitions.contains_key(&index));
        if is_gone || !exists && !env.is_rough {
            *self = Self::default();
        }
    }
}

impl Batch {
    fn seal(&mut self, env: &Env, id: ProducerId) {
        let base_sequence = Sequence(self.sequence.unwrap_or(0));
        let writer = Writer { id, epoch: ProducerEpoch(0), base_sequence, transactional: false };
        let writer = if id == ProducerId::NONE { NOBODY } else { writer };
        self.bytes = seal(&self.numbers, writer, env.timestamp());
    }
}
