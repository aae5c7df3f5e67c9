//! What each of Kafka's 27 metadata records does to the image. Applying cannot refuse: a record
//! about something that is not there changes nothing.

use std::sync::Arc;

use types::{NodeId, ProducerId};
use wire::record_frame::MetadataRecord;

use super::{BrokerRegistration, ConfigResource, ControllerRegistration, Image, ResourceKind};
use crate::metadata_version::MetadataVersion;

impl Image {
    /// Applies one record. Transactions are the concern of [`super::Replay`].
    pub(super) fn apply(&mut self, record: &MetadataRecord<'_>) {
        match record {
            MetadataRecord::Topic(_)
            | MetadataRecord::Partition(_)
            | MetadataRecord::PartitionChange(_)
            | MetadataRecord::RemoveTopic(_)
            | MetadataRecord::ClearElr(_) => self.apply_to_topics(record),
            MetadataRecord::RegisterBroker(_)
            | MetadataRecord::UnregisterBroker(_)
            | MetadataRecord::FenceBroker(_)
            | MetadataRecord::UnfenceBroker(_)
            | MetadataRecord::BrokerRegistrationChange(_)
            | MetadataRecord::RegisterController(_)
            | MetadataRecord::UnregisterController(_) => self.apply_to_cluster(record),
            MetadataRecord::UserScramCredential(_)
            | MetadataRecord::RemoveUserScramCredential(_)
            | MetadataRecord::AccessControlEntry(_)
            | MetadataRecord::RemoveAccessControlEntry(_)
            | MetadataRecord::DelegationToken(_)
            | MetadataRecord::RemoveDelegationToken(_) => self.apply_to_security(record),
            MetadataRecord::Config(config) => {
                let kind = ResourceKind::from_id(config.resource_type);
                let resource = ConfigResource::new(kind, &config.resource_name);
                let configs = Arc::make_mut(&mut self.configs);
                configs.set(resource, &config.name, config.value.as_deref());
            }
            MetadataRecord::FeatureLevel(feature) => {
                self.set_feature(&feature.name, feature.feature_level);
            }
            MetadataRecord::ProducerIds(ids) => {
                self.next_producer_id = Some(ProducerId(ids.next_producer_id));
            }
            MetadataRecord::ClientQuota(quota) => {
                Arc::make_mut(&mut self.quotas).apply(quota);
            }
            // Kafka 4 cannot be in migration any more and keeps nothing of it either; transaction
            // marks are taken out by Replay; a no-op only moves the offset.
            MetadataRecord::ZkMigrationState(_)
            | MetadataRecord::NoOp(_)
            | MetadataRecord::BeginTransaction(_)
            | MetadataRecord::EndTransaction(_)
            | MetadataRecord::AbortTransaction(_) => {}
        }
    }

    fn apply_to_topics(&mut self, record: &MetadataRecord<'_>) {
        match record {
            MetadataRecord::Topic(topic) => self.topics.insert(&topic.name, topic.topic_id),
            MetadataRecord::Partition(partition) => self.topics.set_partition(partition),
            MetadataRecord::PartitionChange(change) => self.topics.change_partition(change),
            MetadataRecord::RemoveTopic(removed) => {
                let Some(topic) = self.topics.remove(removed.topic_id) else { return };
                let resource = ConfigResource::topic(&topic.name);
                if self.configs.has(&resource) {
                    Arc::make_mut(&mut self.configs).remove(&resource);
                }
            }
            MetadataRecord::ClearElr(clear) => {
                self.topics.clear_eligible_leaders(&clear.topic_name);
            }
            _ => unreachable!("apply sends records about topics"),
        }
    }

    fn apply_to_cluster(&mut self, record: &MetadataRecord<'_>) {
        let cluster = Arc::make_mut(&mut self.cluster);
        match record {
            MetadataRecord::RegisterBroker(broker) => {
                let registration = BrokerRegistration::from_record(broker);
                cluster.brokers.insert(registration.id, Arc::new(registration));
            }
            MetadataRecord::UnregisterBroker(broker) => {
                if cluster.broker_mut(broker.broker_id, broker.broker_epoch).is_some() {
                    cluster.brokers.remove(&NodeId(broker.broker_id));
                }
            }
            MetadataRecord::FenceBroker(fence) => {
                if let Some(broker) = cluster.broker_mut(fence.id, fence.epoch) {
                    broker.fenced = true;
                }
            }
            MetadataRecord::UnfenceBroker(unfence) => {
                if let Some(broker) = cluster.broker_mut(unfence.id, unfence.epoch) {
                    broker.fenced = false;
                }
            }
            MetadataRecord::BrokerRegistrationChange(change) => {
                if let Some(broker) = cluster.broker_mut(change.broker_id, change.broker_epoch) {
                    broker.change(change);
                }
            }
            MetadataRecord::RegisterController(controller) => {
                let registration = ControllerRegistration::from_record(controller);
                cluster.controllers.insert(registration.id, Arc::new(registration));
            }
            MetadataRecord::UnregisterController(controller) => {
                cluster.controllers.remove(&NodeId(controller.controller_id));
            }
            _ => unreachable!("apply sends records about nodes"),
        }
    }

    fn apply_to_security(&mut self, record: &MetadataRecord<'_>) {
        let rows = Arc::make_mut(&mut self.security);
        match record {
            MetadataRecord::AccessControlEntry(entry) => {
                rows.acls.insert(entry.id, entry.clone().into_owned());
            }
            MetadataRecord::RemoveAccessControlEntry(entry) => {
                rows.acls.remove(&entry.id);
            }
            MetadataRecord::UserScramCredential(credential) => {
                let key = (credential.mechanism, Box::from(&*credential.name));
                rows.scram.insert(key, credential.clone().into_owned());
            }
            MetadataRecord::RemoveUserScramCredential(credential) => {
                rows.scram.remove(&(credential.mechanism, Box::from(&*credential.name)));
            }
            MetadataRecord::DelegationToken(token) => {
                rows.tokens.insert(Box::from(&*token.token_id), token.clone().into_owned());
            }
            MetadataRecord::RemoveDelegationToken(token) => {
                rows.tokens.remove(&*token.token_id);
            }
            _ => unreachable!("apply sends records about security"),
        }
    }

    fn set_feature(&mut self, name: &str, level: i16) {
        let features = Arc::make_mut(&mut self.features);
        if name == MetadataVersion::FEATURE {
            features.metadata_version = MetadataVersion::from_level(level);
        } else if level == 0 {
            features.levels.remove(name);
        } else {
            features.levels.insert(name.into(), level);
        }
    }
}
