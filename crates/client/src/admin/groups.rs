//! Groups: who is in them, what they committed, and getting rid of both.

use std::collections::BTreeMap;

use types::ErrorCode;
use wire::Str;
use wire::consumer_group_describe_request::ConsumerGroupDescribeRequest;
use wire::consumer_group_describe_response::ConsumerGroupDescribeResponse;
use wire::delete_groups_request::DeleteGroupsRequest;
use wire::delete_groups_response::DeleteGroupsResponse;
use wire::describe_groups_request::DescribeGroupsRequest;
use wire::describe_groups_response::{DescribeGroupsResponse, DescribedGroupMember};
use wire::list_groups_request::ListGroupsRequest;
use wire::list_groups_response::ListGroupsResponse;
use wire::offset_delete_request::{
    OffsetDeleteRequest, OffsetDeleteRequestPartition, OffsetDeleteRequestTopic,
};
use wire::offset_delete_response::OffsetDeleteResponse;

use super::{Admin, is_unsupported, verdict};
use crate::cluster::{ANY_VERSION, coordinator};
use crate::consumer::offsets::{self, Committer, PerPartition, group_by_topic};
use crate::consumer::{OffsetAndMetadata, decode_assignment};
use crate::net::Lane;
use crate::{Error, Result, TopicPartition};

/// A group in a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupListing {
    pub id: String,
    pub protocol_type: String,
    pub state: String,
    /// `Classic`, `Consumer`, `Share`, `Streams`; empty where the broker does not say.
    pub kind: String,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupMember {
    pub id: String,
    pub instance_id: Option<String>,
    pub client_id: String,
    pub host: String,
    pub assignment: Vec<TopicPartition>,
    /// `None` in groups of the classic protocol.
    pub epoch: Option<i32>,
    pub target_assignment: Option<Vec<TopicPartition>>,
}

/// A group as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupDescription {
    pub id: String,
    /// As in [`GroupListing::kind`].
    pub kind: String,
    pub protocol_type: String,
    pub state: String,
    pub assignor: String,
    pub members: Vec<GroupMember>,
    /// The broker id of the coordinator.
    pub coordinator: i32,
    pub epoch: Option<i32>,
    pub target_epoch: Option<i32>,
}

impl Admin {
    /// All groups of all brokers; of these states and types where any are given.
    pub async fn list_groups(
        &self,
        states: &[String],
        kinds: &[String],
    ) -> Result<Vec<GroupListing>> {
        self.know_nodes().await?;
        let owned = |texts: &[String]| texts.iter().map(|t| Str::Owned(t.clone())).collect();
        let request =
            ListGroupsRequest { states_filter: owned(states), types_filter: owned(kinds) };
        let nodes: Vec<_> = self.cluster.metadata().nodes.keys().copied().collect();
        let mut groups = Vec::new();
        for node in nodes {
            let listed = self
                .retry(async || {
                    let call = self.cluster.call_node(node, Lane::Control, &request, ANY_VERSION);
                    let answer = call.await?;
                    let response: ListGroupsResponse<'_> = answer.decode()?;
                    Error::check(response.error_code)?;
                    let listed = response.groups.iter().map(|group| GroupListing {
                        id: group.group_id.to_string(),
                        protocol_type: group.protocol_type.to_string(),
                        state: group.group_state.to_string(),
                        kind: group.group_type.to_string(),
                    });
                    Ok(listed.collect::<Vec<_>>())
                })
                .await?;
            groups.extend(listed);
        }
        groups.sort_by(|a, b| a.id.cmp(&b.id));
        groups.dedup();
        Ok(groups)
    }

    /// A group as it stands, of either protocol.
    pub async fn describe_group(&self, id: &str) -> Result<GroupDescription> {
        match self.describe_consumer_group(id).await {
            Err(error) if is_unsupported(&error) || error.code() == ErrorCode::GroupIdNotFound => {
                self.describe_classic_group(id).await
            }
            described => described,
        }
    }

    async fn describe_consumer_group(&self, id: &str) -> Result<GroupDescription> {
        let request = ConsumerGroupDescribeRequest {
            group_ids: vec![Str::Borrowed(id)],
            ..Default::default()
        };
        self.with_coordinator(id, async |node| {
            let answer = self.cluster.call_node(node, Lane::Control, &request, ANY_VERSION).await?;
            let response: ConsumerGroupDescribeResponse<'_> = answer.decode()?;
            let group = response.groups.first();
            let group = group.ok_or_else(|| Error::protocol("no group in the answer"))?;
            verdict(group.error_code, group.error_message.as_deref())?;
            let partitions =
                |topics: &[wire::consumer_group_describe_response::TopicPartitions<'_>]| {
                    let all = topics.iter().flat_map(|topic| {
                        topic.partitions.iter().map(|p| TopicPartition::new(&*topic.topic_name, *p))
                    });
                    all.collect::<Vec<_>>()
                };
            let members = group.members.iter().map(|member| GroupMember {
                id: member.member_id.to_string(),
                instance_id: member.instance_id.as_deref().map(str::to_owned),
                client_id: member.client_id.to_string(),
                host: member.client_host.to_string(),
                assignment: partitions(&member.assignment.topic_partitions),
                epoch: Some(member.member_epoch),
                target_assignment: Some(partitions(&member.target_assignment.topic_partitions)),
            });
            Ok(GroupDescription {
                id: id.to_owned(),
                kind: "Consumer".to_owned(),
                protocol_type: "consumer".to_owned(),
                state: group.group_state.to_string(),
                assignor: group.assignor_name.to_string(),
                members: members.collect(),
                coordinator: node,
                epoch: Some(group.group_epoch),
                target_epoch: Some(group.assignment_epoch),
            })
        })
        .await
    }

