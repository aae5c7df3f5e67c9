//! A classic group to and from its record in the log.

use std::sync::Arc;

use types::TimestampMs;

use super::group::{ClassicGroup, State};
use super::member::{Member, Waiting};
use crate::{Client, GroupId, MemberId, Protocol, StoredGroup, StoredMember, StoredRecord, Text};

/// A record's framing, key and value apart from texts and members, rounded up.
const GROUP_BYTES_FIXED: usize = 64;
/// Four lengths of text, two of bytes, two timeouts.
const MEMBER_BYTES_FIXED: usize = 4 * 2 + 2 * 4 + 2 * 4;

impl ClassicGroup {
    /// The record of the present generation.
    pub(crate) fn to_record(&self) -> StoredRecord {
        StoredRecord::Group { group: self.id.clone(), value: Some(self.to_stored()) }
    }

    /// No less than the record of the present generation takes.
    pub(crate) fn record_bytes(&self) -> usize {
        let text = |text: &Option<Text>| text.as_deref().map_or(0, str::len);
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let member = |(id, m): (&MemberId, &Arc<Member>)| {
            let instance = m.instance.as_ref().map_or(0, |instance| instance.as_str().len());
            let names = id.as_str().len() + instance + m.client.id.len() + m.client.host.len();
            MEMBER_BYTES_FIXED + names + m.metadata(protocol).len() + m.assignment.len()
        };
        let leader = self.leader.as_ref().map_or(0, |leader| leader.as_str().len());
        let names = self.id.as_str().len() + text(&self.protocol_type) + protocol.len() + leader;
        GROUP_BYTES_FIXED + names + self.members.iter().map(member).sum::<usize>()
    }

    fn to_stored(&self) -> StoredGroup {
        let protocol = self.protocol.as_deref().unwrap_or_default();
        let store = |(id, m): (&MemberId, &Arc<Member>)| StoredMember {
            member: id.clone(),
            instance: m.instance.clone(),
            client_id: m.client.id.clone(),
            client_host: m.client.host.clone(),
            rebalance_timeout_ms: m.rebalance_timeout_ms,
            session_timeout_ms: m.session_timeout_ms,
            subscription: m.metadata(protocol),
            assignment: m.assignment.clone(),
        };
        StoredGroup {
            protocol_type: self.protocol_type.clone().unwrap_or_else(|| "".into()),
            generation: self.generation,
            protocol: self.protocol.clone(),
            leader: self.leader.clone(),
            since: self.since.unwrap_or(TimestampMs::NONE),
            members: self.members.iter().map(store).collect(),
        }
    }

    /// The group that a record describes: stable where it has members, and empty otherwise.
    pub(crate) fn from_stored(id: &GroupId, stored: &StoredGroup) -> Self {
        let mut group = Self {
            generation: stored.generation,
            protocol_type: Some(stored.protocol_type.clone()).filter(|name| !name.is_empty()),
            protocol: stored.protocol.clone(),
            leader: stored.leader.clone(),
            since: Some(stored.since).filter(|since| *since != TimestampMs::NONE),
            ..Self::new(id.clone())
        };
        for member in &stored.members {
            if let Some(instance) = &member.instance {
                group.instances.insert(instance.clone(), member.member.clone());
            }
            let loaded = load(member, stored);
            group.members.insert(member.member.clone(), Arc::new(loaded));
        }
        if !group.members.is_empty() {
            group.state = State::Stable { until: None };
        }
        group.subscribed = group.read_subscriptions();
        group
    }
}

fn load(member: &StoredMember, group: &StoredGroup) -> Member {
    let rebalance_timeout_ms = match member.rebalance_timeout_ms {
        -1 => member.session_timeout_ms,
        ms => ms,
    };
    let name = group.protocol.clone().unwrap_or_else(|| "".into());
    Member {
        instance: member.instance.clone(),
        client: Client { id: member.client_id.clone(), host: member.client_host.clone() },
        session_timeout_ms: member.session_timeout_ms,
        rebalance_timeout_ms,
        protocols: vec![Protocol { name, metadata: member.subscription.clone() }],
        assignment: member.assignment.clone(),
        waiting: Waiting::Nothing,
        is_new: false,
        owes_sync: false,
        expires_at: None,
    }
}
