//! A machine loses power: what no log has synced is lost, whole or torn. Expected: nothing that was
//! committed is, as long as another replica has it.

use super::Operation;
use crate::shadow::Loss;

pub const OPERATION: Operation = Operation {
    name: "lose_power",
    weight: |shape| if shape.loses_power { 10 } else { 0 },
    perform: |world, [who, ..]| {
        let place = world.node(who);
        let may = world.env.shape.loses_power;
        if may
            && world.env.shadow.may_crash(place, Loss::Power)
            && world.nodes[place].up().is_some()
        {
            world.nodes[place].crash(&mut world.env, Loss::Power);
            world.restart_later(place);
        }
        Ok(())
    },
};
