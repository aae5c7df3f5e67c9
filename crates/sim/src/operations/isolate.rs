//! A node loses every link to other nodes; clients still reach it.

use super::Operation;
use crate::crash::others;

pub const OPERATION: Operation = Operation {
    name: "isolate",
    weight: |_| 6,
    perform: |world, [who, direction, ..]| {
        let place = world.node(who);
        for other in others(&world.env, place) {
            if direction % 3 != 0 {
                world.env.network.cut.insert((place, other));
            }
            if direction % 3 != 1 {
                world.env.network.cut.insert((other, place));
            }
        }
        world.env.shadow.visit("isolates a node");
        Ok(())
    },
};
