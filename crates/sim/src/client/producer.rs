//! A producer: idempotent with acks=all, five batches in flight to each broker, sent again until they
//! are acknowledged; or with acks=1, sent once, three in flight.
//!
//! As Java's client does it: a partition's batches that are on their way to an old leader do not keep it
//! from sending the next ones to the new one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use record::Producer as Writer;
use types::{ErrorCode, Offset, ProducerEpoch, ProducerId, Sequence};

use super::contact::Contact;
use crate::env::{Checked, Env, Place, must};
use crate::message::{Command, Key, Outcome, ProduceRequest, Reply, Request, Turn};
use crate::records::{NOBODY, seal};

const IN_FLIGHT_MAX: usize = 3;
const IN_FLIGHT_MAX_IDEMPOTENT: usize = 5;
const RETRY_MS: i64 = 80;

pub struct Producer {
    pub contact: Contact,
    is_idempotent: bool,
    id: Option<ProducerId>,
    id_asked: Option<(u64, i64)>,
    lanes: BTreeMap<(String, i32), Lane>,
    /// The next request to each broker.
    connections: BTreeMap<Place, Turn>,
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
    asked: Option<Asked>,
    retry_at: i64,
    is_done: bool,
}

/// A request that is not answered yet.
#[derive(Clone, Copy)]
struct Asked {
    number: u64,
    until: i64,
    place: Place,
}

/// Where a lane's batches go, and from whom.
#[derive(Clone, Copy)]
struct Way {
    from: Place,
    place: Place,
    key: Key,
    acks_all: bool,
    writer: ProducerId,
}

impl Producer {
    pub fn new(place: Place, is_idempotent: bool) -> Self {
        let contact = Contact::new(place);
        let (lanes, connections) = (BTreeMap::new(), BTreeMap::new());
        Self { contact, is_idempotent, id: None, id_asked: None, lanes, connections }
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
        let late = |batch: &Batch| batch.asked.filter(|asked| asked.until <= env.now);
        let batches = self.lanes.values().flat_map(|lane| &lane.batches);
        let dead: BTreeSet<Place> = batches.filter_map(late).map(|asked| asked.place).collect();
        for place in dead {
            self.hang_up(env, place);
        }
        let Self { contact, connections, is_idempotent, .. } = self;
        let writer = self.id.unwrap_or(ProducerId::NONE);
        for ((topic, index), lane) in &mut self.lanes {
            lane.follow_topic(env, contact, topic, *index);
            let Some((key, place)) = contact.leader(topic, *index) else {
                if !lane.batches.is_empty() {
                    contact.doubt(env);
                    wake = wake.min(env.now + RETRY_MS);
                }
                continue;
            };
            lane.key = Some(key);
            let connection = connections
                .entry(place)
                .or_insert_with(|| Turn { connection: env.number(), index: 0 });
            let way = Way { from: contact.place, place, key, acks_all: *is_idempotent, writer };
            wake = wake.min(lane.depart(env, connection, way));
        }
        wake
    }

    /// A connection that does not answer is closed, and all that was asked over it has failed.
    fn hang_up(&mut self, env: &Env, place: Place) {
        self.connections.remove(&place);
        self.contact.doubt(env);
        for lane in self.lanes.values_mut() {
            for batch in &mut lane.batches {
                if batch.asked.take_if(|asked| asked.place == place).is_some() {
                    batch.retry_at = env.now;
                    batch.is_done = !self.is_idempotent;
                }
            }
            lane.forget_done();
        }
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
        let is_asked = |batch: &Batch| batch.asked.is_some_and(|asked| asked.number == number);
        let mut lanes = self.lanes.values_mut();
        let Some(lane) = lanes.find(|lane| lane.batches.iter().any(is_asked)) else {
            return Ok(());
        };
        let Some(at) = lane.batches.iter().position(is_asked) else { return Ok(()) };
        let (batch, key) = (&mut lane.batches[at], lane.key.expect("it was sent somewhere"));
        env.narrate(|| format!("producer: {reply:?} for {:?} of {key:?}", batch.numbers));
        match reply {
            Some(Reply::Produce(Ok(base))) => {
                (batch.asked, batch.is_done) = (None, true);
                let numbers = std::mem::take(&mut batch.numbers);
                lane.forget_done();
                self.acknowledged(env, key, base, &numbers)?;
            }
            Some(Reply::Produce(Err(code))) => {
                let is_oldest = at == 0;
                must(!(is_oldest && code == ErrorCode::OutOfOrderSequenceNumber), || {
                    format!("{:?} is what comes next in {key:?}, and refused", batch.numbers)
                })?;
                batch.asked = None;
                batch.retry_at = env.now + RETRY_MS;
                batch.is_done = !self.is_idempotent;
                lane.forget_done();
                self.contact.doubt(env);
            }
            _ => {
                let place = batch.asked.map(|asked| asked.place).expect("it was asked");
                self.hang_up(env, place);
            }
        }
        Ok(())
    }

    fn acknowledged(&self, env: &mut Env, key: Key, base: Offset, numbers: &[u64]) -> Checked {
        if self.is_idempotent {
            return env.shadow.acknowledges(key, base, numbers);
        }
        env.shadow.visit("acknowledges with acks=1");
        Ok(())
    }
}

impl Lane {
    /// Sends what is due, in order, so many at once to one broker. What is sent again waits until it is
    /// the oldest, and everything else waits behind it.
    fn depart(&mut self, env: &mut Env, connection: &mut Turn, way: Way) -> i64 {
        let is_there = |batch: &&Batch| batch.asked.is_some_and(|asked| asked.place == way.place);
        let mut in_flight = self.batches.iter().filter(is_there).count();
        let mut wake = i64::MAX;
        for at in 0..self.batches.len() {
            let batch = &mut self.batches[at];
            if let Some(asked) = batch.asked {
                wake = wake.min(asked.until);
                continue;
            }
            if batch.is_done {
                continue;
            }
            let waits_its_turn = batch.sequence.is_some() && at > 0;
            if waits_its_turn || in_flight == way.in_flight_max() {
                break;
            }
            if batch.retry_at > env.now {
                wake = wake.min(batch.retry_at);
                break;
            }
            if batch.sequence.is_none() {
                batch.sequence = Some(self.next_sequence);
                self.next_sequence += i32::try_from(batch.numbers.len()).expect("a small batch");
                batch.seal(env, way.writer);
            }
            let asked = way.send(env, connection, batch.bytes.clone());
            wake = wake.min(asked.until);
            batch.asked = Some(asked);
            in_flight += 1;
        }
        wake
    }

    fn forget_done(&mut self) {
        while self.batches.pop_front_if(|batch| batch.is_done).is_some() {}
    }

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

impl Way {
    fn in_flight_max(&self) -> usize {
        if self.acks_all { IN_FLIGHT_MAX_IDEMPOTENT } else { IN_FLIGHT_MAX }
    }

    fn send(self, env: &mut Env, connection: &mut Turn, bytes: Vec<u8>) -> Asked {
        let Self { from, place, key, acks_all, .. } = self;
        let request = ProduceRequest { key, acks_all, turn: *connection, bytes };
        connection.index += 1;
        let number = env.ask(from, place, 0, Request::Produce(request));
        Asked { number, until: Contact::patience(env), place }
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
