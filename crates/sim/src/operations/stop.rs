//! A broker stops in order: it leaves when the controller lets it, and comes back later. Not where it is the
//! last that has everything: who would be asked to lead then lacks what its crash took. From when it wants
//! to leave it may be gone at any time.

use super::Operation;
use crate::shadow::Loss;

pub const OPERATION: Operation = Operation {
    name: "stop",
    weight: |_| 5,
    perform: |world, [who, ..]| {
        let place = world.node(who);
        if world.env.shadow.may_crash(place, Loss::Process) {
            world.nodes[place].begin_stop(&mut world.env);
        }
        world.touch(place, |_, _| Ok(()))
    },
};
