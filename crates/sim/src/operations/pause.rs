//! A process does nothing for a while, and takes what it was sent when it goes on.

use super::Operation;

pub const OPERATION: Operation = Operation {
    name: "pause",
    weight: |_| 4,
    perform: |world, [who, ms, ..]| {
        let place = world.node(who);
        let ms = i64::try_from(ms % 5_000).expect("a short while");
        world.nodes[place].paused_until = world.env.now + ms;
        world.env.shadow.visit("pauses");
        Ok(())
    },
};
