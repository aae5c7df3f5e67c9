//! Faults that wait for the moment in which they hurt most: chance alone comes by it too rarely.
//!
//! ```text
//! Joiner   a leader proposes who has caught up ─▶ that one loses power, is back at once, and does not
//!            hear its leader; the proposal comes late ─▶ Growth
//! Growth   an ISR has grown ─▶ its leader ends
//! Reader   one follower alone is sent a record ─▶ the leader ends; the others do not hear each other
//!            ─▶ Writer
//! Writer   the next leader has appended a record ─▶ it ends too; the others hear each other
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
}

impl Moment {
    /// With which an ambush may begin.
    pub const FIRST: [Self; 3] = [Self::Joiner, Self::Growth, Self::Reader];
}

/// Who was seen in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sight {
    Joiner { leader: Place, joiner: Place },
    Reader { key: Key, leader: Place },
    Writer,
}

#[derive(Debug, Default)]
pub struct Ambush {
    pub waits_for: Option<Moment>,
    pub seen: Option<Sight>,
}

/// So long a proposal is under way whose follower is lost meanwhile: time enough to be registered again.
const LATE_MS: i64 = 500;

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
    /// Strikes where somebody was seen.
    pub fn strike(&mut self) -> Checked {
        let ambush = &mut self.env.ambush;
        if let Some(seen) = ambush.seen.take() {
            return self.guarded(|world| world.strike_at(seen));
        }
        let grown = self.env.shadow.grown.take();
        let Some(key) = grown.filter(|_| ambush.waits_for == Some(Moment::Growth)) else {
            return Ok(());
        };
        ambush.waits_for = None;
        let topic = self.env.shadow.image().topics().get(key.0);
        let leader = topic.and_then(|topic| topic.partitions.get(&key.1)).map(|state| state.leader);
        let Some(place) = leader.and_then(|id| Place::try_from(id.0).ok()) else { return Ok(()) };
        if self.ends(place, Loss::Process) {
            self.env.shadow.visit("strikes when an ISR grows");
            self.restart_later(place);
        }
        Ok(())
    }

    fn strike_at(&mut self, seen: Sight) -> Checked {
        match seen {
            Sight::Joiner { leader, joiner } => {
                if self.env.shape.loses_power && self.ends(joiner, Loss::Power) {
                    self.restarts.push((self.env.now + 1, joiner));
                    self.env.network.cut.extend([(leader, joiner), (joiner, leader)]);
                    self.env.ambush.waits_for = Some(Moment::Growth);
                    self.env.shadow.visit("strikes who is to join an ISR");
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
        }
        Ok(())
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
