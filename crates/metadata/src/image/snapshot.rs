//! An image written out as records, in the order in which Kafka's snapshots have them.

use std::borrow::Cow;
use std::collections::BTreeMap;

use types::{NodeId, TopicId};
use wire::Str;
use wire::access_control_entry_record::AccessControlEntryRecord;
use wire::client_quota_record::{ClientQuotaRecord, EntityData};
use wire::config_record::ConfigRecord;
use wire::feature_level_record::FeatureLevelRecord;
use wire::partition_record::PartitionRecord;
use wire::producer_ids_record::ProducerIdsRecord;
use wire::record_frame::MetadataRecord;
use wire::register_broker_record::{BrokerEndpoint, BrokerFeature, RegisterBrokerRecord};
use wire::register_controller_record::{
    ControllerEndpoint, ControllerFeature, RegisterControllerRecord,
};
use wire::topic_record::TopicRecord;

use super::{
    BrokerRegistration, ControllerRegistration, Endpoint, Image, PartitionState, QuotaEntity, Topic,
};
use crate::features::LevelRange;
use crate::metadata_version::MetadataVersion;

impl Image {
    /// Records that build an equal image when they are applied to an empty one.
    #[must_use]
    pub fn to_records(&self) -> Vec<MetadataRecord<'static>> {
        let mut records = Vec::new();
        self.features_to(&mut records);
        for broker in self.cluster.brokers.values() {
            records.push(MetadataRecord::RegisterBroker(broker.to_record()));
        }
        if self.features.metadata_version() >= MetadataVersion::CONTROLLER_REGISTRATION {
            for controller in self.cluster.controllers.values() {
                records.push(MetadataRecord::RegisterController(controller.to_record()));
            }
        }
        for topic in self.topics.iter() {
            topic_to(topic, self.features.metadata_version(), &mut records);
        }
        self.configs_to(&mut records);
        self.quotas_to(&mut records);
        if let Some(next) = self.next_producer_id {
            records.push(MetadataRecord::ProducerIds(ProducerIdsRecord {
                broker_id: -1,
                broker_epoch: -1,
                next_producer_id: next.0,
            }));
        }
        self.security_to(&mut records);
        records
    }

    fn features_to(&self, records: &mut Vec<MetadataRecord<'static>>) {
        let release = self
            .features
            .metadata_version
            .map(|release| (Cow::Borrowed(MetadataVersion::FEATURE), release.level()));
        let others = self.features.levels.iter().map(|(name, level)| (owned(name), *level));
        records.extend(release.into_iter().chain(others).map(|(name, feature_level)| {
            MetadataRecord::FeatureLevel(FeatureLevelRecord { name, feature_level })
        }));
    }

    fn configs_to(&self, records: &mut Vec<MetadataRecord<'static>>) {
        for (resource, values) in self.configs.iter() {
            records.extend(values.iter().map(|(name, value)| {
                MetadataRecord::Config(ConfigRecord {
                    resource_type: resource.kind.id(),
                    resource_name: owned(&resource.name),
                    name: owned(name),
                    value: Some(owned(value)),
                })
            }));
        }
    }

    fn quotas_to(&self, records: &mut Vec<MetadataRecord<'static>>) {
        for (entity, values) in &self.quotas.0 {
            records.extend(values.iter().map(|(key, value)| {
                MetadataRecord::ClientQuota(ClientQuotaRecord {
                    entity: quota_entity(entity),
                    key: owned(key),
                    value: *value,
                    remove: false,
                })
            }));
        }
    }

    fn security_to(&self, records: &mut Vec<MetadataRecord<'static>>) {
        let acls = self.security.acls.values().map(|entry: &AccessControlEntryRecord<'static>| {
            MetadataRecord::AccessControlEntry(entry.clone())
        });
        records.extend(acls);
        let scram = self.security.scram.values();
        records.extend(scram.map(|c| MetadataRecord::UserScramCredential(c.clone())));
        let tokens = self.security.tokens.values();
        records.extend(tokens.map(|t| MetadataRecord::DelegationToken(t.clone())));
    }
}

