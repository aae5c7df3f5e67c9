//! Which features a cluster can finalize, up to which level, and which levels a release starts with.

use std::collections::BTreeMap;
use std::fmt;

use crate::metadata_version::MetadataVersion;

/// What a broker registers that beats so often that it can be missed soon. It is never finalized, and
/// brokers of Apache Kafka do not have it; a controller of theirs takes no notice of it.
pub const SHORT_SESSIONS: &str = "klamm.session.version";

/// An inclusive range of levels that a node understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LevelRange {
    /// Lowest level; 0 means that the feature can be off.
    pub min: i16,
    /// Highest level.
    pub max: i16,
}

/// A feature beside `metadata.version`. Level 0 is always possible and means "off".
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Feature {
    /// KIP-966: replicas outside the ISR that may still lead.
    EligibleLeaderReplicas,
    /// KIP-848: the consumer group protocol.
    Group,
    /// KIP-853: voters in the log. Kept in control records, never in a `FeatureLevelRecord`.
    Kraft,
    /// KIP-932 and KIP-1191: share groups, dead letter queues.
    Share,
    /// KIP-1071: streams groups.
    Streams,
    /// KIP-890: transactions with an epoch bump each.
    Transaction,
}

/// Why levels cannot be finalized together, in Kafka's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FeatureError {
    /// No feature of that name.
    Unknown(String),
    /// The feature has no such level.
    NoSuchLevel { feature: &'static str, level: i16 },
    /// The level needs a higher `metadata.version`.
    Depends { feature: &'static str, level: i16, needs: MetadataVersion },
}

/// One level above 0: the release that starts with it, and what it cannot do without.
struct FeatureLevel {
    bootstrap: i16,
    needs: Option<MetadataVersion>,
}

const fn from(bootstrap: i16) -> FeatureLevel {
    FeatureLevel { bootstrap, needs: None }
}

impl Feature {
    /// All of them, by name.
    pub const ALL: [Self; 6] = [
        Self::EligibleLeaderReplicas,
        Self::Group,
        Self::Kraft,
        Self::Share,
        Self::Streams,
        Self::Transaction,
    ];

    /// The name in requests and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::EligibleLeaderReplicas => "eligible.leader.replicas.version",
            Self::Group => "group.version",
            Self::Kraft => "kraft.version",
            Self::Share => "share.version",
            Self::Streams => "streams.version",
            Self::Transaction => "transaction.version",
        }
    }

    /// The feature of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|feature| feature.name() == name)
    }

    /// Levels 0 to the highest that this release understands.
    #[must_use]
    pub fn supported(self) -> LevelRange {
        let max = i16::try_from(self.levels().len()).expect("a handful of levels");
        LevelRange { min: 0, max }
    }

    /// The level that a cluster formatted with `release` starts with.
    #[must_use]
    pub fn default_level(self, release: MetadataVersion) -> i16 {
        let due = self.levels().iter().filter(|level| level.bootstrap <= release.level()).count();
        i16::try_from(due).expect("a handful of levels")
    }

    /// Checks that the level exists and that `release` carries it.
    ///
    /// # Errors
    /// Where it does not.
    pub fn check_level(self, level: i16, release: MetadataVersion) -> Result<(), FeatureError> {
        if level == 0 {
            return Ok(());
        }
        let no_such = FeatureError::NoSuchLevel { feature: self.name(), level };
        let index = usize::try_from(level - 1).map_err(|_| no_such.clone())?;
        let row = self.levels().get(index).ok_or(no_such)?;
        match row.needs {
            Some(needs) if release < needs => {
                Err(FeatureError::Depends { feature: self.name(), level, needs })
            }
            _ => Ok(()),
        }
    }

    const fn levels(self) -> &'static [FeatureLevel] {
        const ELIGIBLE_LEADER_REPLICAS: [FeatureLevel; 1] =
            [FeatureLevel { bootstrap: 26, needs: Some(MetadataVersion::ELIGIBLE_LEADERS) }];
        const GROUP: [FeatureLevel; 1] = [from(22)];
        const KRAFT: [FeatureLevel; 1] = [from(21)];
        const SHARE: [FeatureLevel; 2] = [from(28), from(31)];
        const STREAMS: [FeatureLevel; 1] = [from(29)];
        const TRANSACTION: [FeatureLevel; 2] = [from(24), from(24)];
        match self {
            Self::EligibleLeaderReplicas => &ELIGIBLE_LEADER_REPLICAS,
            Self::Group => &GROUP,
            Self::Kraft => &KRAFT,
            Self::Share => &SHARE,
            Self::Streams => &STREAMS,
            Self::Transaction => &TRANSACTION,
        }
    }
}

