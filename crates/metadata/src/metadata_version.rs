//! Kafka's `metadata.version`: which records, and which versions of them, a cluster may write.

use std::fmt;

/// A level of the feature `metadata.version`, from 7 (3.3-IV3) on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataVersion(i16);

/// A text that names no release of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownRelease {
    text: String,
    unstable_allowed: bool,
}

/// One row: the level's name, and whether the level changed what the records mean
/// (a downgrade across such a level would lose metadata and is refused).
struct Level {
    release: &'static str,
    iv: &'static str,
    changes_records: bool,
}

const fn level(release: &'static str, iv: &'static str, changes_records: bool) -> Level {
    Level { release, iv, changes_records }
}

/// Level 7 stands first; each row is one level up.
const LEVELS: [Level; 28] = [
    level("3.3", "IV3", true),
    level("3.4", "IV0", true),
    level("3.5", "IV0", false),
    level("3.5", "IV1", false),
    level("3.5", "IV2", true),
    level("3.6", "IV0", false),
    level("3.6", "IV1", true),
    level("3.6", "IV2", true),
    level("3.7", "IV0", true),
    level("3.7", "IV1", false),
    level("3.7", "IV2", true),
    level("3.7", "IV3", false),
    level("3.7", "IV4", false),
    level("3.8", "IV0", false),
    level("3.9", "IV0", false),
    level("4.0", "IV0", false),
    level("4.0", "IV1", true),
    level("4.0", "IV2", false),
    level("4.0", "IV3", false),
    level("4.1", "IV0", false),
    level("4.1", "IV1", false),
    level("4.2", "IV0", false),
    level("4.2", "IV1", false),
    level("4.3", "IV0", true),
    level("4.4", "IV0", false),
    level("4.4", "IV1", true),
    level("4.4", "IV2", true),
    level("4.5", "IV0", false),
];

impl MetadataVersion {
    /// The feature's name in records and requests.
    pub const FEATURE: &str = "metadata.version";
    /// 3.3-IV3, the oldest level that a KRaft cluster can have.
    pub const MINIMUM: Self = Self(7);
    /// SCRAM credentials became records (3.5-IV2).
    pub const SCRAM: Self = Self(11);
    /// An ISR may shrink without a bump of the leader epoch (3.6-IV0).
    pub const KEEPS_EPOCH_ON_SHRINK: Self = Self(12);
    /// Controllers register themselves (3.7-IV0, KIP-919).
    pub const CONTROLLER_REGISTRATION: Self = Self(15);
    /// Records can be grouped into transactions (3.6-IV1, KIP-868).
    pub const TRANSACTIONS: Self = Self(13);
    /// Partitions know the log directory of each replica (3.7-IV2, KIP-858).
    pub const DIRECTORIES: Self = Self(17);
    /// Brokers in migration from ZooKeeper are marked in their registration (3.4-IV0).
    pub const ZK_MIGRATION: Self = Self(8);
    /// Partitions know eligible leader replicas (4.0-IV1, KIP-966).
    pub const ELIGIBLE_LEADERS: Self = Self(23);
    /// Log directories can be cordoned (4.3-IV0, KIP-1066).
    pub const CORDONED_DIRECTORIES: Self = Self(30);
    /// Controllers can be unregistered (4.4-IV2, KIP-1312).
    pub const CONTROLLER_UNREGISTRATION: Self = Self(33);
    /// 4.4-IV2, what a fresh cluster gets.
    pub const LATEST_PRODUCTION: Self = Self(33);
    /// 4.5-IV0, which may change: only with unstable features enabled.
    pub const LATEST_UNSTABLE: Self = Self(34);

    /// The version of a feature level, where the table has it.
    #[must_use]
    pub fn from_level(level: i16) -> Option<Self> {
        (Self::MINIMUM.0..=Self::LATEST_UNSTABLE.0).contains(&level).then_some(Self(level))
    }

    /// Parses `4.4-IV2`, or a release as `4.4` or `4.4.0`, which stands for its last level.
    ///
    /// # Errors
    /// Where no level has that name, or where it is unstable and `unstable_allowed` is not set.
    pub fn from_release(text: &str, unstable_allowed: bool) -> Result<Self, UnknownRelease> {
        let major_minor = text.splitn(3, '.').take(2).collect::<Vec<_>>().join(".");
        Self::all(unstable_allowed)
            .rev()
            .find(|v| v.row().release == major_minor || v.to_string() == major_minor)
            .ok_or_else(|| UnknownRelease { text: text.to_owned(), unstable_allowed })
    }

