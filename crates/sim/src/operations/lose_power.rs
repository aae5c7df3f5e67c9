//! A machine loses power: what no log has synced is lost, whole or torn. Expected: nothing that was
//! committed is, as long as another replica has it.

use super::Operation;
use crate::shadow::Loss;

pub const OPERATION: Operation = Operation {
    name: "lose_power",
    weight: |_| 8,
    perform: |world, [who, ..]| {
        let place = world.node(who);
        if world.env.shadow.may_crash(place, Loss::Power) && world.nodes[place].up().is_some() {
            world.nodes[place].crash(&mut world.env, Loss::Power);
            world.restart_later(place);
        }
        Ok(())
    },
};
