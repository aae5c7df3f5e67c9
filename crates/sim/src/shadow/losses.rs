//! Which replicas have lost records, and which faults a cluster may be expected to survive.
//!
//! Kafka does not sync what it acknowledges: a replica whose machine loses power comes back without some
//! of it, and what `min.insync.replicas` promises is kept by the others. Hence the rule of what must
//! survive: every record that was below a high watermark does, as long as each partition on which some
//! replica that may be asked to lead has lost records keeps a *safe* one. Safe is a replica
//!
//! - that has lost nothing since it was last in sync,
//! - whose broker runs and is to go on, in the run that the controllers know: they strike out one that
//!   comes back without having stopped in order, whatever it has;
//! - that reaches every controller: one that is silent leaves the ISR;
//! - whose log directory works and has room: one that went offline is used again when its broker has
//!   been started anew, and so struck out;
//! - that is in the ISR or an eligible leader, whichever of the decisions under way is kept.
//!
//! A fault that would take the last safe replica away is not dealt (operations ask
//! [`Shadow::may_crash`] and [`Shadow::may_lose`]), or is taken back ([`Shadow::is_guarded`]). A command
//! that takes a broker out of the cluster is obeyed whatever it has, here as in Kafka: where it is the last
//! safe one, the command is lost on its way ([`Shadow::may_forget`]). Without a safe one the ISR and the
//! eligible leaders end up empty, and Kafka's controller, like this one, elects the last leader that it
//! knew: it is taken for the one that lost least (KIP-966), and may have lost.

use std::collections::{BTreeMap, BTreeSet};

use metadata::Seeded;
use metadata::image::{DIRECTORY_UNASSIGNED, Image, PartitionState};
use types::{BrokerEpoch, NodeId, Uuid};

use super::Shadow;
use crate::env::{Checked, Place, must};
use crate::message::Key;
use crate::process::node_id;
use crate::shape::Shape;

/// What a crash takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Loss {
    /// The process: the system's cache survives it.
    Process,
    /// The power, or the disk: what was not synced goes, or all.
    Power,
}

/// In which run of its broker a replica lost records, and how.
#[derive(Debug, Clone, Copy)]
struct Lost {
    run: BrokerEpoch,
    /// With all the machine, in a run in which it was registered: before it hosts nothing.
    with_power: bool,
}

#[derive(Debug, Default)]
pub struct Losses {
    /// Replicas that lost records.
    lost: BTreeMap<(Place, Key), Lost>,
    /// Brokers that run, and in which run.
    running: BTreeMap<Place, BrokerEpoch>,
    /// Until when a node may be taken for dead that was paused, or cut off from some controller.
    silent_until: BTreeMap<Place, i64>,
    silent: BTreeSet<Place>,
    /// Log directories that are full or offline, and whose they are.
    failing: BTreeMap<Uuid, Place>,
}

impl Losses {
    pub fn runs(&mut self, place: Place, epoch: BrokerEpoch) {
        self.running.insert(place, epoch);
    }

    /// It runs no more, or wants to be let go.
    pub fn leaves(&mut self, place: Place) {
        self.running.remove(&place);
    }

    pub fn run_of(&self, place: Place) -> Option<BrokerEpoch> {
        self.running.get(&place).copied()
    }

    /// Nodes may be taken for dead until these times.
    pub fn note_silence(&mut self, now: i64, known: Vec<(Place, i64)>) {
        for (place, until) in known {
            let latest = self.silent_until.entry(place).or_insert(until);
            *latest = until.max(*latest);
        }
        let silent = self.silent_until.iter().filter(|(_, until)| **until > now);
        self.silent = silent.map(|(place, _)| *place).collect();
    }

    /// A log directory has no room, or is offline.
    pub fn fails(&mut self, place: Place, directory: Uuid) {
        self.failing.insert(directory, place);
    }

    /// A log directory does as it is told.
    pub fn works(&mut self, directory: Uuid) {
        self.failing.remove(&directory);
    }

    /// Whether the replica's directory works; all of the broker's, where it is not known which it is.
    fn is_well_kept(&self, place: Place, state: &PartitionState) -> bool {
        match state.directory_of(node_id(place)) {
            None | Some(DIRECTORY_UNASSIGNED) => self.failing.values().all(|of| *of != place),
            Some(directory) => !self.failing.contains_key(&directory),
        }
    }

    /// A broker's next run is registered: whoever lost power in the one before has not stopped in order,
    /// and does not count any more as one that has all.
    pub fn strikes_out(&self, image: &Image, id: NodeId) -> Checked {
        let Some(broker) = image.cluster().broker(id) else { return Ok(()) };
        let runs_again = |lost: &Lost| lost.with_power && lost.run < broker.epoch;
        let theirs = |place: Place, lost: &Lost| node_id(place) == id && runs_again(lost);
        for ((place, key), _) in self.lost.iter().filter(|((place, _), l)| theirs(*place, l)) {
            let Some(state) = state(image, *key) else { continue };
            let counts = state.isr.contains(&id) || state.eligible_leaders.contains(&id);
            must(!counts || !image.features().eligible_leaders(), || {
                format!("node {place} lost power and still counts as one that has all of {state:?}")
            })?;
        }
        Ok(())
    }

