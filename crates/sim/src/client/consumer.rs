//! A consumer of every topic: what it is shown stays as it was shown.

use std::collections::BTreeMap;

use types::Offset;

use super::contact::Contact;
use crate::env::{Checked, Env, Place};
use crate::message::{Key, Reply, Request};
use crate::records::entries;

const POLL_EVERY_MS: i64 = 120;

pub struct Consumer {
    pub contact: Contact,
    positions: BTreeMap<Key, Offset>,
    asked: BTreeMap<u64, (Key, i64)>,
    poll_at: i64,
}

impl Consumer {
    pub fn new(place: Place) -> Self {
        let (positions, asked) = (BTreeMap::new(), BTreeMap::new());
        Self { contact: Contact::new(place), positions, asked, poll_at: 0 }
    }

    pub fn tick(&mut self, env: &mut Env) -> i64 {
        let refresh = self.contact.tick(env);
        self.asked.retain(|_, (_, until)| *until > env.now);
        if self.poll_at <= env.now {
            self.poll_at = env.now + POLL_EVERY_MS;
            let topics = self.contact.image.topics();
            let ids =
                topics.iter().flat_map(|topic| topic.partitions.keys().map(|p| (topic.id, *p)));
            for key in ids.collect::<Vec<Key>>() {
                self.poll(env, key);
            }
        }
        self.poll_at.min(refresh)
    }

    fn poll(&mut self, env: &mut Env, key: Key) {
        let is_asked = self.asked.values().any(|(asked, _)| *asked == key);
        let Some(place) = self.contact.leader_of(key).filter(|_| !is_asked) else { return };
        let from = self.positions.get(&key).copied().unwrap_or(Offset::ZERO);
        let number = env.ask(self.contact.place, place, 0, Request::Consume(key, from));
        self.asked.insert(number, (key, Contact::patience(env)));
    }

    pub fn receive(&mut self, env: &mut Env, number: u64, reply: Option<Reply>) -> Checked {
        if self.contact.takes(number, &reply) {
            return Ok(());
        }
        let Some((key, _)) = self.asked.remove(&number) else { return Ok(()) };
        let Some(Reply::Consume(Ok(consumed))) = reply else {
            self.contact.doubt(env);
            return Ok(());
        };
        let position = self.positions.entry(key).or_insert(Offset::ZERO);
        let mut read = entries(&consumed.bytes);
        read.retain(|entry| entry.offset >= *position && entry.offset < consumed.high_watermark);
        if let Some(last) = read.last() {
            *position = last.offset.plus(1);
            env.shadow.visit("consumes");
        }
        env.shadow.consumes(key, &read)
    }

    /// Reads everything that is there.
    pub fn lack(&self, env: &Env) -> Option<String> {
        let topics = env.shadow.image().topics();
        let is_there = |key: &Key| topics.get(key.0).is_some();
        env.shadow.partitions.iter().filter(|(key, _)| is_there(key)).find_map(|(key, shadow)| {
            let position = self.positions.get(key).copied().unwrap_or(Offset::ZERO);
            let end = i64::try_from(shadow.committed.len()).expect("a short log");
            (position.0 < end).then(|| format!("the consumer is at {position} of {end} of {key:?}"))
        })
    }
}
