//! The administrator has every partition led by its first replica, where that can be. Expected: leaders
//! change, records do not.

use wire::elect_leaders_request::ElectLeadersRequest;

use super::Operation;
use crate::client::Job;
use crate::message::Command;

pub const OPERATION: Operation = Operation {
    name: "elect_leaders",
    weight: |_| 3,
    perform: |world, _| {
        let request =
            ElectLeadersRequest { election_type: 0, topic_partitions: None, timeout_ms: 1_000 };
        world.wish(Job {
            what: "elects leaders",
            command: Command::ElectLeaders(request),
            retries: |_| false,
            check: Box::new(|_, _| Ok(())),
        })
    },
};
