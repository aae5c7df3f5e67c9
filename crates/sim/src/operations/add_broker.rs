//! A broker that never ran joins the cluster. Expected: it is registered and unfenced, and replicas may
//! be placed on it; where no history asks for it, it comes with the peace.

use super::Operation;

pub const OPERATION: Operation = Operation {
    name: "add_broker",
    weight: |shape| if shape.late.is_some() { 6 } else { 0 },
    perform: |world, _| {
        let late = world.env.shape.late.filter(|place| world.nodes[*place].life == 0);
        let Some(place) = late else { return Ok(()) };
        world.env.shadow.visit("adds a broker");
        world.start(place)
    },
};
