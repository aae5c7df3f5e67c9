//! A process ends without a word and comes back a little later.

use super::Operation;
use crate::shadow::Loss;

pub const OPERATION: Operation = Operation {
    name: "crash",
    weight: |_| 10,
    perform: |world, [who, ..]| {
        let place = world.node(who);
        if world.env.shadow.may_crash(place, Loss::Process) && world.nodes[place].up().is_some() {
            world.nodes[place].crash(&mut world.env, Loss::Process);
            world.restart_later(place);
        }
        Ok(())
    },
};
