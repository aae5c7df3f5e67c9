//! Every link carries again.

use super::Operation;

pub const OPERATION: Operation = Operation {
    name: "mend",
    weight: |_| 10,
    perform: |world, _| {
        world.env.network.cut.clear();
        Ok(())
    },
};
