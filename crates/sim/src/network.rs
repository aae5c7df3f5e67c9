//! Messages under way: late, lost, twice, out of order, or cut off in one direction.

use std::collections::{BTreeMap, BTreeSet};

use metadata::Seeded;

use crate::env::Place;
use crate::message::Envelope;

/// How bad the network is; probabilities in thousandths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weather {
    pub lost: usize,
    pub twice: usize,
    pub slow: usize,
}

pub const FAIR: Weather = Weather { lost: 0, twice: 0, slow: 0 };

const DELAY_MS_MAX: usize = 12;
const SLOW_MS_MAX: usize = 1_500;

#[derive(Debug)]
pub struct Network {
    under_way: BTreeMap<(i64, u64), Envelope>,
    sequence: u64,
    /// The newest that arrived over each link.
    newest: BTreeMap<(Place, Place), u64>,
    /// How often it did what to a message.
    pub visits: BTreeMap<&'static str, u32>,
    /// Links that carry nothing, from and to.
    pub cut: BTreeSet<(Place, Place)>,
    pub weather: Weather,
    /// Nothing that this one sends goes out: it has just crashed.
    pub muted: Option<Place>,
    /// What is sent next takes so many milliseconds.
    pub detains: Option<i64>,
    chance: Seeded,
}

impl Network {
    pub fn new(weather: Weather, seed: u64) -> Self {
        Self {
            under_way: BTreeMap::new(),
            sequence: 0,
            newest: BTreeMap::new(),
            visits: BTreeMap::new(),
            cut: BTreeSet::new(),
            weather,
            muted: None,
            detains: None,
            chance: Seeded::new(seed),
        }
    }

    pub fn send(&mut self, now: i64, envelope: Envelope) {
        if self.cut.contains(&(envelope.from, envelope.to)) {
            return self.visit("stops a message at a cut");
        }
        if self.muted == Some(envelope.from) {
            return;
        }
        if self.happens(self.weather.lost) {
            return self.visit("loses a message");
        }
        if self.happens(self.weather.twice) {
            self.visit("brings a message twice");
            self.post(now, envelope.clone());
        }
        self.post(now, envelope);
    }

    pub fn next_at(&self) -> Option<i64> {
        self.under_way.first_key_value().map(|((at, _), _)| *at)
    }

    /// The next message that arrives up to `now`, unless its link was cut meanwhile.
    pub fn receive(&mut self, now: i64) -> Option<Envelope> {
        loop {
            let next = self.under_way.first_entry()?;
            if next.key().0 > now {
                return None;
            }
            let sequence = next.key().1;
            let envelope = next.remove();
            let link = (envelope.from, envelope.to);
            if self.cut.contains(&link) {
                continue;
            }
            let newest = self.newest.entry(link).or_insert(sequence);
            if *newest > sequence {
                self.visit("brings a message behind a later one");
            } else {
                *newest = sequence;
            }
            return Some(envelope);
        }
    }

    /// Lets a message wait for a node that does nothing.
    pub fn hold(&mut self, until: i64, envelope: Envelope) {
        self.sequence += 1;
        self.under_way.insert((until, self.sequence), envelope);
    }

    fn visit(&mut self, what: &'static str) {
        *self.visits.entry(what).or_insert(0) += 1;
    }

    fn happens(&mut self, thousandths: usize) -> bool {
        thousandths > 0 && self.chance.index_below(1000) < thousandths
    }

    fn post(&mut self, now: i64, envelope: Envelope) {
        let is_slow = self.happens(self.weather.slow);
        if is_slow {
            self.visit("delays a message");
        }
        let ms_max = if is_slow { SLOW_MS_MAX } else { DELAY_MS_MAX };
        let delay = 1 + i64::try_from(self.chance.index_below(ms_max)).expect("a short while");
        let delay = self.detains.take().unwrap_or(delay);
        self.sequence += 1;
        self.under_way.insert((now + delay, self.sequence), envelope);
    }
}
