//! Leaders' proposals on their way to the controller: batched, one request at a time, until answered.

use crate::node::Node;
use crate::partition::Proposed;
use metadata::decide::AlterPartition;
use replica::IsrAnswer;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use types::{ErrorCode, LeaderEpoch, NodeId, PartitionEpoch, TopicId};
use wire::alter_partition_request::{AlterPartitionRequest, BrokerState, PartitionData, TopicData};
use wire::alter_partition_response;

/// Between attempts at a controller that does not answer.
const PAUSE: Duration = Duration::from_millis(50);

/// Ticks come at least so often in the time that a follower may lag.
const TICKS_IN_LAG: u32 = 2;

/// Has leaders look who lags, and passes on what they propose, until the server stops.
pub(crate) async fn keep_in_sync(node: Arc<Node>) {
    let mut stopping = node.stopping.clone();
    tokio::select! {
        () = tick(&node) => {}
        () = open_leaders(&node) => {}
        () = pass_on(&node) => {}
        _ = stopping.wait_for(|stop| *stop) => {}
    }
}

async fn tick(node: &Node) {
    loop {
        tokio::time::sleep(tick_pause(node)).await;
        node.partitions.all().iter().for_each(|partition| partition.tick());
    }
}

/// Recovery may take long: beside the ticks, and one log at a time.
async fn open_leaders(node: &Node) {
    loop {
        tokio::time::sleep(tick_pause(node)).await;
        for partition in node.partitions.all() {
            partition.lead_if_closed().await;
        }
    }
}

fn tick_pause(node: &Node) -> Duration {
    let lag_ms = u64::try_from(node.partitions.neighbours().terms.lag_ms_max).unwrap_or_default();
    let pause = Duration::from_millis(lag_ms).div_f64(f64::from(TICKS_IN_LAG));
    pause.max(Duration::from_millis(1))
}

async fn pass_on(node: &Node) {
    loop {
        let proposals = node.partitions.neighbours().proposals().await;
        let answers = ask(node, &proposals).await;
        if answers.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
        for Proposed { topic, index, proposal } in proposals {
            let answer = match &answers {
                Ok(answers) => answers.get(&(topic, index)).cloned(),
                Err(code) => Some(IsrAnswer::Refused(*code)),
            };
            let answer = answer.unwrap_or(IsrAnswer::Refused(ErrorCode::RequestTimedOut));
            tracing::debug!(%topic, index, ?proposal, ?answer, "a proposal is answered");
            let topic = node.partitions.with_id(topic);
            if let Some(partition) = topic.as_ref().and_then(|topic| topic.partition(index)) {
                partition.isr_answered(proposal.partition_epoch, answer);
            }
        }
    }
}

type Answers = BTreeMap<(TopicId, i32), IsrAnswer>;

/// The controller's answers.
///
/// # Errors
/// The code that stands for all of them.
async fn ask(node: &Node, proposals: &[Proposed]) -> Result<Answers, ErrorCode> {
    let epoch = node.controller.broker_epoch().ok_or(ErrorCode::BrokerIdNotRegistered)?;
    let request = AlterPartitionRequest {
        broker_id: node.settings.node_id.0,
        broker_epoch: epoch.0,
        topics: by_topic(proposals),
    };
    let reply = node.controller.submit(AlterPartition(request)).await;
    let reply = reply.map_err(|_| ErrorCode::RequestTimedOut)?;
    match ErrorCode::from_wire(reply.error_code) {
        ErrorCode::None => {}
        code => return Err(code),
    }
    let answers = reply.topics.iter().flat_map(|topic| {
        topic.partitions.iter().map(|data| ((topic.topic_id, data.partition_index), answer(data)))
    });
    Ok(answers.collect())
}

fn by_topic(proposals: &[Proposed]) -> Vec<TopicData> {
    let mut topics: BTreeMap<TopicId, Vec<PartitionData>> = BTreeMap::new();
    for Proposed { topic, index, proposal } in proposals {
        let member = |member: &replica::InSyncReplica| BrokerState {
            broker_id: member.node.0,
            broker_epoch: member.broker_epoch.0,
        };
        topics.entry(*topic).or_default().push(PartitionData {
            partition_index: *index,
            leader_epoch: proposal.leader_epoch.0,
            new_isr_with_epochs: proposal.isr.iter().map(member).collect(),
            partition_epoch: proposal.partition_epoch.0,
            ..PartitionData::default()
        });
    }
    let topic = |(topic_id, partitions)| TopicData { topic_id, partitions };
    topics.into_iter().map(topic).collect()
}

fn answer(data: &alter_partition_response::PartitionData) -> IsrAnswer {
    match ErrorCode::from_wire(data.error_code) {
        ErrorCode::None => IsrAnswer::Holds {
            leader_epoch: LeaderEpoch(data.leader_epoch),
            partition_epoch: PartitionEpoch(data.partition_epoch),
            isr: data.isr.iter().copied().map(NodeId).collect(),
        },
        code => IsrAnswer::Refused(code),
    }
}
