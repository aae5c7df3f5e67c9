//! The compatibility table: one numbered file for each API that this server answers.

#[path = "80_add_raft_voter.rs"]
pub(crate) mod add_raft_voter;
#[path = "67_allocate_producer_ids.rs"]
pub(crate) mod allocate_producer_ids;
#[path = "33_alter_configs.rs"]
pub(crate) mod alter_configs;
#[path = "56_alter_partition.rs"]
pub(crate) mod alter_partition;
#[path = "45_alter_partition_reassignments.rs"]
pub(crate) mod alter_partition_reassignments;
#[path = "34_alter_replica_log_dirs.rs"]
pub(crate) mod alter_replica_log_dirs;
#[path = "18_api_versions.rs"]
pub(crate) mod api_versions;
#[path = "73_assign_replicas_to_dirs.rs"]
pub(crate) mod assign_replicas_to_dirs;
#[path = "53_begin_quorum_epoch.rs"]
pub(crate) mod begin_quorum_epoch;
#[path = "63_broker_heartbeat.rs"]
pub(crate) mod broker_heartbeat;
#[path = "62_broker_registration.rs"]
pub(crate) mod broker_registration;
#[path = "70_controller_registration.rs"]
pub(crate) mod controller_registration;
#[path = "37_create_partitions.rs"]
pub(crate) mod create_partitions;
#[path = "19_create_topics.rs"]
pub(crate) mod create_topics;
#[path = "42_delete_groups.rs"]
pub(crate) mod delete_groups;
#[path = "21_delete_records.rs"]
pub(crate) mod delete_records;
#[path = "20_delete_topics.rs"]
pub(crate) mod delete_topics;
#[path = "60_describe_cluster.rs"]
pub(crate) mod describe_cluster;
#[path = "32_describe_configs.rs"]
pub(crate) mod describe_configs;
#[path = "15_describe_groups.rs"]
pub(crate) mod describe_groups;
#[path = "35_describe_log_dirs.rs"]
pub(crate) mod describe_log_dirs;
#[path = "61_describe_producers.rs"]
pub(crate) mod describe_producers;
#[path = "55_describe_quorum.rs"]
pub(crate) mod describe_quorum;
#[path = "75_describe_topic_partitions.rs"]
pub(crate) mod describe_topic_partitions;
#[path = "43_elect_leaders.rs"]
pub(crate) mod elect_leaders;
#[path = "54_end_quorum_epoch.rs"]
pub(crate) mod end_quorum_epoch;
#[path = "58_envelope.rs"]
pub(crate) mod envelope;
#[path = "01_fetch.rs"]
pub(crate) mod fetch;
#[path = "01_fetch_metadata_log.rs"]
pub(crate) mod fetch_metadata_log;
#[path = "59_fetch_snapshot.rs"]
pub(crate) mod fetch_snapshot;
#[path = "10_find_coordinator.rs"]
pub(crate) mod find_coordinator;
#[path = "12_heartbeat.rs"]
pub(crate) mod heartbeat;
#[path = "44_incremental_alter_configs.rs"]
pub(crate) mod incremental_alter_configs;
#[path = "22_init_producer_id.rs"]
pub(crate) mod init_producer_id;
#[path = "11_join_group.rs"]
pub(crate) mod join_group;
#[path = "13_leave_group.rs"]
pub(crate) mod leave_group;
#[path = "74_list_config_resources.rs"]
pub(crate) mod list_config_resources;
#[path = "16_list_groups.rs"]
pub(crate) mod list_groups;
#[path = "02_list_offsets.rs"]
pub(crate) mod list_offsets;
#[path = "46_list_partition_reassignments.rs"]
pub(crate) mod list_partition_reassignments;
#[path = "03_metadata.rs"]
pub(crate) mod metadata;
#[path = "08_offset_commit.rs"]
pub(crate) mod offset_commit;
#[path = "47_offset_delete.rs"]
pub(crate) mod offset_delete;
#[path = "09_offset_fetch.rs"]
pub(crate) mod offset_fetch;
#[path = "23_offset_for_leader_epoch.rs"]
pub(crate) mod offset_for_leader_epoch;
#[path = "00_produce.rs"]
pub(crate) mod produce;
mod quorum;
#[path = "81_remove_raft_voter.rs"]
pub(crate) mod remove_raft_voter;
#[path = "14_sync_group.rs"]
pub(crate) mod sync_group;
#[path = "64_unregister_broker.rs"]
pub(crate) mod unregister_broker;
#[path = "94_unregister_controller.rs"]
pub(crate) mod unregister_controller;
#[path = "57_update_features.rs"]
pub(crate) mod update_features;
#[path = "82_update_raft_voter.rs"]
pub(crate) mod update_raft_voter;
#[path = "52_vote.rs"]
pub(crate) mod vote;

use crate::dispatch;
use crate::net::ListenerKind;
use wire::{ApiKey, VersionRange};

/// The versions of an API that this server answers on such a listener; `None` if none.
pub(crate) fn versions(api: ApiKey, listener: ListenerKind) -> Option<VersionRange> {
    let listeners = api.listeners();
    let is_here = match listener {
        ListenerKind::Broker => listeners.broker,
        ListenerKind::Controller => listeners.controller,
    };
    api.stable_versions().filter(|_| is_here && dispatch::ADVERTISED.contains(&api))
}
