//! Control records of the quorum: as the log has them, and as `raft` thinks of them.

use raft::{ControlRecord, Endpoint, Endpoints, ReplicaKey, VersionRange, Voter, VoterSet};
use record::ControlType;
use types::NodeId;
use wire::kraft_version_record::KRaftVersionRecord;
use wire::leader_change_message::{self, LeaderChangeMessage};
use wire::voters_record::{self, KRaftVersionFeature, VotersRecord};

use super::super::checkpoint::{self, CheckpointError, Quorum};

/// What a control record says, where it is one of the quorum's.
pub(in super::super) fn read(
    control: &record::ControlRecord<'_>,
) -> Result<Option<ControlRecord>, CheckpointError> {
    Ok(match control.control_type {
        ControlType::LeaderChange => {
            let change: LeaderChangeMessage = checkpoint::parse(control.value)?;
            let ids = |voters: Vec<leader_change_message::Voter>| {
                voters.into_iter().map(|voter| NodeId(voter.voter_id)).collect()
            };
            Some(ControlRecord::LeaderChange {
                leader: NodeId(change.leader_id),
                voters: ids(change.voters),
                granting: ids(change.granting_voters),
            })
        }
        ControlType::KraftVersion => {
            let version: KRaftVersionRecord = checkpoint::parse(control.value)?;
            Some(ControlRecord::KraftVersion(version.kraft_version))
        }
        ControlType::KraftVoters => {
            let voters: VotersRecord<'_> = checkpoint::parse(control.value)?;
            Some(ControlRecord::Voters(voter_set(&voters)))
        }
        ControlType::Abort
        | ControlType::Commit
        | ControlType::SnapshotHeader
        | ControlType::SnapshotFooter => None,
    })
}

/// A control record's type and body, to be written.
pub(super) fn body(record: &ControlRecord) -> Result<(ControlType, Vec<u8>), CheckpointError> {
    match record {
        ControlRecord::LeaderChange { leader, voters, granting } => {
            let all = |ids: &std::collections::BTreeSet<NodeId>| {
                let voter = |id: &NodeId| leader_change_message::Voter {
                    voter_id: id.0,
                    ..leader_change_message::Voter::default()
                };
                ids.iter().map(voter).collect()
            };
            let message = LeaderChangeMessage {
                version: 0,
                leader_id: leader.0,
                voters: all(voters),
                granting_voters: all(granting),
            };
            Ok((ControlType::LeaderChange, checkpoint::message(&message)?))
        }
        ControlRecord::KraftVersion(version) => {
            let message = KRaftVersionRecord { version: 0, kraft_version: *version };
            Ok((ControlType::KraftVersion, checkpoint::message(&message)?))
        }
        ControlRecord::Voters(voters) => {
            Ok((ControlType::KraftVoters, checkpoint::message(&voters_record(voters))?))
        }
    }
}

/// What a snapshot's control records say.
pub(super) fn snapshot_control(quorum: &Quorum) -> raft::SnapshotControl {
    raft::SnapshotControl {
        kraft_version: quorum.kraft_version,
        voters: quorum.voters.as_ref().map(voter_set),
    }
}

/// Keeps the picture of a snapshot in step with the log.
pub(super) fn note(quorum: &mut Quorum, record: &ControlRecord) {
    match record {
        ControlRecord::LeaderChange { .. } => {}
        ControlRecord::KraftVersion(version) => quorum.kraft_version = *version,
        ControlRecord::Voters(voters) => quorum.voters = Some(voters_record(voters)),
    }
}

fn voter_set(record: &VotersRecord<'_>) -> VoterSet {
    let endpoint = |endpoint: &voters_record::Endpoint<'_>| {
        let place = Endpoint { host: endpoint.host.to_string(), port: endpoint.port };
        (endpoint.name.to_string(), place)
    };
    let voter = |voter: &voters_record::Voter<'_>| Voter {
        key: ReplicaKey::new(NodeId(voter.voter_id), voter.voter_directory_id),
        endpoints: Endpoints(voter.endpoints.iter().map(endpoint).collect()),
        kraft_versions: VersionRange {
            min: voter.kraft_version_feature.min_supported_version,
            max: voter.kraft_version_feature.max_supported_version,
        },
    };
    record.voters.iter().map(voter).collect()
}

fn voters_record(set: &VoterSet) -> VotersRecord<'static> {
    let endpoint = |(name, place): (&String, &Endpoint)| voters_record::Endpoint {
        name: name.clone().into(),
        host: place.host.clone().into(),
        port: place.port,
    };
    let voter = |voter: &Voter| voters_record::Voter {
        voter_id: voter.key.id.0,
        voter_directory_id: voter.key.directory_or_zero(),
        endpoints: voter.endpoints.0.iter().map(endpoint).collect(),
        kraft_version_feature: KRaftVersionFeature {
            min_supported_version: voter.kraft_versions.min,
            max_supported_version: voter.kraft_versions.max,
        },
    };
    VotersRecord { version: 0, voters: set.iter().map(voter).collect() }
}
