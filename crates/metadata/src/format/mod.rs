//! What `kafka-storage format` gives a cluster to begin with: levels, credentials, voters.
//!
//! ```text
//! flags ──plan──▶ Plan { release, kraft_version, voters, records }
//!                   └─ the shell writes it as snapshot 0-0 of the metadata log
//! ```

mod base64;
pub mod scram;

use std::collections::BTreeMap;
use std::fmt;

use types::NodeId;
use wire::feature_level_record::FeatureLevelRecord;
use wire::record_frame::MetadataRecord;
use wire::voters_record::{KRaftVersionFeature, Voter, VotersRecord};

pub use scram::ScramError;

use crate::features::{Feature, FeatureError};
use crate::metadata_version::{MetadataVersion, UnknownRelease};

/// Who votes at the beginning.
#[derive(Clone, Debug, PartialEq)]
pub enum InitialQuorum {
    /// The voters of `controller.quorum.voters`; `kraft.version` 0.
    Static,
    /// `--standalone` (this node alone) or `--initial-controllers`.
    Voters(Vec<Voter<'static>>),
    /// `--no-initial-controllers`: this node joins voters that exist.
    Joining,
}

/// The flags of the tool, as far as the contents depend on them.
#[derive(Clone, Debug)]
pub struct Wishes<'a> {
    /// `--release-version`.
    pub release: Option<&'a str>,
    /// `--feature NAME=LEVEL`, as often as given.
    pub features: &'a BTreeMap<String, i16>,
    /// `--add-scram`, as often as given.
    pub scram: &'a [String],
    /// Who votes.
    pub quorum: InitialQuorum,
    /// `unstable.feature.versions.enable`.
    pub unstable_features: bool,
}

/// What is to be written.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The finalized `metadata.version`.
    pub release: MetadataVersion,
    /// The level of `kraft.version`.
    pub kraft_version: i16,
    /// The voters, where the log shall know them.
    pub voters: Option<VotersRecord<'static>>,
    /// Levels and credentials, all in version 0.
    pub records: Vec<MetadataRecord<'static>>,
    quorum: InitialQuorum,
}

/// Why the flags make no cluster; the texts are those of Kafka's tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FormatError {
    /// No such release.
    Release(UnknownRelease),
    /// A release, and `metadata.version` as a feature too.
    TwoReleases,
    /// `metadata.version` as a feature has no such level.
    NoSuchRelease(i16),
    /// A feature that is not there, a level that it lacks, or a level that needs another.
    Feature(FeatureError),
    /// `kraft.version` 0 with voters in the log.
    StaticKraftVersion,
    /// `kraft.version` 1 without them.
    DynamicKraftVersion(i16),
    /// A credential that cannot be read.
    Scram(ScramError),
    /// Credentials for a release that keeps none.
    ScramTooEarly,
}

/// Works out what the flags ask for. `random` yields bytes for salts.
///
/// # Errors
/// Where the flags are wrong or contradict each other.
pub fn plan(
    wishes: &Wishes<'_>,
    random: &mut dyn FnMut() -> [u8; 16],
) -> Result<Plan, FormatError> {
    let release = release(wishes)?;
    for name in wishes.features.keys() {
        if name != MetadataVersion::FEATURE && Feature::from_name(name).is_none() {
            return Err(FormatError::Feature(FeatureError::Unknown(name.clone())));
        }
    }
    let kraft_version = kraft_version(wishes)?;
    let mut records = level_records(release, wishes.features)?;
    if !wishes.scram.is_empty() && release < MetadataVersion::SCRAM {
        return Err(FormatError::ScramTooEarly);
    }
    for argument in wishes.scram {
        let credential = scram::credential(argument, random).map_err(FormatError::Scram)?;
        records.push(credential.into());
    }
    let quorum = wishes.quorum.clone();
    let voters = match &quorum {
        InitialQuorum::Voters(voters) => Some(VotersRecord { version: 0, voters: voters.clone() }),
        InitialQuorum::Static | InitialQuorum::Joining => None,
    };
    Ok(Plan { release, kraft_version, voters, records, quorum })
}

