//! What a client knows of the cluster: the newest image that some broker showed it.

use metadata::image::Image;
use types::TopicId;

use crate::env::{Env, Place};
use crate::message::{Key, Reply, Request};

const REQUEST_MS: i64 = 700;
const REFRESH_EVERY_MS: i64 = 1_500;

pub struct Contact {
    pub place: Place,
    pub image: Image,
    refresh_at: i64,
    asked: Option<u64>,
}

impl Contact {
    pub fn new(place: Place) -> Self {
        Self { place, image: Image::default(), refresh_at: 0, asked: None }
    }

    /// Until when an answer is waited for.
    pub fn patience(env: &Env) -> i64 {
        env.now + REQUEST_MS
    }

    /// What it knows is wrong: it asks again at its next tick.
    pub fn doubt(&mut self, env: &Env) {
        self.refresh_at = self.refresh_at.min(env.now + 60);
    }

    /// Asks for the metadata where it is time; when it will be next.
    pub fn tick(&mut self, env: &mut Env) -> i64 {
        if self.refresh_at <= env.now {
            let brokers: Vec<Place> = env.shape.brokers().collect();
            let to = brokers[env.below(brokers.len())];
            self.asked = Some(env.ask(self.place, to, 0, Request::Metadata));
            self.refresh_at = env.now + REFRESH_EVERY_MS;
            if self.image.topics().is_empty() {
                self.refresh_at = env.now + 200;
            }
        }
        self.refresh_at
    }

    /// Whether that was an answer about the metadata. One older than what is known is no news.
    pub fn takes(&mut self, number: u64, reply: &Option<Reply>) -> bool {
        if self.asked != Some(number) {
            return false;
        }
        self.asked = None;
        if let Some(Reply::Metadata(image)) = reply
            && image.provenance.offset >= self.image.provenance.offset
        {
            self.image = (**image).clone();
        }
        true
    }

    /// The partition's id and where it is led.
    pub fn leader(&self, topic: &str, index: i32) -> Option<(Key, Place)> {
        let topic = self.image.topics().named(topic)?;
        let state = topic.partitions.get(&index)?;
        let place = usize::try_from(state.leader.0).ok()?;
        Some(((topic.id, index), place))
    }

    pub fn leader_of(&self, key: Key) -> Option<Place> {
        let state = self.image.topics().get(key.0)?.partitions.get(&key.1)?;
        usize::try_from(state.leader.0).ok()
    }

    pub fn topic(&self, name: &str) -> Option<TopicId> {
        self.image.topics().named(name).map(|topic| topic.id)
    }
}
