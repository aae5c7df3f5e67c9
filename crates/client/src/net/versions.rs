//! Which versions of each request a broker speaks, and the newest that both sides do.

use wire::api_versions_response::ApiVersionsResponse;
use wire::{ApiKey, Request};

use crate::{Error, Result};

/// Inclusive bounds of an API's versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VersionRange {
    pub min: i16,
    pub max: i16,
}

/// What one broker said about itself in its ApiVersions answer.
#[derive(Clone, Debug, Default)]
pub struct VersionTable {
    /// Sorted by key; also keys that we do not know.
    apis: Vec<(i16, VersionRange)>,
    pub supported_features: Vec<(String, VersionRange)>,
    pub finalized_features: Vec<(String, VersionRange)>,
    /// -1 while unknown.
    pub finalized_features_epoch: i64,
}

impl VersionTable {
    pub(crate) fn new(response: &ApiVersionsResponse<'_>) -> Self {
        let mut apis: Vec<_> = response
            .api_keys
            .iter()
            .map(|api| (api.api_key, VersionRange { min: api.min_version, max: api.max_version }))
            .collect();
        apis.sort_unstable_by_key(|(key, _)| *key);
        Self {
            apis,
            supported_features: response
                .supported_features
                .iter()
                .map(|f| {
                    let range = VersionRange { min: f.min_version, max: f.max_version };
                    (f.name.to_string(), range)
                })
                .collect(),
            finalized_features: response
                .finalized_features
                .iter()
                .map(|f| {
                    let range = VersionRange { min: f.min_version_level, max: f.max_version_level };
                    (f.name.to_string(), range)
                })
                .collect(),
            finalized_features_epoch: response.finalized_features_epoch,
        }
    }

    /// The broker's range for an API by its number.
    #[must_use]
    pub fn range(&self, key: i16) -> Option<VersionRange> {
        let at = self.apis.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(self.apis[at].1)
    }

    /// Every API that the broker advertises, by number.
    pub fn iter(&self) -> impl Iterator<Item = (i16, VersionRange)> + '_ {
        self.apis.iter().copied()
    }

    /// The newest version of `R` that both sides speak, at most `cap`.
    pub(crate) fn pick<'a, R: Request<'a>>(&self, cap: i16) -> Result<i16> {
        self.pick_key(R::KEY, R::VERSIONS.min, R::VERSIONS.max.min(cap))
    }

    fn pick_key(&self, api: ApiKey, min: i16, max: i16) -> Result<i16> {
        let unsupported = Error::UnsupportedVersion { api };
        let Some(range) = self.range(api as i16) else { return Err(unsupported) };
        let version = max.min(range.max);
        if version < min || version < range.min { Err(unsupported) } else { Ok(version) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wire::api_versions_response::ApiVersion;

    fn table(min: i16, max: i16) -> VersionTable {
        let api = ApiVersion { api_key: 3, min_version: min, max_version: max };
        VersionTable::new(&ApiVersionsResponse { api_keys: vec![api], ..Default::default() })
    }

    #[test]
    fn the_newest_common_version_is_picked() {
        for (broker, cap, picked) in [
            ((0, 13), i16::MAX, Some(13)),
            ((0, 13), 9, Some(9)),
            ((0, 4), i16::MAX, Some(4)),
            ((10, 13), 9, None),
            ((900, 901), i16::MAX, None),
            ((5, -3), i16::MAX, None),
        ] {
            let got = table(broker.0, broker.1).pick::<wire::MetadataRequest<'_>>(cap).ok();
            assert_eq!(got, picked, "{broker:?} {cap}");
        }
        assert!(table(0, 9).pick::<wire::FetchRequest<'_>>(i16::MAX).is_err());
    }
}
