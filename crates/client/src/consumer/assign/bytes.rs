//! Subscriptions and assignments as Java's consumers write them: a version, then the message.

use std::sync::Arc;

use wire::consumer_protocol_assignment::{self as assignment, ConsumerProtocolAssignment};
use wire::consumer_protocol_subscription::{self as subscription, ConsumerProtocolSubscription};
use wire::{Blob, Message, Reader, Str, Writer};

use super::Member;
use crate::config::AssignorKind;
use crate::{Error, Result, TopicPartition};

/// Assignments are written so that every consumer since 0.9 reads them.
const ASSIGNMENT_VERSION: i16 = 1;

fn encode<'a, M: Message<'a>>(message: &M, version: i16) -> Result<Vec<u8>> {
    let mut writer = Writer::new();
    writer.put(&version.to_be_bytes());
    message.encode(&mut writer, version)?;
    Ok(writer.into_plan().inline)
}

fn decode<'a, M: Message<'a>>(bytes: &'a [u8]) -> Result<M> {
    let mut reader = Reader::new(bytes);
    let version = reader.i16()?;
    if version < M::VERSIONS.min {
        return Err(Error::protocol(format!("{} of version {version}", M::NAME)));
    }
    // members may be newer than we are: what they add stands behind what we know
    Ok(M::decode(&mut reader, version.min(M::VERSIONS.max))?)
}

/// What a member that uses this assignor tells the leader.
pub(in crate::consumer) fn encode_subscription(
    kind: AssignorKind,
    member: &Member,
) -> Result<Vec<u8>> {
    // eager members have let go of everything when they join
    let owned = if kind == AssignorKind::CooperativeSticky { &member.owned[..] } else { &[] };
    let by_topic = group_by_topic(owned);
    let owned = by_topic.iter().map(|(topic, partitions)| subscription::TopicPartition {
        topic: Str::Borrowed(topic),
        partitions: partitions.clone(),
    });
    let user_data = user_data(kind, member);
    let message = ConsumerProtocolSubscription {
        topics: member.topics.iter().map(|topic| Str::Borrowed(&**topic)).collect(),
        user_data: user_data.as_deref().map(Blob::Borrowed),
        owned_partitions: owned.collect(),
        generation_id: member.generation,
        rack_id: member.rack.as_deref().map(Str::Borrowed),
    };
    encode(&message, ConsumerProtocolSubscription::VERSIONS.max)
}

/// ```text
/// sticky:              [i32 count: string topic, [i32 count: i32 partition]], i32 generation
/// cooperative-sticky:  i32 generation
/// ```
fn user_data(kind: AssignorKind, member: &Member) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let length = |n: usize| i32::try_from(n).unwrap_or(i32::MAX).to_be_bytes();
    match kind {
        AssignorKind::Range | AssignorKind::RoundRobin => return None,
        AssignorKind::Sticky if member.owned.is_empty() => return None,
        AssignorKind::CooperativeSticky => {}
        AssignorKind::Sticky => {
            let by_topic = group_by_topic(&member.owned);
            bytes.extend(length(by_topic.len()));
            for (topic, partitions) in by_topic {
                let name_bytes = u16::try_from(topic.len()).unwrap_or(u16::MAX);
                bytes.extend(name_bytes.to_be_bytes());
                bytes.extend(topic.as_bytes());
                bytes.extend(length(partitions.len()));
                bytes.extend(partitions.iter().flat_map(|p| p.to_be_bytes()));
            }
        }
    }
    bytes.extend(member.generation.to_be_bytes());
    Some(bytes)
}

/// A member out of what it told the group.
pub(in crate::consumer) fn decode_subscription(
    kind: AssignorKind,
    id: &str,
    instance_id: Option<&str>,
    bytes: &[u8],
) -> Result<Member> {
    let message: ConsumerProtocolSubscription<'_> = decode(bytes)?;
    let mut member = Member {
        id: id.to_owned(),
        instance_id: instance_id.map(str::to_owned),
        topics: message.topics.iter().map(|topic| Arc::from(&**topic)).collect(),
        owned: message
            .owned_partitions
            .iter()
            .flat_map(|t| t.partitions.iter().map(|p| TopicPartition::new(&*t.topic, *p)))
            .collect(),
        generation: message.generation_id,
        rack: message.rack_id.as_deref().map(str::to_owned),
    };
    if let Some(data) = message.user_data.as_deref() {
        // what other assignors put there is none of our business
        let _ = read_user_data(kind, data, &mut member);
    }
    Ok(member)
}

