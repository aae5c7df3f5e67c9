//! The API keys with their versions, listeners and header versions.

use crate::message::VersionRange;

include!(concat!(env!("OUT_DIR"), "/api_keys.rs"));

/// Where a server answers an API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Listeners {
    pub broker: bool,
    pub controller: bool,
}

struct Facts {
    key: ApiKey,
    name: &'static str,
    versions: Option<VersionRange>,
    flexible_from: i16,
    latest_unstable: bool,
    listeners: Listeners,
}

impl ApiKey {
    /// All keys, removed ones included.
    pub fn all() -> impl Iterator<Item = Self> {
        FACTS.iter().map(|facts| facts.key)
    }

    #[must_use]
    pub fn from_i16(key: i16) -> Option<Self> {
        FACTS.get(usize::try_from(key).ok()?).map(|facts| facts.key)
    }

    #[must_use]
    pub const fn code(self) -> i16 {
        self as i16
    }

    #[must_use]
    pub fn name(self) -> &'static str {
        self.facts().name
    }

    /// The versions that Kafka 4.4 defines; `None` for a removed API.
    #[must_use]
    pub fn versions(self) -> Option<VersionRange> {
        self.facts().versions
    }

    /// The versions that a server offers unless unstable ones are switched on.
    #[must_use]
    pub fn stable_versions(self) -> Option<VersionRange> {
        let VersionRange { min, max } = self.versions()?;
        Some(VersionRange { min, max: max - i16::from(self.latest_unstable()) })
    }

    /// Whether the last version may still change.
    #[must_use]
    pub fn latest_unstable(self) -> bool {
        self.facts().latest_unstable
    }

    /// First version with compact lengths and tagged fields; `i16::MAX` if there is none.
    #[must_use]
    pub fn flexible_from(self) -> i16 {
        self.facts().flexible_from
    }

    #[must_use]
    pub fn listeners(self) -> Listeners {
        self.facts().listeners
    }

    /// The version of the request header: 2 has tagged fields.
    #[must_use]
    pub fn request_header_version(self, version: i16) -> i16 {
        if version >= self.flexible_from() { 2 } else { 1 }
    }

    /// The version of the response header: 1 has tagged fields. ApiVersions stays at 0, so that a
    /// client can read the refusal of a version that the server does not know (KIP-511).
    #[must_use]
    pub fn response_header_version(self, version: i16) -> i16 {
        i16::from(self != Self::ApiVersions && version >= self.flexible_from())
    }

    fn facts(self) -> &'static Facts {
        // keys are dense: the build refuses a gap
        &FACTS[usize::from(self.code().unsigned_abs())]
    }
}
