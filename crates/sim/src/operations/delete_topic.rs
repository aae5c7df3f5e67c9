//! The administrator deletes a topic. Expected: it is gone, with all its replicas.

use types::{ErrorCode, TopicId};
use wire::delete_topics_request::{DeleteTopicState, DeleteTopicsRequest};

use super::{Operation, TOPICS};
use crate::client::Job;
use crate::env::must;
use crate::message::Command;

pub const OPERATION: Operation = Operation {
    name: "delete_topic",
    weight: |_| 2,
    perform: |world, [which, ..]| {
        let name = TOPICS[which % TOPICS.len()];
        let topics = vec![DeleteTopicState { name: Some(name.into()), topic_id: TopicId::ZERO }];
        let request = DeleteTopicsRequest { topics, ..Default::default() };
        world.wish(Job {
            what: "deletes a topic",
            command: Command::DeleteTopics(request),
            retries: |_| false,
            check: Box::new(move |shadow, code| {
                let is_gone = shadow.image().topics().named(name).is_none();
                let is_over = matches!(code, ErrorCode::None | ErrorCode::UnknownTopicOrPartition);
                must(!is_over || is_gone, || format!("{name} was deleted and is there"))
            }),
        })
    },
};
