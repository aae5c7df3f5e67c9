//! The range assignor: of each topic a run of partitions for each member.

use super::{Assignment, Member, PartitionCounts};
use crate::TopicPartition;

pub(super) fn assign(members: &[&Member], partitions: &PartitionCounts, out: &mut Assignment) {
    for (topic, count) in partitions {
        let takers: Vec<_> = members.iter().filter(|m| m.topics.contains(topic)).collect();
        let Ok(among) = i32::try_from(takers.len()) else { continue };
        let mut next = 0;
        for (index, member) in (0i32..).zip(takers) {
            let share = count / among + i32::from(index < count % among);
            let run = (next..next + share).map(|p| TopicPartition::new(topic.clone(), p));
            out.entry(member.id.clone()).or_default().extend(run);
            next += share;
        }
    }
}
