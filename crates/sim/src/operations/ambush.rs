//! A fault waits for its moment. Expected: what every other fault is expected to leave whole. Some moments
//! are given occasion: a broker that leaves the ISR and will join it again, a decision of several batches.

use super::{Operation, TOPICS, create_topic, produce};
use crate::ambush::Moment;
use crate::env::Checked;
use crate::plan::Draws;
use crate::shadow::Loss;
use crate::shape::SMALL_BATCH_BYTES;
use crate::world::World;

pub const OPERATION: Operation = Operation {
    name: "ambush",
    weight: |_| 6,
    perform: |world, draws @ [which, ..]| {
        let moment = Moment::FIRST[which % Moment::FIRST.len()];
        world.env.ambush.waits_for = Some(moment);
        gives_occasion(world, moment, draws)
    },
};

fn gives_occasion(world: &mut World, moment: Moment, draws: Draws) -> Checked {
    let [_, who, topic, _] = draws;
    match moment {
        Moment::Joiner => {
            let brokers: Vec<_> = world.env.shape.brokers().collect();
            let place = brokers[who % brokers.len()];
            if world.ends_at_once(place, Loss::Process) {
                world.restart_later(place);
            }
            // what it lacks when it comes back
            (produce::OPERATION.perform)(world, draws)
        }
        Moment::Half => {
            world.env.shape.metadata_batch_bytes = SMALL_BATCH_BYTES;
            let name = TOPICS[topic % TOPICS.len()];
            let job = create_topic::job(world, name, create_topic::PARTITIONS_OF_LARGE);
            world.wish(job)
        }
        Moment::Growth | Moment::Reader | Moment::Writer(_) => Ok(()),
    }
}
