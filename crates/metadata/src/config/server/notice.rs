//! What a properties file sets in vain.

use std::fmt;

use crate::config::key::Effect;
use crate::config::layers::Assignments;
use crate::config::table::{BROKER, THROTTLE};

/// A key of the file that does nothing here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub key: String,
    pub kind: NoticeKind,
}

/// Why it does nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoticeKind {
    /// It tunes the Java virtual machine, or Java classes or threads.
    JavaOnly,
    /// It belongs to a capability that this build does not have.
    Unsupported,
    /// What it tunes is done in another way, which these words say.
    DoneOtherwise(&'static str),
    /// Kafka 4 took it away.
    Removed,
    /// It can only be set while the broker runs.
    DynamicOnly,
    /// Nobody knows it; perhaps this one was meant.
    Unknown { nearest: Option<&'static str> },
}

impl NoticeKind {
    /// Whether whoever wrote the file probably expects something that does not happen.
    #[must_use]
    pub const fn is_warning(self) -> bool {
        match self {
            Self::JavaOnly | Self::DoneOtherwise(_) => false,
            Self::Unsupported | Self::Removed | Self::DynamicOnly | Self::Unknown { .. } => true,
        }
    }
}

impl fmt::Display for Notice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = &self.key;
        match self.kind {
            NoticeKind::JavaOnly => {
                write!(f, "{key} has no effect: it is about the Java virtual machine")
            }
            NoticeKind::Unsupported => {
                write!(f, "{key} has no effect: this build lacks what it is about")
            }
            NoticeKind::DoneOtherwise(how) => write!(f, "{key} has no effect: {how}"),
            NoticeKind::Removed => write!(f, "{key} has no effect: Kafka 4 does not have it"),
            NoticeKind::DynamicOnly => {
                write!(f, "{key} has no effect in a file: set it with kafka-configs --alter")
            }
            NoticeKind::Unknown { nearest: Some(nearest) } => {
                write!(f, "{key} is not known; is {nearest} meant?")
            }
            NoticeKind::Unknown { nearest: None } => write!(f, "{key} is not known"),
        }
    }
}

/// Keys that stand outside of the table because other keys or plugins give them their meaning.
const FREE: &[&str] = &["super.users", "allow.everyone.if.no.acl.found"];
const FREE_PREFIXES: &[&str] = &["listener.name.", "rsm.config.", "rlmm.config."];

/// Keys that a single listener can have.
const OF_LISTENERS: &[&str] = &["max.connections", "max.connection.creation.rate"];

/// Keys that are not Kafka's.
const OWN: &[&str] = &["klamm.http.address"];

/// Keys that many files still carry.
const REMOVED: &[&str] = &[
    "broker.id.generation.enable",
    "control.plane.listener.name",
    "delegation.token.master.key",
    "inter.broker.protocol.version",
    "leader.imbalance.per.broker.percentage",
    "log.message.downconversion.enable",
    "log.message.format.version",
    "log.message.timestamp.difference.max.ms",
    "offsets.commit.required.acks",
    "password.encoder.secret",
    "reserved.broker.max.id",
];
const REMOVED_PREFIX: &str = "zookeeper.";

/// One notice for each key that does nothing, in order of their names.
pub(super) fn notices(file: &Assignments) -> Vec<Notice> {
    let notice = |key: &str| Some(Notice { key: key.to_owned(), kind: kind(key)? });
    file.keys().filter_map(|key| notice(key)).collect()
}

fn kind(name: &str) -> Option<NoticeKind> {
    if let Some(key) = BROKER.get(name) {
        return match key.effect {
            Effect::Effective => None,
            Effect::None => Some(NoticeKind::JavaOnly),
            Effect::Unsupported => Some(NoticeKind::Unsupported),
            Effect::DoneOtherwise(how) => Some(NoticeKind::DoneOtherwise(how)),
        };
    }
    if OWN.contains(&name) {
        return None;
    }
    if OF_LISTENERS.iter().any(|key| is_of_listener(name, key)) {
        return None;
    }
    if FREE.contains(&name) || FREE_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) {
        return Some(NoticeKind::Unsupported);
    }
    if REMOVED.contains(&name) || name.starts_with(REMOVED_PREFIX) {
        return Some(NoticeKind::Removed);
    }
    if THROTTLE.get(name).is_some() {
        return Some(NoticeKind::DynamicOnly);
    }
    Some(NoticeKind::Unknown { nearest: BROKER.nearest(name) })
}

fn is_of_listener(name: &str, key: &str) -> bool {
    let of = name.strip_prefix("listener.name.").and_then(|rest| rest.strip_suffix(key));
    of.and_then(|listener| listener.strip_suffix('.')).is_some_and(|l| !l.contains('.'))
}
