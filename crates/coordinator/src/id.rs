//! Names of groups, members and instances: shared text that is cheap to clone and ordered.

use std::borrow::Borrow;
use std::fmt;
use std::sync::Arc;

/// Text that is shared, not copied.
pub type Text = Arc<str>;

/// Bytes that only the clients understand; shared, not copied.
pub type Bytes = Arc<[u8]>;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Text);

        impl $name {
            /// The id as it stands on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.into())
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self(text.into())
            }
        }

        impl Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(&self.0, f)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text_id!(/** A group's name, chosen by its clients. */ GroupId);
text_id!(/** A member's id, drawn by the coordinator; empty before it has one. */ MemberId);
text_id!(/** A static member's name (`group.instance.id`, KIP-345), chosen by its operator. */ InstanceId);

impl MemberId {
    /// What a client sends before the coordinator has given it an id.
    #[must_use]
    pub fn unknown() -> Self {
        Self::from("")
    }

    /// Whether this is [`MemberId::unknown`].
    #[must_use]
    pub fn is_unknown(&self) -> bool {
        self.0.is_empty()
    }

    /// What [`MemberId::fresh`] adds to its prefix.
    pub(crate) const FRESH_BYTES: usize = 1 + 36;

    /// A fresh id in Kafka's form: `prefix`, a dash, and `random` as a UUID in hexadecimal.
    #[must_use]
    pub fn fresh(prefix: &str, random: u128) -> Self {
        let hex = format!("{random:032x}");
        let (a, rest) = hex.split_at(8);
        let (b, rest) = rest.split_at(4);
        let (c, rest) = rest.split_at(4);
        let (d, e) = rest.split_at(4);
        Self::from(format!("{prefix}-{a}-{b}-{c}-{d}-{e}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fresh_member_ids_have_the_form_of_java_uuids() {
        let id = MemberId::fresh("app", 0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        assert_eq!(id.as_str().len(), "app".len() + MemberId::FRESH_BYTES);
        assert_eq!(id.as_str(), "app-01234567-89ab-cdef-0011-223344556677");
    }
}
