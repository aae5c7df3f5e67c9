//! The names of files and folders: Kafka's, to the letter.

use types::{Offset, Partition, Uuid};

/// Digits of an offset in a file's name, so that names sort as offsets do.
const OFFSET_DIGITS: usize = 20;
/// The longest name that file systems take.
const NAME_BYTES_MAX: usize = 255;

pub(crate) const LEADER_EPOCHS: &str = "leader-epoch-checkpoint";
pub(crate) const PARTITION_METADATA: &str = "partition.metadata";
pub(crate) const RECOVERY_POINTS: &str = "recovery-point-offset-checkpoint";
pub(crate) const LOG_START_OFFSETS: &str = "log-start-offset-checkpoint";
pub(crate) const HIGH_WATERMARKS: &str = "replication-offset-checkpoint";
pub(crate) const CLEANER_OFFSETS: &str = "cleaner-offset-checkpoint";
pub(crate) const META_PROPERTIES: &str = "meta.properties";
pub(crate) const CLEAN_SHUTDOWN: &str = ".kafka_cleanshutdown";
pub(crate) const LOCK: &str = ".lock";

/// The files that a segment can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    Log,
    OffsetIndex,
    TimeIndex,
    TxnIndex,
    /// The producers' state in front of the segment; not deleted with a suffix by everyone, but
    /// named alike.
    Snapshot,
}

impl Part {
    pub(crate) const ALL: [Self; 5] =
        [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TxnIndex, Self::Snapshot];
    pub(crate) const SEGMENT: [Self; 4] =
        [Self::Log, Self::OffsetIndex, Self::TimeIndex, Self::TxnIndex];
    pub(crate) const BESIDE_THE_LOG: [Self; 4] =
        [Self::OffsetIndex, Self::TimeIndex, Self::TxnIndex, Self::Snapshot];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Log => ".log",
            Self::OffsetIndex => ".index",
            Self::TimeIndex => ".timeindex",
            Self::TxnIndex => ".txnindex",
            Self::Snapshot => ".snapshot",
        }
    }
}

/// What a second suffix says of a file's life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// In use.
    Live,
    /// To be removed.
    Deleted,
    /// Half-written by compaction.
    Cleaned,
    /// Wholly written by compaction, on the way to its place.
    Swap,
}

impl Stage {
    const SUFFIXED: [(Self, &'static str); 3] =
        [(Self::Deleted, ".deleted"), (Self::Cleaned, ".cleaned"), (Self::Swap, ".swap")];

    const fn suffix(self) -> &'static str {
        match self {
            Self::Live => "",
            Self::Deleted => ".deleted",
            Self::Cleaned => ".cleaned",
            Self::Swap => ".swap",
        }
    }
}

/// A segment file's name, taken apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileName {
    pub(crate) base_offset: Offset,
    pub(crate) part: Part,
    pub(crate) stage: Stage,
}

impl FileName {
    pub(crate) const fn live(base_offset: Offset, part: Part) -> Self {
        Self { base_offset, part, stage: Stage::Live }
    }

    /// `None` for every other file that may lie in a partition's folder.
    pub(crate) fn parse(name: &str) -> Option<Self> {
        let (stage, name) = Stage::SUFFIXED
            .iter()
            .find_map(|(stage, suffix)| Some((*stage, name.strip_suffix(suffix)?)))
            .unwrap_or((Stage::Live, name));
        let (digits, suffix) = name.split_at_checked(OFFSET_DIGITS)?;
        let part = Part::ALL.into_iter().find(|part| part.suffix() == suffix)?;
        let digits_only = digits.bytes().all(|digit| digit.is_ascii_digit());
        let base_offset = digits.parse().ok().filter(|_| digits_only).map(Offset)?;
        Some(Self { base_offset, part, stage })
    }

    pub(crate) fn text(self) -> String {
        let Self { base_offset, part, stage } = self;
        format!("{:020}{}{}", base_offset.0, part.suffix(), stage.suffix())
    }
}

/// What a partition's folder is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FolderState {
    /// The partition's log.
    Live,
    /// To be removed.
    Deleted,
    /// A copy on its way to this directory from another.
    Future,
    /// The cluster knows no such partition here.
    Stray,
}

/// A partition's folder within a log directory, by its name.
///
/// ```text
///   topic-3                                         live
///   topic-3.0123456789abcdef0123456789abcdef-delete  (-future, -stray)
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FolderName {
    pub topic: String,
    pub partition: Partition,
    pub state: FolderState,
}

