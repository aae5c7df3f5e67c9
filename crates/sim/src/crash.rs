//! How nodes go down and come back.

use log::Survival;

use crate::broker::Stop;
use crate::env::{Checked, Env, Place};
use crate::message::{Content, Envelope};
use crate::node::Node;
use crate::shadow::Loss;

impl Node {
    /// The process ends without a word, or the machine loses power.
    pub fn crash(&mut self, env: &mut Env, loss: Loss) {
        let Some(process) = self.process() else { return };
        let run = process.broker.as_ref().and_then(|broker| broker.epoch);
        let waiting: Vec<_> = process.waiting.values().copied().collect();
        let place = process.place;
        env.narrate(|| format!("node {place} crashes: {loss:?}"));
        env.network.muted = None;
        if env.shape.tells_gone {
            // a process that ends closes its connections; a machine that does takes them with it
            for back in waiting {
                let (from, to, life, number) = (back.from, back.to, back.life, back.number);
                let content = Content::Reply(None);
                env.network.send(env.now, Envelope { from, to, life, number, content });
            }
            for to in (0..env.shape.nodes.len()).filter(|to| *to != place) {
                let content = Content::Gone(run.unwrap_or(types::BrokerEpoch(-1)));
                let number = env.number();
                let life = process.life;
                let envelope = Envelope { from: place, to, life, number, content };
                env.network.send(env.now, envelope);
            }
        }
        if loss == Loss::Power {
            let keys = env.shadow.keys_on(place);
            env.shadow.lose(place, &keys, run.is_some());
            env.shadow.visit("loses power");
            process.note_ends();
        }
        env.shadow.visit("crashes");
        self.gone(env, loss);
    }

    fn gone(&mut self, env: &mut Env, loss: Loss) {
        env.shadow.losses.leaves(self.place);
        env.shadow.decided.remove(&self.place);
        let (chance, takes_all) = (&mut env.chance, env.ambush.takes_all);
        self.end(|stable| {
            stable.metadata = stable.metadata.survive(Survival::Some(chance.bits()));
            for directory in &mut stable.directories {
                let survival = match loss {
                    Loss::Process => Survival::Everything,
                    Loss::Power if takes_all => Survival::SyncedOnly,
                    Loss::Power => Survival::Some(chance.bits()),
                };
                directory.disk = directory.disk.survive(survival);
                directory.is_clean = false;
            }
        });
    }

    /// Asks the controller to be let go.
    pub fn begin_stop(&mut self, env: &mut Env) {
        let place = self.place;
        let broker = self.process().and_then(|process| process.broker.as_mut());
        if let Some(broker) = broker.filter(|broker| broker.stop == Stop::Stays) {
            broker.stop = Stop::Wanted;
            broker.next_beat = 0;
            env.shadow.losses.leaves(place);
        }
    }

    /// Ends in order, where the controller lets it go.
    pub fn stop_if_granted(&mut self, env: &mut Env) -> bool {
        let Some(process) = self.process() else { return false };
        let Some(broker) = process.broker.as_mut().filter(|broker| broker.stop == Stop::Granted)
        else {
            return false;
        };
        let now = env.timestamp();
        let mut is_clean = vec![true; process.stable.directories.len()];
        for partition in broker.partitions.values_mut() {
            is_clean[partition.directory] &= partition.log.close(now).is_ok();
            let watermark = partition.high_watermark();
            let directory = &mut process.stable.directories[partition.directory];
            directory.high_watermarks.insert(partition.key, watermark);
        }
        let epoch = broker.epoch;
        env.narrate(|| format!("node {} stops", self.place));
        env.shadow.visit("stops");
        env.shadow.losses.leaves(self.place);
        env.shadow.decided.remove(&self.place);
        let chance = &mut env.chance;
        self.end(|stable| {
            stable.metadata = stable.metadata.survive(Survival::Some(chance.bits()));
            stable.stopped_in = epoch;
            for (directory, is_clean) in stable.directories.iter_mut().zip(is_clean) {
                directory.disk = directory.disk.survive(Survival::Everything);
                directory.is_clean = is_clean && !directory.is_dead;
            }
        });
        true
    }

    /// Crashes where it was doomed to in the middle of something.
    pub fn crash_if_doomed(&mut self, env: &mut Env) -> bool {
        let is_doomed = self.up().is_some_and(|process| process.is_doomed);
        if is_doomed {
            env.shadow.visit("crashes between effects");
            self.crash(env, Loss::Process);
        }
        is_doomed
    }

    /// Brings a node back as an operator does who has replaced the disks that failed.
    pub fn repair(&mut self, env: &mut Env) -> Checked {
        let directories = self.stable().directories.len();
        for at in 0..directories {
            if self.stable().directories[at].is_lost {
                self.stable().directories[at] = crate::node::fresh_directory(env);
            }
        }
        self.start(env)
    }
}

/// The nodes other than one.
pub fn others(env: &Env, place: Place) -> impl Iterator<Item = Place> + use<> {
    (0..env.shape.nodes.len()).filter(move |other| *other != place)
}