    /// Every level, lowest first.
    pub fn all(with_unstable: bool) -> impl DoubleEndedIterator<Item = Self> {
        let last = if with_unstable { Self::LATEST_UNSTABLE } else { Self::LATEST_PRODUCTION };
        (Self::MINIMUM.0..=last.0).map(Self)
    }

    /// The level as it stands in a `FeatureLevelRecord`.
    #[must_use]
    pub const fn level(self) -> i16 {
        self.0
    }

    /// Whether going between the two levels changes what records mean, in either direction.
    #[must_use]
    pub fn records_changed_between(self, other: Self) -> bool {
        let (low, high) = if self < other { (self, other) } else { (other, self) };
        (low.0 + 1..=high.0).any(|level| Self(level).row().changes_records)
    }

    /// Version of `RegisterBrokerRecord`: 1 shutdown flag, 2 migration, 3 directories, 4 cordoned.
    #[must_use]
    pub fn register_broker_record(self) -> i16 {
        if self >= Self::CORDONED_DIRECTORIES {
            4
        } else if self >= Self::DIRECTORIES {
            3
        } else if self >= Self::ZK_MIGRATION {
            2
        } else {
            1
        }
    }

    /// Version of `BrokerRegistrationChangeRecord`: 1 shutdown flag, 2 directories, 3 cordoned.
    #[must_use]
    pub fn broker_registration_change_record(self) -> i16 {
        if self >= Self::CORDONED_DIRECTORIES {
            3
        } else if self >= Self::DIRECTORIES {
            2
        } else {
            1
        }
    }

    /// Version of `PartitionRecord` and of `PartitionChangeRecord`: 1 directories, 2 eligible leaders.
    #[must_use]
    pub fn partition_record(self) -> i16 {
        if self >= Self::ELIGIBLE_LEADERS {
            2
        } else if self >= Self::DIRECTORIES {
            1
        } else {
            0
        }
    }

    fn row(self) -> &'static Level {
        let above_first = usize::try_from(self.0 - Self::MINIMUM.0).expect("not below the minimum");
        &LEVELS[above_first]
    }
}

impl fmt::Display for MetadataVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.row().release, self.row().iv)
    }
}

impl fmt::Display for UnknownRelease {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Unknown metadata.version '{}'. Supported metadata.version are: ", self.text)?;
        for (i, version) in MetadataVersion::all(self.unstable_allowed).enumerate() {
            write!(f, "{}{version}", if i == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl std::error::Error for UnknownRelease {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_name_their_last_level() {
        for (text, level) in
            [("3.3-IV3", 7), ("3.5", 11), ("3.7.2", 19), ("3.9", 21), ("4.0-IV1", 23), ("4.4", 33)]
        {
            assert_eq!(
                MetadataVersion::from_release(text, false).map(|v| v.0),
                Ok(level),
                "{text}"
            );
        }
        for text in ["2.8", "", "4.5-IV0", "4.4-IV9", "four"] {
            assert!(MetadataVersion::from_release(text, false).is_err(), "{text}");
        }
        assert_eq!(MetadataVersion::from_release("4.5-IV0", true).map(|v| v.0), Ok(34));
    }

    #[test]
    fn record_versions_follow_the_level() {
        // level, RegisterBroker, BrokerRegistrationChange, Partition; as the 4.4.0 jar has them
        for (level, register, change, partition) in [
            (7, 1, 1, 0),
            (8, 2, 1, 0),
            (16, 2, 1, 0),
            (17, 3, 2, 1),
            (22, 3, 2, 1),
            (23, 3, 2, 2),
            (30, 4, 3, 2),
            (33, 4, 3, 2),
        ] {
            let version = MetadataVersion(level);
            let actual = (
                version.register_broker_record(),
                version.broker_registration_change_record(),
                version.partition_record(),
            );
            assert_eq!(actual, (register, change, partition), "level {level}");
        }
    }

    #[test]
    fn a_step_over_a_level_that_changes_records_is_seen_in_both_directions() {
        let changed = |a, b| MetadataVersion(a).records_changed_between(MetadataVersion(b));
        assert!(!changed(24, 29));
        assert!(!changed(29, 24));
        assert!(changed(22, 23));
        assert!(changed(33, 29));
        assert!(!changed(33, 33));
    }
}
