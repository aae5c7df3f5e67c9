//! The administrator has every partition led by its first replica, where that can be. Expected: records do
//! not change, and where the decision stands in the log, whoever is the first and can lead does.

use metadata::image::Image;
use types::ErrorCode;
use wire::elect_leaders_request::ElectLeadersRequest;

use super::Operation;
use crate::client::Job;
use crate::env::{Checked, must};
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
            check: Box::new(|_, code| {
                must(code == ErrorCode::None, || format!("leaders are not elected: {code:?}"))
            }),
        })
    },
};

/// What the cluster's metadata says once every partition has had its election.
pub fn effect(image: &Image) -> Checked {
    for topic in image.topics().iter() {
        for (index, state) in &topic.partitions {
            let Some(first) = state.replicas.first() else { continue };
            let broker = image.cluster().broker(*first).filter(|broker| broker.is_active());
            let is_online = state
                .directory_of(*first)
                .is_none_or(|directory| broker.is_some_and(|broker| broker.has_online(directory)));
            let can = broker.is_some() && is_online && state.isr.contains(first);
            must(!can || state.leader == *first, || {
                format!("{}-{index} had an election and is {state:?}", topic.name)
            })?;
        }
    }
    Ok(())
}
