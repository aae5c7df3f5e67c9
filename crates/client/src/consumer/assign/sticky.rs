//! The sticky assignor: as even as can be, and members keep what they have where that allows.

use std::collections::{BTreeMap, BTreeSet};

use super::{Assignment, Member, PartitionCounts};
use crate::TopicPartition;

/// Who owns what: of several claims the one of the youngest generation counts; of two equally
/// young ones neither, because one of the two has been away (as Java has it).
pub(super) fn owners<'m>(
    members: impl IntoIterator<Item = &'m Member>,
) -> BTreeMap<TopicPartition, String> {
    let mut claims: BTreeMap<&TopicPartition, (i32, Option<&str>)> = BTreeMap::new();
    for member in members {
        for partition in &member.owned {
            let claim = claims.entry(partition).or_insert((i32::MIN, None));
            match member.generation.cmp(&claim.0) {
                std::cmp::Ordering::Greater => *claim = (member.generation, Some(&member.id)),
                std::cmp::Ordering::Equal => claim.1 = None,
                std::cmp::Ordering::Less => {}
            }
        }
    }
    let settled = claims.into_iter().filter_map(|(p, (_, owner))| Some((p.clone(), owner?)));
    settled.map(|(partition, owner)| (partition, owner.to_owned())).collect()
}

pub(super) fn assign(members: &[&Member], partitions: &PartitionCounts, out: &mut Assignment) {
    let owners = owners(members.iter().copied());
    let by_id: BTreeMap<&str, &Member> = members.iter().map(|m| (m.id.as_str(), *m)).collect();
    let mut free = Vec::new();
    for (topic, count) in partitions {
        if !members.iter().any(|member| member.topics.contains(topic)) {
            continue;
        }
        for partition in (0..*count).map(|p| TopicPartition::new(topic.clone(), p)) {
            let owner = owners.get(&partition).and_then(|id| by_id.get(id.as_str()));
            match owner.filter(|owner| owner.topics.contains(topic)) {
                Some(owner) => out.entry(owner.id.clone()).or_default().push(partition),
                None => free.push(partition),
            }
        }
    }
    for partition in free {
        let takers = members.iter().filter(|member| member.topics.contains(&partition.topic));
        if let Some(taker) = takers.min_by_key(|member| load(out, &member.id)) {
            out.entry(taker.id.clone()).or_default().push(partition);
        }
    }
    balance(members, out);
    out.values_mut().for_each(|partitions| partitions.sort());
}

fn load(out: &Assignment, id: &str) -> usize {
    out.get(id).map_or(0, Vec::len)
}

/// Moves partitions from loaded members to those that have at least two fewer, until none can go.
/// Every move lowers the sum of squares of the loads, so it ends.
fn balance(members: &[&Member], out: &mut Assignment) {
    loop {
        let mut givers: Vec<&&Member> = members.iter().collect();
        givers.sort_by_key(|member| std::cmp::Reverse(load(out, &member.id)));
        let moved = givers.into_iter().any(|giver| give_one(giver, members, out));
        if !moved {
            return;
        }
    }
}

fn give_one(giver: &Member, members: &[&Member], out: &mut Assignment) -> bool {
    let load_of_giver = load(out, &giver.id);
    let takers: BTreeSet<(usize, &str)> = members
        .iter()
        .map(|member| (load(out, &member.id), member.id.as_str()))
        .filter(|(load, _)| load + 1 < load_of_giver)
        .collect();
    for (_, taker) in takers {
        let Some(member) = members.iter().find(|member| member.id == taker) else { continue };
        let Some(own) = out.get_mut(&giver.id) else { continue };
        let Some(at) = own.iter().rposition(|p| member.topics.contains(&p.topic)) else { continue };
        let partition = own.remove(at);
        // keep the front ones with the giver, hand on from the back in order
        out.entry(taker.to_owned()).or_default().push(partition);
        return true;
    }
    false
}