fn read_user_data(kind: AssignorKind, data: &[u8], member: &mut Member) -> Result<()> {
    let mut reader = Reader::new(data);
    if kind == AssignorKind::Sticky {
        let mut owned = Vec::new();
        for _ in 0..reader.i32()? {
            let length = usize::try_from(reader.i16()?).unwrap_or(0);
            let name = String::from_utf8_lossy(reader.take(length)?).into_owned();
            let topic: Arc<str> = Arc::from(name);
            for _ in 0..reader.i32()? {
                owned.push(TopicPartition::new(Arc::clone(&topic), reader.i32()?));
            }
        }
        member.owned = owned;
    }
    if matches!(kind, AssignorKind::Sticky | AssignorKind::CooperativeSticky) {
        member.generation = member.generation.max(reader.i32()?);
    }
    Ok(())
}

/// The leader's word to one member.
pub(in crate::consumer) fn encode_assignment(partitions: &[TopicPartition]) -> Result<Vec<u8>> {
    let by_topic = group_by_topic(partitions);
    let assigned = by_topic.iter().map(|(topic, partitions)| assignment::TopicPartition {
        topic: Str::Borrowed(topic),
        partitions: partitions.clone(),
    });
    let message = ConsumerProtocolAssignment {
        assigned_partitions: assigned.collect(),
        ..Default::default()
    };
    encode(&message, ASSIGNMENT_VERSION)
}

/// What the leader gave us. No bytes at all stand for nothing.
pub(crate) fn decode_assignment(bytes: &[u8]) -> Result<Vec<TopicPartition>> {
    if bytes.is_empty() {
        return Ok(Vec::new());
    }
    let message: ConsumerProtocolAssignment<'_> = decode(bytes)?;
    let partitions = message.assigned_partitions.iter().flat_map(|topic| {
        let name: Arc<str> = Arc::from(&*topic.topic);
        topic.partitions.iter().map(move |p| TopicPartition::new(Arc::clone(&name), *p))
    });
    Ok(partitions.collect())
}

fn group_by_topic(partitions: &[TopicPartition]) -> Vec<(Arc<str>, Vec<i32>)> {
    let mut sorted = partitions.to_vec();
    sorted.sort();
    let mut topics: Vec<(Arc<str>, Vec<i32>)> = Vec::new();
    for TopicPartition { topic, partition } in sorted {
        match topics.last_mut().filter(|(name, _)| *name == topic) {
            Some((_, partitions)) => partitions.push(partition),
            None => topics.push((topic, vec![partition])),
        }
    }
    topics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscriptions_and_assignments_survive() {
        let owned = vec![TopicPartition::new("t", 1), TopicPartition::new("t", 4)];
        let member = Member {
            id: "m".into(),
            topics: [Arc::from("t"), Arc::from("u")].into(),
            owned: owned.clone(),
            generation: 7,
            rack: Some("here".to_owned()),
            ..Member::default()
        };
        for (kind, owned) in [
            (AssignorKind::Range, vec![]),
            (AssignorKind::RoundRobin, vec![]),
            (AssignorKind::Sticky, owned.clone()),
            (AssignorKind::CooperativeSticky, owned.clone()),
        ] {
            let bytes = encode_subscription(kind, &member).expect("encodes");
            let read = decode_subscription(kind, "m", None, &bytes).expect("decodes");
            assert_eq!(read, Member { owned, ..member.clone() }, "{kind:?}");
        }
        let bytes = encode_assignment(&owned).expect("encodes");
        assert_eq!(bytes, b"\0\x01\0\0\0\x01\0\x01t\0\0\0\x02\0\0\0\x01\0\0\0\x04\xff\xff\xff\xff");
        assert_eq!(decode_assignment(&bytes), Ok(owned));
        assert_eq!(decode_assignment(&[]), Ok(vec![]));
    }

    #[test]
    fn garbage_is_refused_without_harm() {
        for bytes in [&b"\0"[..], b"\0\x01", b"\xff\xff\0\0\0\0", b"\0\x03\x7f\xff\xff\xff"] {
            let read = decode_subscription(AssignorKind::Sticky, "m", None, bytes);
            assert!(read.is_err(), "{bytes:?}");
        }
        let mut member = Member::default();
        assert!(read_user_data(AssignorKind::Sticky, b"\x7f\xff\xff\xff", &mut member).is_err());
    }
}
