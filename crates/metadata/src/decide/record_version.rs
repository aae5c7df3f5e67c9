//! In which version a record goes into the log at a `metadata.version`.

use wire::broker_registration_change_record::BrokerRegistrationChangeRecord;
use wire::record_frame::MetadataRecord;

use crate::metadata_version::MetadataVersion;

/// The version that Kafka gives the record at that level.
#[must_use]
pub fn record_version(record: &MetadataRecord<'_>, release: MetadataVersion) -> i16 {
    match record {
        MetadataRecord::RegisterBroker(_) => release.register_broker_record(),
        MetadataRecord::Partition(_) | MetadataRecord::PartitionChange(_) => {
            release.partition_record()
        }
        MetadataRecord::BrokerRegistrationChange(change) => change_version(change),
        // every other type exists in version 0 only
        _ => 0,
    }
}

/// Kafka writes the lowest version that holds what changed.
fn change_version(change: &BrokerRegistrationChangeRecord) -> i16 {
    if change.cordoned_log_dirs.is_some() {
        3
    } else if !change.log_dirs.is_empty() {
        2
    } else {
        i16::from(change.in_controlled_shutdown != 0)
    }
}
