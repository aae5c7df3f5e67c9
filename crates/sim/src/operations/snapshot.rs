//! A node takes a snapshot of its metadata and may forget the log before it. Expected: it says what the
//! log said, and is the same on every node that takes one there.

use super::Operation;

pub const OPERATION: Operation = Operation {
    name: "snapshot",
    weight: |_| 5,
    perform: |world, [who, cleans, ..]| {
        let place = world.node(who);
        world.env.shadow.visit("takes a snapshot");
        world.touch(place, |process, env| process.take_snapshot(env, cleans % 2 == 0))
    },
};
