//! The administrator unregisters a broker that is down and has no replica; it may come back as another
//! run. Expected: it is not registered.

use types::ErrorCode;

use super::Operation;
use crate::client::Job;
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
        world.wish(Job {
            what: "removes a broker",
            command: Command::UnregisterBroker(node_id(place)),
            retries: |code| code == ErrorCode::NotController,
            check: Box::new(|_, _| Ok(())),
        })
    },
};
