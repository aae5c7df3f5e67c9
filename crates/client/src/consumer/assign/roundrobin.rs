//! The round robin assignor: all partitions of all topics in turn to all members.

use super::{Assignment, Member, PartitionCounts};
use crate::TopicPartition;

pub(super) fn assign(members: &[&Member], partitions: &PartitionCounts, out: &mut Assignment) {
    let mut turn = 0;
    for (topic, count) in partitions {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for partition in 0..*count {
            // the turn passes over members that do not want the topic
            while !members[turn % members.len()].topics.contains(topic) {
                turn += 1;
            }
            let member = members[turn % members.len()];
            turn += 1;
            let partitions = out.entry(member.id.clone()).or_default();
            partitions.push(TopicPartition::new(topic.clone(), partition));
        }
    }
}
