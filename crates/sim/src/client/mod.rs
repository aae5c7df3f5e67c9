//! Those who use the cluster: each asks, waits, gives up and asks again as real clients do.

mod admin;
mod consumer;
mod contact;
mod member;
mod producer;

pub use admin::{Admin, Job};
pub use consumer::Consumer;
pub use member::Member;
pub use producer::Producer;

use crate::env::{Checked, Env};
use crate::message::Reply;

pub struct Client {
    pub wake: i64,
    pub kind: Kind,
}

pub enum Kind {
    Producer(Producer),
    Consumer(Consumer),
    Member(Member),
    Admin(Admin),
}

/// The clients of a history, in the places behind the nodes.
pub fn all(env: &Env) -> Vec<Client> {
    let first = env.shape.nodes.len();
    let place = |index: usize| first + index;
    let mut kinds =
        vec![Kind::Admin(Admin::new(place(0))), Kind::Consumer(Consumer::new(place(1)))];
    for index in 0..env.shape.producers {
        kinds.push(Kind::Producer(Producer::new(place(kinds.len()), index != 1)));
    }
    for _ in 0..env.shape.members {
        kinds.push(Kind::Member(Member::new(place(kinds.len()))));
    }
    kinds.into_iter().map(|kind| Client { wake: env.now + 300, kind }).collect()
}

impl Client {
    pub fn receive(&mut self, env: &mut Env, number: u64, reply: Option<Reply>) -> Checked {
        let taken = match &mut self.kind {
            Kind::Producer(producer) => producer.receive(env, number, reply),
            Kind::Consumer(consumer) => consumer.receive(env, number, reply),
            Kind::Member(member) => member.receive(env, number, reply),
            Kind::Admin(admin) => admin.receive(env, number, reply),
        };
        self.wake = env.now;
        taken
    }

    /// Whatever it would do next.
    pub fn tick(&mut self, env: &mut Env) -> Checked {
        let wake = match &mut self.kind {
            Kind::Producer(producer) => producer.tick(env),
            Kind::Consumer(consumer) => consumer.tick(env),
            Kind::Member(member) => member.tick(env)?,
            Kind::Admin(admin) => admin.tick(env),
        };
        self.wake = wake.max(env.now + 1);
        Ok(())
    }

    /// What it still waits for.
    pub fn lack(&self, env: &Env) -> Option<String> {
        match &self.kind {
            Kind::Producer(producer) => producer.lack(),
            Kind::Consumer(consumer) => consumer.lack(env),
            Kind::Member(member) => member.lack(),
            Kind::Admin(admin) => admin.lack(),
        }
    }
}
