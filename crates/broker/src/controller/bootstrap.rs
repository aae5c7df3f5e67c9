//! The first records of a cluster: what `kafka-storage format` left, or a release's defaults.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use log::{Disk, RealDisk};
use metadata::MetadataVersion;
use metadata::decide;
use metadata::features::Feature;
use metadata::format::{Plan, level_records};
use metadata::image::ResourceKind;
use wire::abort_transaction_record::AbortTransactionRecord;
use wire::begin_transaction_record::BeginTransactionRecord;
use wire::config_record::ConfigRecord;
use wire::end_transaction_record::EndTransactionRecord;
use wire::record_frame::MetadataRecord;

use super::checkpoint::{Checkpoint, Quorum, SnapshotId};
use super::error::ControllerError;
use super::files;
use super::metadata_log::{FOLDER, MetadataLog};
use super::worker::now;

/// Written by formats before 4.4 beside the metadata log's folder; later ones use a snapshot.
const FILE: &str = "bootstrap.checkpoint";
const MIN_ISR: &str = "min.insync.replicas";

/// The records with which a cluster begins, as one transaction where the release knows those.
pub(super) fn records<D: Disk>(
    log: &mut MetadataLog<D>,
    settings: &decide::Settings,
) -> Result<Vec<MetadataRecord<'static>>, ControllerError> {
    let mut records = formatted(log)?;
    if !records.iter().any(|record| level_of(record, MetadataVersion::FEATURE).is_some()) {
        records = level_records(MetadataVersion::LATEST_PRODUCTION, &BTreeMap::new())
            .expect("a release's own levels go together");
    }
    let eligible = Feature::EligibleLeaderReplicas.name();
    if records.iter().any(|record| level_of(record, eligible).is_some_and(|level| level > 0)) {
        // with eligible leaders on, all brokers must agree on the least ISR (KIP-966)
        let min_isr = ConfigRecord {
            resource_type: ResourceKind::Broker.id(),
            resource_name: "".into(),
            name: MIN_ISR.into(),
            value: Some(settings.min_insync_replicas.to_string().into()),
        };
        records.push(min_isr.into());
    }
    if release(&records) >= MetadataVersion::TRANSACTIONS {
        let name = Some("Bootstrap records".into());
        records.insert(0, BeginTransactionRecord { name }.into());
        records.push(EndTransactionRecord {}.into());
    }
    Ok(records)
}

/// Writes what a plan of `kafka-storage format` says into the metadata log directory: the snapshot
/// that a first leader reads.
///
/// # Errors
/// Where the folder or the file cannot be made.
pub fn write_bootstrap(directory: &Path, plan: &Plan) -> Result<(), ControllerError> {
    let folder = directory.join(FOLDER);
    match RealDisk.create_folder(&folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
            return Err(ControllerError::disk("create", &folder, error));
        }
        _ => {}
    }
    let now = now();
    let path = folder.join(SnapshotId::BOOTSTRAP.file_name());
    let quorum = Quorum { kraft_version: plan.kraft_version, voters: plan.voters.clone() };
    let records = plan.records.iter().map(|record| (record.clone(), 0)).collect();
    let checkpoint = Checkpoint { last_timestamp: now, quorum, records };
    let bytes = checkpoint
        .encode(SnapshotId::BOOTSTRAP, now)
        .map_err(|source| ControllerError::Checkpoint { path: path.clone(), source })?;
    files::replace(&RealDisk, &path, &bytes).map_err(|e| ControllerError::disk("write", &path, e))
}

/// The `metadata.version` that these records finalize.
pub(super) fn release(records: &[MetadataRecord<'_>]) -> MetadataVersion {
    records
        .iter()
        .find_map(|record| level_of(record, MetadataVersion::FEATURE))
        .and_then(MetadataVersion::from_level)
        .unwrap_or(MetadataVersion::MINIMUM)
}

/// Ends a transaction that an earlier leader did not.
pub(super) fn abort() -> MetadataRecord<'static> {
    let reason = Some("failover".into());
    AbortTransactionRecord { reason }.into()
}

fn formatted<D: Disk>(
    log: &mut MetadataLog<D>,
) -> Result<Vec<MetadataRecord<'static>>, ControllerError> {
    let checkpoint = if log.snapshots()?.contains(&SnapshotId::BOOTSTRAP) {
        log.load(SnapshotId::BOOTSTRAP)?
    } else if let Some(bytes) = log.read_beside(FILE)? {
        let path = log.folder().with_file_name(FILE);
        Checkpoint::decode(&bytes).map_err(|source| ControllerError::Checkpoint { path, source })?
    } else {
        Checkpoint::default()
    };
    Ok(checkpoint.records.into_iter().map(|(record, _)| record).collect())
}

fn level_of(record: &MetadataRecord<'_>, feature: &str) -> Option<i16> {
    match record {
        MetadataRecord::FeatureLevel(level) if level.name == feature => Some(level.feature_level),
        _ => None,
    }
}