    /// A replica that is in sync again in a later run of its broker has all that it had lost.
    pub fn forget_mended(&mut self, image: &Image) {
        self.lost.retain(|(place, key), lost| {
            let state = state(image, *key);
            let epoch = image.cluster().broker(node_id(*place)).map(|broker| broker.epoch);
            let is_mended = |state: &PartitionState| state.isr.contains(&node_id(*place));
            let is_later = epoch.is_some_and(|epoch| epoch > lost.run);
            state.is_some_and(|state| !(is_later && is_mended(state)))
        });
    }
}

fn state(image: &Image, key: Key) -> Option<&PartitionState> {
    image.topics().get(key.0)?.partitions.get(&key.1).map(AsRef::as_ref)
}

impl Shadow {
    /// Whether the crash leaves every partition a replica that has all and will be asked to lead. Such a
    /// one is in sync or eligible, runs, has lost nothing, whatever of the decisions under way is kept.
    pub fn may_crash(&self, place: Place, loss: Loss) -> bool {
        self.images()
            .flat_map(|image| keys_on(image, place))
            .collect::<BTreeSet<Key>>()
            .into_iter()
            .all(|key| {
                let is_endangered = loss == Loss::Power || self.is_endangered(key);
                !is_endangered || self.safe(key).any(|other| other != place)
            })
    }

    /// Whether a broker can be taken out of the cluster, with what it has.
    pub fn may_forget(&mut self, id: NodeId) -> bool {
        let Ok(place) = Place::try_from(id.0) else { return true };
        let may = self.may_crash(place, Loss::Process);
        if may && self.losses.run_of(place).is_some() {
            self.visit("forgets a broker that runs");
        }
        may
    }

    /// Whether every partition that has lost records has somebody who will lead it with all of them.
    pub fn is_guarded(&self) -> bool {
        let keys: BTreeSet<Key> = self.losses.lost.keys().map(|(_, key)| *key).collect();
        keys.into_iter().all(|key| !self.is_endangered(key) || self.safe(key).next().is_some())
    }

    /// Whether the loss of one replica of each of these partitions leaves another.
    pub fn may_lose(&self, place: Place, keys: &[Key]) -> bool {
        keys.iter().all(|key| self.safe(*key).any(|other| other != place))
    }

    /// Whether a node crashes here and now, between two effects.
    pub fn dooms(&self, chance: &mut Seeded, shape: &Shape, is_rough: bool, place: Place) -> bool {
        let one_in = shape.crash_one_in;
        let may = is_rough && one_in > 0 && chance.index_below(one_in) == 0;
        may && self.may_crash(place, Loss::Process)
    }

    pub fn lose(&mut self, place: Place, keys: &[Key], with_power: bool) {
        let run = self.losses.run_of(place);
        let epoch = self.image().cluster().broker(node_id(place)).map(|broker| broker.epoch);
        let run = run.max(epoch).unwrap_or(BrokerEpoch(-1));
        let lost = Lost { run, with_power };
        self.losses.lost.extend(keys.iter().map(|key| ((place, *key), lost)));
    }

    pub fn keys_on(&self, place: Place) -> Vec<Key> {
        let all = self.images().flat_map(|image| keys_on(image, place));
        all.collect::<BTreeSet<Key>>().into_iter().collect()
    }

    fn images(&self) -> impl Iterator<Item = &Image> {
        self.decided.values().chain([self.image()])
    }

    /// Whether a replica that has lost records may still be asked to lead.
    fn is_endangered(&self, key: Key) -> bool {
        let mut lost = self.losses.lost.keys().filter(|(_, of)| *of == key);
        lost.any(|(place, _)| {
            let id = node_id(*place);
            self.images().filter_map(|image| state(image, key)).any(|state| {
                let lists = [&state.isr, &state.eligible_leaders, &state.last_known_leaders];
                lists.into_iter().any(|list| list.contains(&id))
            })
        })
    }

    fn safe(&self, key: Key) -> impl Iterator<Item = Place> {
        self.losses.running.iter().filter_map(move |(place, run)| {
            let id = node_id(*place);
            let is_safe = |image: &Image| {
                let Some(state) = state(image, key) else { return false };
                let broker = image.cluster().broker(id);
                let is_this_run = broker.is_some_and(|broker| broker.epoch == *run);
                let may_lead = state.isr.contains(&id) || state.eligible_leaders.contains(&id);
                is_this_run && may_lead && self.losses.is_well_kept(*place, state)
            };
            let has_lost = self.losses.lost.contains_key(&(*place, key));
            let is_heard = !self.losses.silent.contains(place);
            (!has_lost && is_heard && self.images().all(is_safe)).then_some(*place)
        })
    }
}

fn keys_on(image: &Image, place: Place) -> Vec<Key> {
    let topics = image.topics().replicas_on(node_id(place));
    topics
        .flat_map(|(topic, all)| all.map(|(index, _)| (topic.id, index)).collect::<Vec<_>>())
        .collect()
}
