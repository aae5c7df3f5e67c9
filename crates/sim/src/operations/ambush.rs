//! A fault waits for its moment. Expected: what every other fault is expected to leave whole.

use super::Operation;
use crate::ambush::Moment;

pub const OPERATION: Operation = Operation {
    name: "ambush",
    weight: |_| 6,
    perform: |world, [which, ..]| {
        world.env.shadow.grown = None;
        world.env.ambush.waits_for = Some(Moment::FIRST[which % Moment::FIRST.len()]);
        Ok(())
    },
};
