//! The nodes fall into two parts that do not hear each other; one node may still hear both.

use super::Operation;

pub const OPERATION: Operation = Operation {
    name: "split",
    weight: |_| 5,
    perform: |world, [parts, between, ..]| {
        let count = world.nodes.len();
        let bridge = (between % 3 == 0).then_some(between % count);
        let side = |place: usize| parts >> place & 1;
        for from in (0..count).filter(|from| Some(*from) != bridge) {
            for to in (0..count).filter(|to| Some(*to) != bridge && side(*to) != side(from)) {
                world.env.network.cut.insert((from, to));
            }
        }
        let is_partial = bridge.is_some();
        world.env.shadow.visit(if is_partial {
            "splits but for one"
        } else {
            "splits the network"
        });
        Ok(())
    },
};
