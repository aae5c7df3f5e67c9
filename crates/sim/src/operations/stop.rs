//! A broker stops in order: it leaves when the controller lets it, and comes back later.

use super::Operation;

pub const OPERATION: Operation = Operation {
    name: "stop",
    weight: |_| 5,
    perform: |world, [who, ..]| {
        let place = world.node(who);
        world.nodes[place].begin_stop();
        world.touch(place, |_, _| Ok(()))
    },
};
