//! The administrator unregisters a broker that is down and has no replica; until the controller hears of it
//! that may have come back, and have some. Expected: it is not registered, or is so in another run.

use types::ErrorCode;

use super::Operation;
use crate::client::Job;
use crate::env::must;
use crate::message::Command;
use crate::process::node_id;

pub const OPERATION: Operation = Operation {
    name: "remove_broker",
    weight: |_| 2,
    perform: |world, [who, ..]| {
        let brokers: Vec<usize> = world.env.shape.brokers().collect();
        let place = brokers[who % brokers.len()];
        if world.nodes[place].up().is_some() || !world.env.shadow.keys_on(place).is_empty() {
            return Ok(());
        }
        let id = node_id(place);
        let known = world.env.shadow.image().cluster().broker(id).map(|broker| broker.epoch);
        world.wish(Job {
            what: "removes a broker",
            command: Command::UnregisterBroker(id),
            retries: |code| code == ErrorCode::NotController,
            check: Box::new(move |shadow, code| {
                let left = shadow.image().cluster().broker(id).map(|broker| broker.epoch);
                let is_gone = left.is_none() || left > known;
                must(code != ErrorCode::None || is_gone, || {
                    format!("broker {id} was removed and is still registered")
                })
            }),
        })
    },
};
