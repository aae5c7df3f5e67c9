//! Faults that wait for the moment in which they hurt most: chance alone comes by it too rarely.
//!
//! ```text
//! Joiner   a leader proposes who has caught up ─▶ that one loses power, is back at once, and does not
//!            ask its leader for a while; the proposal comes late ─▶ Growth
//! Growth   an ISR has grown ─▶ everybody else in it ends
//! Reader   one follower alone is sent a record ─▶ the leader ends; the others do not hear each other
//!            ─▶ Writer
//! Writer   the next leader has appended a record ─▶ it ends too; the others hear each other
//! Half     one controller alone is sent the beginning of a transaction ─▶ the active one ends
//! ```

use types::NodeId;

use crate::env::{Checked, Env, Place};
use crate::message::Key;
use crate::process::Process;
use crate::shadow::Loss;
use crate::world::World;

/// What is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Joiner,
    Growth,
    Reader,
    Writer(Key),
    Half,
}

impl Moment {
    /// With which an ambush may begin.
    pub const FIRST: [Self; 5] =
        [Self::Joiner, Self::Growth, Self::Reader, Self::Half, Self::Joiner];
}

/// Who was seen in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Joiner { leader: Place, joiner: Place },
    Reader { key: Key, leader: Place },
    Writer,
    Half,
}

#[derive(Debug, Default)]
pub struct Ambush {
    pub waits_for: Option<Moment>,
    pub seen: Option<Sight>,
    /// Who loses power now loses whatever was not synced.
    pub takes_all: bool,
}

/// So long a proposal is under way whose follower is lost meanwhile: time enough to be registered again.
const LATE_MS: i64 = 650;
/// So much longer that follower waits before it asks its leader for anything.
const LATER_MS: i64 = 200;

impl Process {
    /// A leader is about to propose this ISR instead of that one; how late it arrives, if it is seen.
    pub fn proposes(
        &self,
        ambush: &mut Ambush,
        isr: &[NodeId],
        mut proposed: impl Iterator<Item = NodeId>,
    ) -> Option<i64> {
        let joiner = proposed.find(|id| !isr.contains(id))?;
        ambush.waits_for.take_if(|moment| *moment == Moment::Joiner)?;
        let joiner = Place::try_from(joiner.0).ok()?;
        ambush.seen = Some(Sight::Joiner { leader: self.place, joiner });
        Some(LATE_MS)
    }

    /// A leader did what an ambush may wait for: it does nothing more.
    pub fn is_in_sight(&mut self, env: &mut Env, moment: Moment, seen: Sight) {
        let is_waited_for = env.is_rough && env.ambush.waits_for == Some(moment);
        if !is_waited_for || !env.shadow.may_crash(self.place, Loss::Process) {
            return;
        }
        env.ambush.waits_for = None;
        env.ambush.seen = Some(seen);
        self.is_doomed = true;
        env.network.muted = Some(self.place);
    }
}

impl World {
    /// Strikes where somebody was seen, and looks who has joined an ISR.
    pub fn strike(&mut self) -> Checked {
        let grown = std::mem::take(&mut self.env.shadow.grown);
        for (key, joiner) in grown {
            self.joins_with_all(key, joiner)?;
            if self.env.ambush.waits_for.take_if(|moment| *moment == Moment::Growth).is_some() {
                self.strike_beside(key, joiner);
            }
        }
        match self.env.ambush.seen.take() {
            Some(seen) => self.guarded(|world| world.strike_at(seen)),
            None => Ok(()),
        }
    }

    /// Everybody else in the ISR ends.
    fn strike_beside(&mut self, key: Key, joiner: NodeId) {
        let topic = self.env.shadow.image().topics().get(key.0);
        let Some(state) = topic.and_then(|topic| topic.partitions.get(&key.1)).cloned() else {
            return;
        };
        for id in state.isr.iter().filter(|id| **id != joiner) {
            let Ok(place) = Place::try_from(id.0) else { continue };
            if self.ends(place, Loss::Process) {
                self.env.shadow.visit("strikes when an ISR grows");
                self.restart_later(place);
            }
        }
    }

    fn strike_at(&mut self, seen: Sight) -> Checked {
        match seen {
            Sight::Joiner { leader, joiner } => {
                if !self.ends_at_once(joiner, Loss::Power) {
                    self.env.ambush.waits_for.get_or_insert(Moment::Joiner);
                    return Ok(());
                }
                self.env.ambush.waits_for = Some(Moment::Growth);
                self.env.shadow.visit("strikes who is to join an ISR");
                self.start(joiner)?;
                let broker = self.nodes[joiner].process().and_then(|p| p.broker.as_mut());
                if let Some(broker) = broker {
                    broker.fetchers.insert(leader, self.env.now + LATE_MS + LATER_MS);
                }
            }
            Sight::Reader { key, leader } => {
                let holders: Vec<Place> = (0..self.nodes.len())
                    .filter(|place| *place != leader)
                    .filter(|place| self.env.shadow.keys_on(*place).contains(&key))
                    .collect();
                let pairs = holders.iter().flat_map(|a| holders.iter().map(move |b| (*a, *b)));
                self.env.network.cut.extend(pairs.filter(|(a, b)| a != b));
                self.env.ambush.waits_for = Some(Moment::Writer(key));
                self.env.shadow.visit("strikes who has told one follower");
            }
            Sight::Writer => {
                self.env.network.cut.clear();
                self.env.shadow.visit("strikes who has written alone");
            }
            Sight::Half => self.env.shadow.visit("strikes in the middle of a transaction"),
        }
        Ok(())
    }

    /// Ends a node's process, where that may be, and everybody knows at once: who waits for the end of a
    /// session comes back too late. A loss of power takes whatever was not synced.
    pub fn ends_at_once(&mut self, place: Place, loss: Loss) -> bool {
        let tells_gone = std::mem::replace(&mut self.env.shape.tells_gone, true);
        self.env.ambush.takes_all = true;
        let has_ended = self.env.shape.loses_power && self.ends(place, loss);
        self.env.ambush.takes_all = false;
        self.env.shape.tells_gone = tells_gone;
        has_ended
    }

    /// Ends a node's process, where that may be.
    fn ends(&mut self, place: Place, loss: Loss) -> bool {
        let may = self.env.shadow.may_crash(place, loss) && self.nodes[place].up().is_some();
        if may {
            self.nodes[place].crash(&mut self.env, loss);
        }
        may
    }
}