/// `FeatureLevelRecord`s of `release`, with the levels in `chosen` where it has them.
///
/// # Errors
/// Where a chosen level does not exist or does not go with the release.
pub fn level_records(
    release: MetadataVersion,
    chosen: &BTreeMap<String, i16>,
) -> Result<Vec<MetadataRecord<'static>>, FormatError> {
    let level = |name: &'static str, feature_level| {
        MetadataRecord::from(FeatureLevelRecord { name: name.into(), feature_level })
    };
    let mut records = vec![level(MetadataVersion::FEATURE, release.level())];
    for feature in Feature::ALL.into_iter().filter(|feature| *feature != Feature::Kraft) {
        let default = feature.default_level(release);
        let wanted = chosen.get(feature.name()).copied().unwrap_or(default);
        feature.check_level(wanted, release).map_err(FormatError::Feature)?;
        if wanted > 0 {
            records.push(level(feature.name(), wanted));
        }
    }
    Ok(records)
}

fn release(wishes: &Wishes<'_>) -> Result<MetadataVersion, FormatError> {
    match (wishes.release, wishes.features.get(MetadataVersion::FEATURE)) {
        (Some(_), Some(_)) => Err(FormatError::TwoReleases),
        (Some(text), None) => MetadataVersion::from_release(text, wishes.unstable_features)
            .map_err(FormatError::Release),
        (None, Some(level)) => MetadataVersion::from_level(*level)
            .filter(|v| wishes.unstable_features || *v <= MetadataVersion::LATEST_PRODUCTION)
            .ok_or(FormatError::NoSuchRelease(*level)),
        (None, None) => Ok(MetadataVersion::LATEST_PRODUCTION),
    }
}

fn kraft_version(wishes: &Wishes<'_>) -> Result<i16, FormatError> {
    let is_dynamic = wishes.quorum != InitialQuorum::Static;
    let Some(level) = wishes.features.get(Feature::Kraft.name()).copied() else {
        return Ok(i16::from(is_dynamic));
    };
    Feature::Kraft
        .check_level(level, MetadataVersion::LATEST_PRODUCTION)
        .map_err(FormatError::Feature)?;
    match (level, is_dynamic) {
        (0, true) => Err(FormatError::StaticKraftVersion),
        (1.., false) => Err(FormatError::DynamicKraftVersion(level)),
        (level, _) => Ok(level),
    }
}

/// A voter as the tool writes it.
#[must_use]
pub fn voter(
    node: NodeId,
    directory: types::DirectoryId,
    listener: &str,
    host: &str,
    port: u16,
) -> Voter<'static> {
    let kraft = Feature::Kraft.supported();
    Voter {
        voter_id: node.0,
        voter_directory_id: directory,
        endpoints: vec![wire::voters_record::Endpoint {
            name: listener.to_owned().into(),
            host: host.to_owned().into(),
            port,
        }],
        kraft_version_feature: KRaftVersionFeature {
            min_supported_version: kraft.min,
            max_supported_version: kraft.max,
        },
    }
}

impl Plan {
    /// The tool's line on one directory.
    #[must_use]
    pub fn announce(&self, directory: &str, is_metadata: bool, node: NodeId) -> String {
        let kind = match &self.quorum {
            _ if !is_metadata => "data directory",
            InitialQuorum::Voters(voters) if voters.iter().any(|v| v.voter_id == node.0) => {
                "dynamic metadata voter directory"
            }
            InitialQuorum::Voters(_) => "dynamic metadata directory",
            InitialQuorum::Static | InitialQuorum::Joining => "metadata directory",
        };
        format!("Formatting {kind} {directory} with metadata.version {}.", self.release)
    }
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Release(error) => error.fmt(f),
            Self::TwoReleases => f.write_str(
                "Use --release-version instead of --feature metadata.version=X to avoid ambiguity.",
            ),
            Self::NoSuchRelease(level) => {
                write!(f, "No MetadataVersion with feature level {level}.")
            }
            Self::Feature(error) => error.fmt(f),
            Self::StaticKraftVersion => f.write_str(
                "Cannot set kraft.version to 0 if controller.quorum.voters is empty and one of \
                 the flags --standalone, --initial-controllers, or --no-initial-controllers is \
                 used. For dynamic controllers support, try removing the --feature flag for \
                 kraft.version.",
            ),
            Self::DynamicKraftVersion(level) => write!(
                f,
                "Cannot set kraft.version to {level} unless controller.quorum.voters is empty and \
                 one of the flags --standalone, --initial-controllers, or \
                 --no-initial-controllers is used. For dynamic controllers support, try using one \
                 of --standalone, --initial-controllers, or --no-initial-controllers and removing \
                 controller.quorum.voters."
            ),
            Self::Scram(error) => error.fmt(f),
            Self::ScramTooEarly => {
                write!(
                    f,
                    "SCRAM is only supported in metadata.version {} or later.",
                    MetadataVersion::SCRAM
                )
            }
        }
    }
}

