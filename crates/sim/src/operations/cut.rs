//! A link carries nothing, in one direction or both.

use super::Operation;

pub const OPERATION: Operation = Operation {
    name: "cut",
    weight: |_| 6,
    perform: |world, [from, to, both, _]| {
        let (from, to) = (world.node(from), world.node(to));
        world.env.network.cut.insert((from, to));
        if both % 2 == 0 {
            world.env.network.cut.insert((to, from));
            world.env.shadow.visit("cuts a link both ways");
        } else {
            world.env.shadow.visit("cuts a link one way");
        }
        Ok(())
    },
};
