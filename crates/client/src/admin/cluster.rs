//! The cluster itself: brokers, features, elections.

use wire::Str;
use wire::describe_cluster_request::DescribeClusterRequest;
use wire::describe_cluster_response::DescribeClusterResponse;
use wire::elect_leaders_request::{ElectLeadersRequest, TopicPartitions};
use wire::elect_leaders_response::ElectLeadersResponse;
use wire::unregister_broker_request::UnregisterBrokerRequest;
use wire::unregister_broker_response::UnregisterBrokerResponse;
use wire::update_features_request::{FeatureUpdateKey, UpdateFeaturesRequest};
use wire::update_features_response::UpdateFeaturesResponse;

use super::{Admin, Peers, verdict};
use crate::cluster::ANY_VERSION;
use crate::consumer::offsets::group_by_topic;
use crate::net::Answer;
use crate::{Error, Node, Result, TopicPartition};

/// A broker, alive or fenced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broker {
    pub node: Node,
    pub is_fenced: bool,
}

/// Who makes up the cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterDescription {
    pub cluster_id: String,
    pub controller: Option<i32>,
    pub brokers: Vec<Broker>,
}

/// How far a feature may be moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FeatureUpgrade {
    Upgrade,
    SafeDowngrade,
    UnsafeDowngrade,
}

/// A feature to move to a level; level 0 removes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeatureUpdate {
    pub name: String,
    pub level: i16,
    pub upgrade: FeatureUpgrade,
}

impl Admin {
    /// Brokers (or controllers, for a client of those) and cluster id; fenced brokers too if asked
    /// for and known.
    pub async fn describe_cluster(&self, include_fenced: bool) -> Result<ClusterDescription> {
        let request = description_request(self.peers, include_fenced);
        // each peer has the whole answer
        let ask = async || self.cluster.call_any(&request, ANY_VERSION).await;
        read_description(&self.retry(ask).await?)
    }

    /// Takes a dead broker out of the cluster's registry.
    pub async fn unregister_broker(&self, id: i32) -> Result<()> {
        let request = UnregisterBrokerRequest { broker_id: id };
        let answer = self.call(&request).await?;
        let response: UnregisterBrokerResponse<'_> = answer.decode()?;
        verdict(response.error_code, response.error_message.as_deref())
    }

    /// Moves features, all or none.
    pub async fn update_features(&self, updates: &[FeatureUpdate], validate: bool) -> Result<()> {
        let features = updates.iter().map(|update| FeatureUpdateKey {
            feature: Str::Borrowed(&update.name),
            max_version_level: update.level,
            upgrade_type: match update.upgrade {
                FeatureUpgrade::Upgrade => 1,
                FeatureUpgrade::SafeDowngrade => 2,
                FeatureUpgrade::UnsafeDowngrade => 3,
            },
            ..Default::default()
        });
        let request = UpdateFeaturesRequest {
            timeout_ms: self.timeout_ms(),
            feature_updates: features.collect(),
            validate_only: validate,
        };
        let answer = self.call(&request).await?;
        let response: UpdateFeaturesResponse<'_> = answer.decode()?;
        verdict(response.error_code, response.error_message.as_deref())?;
        let mut results = response.results.iter();
        let refused = results.find(|result| result.error_code != 0);
        refused.map_or(Ok(()), |r| verdict(r.error_code, r.error_message.as_deref()))
    }

    /// Elects leaders (of all partitions with `None`); the verdict on each partition, which is
    /// `ELECTION_NOT_NEEDED` where the right one leads already.
    pub async fn elect_leaders(
        &self,
        unclean: bool,
        partitions: Option<&[TopicPartition]>,
    ) -> Result<Vec<(TopicPartition, Result<()>)>> {
        let by_topic = partitions.map(group_by_topic);
        let topics = by_topic.as_ref().map(|topics| {
            let topics = topics.iter().map(|(topic, partitions)| TopicPartitions {
                topic: Str::Borrowed(topic),
                partitions: partitions.clone(),
            });
            topics.collect()
        });
        let request = ElectLeadersRequest {
            election_type: i8::from(unclean),
            topic_partitions: topics,
            timeout_ms: self.timeout_ms(),
        };
        let answer = self.call(&request).await?;
        let response: ElectLeadersResponse<'_> = answer.decode()?;
        Error::check(response.error_code)?;
        let verdicts = response.replica_election_results.iter().flat_map(|topic| {
            topic.partition_result.iter().map(|p| {
                let key = TopicPartition::new(&*topic.topic, p.partition_id);
                (key, verdict(p.error_code, p.error_message.as_deref()))
            })
        });
        Ok(verdicts.collect())
    }
}

/// Fenced brokers can be asked for since version 2, where there are brokers at all.
pub(super) fn description_request(peers: Peers, include_fenced: bool) -> DescribeClusterRequest {
    let endpoint_type = match peers {
        Peers::Brokers => 1,
        Peers::Controllers => 2,
    };
    DescribeClusterRequest {
        endpoint_type,
        include_fenced_brokers: include_fenced,
        ..Default::default()
    }
}

pub(super) fn read_description(answer: &Answer) -> Result<ClusterDescription> {
    let response: DescribeClusterResponse<'_> = answer.decode()?;
    verdict(response.error_code, response.error_message.as_deref())?;
    let nodes = response.brokers.iter().map(|broker| Broker {
        node: Node {
            id: broker.broker_id,
            host: broker.host.to_string(),
            port: broker.port,
            rack: broker.rack.as_deref().map(str::to_owned),
        },
        is_fenced: broker.is_fenced,
    });
    let mut brokers: Vec<_> = nodes.collect();
    brokers.sort_by_key(|broker| broker.node.id);
    Ok(ClusterDescription {
        cluster_id: response.cluster_id.to_string(),
        controller: Some(response.controller_id).filter(|id| *id >= 0),
        brokers,
    })
}