/// Every feature that a node of this release offers, with its levels, by name.
#[must_use]
pub fn supported(unstable: bool) -> BTreeMap<&'static str, LevelRange> {
    let latest = if unstable {
        MetadataVersion::LATEST_UNSTABLE
    } else {
        MetadataVersion::LATEST_PRODUCTION
    };
    let release = LevelRange { min: MetadataVersion::MINIMUM.level(), max: latest.level() };
    Feature::ALL
        .into_iter()
        .map(|feature| (feature.name(), feature.supported()))
        .chain([(MetadataVersion::FEATURE, release)])
        .collect()
}

impl LevelRange {
    /// Whether the level is in the range.
    #[must_use]
    pub fn contains(self, level: i16) -> bool {
        (self.min..=self.max).contains(&level)
    }
}

impl fmt::Display for LevelRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.min == self.max {
            write!(f, "{}", self.min)
        } else {
            write!(f, "{}-{}", self.min, self.max)
        }
    }
}

impl fmt::Display for FeatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(name) => {
                let names: Vec<_> = Feature::ALL.into_iter().map(Feature::name).collect();
                let known = names.join(", ");
                write!(f, "Unsupported feature: {name}. Supported features are: {known}")
            }
            Self::NoSuchLevel { feature, level } => {
                write!(f, "No feature:{feature} with feature level {level}")
            }
            Self::Depends { feature, level, needs } => write!(
                f,
                "{feature} could not be set to {level} because it depends on metadata.version \
                 level {}",
                needs.level()
            ),
        }
    }
}

impl std::error::Error for FeatureError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn defaults(level: i16) -> Vec<i16> {
        let release = MetadataVersion::from_level(level).expect("a level of the table");
        Feature::ALL.into_iter().map(|feature| feature.default_level(release)).collect()
    }

    #[test]
    fn each_release_starts_with_the_levels_that_kafka_gives_it() {
        // in the order of Feature::ALL; printed by kafka-storage format of 4.4.0
        assert_eq!(defaults(7), [0, 0, 0, 0, 0, 0]);
        assert_eq!(defaults(21), [0, 0, 1, 0, 0, 0]);
        assert_eq!(defaults(25), [0, 1, 1, 0, 0, 2]);
        assert_eq!(defaults(33), [1, 1, 1, 2, 1, 2]);
    }

    #[test]
    fn levels_are_checked_with_what_they_need() {
        let check = |feature: Feature, level, release| {
            feature
                .check_level(level, MetadataVersion::from_level(release).expect("a level"))
                .map_err(|e| e.to_string())
        };
        assert_eq!(check(Feature::Group, 1, 21), Ok(()));
        assert_eq!(
            check(Feature::EligibleLeaderReplicas, 1, 21),
            Err("eligible.leader.replicas.version could not be set to 1 because it depends on \
                 metadata.version level 23"
                .to_owned())
        );
        assert_eq!(
            check(Feature::Share, 9, 33),
            Err("No feature:share.version with feature level 9".to_owned())
        );
        assert!(check(Feature::Share, -1, 33).is_err());
    }

    #[test]
    fn the_node_offers_seven_features() {
        let offered = supported(false);
        assert_eq!(offered.len(), 7);
        assert_eq!(offered["metadata.version"], LevelRange { min: 7, max: 33 });
        assert_eq!(supported(true)["metadata.version"].max, 34);
        assert_eq!(offered["share.version"], LevelRange { min: 0, max: 2 });
    }
}
