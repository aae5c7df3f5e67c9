//! The administrator creates a topic, now and then one of so many partitions that its records take several
//! batches. Expected: it is there, whole, with the replicas that were asked for.

use types::ErrorCode;
use wire::create_topics_request::{CreatableTopic, CreateTopicsRequest};

use super::{FOR_GROUPS, Operation, TOPICS};
use crate::client::Job;
use crate::env::must;
use crate::groups::OFFSETS_TOPIC;
use crate::message::Command;
use crate::world::World;

/// More than fit into a small batch.
pub const PARTITIONS_OF_LARGE: i32 = 6;

pub const OPERATION: Operation = Operation {
    name: "create_topic",
    weight: |_| 4,
    perform: |world, [which, partitions, is_large, _]| {
        let is_for_groups = which == FOR_GROUPS;
        let name = if is_for_groups { OFFSETS_TOPIC } else { TOPICS[which % TOPICS.len()] };
        let num_partitions = if is_for_groups {
            1
        } else if is_large % 4 == 0 {
            PARTITIONS_OF_LARGE
        } else {
            1 + i32::try_from(partitions % 2).expect("one or two")
        };
        let job = job(world, name, num_partitions);
        world.wish(job)
    },
};

/// A topic of that name and size, with as many replicas as the history's topics have.
pub fn job(world: &World, name: &'static str, num_partitions: i32) -> Job {
    let replicas = world.env.shape.replication;
    let count = usize::try_from(num_partitions).expect("a few");
    let topic = CreatableTopic {
        name: name.into(),
        num_partitions,
        replication_factor: i16::try_from(replicas).expect("few replicas"),
        ..CreatableTopic::default()
    };
    let request = CreateTopicsRequest { topics: vec![topic], ..Default::default() };
    Job {
        what: "creates a topic",
        command: Command::CreateTopics(request),
        retries: |code| code == ErrorCode::InvalidReplicationFactor,
        check: Box::new(move |shadow, code| {
            let topic = shadow.image().topics().named(name);
            let has_been = code == ErrorCode::TopicAlreadyExists;
            let was_refused = !matches!(code, ErrorCode::None | ErrorCode::TopicAlreadyExists);
            must(was_refused || topic.is_some(), || format!("{name} was created and is not"))?;
            let all = topic.into_iter().flat_map(|topic| topic.partitions.values());
            let is_whole = all.into_iter().all(|state| state.replicas.len() == replicas);
            must(was_refused || has_been || is_whole, || format!("{name} lacks replicas"))?;
            let has_all = topic.is_some_and(|topic| topic.partitions.len() == count);
            must(was_refused || has_been || has_all, || format!("{name} lacks partitions"))
        }),
    }
}