    async fn describe_classic_group(&self, id: &str) -> Result<GroupDescription> {
        let request =
            DescribeGroupsRequest { groups: vec![Str::Borrowed(id)], ..Default::default() };
        self.with_coordinator(id, async |node| {
            let answer = self.cluster.call_node(node, Lane::Control, &request, ANY_VERSION).await?;
            let response: DescribeGroupsResponse<'_> = answer.decode()?;
            let group = response.groups.first();
            let group = group.ok_or_else(|| Error::protocol("no group in the answer"))?;
            verdict(group.error_code, group.error_message.as_deref())?;
            if group.group_state == "Dead" {
                let text = format!("Group {id} not found.");
                let code = ErrorCode::GroupIdNotFound.code();
                return Err(Error::explained(code, Some(&text)));
            }
            let consumers = group.protocol_type == "consumer" || group.protocol_type.is_empty();
            Ok(GroupDescription {
                id: id.to_owned(),
                kind: "Classic".to_owned(),
                protocol_type: group.protocol_type.to_string(),
                state: group.group_state.to_string(),
                assignor: group.protocol_data.to_string(),
                members: group.members.iter().map(|m| classic_member(m, consumers)).collect(),
                coordinator: node,
                epoch: None,
                target_epoch: None,
            })
        })
        .await
    }

    /// What a group committed, for all partitions.
    pub async fn group_offsets(
        &self,
        id: &str,
    ) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
        self.with_coordinator(id, async |node| {
            offsets::committed(&self.cluster, node, id, None, Lane::Control).await
        })
        .await
    }

    /// Sets offsets of a group without members; the verdict on each partition.
    pub async fn alter_group_offsets(
        &self,
        id: &str,
        offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    ) -> Result<PerPartition<()>> {
        let by = Committer { group: id.to_owned(), generation: -1, ..Committer::default() };
        self.with_coordinator(id, async |node| {
            offsets::commit(&self.cluster, node, &by, offsets, Lane::Control).await
        })
        .await
    }

    /// Deletes offsets of a group; the verdict on each partition.
    pub async fn delete_group_offsets(
        &self,
        id: &str,
        partitions: &[TopicPartition],
    ) -> Result<PerPartition<()>> {
        let by_topic = group_by_topic(partitions);
        let topics = by_topic.iter().map(|(topic, partitions)| OffsetDeleteRequestTopic {
            name: Str::Borrowed(topic),
            partitions: partitions
                .iter()
                .map(|p| OffsetDeleteRequestPartition { partition_index: *p })
                .collect(),
        });
        let request = OffsetDeleteRequest { group_id: Str::Borrowed(id), topics: topics.collect() };
        self.with_coordinator(id, async |node| {
            let answer = self.cluster.call_node(node, Lane::Control, &request, ANY_VERSION).await?;
            let response: OffsetDeleteResponse<'_> = answer.decode()?;
            Error::check(response.error_code)?;
            let verdicts = response.topics.iter().flat_map(|topic| {
                topic.partitions.iter().map(|p| {
                    let key = TopicPartition::new(&*topic.name, p.partition_index);
                    (key, Error::check(p.error_code))
                })
            });
            Ok(verdicts.collect())
        })
        .await
    }

    /// Deletes a group without members.
    pub async fn delete_group(&self, id: &str) -> Result<()> {
        let request = DeleteGroupsRequest { groups_names: vec![Str::Borrowed(id)] };
        self.with_coordinator(id, async |node| {
            let answer = self.cluster.call_node(node, Lane::Control, &request, ANY_VERSION).await?;
            let response: DeleteGroupsResponse<'_> = answer.decode()?;
            let result = response.results.first();
            result.map_or(Ok(()), |r| verdict(r.error_code, r.error_message.as_deref()))
        })
        .await
    }

    async fn with_coordinator<T>(
        &self,
        group: &str,
        mut ask: impl AsyncFnMut(i32) -> Result<T>,
    ) -> Result<T> {
        self.retry(async || {
            let node = coordinator::find(&self.cluster, group).await?;
            ask(node).await
        })
        .await
    }
}

fn classic_member(member: &DescribedGroupMember<'_>, is_consumer: bool) -> GroupMember {
    let assignment =
        if is_consumer { decode_assignment(&member.member_assignment) } else { Ok(vec![]) };
    GroupMember {
        id: member.member_id.to_string(),
        instance_id: member.group_instance_id.as_deref().map(str::to_owned),
        client_id: member.client_id.to_string(),
        host: member.client_host.to_string(),
        // what other programs put there is not ours to judge
        assignment: assignment.unwrap_or_default(),
        epoch: None,
        target_assignment: None,
    }
}
