//! A node's syncs take their time: what it has written is durable only later.

use super::Operation;

pub const OPERATION: Operation = Operation {
    name: "slow_disk",
    weight: |_| 3,
    perform: |world, [who, ms, ..]| {
        let until = world.env.now + i64::try_from(ms % 4_000).expect("a short while");
        let place = world.node(who);
        world.env.slow_until.insert(place, until);
        world.env.shadow.visit("slows a disk");
        Ok(())
    },
};
