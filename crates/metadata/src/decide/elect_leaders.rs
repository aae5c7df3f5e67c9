//! ElectLeaders (43): back to the preferred leader, or, where none is in sync, to any replica.

use std::borrow::Cow;
use std::sync::Arc;

use types::{ErrorCode, NodeId};
use wire::elect_leaders_request::ElectLeadersRequest;
use wire::elect_leaders_response::{ElectLeadersResponse, PartitionResult, ReplicaElectionResult};
use wire::record_frame::MetadataRecord;

use super::partition_change::Election;
use super::refusal::outcome;
use super::{Command, Controller, Decision, Refusal, Unity};
use crate::image::{PartitionState, Topic};

/// Elects leaders for some partitions, or for all of them that need it.
#[derive(Clone, Debug)]
pub struct ElectLeaders<'a>(pub ElectLeadersRequest<'a>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Preferred,
    Unclean,
}

type Elected = Result<MetadataRecord<'static>, Refusal>;

impl Command for ElectLeaders<'_> {
    type Reply = ElectLeadersResponse<'static>;

    const UNITY: Unity = Unity::Parts;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        let kind = match self.0.election_type {
            0 => Kind::Preferred,
            1 => Kind::Unclean,
            _ => {
                return Decision::only(ElectLeadersResponse {
                    error_code: ErrorCode::InvalidRequest.code(),
                    ..ElectLeadersResponse::default()
                });
            }
        };
        let mut records = Vec::new();
        let replica_election_results = match &self.0.topic_partitions {
            Some(topics) => topics
                .iter()
                .map(|wanted| {
                    let elected = wanted
                        .partitions
                        .iter()
                        .map(|index| (*index, controller.elect_named(&wanted.topic, *index, kind)));
                    results(&wanted.topic, elected, &mut records)
                })
                .collect(),
            None => controller.elect_everywhere(kind, &mut records),
        };
        let reply =
            ElectLeadersResponse { replica_election_results, ..ElectLeadersResponse::default() };
        Decision { records, reply }
    }
}

impl Controller<'_> {
    /// All partitions; those that need no election are not mentioned.
    fn elect_everywhere(
        &self,
        kind: Kind,
        records: &mut Vec<MetadataRecord<'static>>,
    ) -> Vec<ReplicaElectionResult<'static>> {
        let needless = |elected: &Elected| {
            elected.as_ref().is_err_and(|refusal| refusal.code == ErrorCode::ElectionNotNeeded)
        };
        let topics = self.image.topics().iter().map(|topic| {
            let elected = topic
                .partitions
                .iter()
                .map(|(index, state)| (*index, self.elect_leader(topic, *index, state, kind)))
                .filter(|(_, elected)| !needless(elected));
            results(&topic.name, elected, records)
        });
        topics.filter(|topic| !topic.partition_result.is_empty()).collect()
    }

    fn elect_named(&self, name: &str, index: i32, kind: Kind) -> Elected {
        let unknown = |message| Refusal::new(ErrorCode::UnknownTopicOrPartition, message);
        let topic = self
            .image
            .topics()
            .named(name)
            .ok_or_else(|| unknown(format!("No such topic as {name}")))?;
        let state = topic
            .partitions
            .get(&index)
            .ok_or_else(|| unknown(format!("No such partition as {name}-{index}")))?;
        self.elect_leader(topic, index, state, kind)
    }

    fn elect_leader(
        &self,
        topic: &Topic,
        index: i32,
        state: &Arc<PartitionState>,
        kind: Kind,
    ) -> Elected {
        let needless = match kind {
            Kind::Preferred => state.leader == state.preferred_leader(),
            Kind::Unclean => state.leader != NodeId::NONE,
        };
        if needless {
            let message = "Leader election not needed for topic partition.";
            return Err(Refusal::new(ErrorCode::ElectionNotNeeded, message));
        }
        let election = match kind {
            Kind::Preferred => Election::Preferred,
            Kind::Unclean => Election::Unclean,
        };
        self.elected(topic, index, state, election).ok_or_else(|| {
            let error = match kind {
                Kind::Preferred => ErrorCode::PreferredLeaderNotAvailable,
                Kind::Unclean => ErrorCode::EligibleLeadersNotAvailable,
            };
            error.into()
        })
    }
}

fn results(
    topic: &str,
    elected: impl Iterator<Item = (i32, Elected)>,
    records: &mut Vec<MetadataRecord<'static>>,
) -> ReplicaElectionResult<'static> {
    let partition_result = elected
        .map(|(partition_id, elected)| {
            let (error_code, error_message) = outcome(&elected);
            records.extend(elected);
            PartitionResult { partition_id, error_code, error_message }
        })
        .collect();
    ReplicaElectionResult { topic: Cow::Owned(topic.to_owned()), partition_result }
}