impl FolderName {
    /// `None` for folders that hold no partition.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        const MARKED: [(FolderState, &str); 3] = [
            (FolderState::Deleted, "-delete"),
            (FolderState::Future, "-future"),
            (FolderState::Stray, "-stray"),
        ];
        let marked = MARKED.iter().find_map(|(state, suffix)| {
            // a topic may itself be called "x.y-delete"; then the partition's number is the last
            // part
            let (log, _unique) = name.strip_suffix(suffix)?.rsplit_once('.')?;
            Some((*state, log))
        });
        let (state, log) = marked.unwrap_or((FolderState::Live, name));
        let (topic, partition) = log.rsplit_once('-')?;
        let number = !partition.is_empty() && partition.bytes().all(|c| c.is_ascii_digit());
        let partition = partition.parse().ok().filter(|_| number && !topic.is_empty())?;
        Some(Self { topic: topic.to_owned(), partition: Partition(partition), state })
    }

    /// The folder of a live log.
    #[must_use]
    pub fn live(topic: &str, partition: Partition) -> String {
        format!("{topic}-{partition}")
    }

    /// The name of a copy on its way to another directory; `None` where the topic's name leaves no
    /// room for it.
    #[must_use]
    pub fn future(topic: &str, partition: Partition, unique: Uuid) -> Option<String> {
        let unique = u128::from_be_bytes(unique.0);
        let name = format!("{topic}-{partition}.{unique:032x}-future");
        (name.len() <= NAME_BYTES_MAX).then_some(name)
    }

    /// The name under which a log waits to be removed; a long topic name is cut to fit.
    #[must_use]
    pub fn deleted(topic: &str, partition: Partition, unique: Uuid) -> String {
        let unique = u128::from_be_bytes(unique.0);
        let suffix = format!("-{partition}.{unique:032x}-delete");
        let room = NAME_BYTES_MAX - suffix.len();
        format!("{}{suffix}", &topic[..topic.floor_char_boundary(room)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_names_are_read_as_they_are_written() {
        let check = |text: &str, base, part, stage| {
            let name = FileName { base_offset: Offset(base), part, stage };
            assert_eq!(FileName::parse(text), Some(name));
            assert_eq!(name.text(), text);
        };
        check("00000000000000000000.log", 0, Part::Log, Stage::Live);
        check("00000000000000001026.timeindex", 1026, Part::TimeIndex, Stage::Live);
        check("00000000000000000007.txnindex.deleted", 7, Part::TxnIndex, Stage::Deleted);
        check("09223372036854775807.index.swap", i64::MAX, Part::OffsetIndex, Stage::Swap);
        check("00000000000000000007.snapshot", 7, Part::Snapshot, Stage::Live);
    }

    #[test]
    fn other_files_are_left_alone() {
        for name in [
            "leader-epoch-checkpoint",
            "00000000000000000000.checkpoint",
            "00000000000000000000-0000000001.checkpoint",
            "0000000000000000000é.log",
            "+0000000000000000001.log",
            "99999999999999999999.log",
            "0.log",
        ] {
            assert_eq!(FileName::parse(name), None, "{name}");
        }
    }

    #[test]
    fn folder_names_tell_topic_partition_and_state() {
        let check = |text: &str, topic: &str, partition, state| {
            let partition = Partition(partition);
            let name = FolderName { topic: topic.to_owned(), partition, state };
            assert_eq!(FolderName::parse(text), Some(name), "{text}");
        };
        check("orders-0", "orders", 0, FolderState::Live);
        check("a-b.c-12", "a-b.c", 12, FolderState::Live);
        check("__cluster_metadata-0", "__cluster_metadata", 0, FolderState::Live);
        check("orders-3.0af1-delete", "orders", 3, FolderState::Deleted);
        check("orders-3.0af1-future", "orders", 3, FolderState::Future);
        check("orders-3.0af1-stray", "orders", 3, FolderState::Stray);
        check("x.y-delete-0", "x.y-delete", 0, FolderState::Live);
        for other in ["orders", "orders-", "-1", "orders-x", "orders--", "orders-+1", "lost+found"]
        {
            assert_eq!(FolderName::parse(other), None, "{other}");
        }
    }

    #[test]
    fn a_copy_is_known_by_its_name_which_is_never_cut() {
        let name = FolderName::future("orders", Partition(3), Uuid([0xab; 16])).unwrap();
        assert_eq!(FolderName::parse(&name).unwrap().state, FolderState::Future);
        assert_eq!(FolderName::future(&"t".repeat(249), Partition(0), Uuid::ONE), None);
    }

    #[test]
    fn a_deleted_folder_keeps_its_identity_and_fits_the_file_system() {
        let name = FolderName::deleted("orders", Partition(3), Uuid([0xab; 16]));
        assert_eq!(name, format!("orders-3.{}-delete", "ab".repeat(16)));
        assert_eq!(FolderName::parse(&name).unwrap().state, FolderState::Deleted);
        let long = FolderName::deleted(&"t".repeat(249), Partition(99_999), Uuid::ONE);
        assert_eq!(long.len(), NAME_BYTES_MAX);
    }
}