fn topic_to(topic: &Topic, release: MetadataVersion, records: &mut Vec<MetadataRecord<'static>>) {
    records
        .push(MetadataRecord::Topic(TopicRecord { name: owned(&topic.name), topic_id: topic.id }));
    records.extend(topic.partitions.iter().map(|(index, state)| {
        MetadataRecord::Partition(state.to_record(topic.id, *index, release))
    }));
}

impl PartitionState {
    /// The record that creates this state; fields that `release` does not know are left out.
    #[must_use]
    pub fn to_record(
        &self,
        topic_id: TopicId,
        index: i32,
        release: MetadataVersion,
    ) -> PartitionRecord {
        let version = release.partition_record();
        let optional = |list: &[NodeId]| (version >= 2 && !list.is_empty()).then(|| ids(list));
        PartitionRecord {
            partition_id: index,
            topic_id,
            replicas: ids(&self.replicas),
            isr: ids(&self.isr),
            removing_replicas: ids(&self.removing),
            adding_replicas: ids(&self.adding),
            leader: self.leader.0,
            leader_recovery_state: i8::from(self.recovering),
            leader_epoch: self.leader_epoch.0,
            partition_epoch: self.partition_epoch,
            directories: if version >= 1 { self.directories.to_vec() } else { Vec::new() },
            eligible_leader_replicas: optional(&self.eligible_leaders),
            last_known_elr: optional(&self.last_known_leaders),
        }
    }
}

impl BrokerRegistration {
    /// The record that registers this broker as it is.
    #[must_use]
    pub fn to_record(&self) -> RegisterBrokerRecord<'static> {
        RegisterBrokerRecord {
            broker_id: self.id.0,
            is_migrating_zk_broker: self.migrating,
            incarnation_id: self.incarnation,
            broker_epoch: self.epoch.0,
            end_points: endpoints(&self.endpoints, |name, host, port, security_protocol| {
                BrokerEndpoint { name, host, port, security_protocol }
            }),
            features: levels(&self.features, |name, range| BrokerFeature {
                name,
                min_supported_version: range.min,
                max_supported_version: range.max,
            }),
            rack: self.rack.as_deref().map(owned),
            fenced: self.fenced,
            in_controlled_shutdown: self.in_controlled_shutdown,
            log_dirs: self.directories.clone(),
            cordoned_log_dirs: self.cordoned.clone(),
        }
    }
}

impl ControllerRegistration {
    /// The record that registers this controller as it is.
    #[must_use]
    pub fn to_record(&self) -> RegisterControllerRecord<'static> {
        RegisterControllerRecord {
            controller_id: self.id.0,
            incarnation_id: self.incarnation,
            zk_migration_ready: self.zk_migration_ready,
            end_points: endpoints(&self.endpoints, |name, host, port, security_protocol| {
                ControllerEndpoint { name, host, port, security_protocol }
            }),
            features: levels(&self.features, |name, range| ControllerFeature {
                name,
                min_supported_version: range.min,
                max_supported_version: range.max,
            }),
        }
    }
}

/// The listeners as rows of a record; brokers' and controllers' are alike and have two types.
fn endpoints<T>(
    endpoints: &[Endpoint],
    row: impl Fn(Str<'static>, Str<'static>, u16, i16) -> T,
) -> Vec<T> {
    let row = |e: &Endpoint| row(owned(&e.listener), owned(&e.host), e.port, e.security_protocol);
    endpoints.iter().map(row).collect()
}

/// The levels of features that a node understands as rows of a record.
fn levels<T>(
    features: &BTreeMap<Box<str>, LevelRange>,
    row: impl Fn(Str<'static>, LevelRange) -> T,
) -> Vec<T> {
    features.iter().map(|(name, range)| row(owned(name), *range)).collect()
}

fn quota_entity(entity: &QuotaEntity) -> Vec<EntityData<'static>> {
    entity
        .iter()
        .map(|(kind, name)| EntityData {
            entity_type: owned(kind),
            entity_name: name.as_deref().map(owned),
        })
        .collect()
}

fn ids(nodes: &[NodeId]) -> Vec<i32> {
    nodes.iter().map(|node| node.0).collect()
}

fn owned(text: &str) -> Str<'static> {
    Cow::Owned(text.to_owned())
}
