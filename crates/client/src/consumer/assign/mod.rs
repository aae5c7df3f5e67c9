//! How a group's leader shares out partitions: Java's assignors, so that groups may be mixed.

mod bytes;
mod range;
mod roundrobin;
mod sticky;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(crate) use bytes::decode_assignment;
pub(super) use bytes::{decode_subscription, encode_assignment, encode_subscription};

use crate::TopicPartition;
use crate::config::AssignorKind;

/// A member as the leader sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Member {
    pub id: String,
    /// Of a static member.
    pub instance_id: Option<String>,
    pub topics: BTreeSet<Arc<str>>,
    /// What it says to own.
    pub owned: Vec<TopicPartition>,
    /// The generation in which it came to own that; -1 where unknown.
    pub generation: i32,
    /// Where it runs; Java's leaders prefer replicas there.
    pub rack: Option<String>,
}

impl Member {
    /// Java's order of members: static ones first, by instance, then the others by id.
    fn rank(&self) -> (bool, &str) {
        (self.instance_id.is_none(), self.instance_id.as_deref().unwrap_or(&self.id))
    }
}

/// Partition counts of the topics that exist.
pub(super) type PartitionCounts = BTreeMap<Arc<str>, i32>;

/// Partitions by member id; every member is there.
pub(super) type Assignment = BTreeMap<String, Vec<TopicPartition>>;

/// Shares out the partitions of all topics that somebody is subscribed to.
pub(super) fn assign(
    kind: AssignorKind,
    members: &[Member],
    partitions: &PartitionCounts,
) -> Assignment {
    let mut sorted: Vec<&Member> = members.iter().collect();
    sorted.sort_by(|a, b| a.rank().cmp(&b.rank()));
    let mut assignment: Assignment = members.iter().map(|m| (m.id.clone(), Vec::new())).collect();
    match kind {
        AssignorKind::Range => range::assign(&sorted, partitions, &mut assignment),
        AssignorKind::RoundRobin => roundrobin::assign(&sorted, partitions, &mut assignment),
        AssignorKind::Sticky => sticky::assign(&sorted, partitions, &mut assignment),
        AssignorKind::CooperativeSticky => {
            sticky::assign(&sorted, partitions, &mut assignment);
            withhold_what_others_own(members, &mut assignment);
        }
    }
    assignment
}

/// A partition that moves is given to nobody until its owner has let go of it (KIP-429).
fn withhold_what_others_own(members: &[Member], assignment: &mut Assignment) {
    let owners = sticky::owners(members);
    for (member, partitions) in assignment {
        partitions.retain(|p| owners.get(p).is_none_or(|owner| owner == member));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(id: &str, topics: &[&str], owned: &[(&str, i32)]) -> Member {
        Member {
            id: id.into(),
            topics: topics.iter().map(|t| Arc::from(*t)).collect(),
            owned: owned.iter().map(|(t, p)| TopicPartition::new(*t, *p)).collect(),
            generation: 1,
            ..Member::default()
        }
    }

    fn counts(topics: &[(&str, i32)]) -> PartitionCounts {
        topics.iter().map(|(t, n)| (Arc::from(*t), *n)).collect()
    }

    fn show(assignment: &Assignment) -> Vec<String> {
        let list = |ps: &Vec<TopicPartition>| {
            ps.iter().map(ToString::to_string).collect::<Vec<_>>().join(" ")
        };
        assignment.iter().map(|(member, ps)| format!("{member}: {}", list(ps))).collect()
    }

    #[test]
    fn ranges_and_turns_are_those_of_java() {
        let members = [member("b", &["t", "u"], &[]), member("a", &["t"], &[])];
        let topics = counts(&[("t", 3), ("u", 2)]);
        assert_eq!(
            show(&assign(AssignorKind::Range, &members, &topics)),
            ["a: t-0 t-1", "b: t-2 u-0 u-1"]
        );
        assert_eq!(
            show(&assign(AssignorKind::RoundRobin, &members, &topics)),
            ["a: t-0 t-2", "b: t-1 u-0 u-1"]
        );
        let mut fixed = members.clone();
        fixed[0].instance_id = Some("z".into());
        assert_eq!(
            show(&assign(AssignorKind::Range, &fixed, &topics)),
            ["a: t-2", "b: t-0 t-1 u-0 u-1"]
        );
    }

    #[test]
    fn sticky_keeps_what_it_can_and_balances() {
        let topics = counts(&[("t", 6)]);
        let all: Vec<_> = (0..6).map(|p| ("t", p)).collect();
        let members = [member("a", &["t"], &all), member("b", &["t"], &[])];
        let got = assign(AssignorKind::Sticky, &members, &topics);
        assert_eq!(show(&got), ["a: t-0 t-1 t-2", "b: t-3 t-4 t-5"]);
        let first = assign(AssignorKind::CooperativeSticky, &members, &topics);
        assert_eq!(show(&first), ["a: t-0 t-1 t-2", "b: "], "b waits until a let go");
        let members = [member("a", &["t"], &all[..3]), member("b", &["t"], &[])];
        let second = assign(AssignorKind::CooperativeSticky, &members, &topics);
        assert_eq!(show(&second), ["a: t-0 t-1 t-2", "b: t-3 t-4 t-5"]);
    }

    #[test]
    fn a_claim_of_an_older_generation_loses() {
        let topics = counts(&[("t", 2)]);
        let mut stale = member("a", &["t"], &[("t", 0), ("t", 1)]);
        stale.generation = 0;
        let members = [stale, member("b", &["t"], &[("t", 1)])];
        let got = assign(AssignorKind::CooperativeSticky, &members, &topics);
        assert_eq!(show(&got), ["a: t-0", "b: t-1"]);
    }

    #[test]
    fn everything_subscribed_is_assigned_once_and_evenly() {
        let topics = counts(&[("t", 7), ("u", 5), ("v", 1)]);
        for count in 1..6 {
            let members: Vec<_> =
                (0..count).map(|i| member(&format!("m{i}"), &["t", "u", "gone"], &[])).collect();
            for kind in [AssignorKind::RoundRobin, AssignorKind::Sticky] {
                let got = assign(kind, &members, &topics);
                let mut all: Vec<_> = got.values().flatten().map(ToString::to_string).collect();
                all.sort();
                all.dedup();
                assert_eq!(all.len(), 12);
                let sizes: Vec<_> = got.values().map(Vec::len).collect();
                let (min, max) = (sizes.iter().min(), sizes.iter().max());
                assert!(max.unwrap_or(&0) - min.unwrap_or(&0) <= 1, "{kind:?} {sizes:?}");
            }
        }
    }

    #[test]
    fn different_subscriptions_are_respected() {
        let topics = counts(&[("t", 2), ("u", 2)]);
        let members =
            [member("a", &["t"], &[("u", 0)]), member("b", &["t", "u"], &[("t", 0), ("t", 1)])];
        let got = assign(AssignorKind::Sticky, &members, &topics);
        assert_eq!(show(&got), ["a: t-0 t-1", "b: u-0 u-1"]);
    }
}
