//! The administrator moves a partition to other brokers, or takes that back. Expected: it is on its way,
//! and after healing it has arrived.

use types::ErrorCode;
use wire::alter_partition_reassignments_request::{
    AlterPartitionReassignmentsRequest, ReassignablePartition, ReassignableTopic,
};

use super::{Operation, TOPICS};
use crate::client::Job;
use crate::env::must;
use crate::message::Command;
use crate::process::node_id;

pub const OPERATION: Operation = Operation {
    name: "reassign",
    weight: |_| 5,
    perform: |world, [which, first, cancels, _]| {
        let name = TOPICS[which % TOPICS.len()];
        let brokers: Vec<usize> = world.env.shape.brokers().collect();
        let count = world.env.shape.replication.min(brokers.len());
        let targets = (0..count).map(|i| brokers[(first + i) % brokers.len()]);
        let targets: Vec<i32> = targets.map(|place| node_id(place).0).collect();
        let replicas = (cancels % 5 != 0).then_some(targets.clone());
        let partition = ReassignablePartition { partition_index: 0, replicas: replicas.clone() };
        let request = AlterPartitionReassignmentsRequest {
            topics: vec![ReassignableTopic { name: name.into(), partitions: vec![partition] }],
            ..AlterPartitionReassignmentsRequest::default()
        };
        world.wish(Job {
            what: "moves a partition",
            command: Command::Reassign(request),
            retries: |_| false,
            check: Box::new(move |shadow, code| {
                let state = shadow.image().partition(name, 0);
                let Some(state) = state.filter(|_| code == ErrorCode::None) else { return Ok(()) };
                let has_all = targets.iter().all(|id| state.replicas.iter().any(|r| r.0 == *id));
                must(replicas.is_none() || has_all, || {
                    format!("{name} is not moved to {targets:?}")
                })?;
                must(replicas.is_some() || !state.is_reassigning(), || {
                    format!("{name} is still being moved")
                })
            }),
        })
    },
};