impl std::error::Error for FormatError {}

#[cfg(test)]
mod tests {
    use super::*;

    type Levels<'a> = &'a [(&'a str, i16)];

    fn wishes<'a>(
        release: Option<&'a str>,
        features: &'a BTreeMap<String, i16>,
        scram: &'a [String],
        quorum: InitialQuorum,
    ) -> Wishes<'a> {
        Wishes { release, features, scram, quorum, unstable_features: false }
    }

    fn levels(plan: &Plan) -> Vec<(String, i16)> {
        let level = |record: &MetadataRecord<'_>| match record {
            MetadataRecord::FeatureLevel(level) => {
                Some((level.name.to_string(), level.feature_level))
            }
            _ => None,
        };
        plan.records.iter().filter_map(level).collect()
    }

    #[track_caller]
    fn check(
        release: Option<&str>,
        features: &[(&str, i16)],
        quorum: InitialQuorum,
        expected: Result<(i16, Levels<'_>), &str>,
    ) {
        let features = features.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect();
        let planned = plan(&wishes(release, &features, &[], quorum), &mut || [0; 16]);
        let planned = planned.map(|plan| (plan.kraft_version, levels(&plan)));
        let expected = expected.map(|(kraft, levels)| {
            (kraft, levels.iter().map(|(name, level)| ((*name).to_owned(), *level)).collect())
        });
        assert_eq!(planned.map_err(|e| e.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn flags_give_the_levels_that_kafkas_tool_gives() {
        use InitialQuorum::{Joining, Static, Voters};
        let alone = || Voters(vec![voter(NodeId(1), types::Uuid::ONE, "CONTROLLER", "h", 1)]);
        let latest: Levels<'_> = &[
            ("metadata.version", 33),
            ("eligible.leader.replicas.version", 1),
            ("group.version", 1),
            ("share.version", 2),
            ("streams.version", 1),
            ("transaction.version", 2),
        ];
        check(None, &[], alone(), Ok((1, latest)));
        check(None, &[], Joining, Ok((1, latest)));
        check(None, &[], Static, Ok((0, latest)));
        check(Some("3.3-IV3"), &[], Static, Ok((0, &[("metadata.version", 7)])));
        check(Some("3.9"), &[], alone(), Ok((1, &[("metadata.version", 21)])));
        let four: Levels<'_> =
            &[("metadata.version", 25), ("group.version", 1), ("transaction.version", 2)];
        check(Some("4.0-IV3"), &[], alone(), Ok((1, four)));
        check(None, &[("metadata.version", 25)], alone(), Ok((1, four)));
        let fewer: Levels<'_> = &[("metadata.version", 25), ("transaction.version", 2)];
        check(Some("4.0"), &[("group.version", 0)], alone(), Ok((1, fewer)));
    }

    #[test]
    fn wrong_flags_are_refused_in_kafkas_words() {
        use InitialQuorum::{Joining, Static};
        check(
            None,
            &[("foo.version", 1)],
            Static,
            Err("Unsupported feature: foo.version. Supported features are: \
                 eligible.leader.replicas.version, group.version, kraft.version, share.version, \
                 streams.version, transaction.version"),
        );
        check(
            None,
            &[("share.version", 9)],
            Static,
            Err("No feature:share.version with feature level 9"),
        );
        check(
            Some("3.9-IV0"),
            &[("eligible.leader.replicas.version", 1)],
            Static,
            Err("eligible.leader.replicas.version could not be set to 1 because it depends on \
                 metadata.version level 23"),
        );
        let text = FormatError::StaticKraftVersion.to_string();
        check(None, &[("kraft.version", 0)], Joining, Err(&text));
        let text = FormatError::DynamicKraftVersion(1).to_string();
        check(None, &[("kraft.version", 1)], Static, Err(&text));
        let text = FormatError::TwoReleases.to_string();
        check(Some("4.0"), &[("metadata.version", 25)], Static, Err(&text));
    }

    #[test]
    fn credentials_need_a_release_that_keeps_them() {
        let scram = ["SCRAM-SHA-256=[name=alice,password=alice-secret]".to_owned()];
        let features = BTreeMap::new();
        let refused =
            plan(&wishes(Some("3.4"), &features, &scram, InitialQuorum::Static), &mut || [1; 16]);
        assert_eq!(
            refused.unwrap_err().to_string(),
            "SCRAM is only supported in metadata.version 3.5-IV2 or later."
        );
    }
}
