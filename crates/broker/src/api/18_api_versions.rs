//! ApiVersions: what this server answers, in which versions, and which features it has.

use super::versions;
use crate::dispatch::{ADVERTISED, RequestContext};
use crate::net::ListenerKind;
use metadata::features::{Feature, LevelRange};
use metadata::image::Image;
use std::borrow::Cow;
use types::{ErrorCode, NodeId};
use wire::api_versions_response::{
    ApiVersion, ApiVersionsResponse, FinalizedFeatureKey, SupportedFeatureKey,
};
use wire::{ApiKey, ApiVersionsRequest, VersionRange};

/// From this version on a client says what it is, in [`is_software_word`] terms.
const FIRST_VERSION_WITH_SOFTWARE: i16 = 3;

/// From this version on clients read features that may be off (their least level is 0).
const FIRST_VERSION_WITH_LEVEL_0: i16 = 4;

/// Whom a request is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Addressee {
    /// This node, or nobody in particular.
    Right,
    /// Another cluster or node: the client has kept an address that leads elsewhere by now.
    Wrong,
    /// Cluster and node are named together or not at all.
    Incomplete,
}

pub(crate) async fn answer<'a>(
    context: &RequestContext<'_>,
    request: ApiVersionsRequest<'a>,
) -> ApiVersionsResponse<'a> {
    let software = [&request.client_software_name, &request.client_software_version];
    if context.version >= FIRST_VERSION_WITH_SOFTWARE
        && !software.iter().all(|word| is_software_word(word))
    {
        return refused(ErrorCode::InvalidRequest);
    }
    match addressee(&request, &context.node.cluster_id, context.node.settings.node_id) {
        Addressee::Right => {}
        Addressee::Wrong => return refused(ErrorCode::RebootstrapRequired),
        Addressee::Incomplete => return refused(ErrorCode::InvalidRequest),
    }
    let image = context.node.controller.image();
    let api_keys = ADVERTISED.iter().copied();
    let (listener, controller) = (context.connection.kind, &context.node.controller);
    let usable = |api, ours| match listener {
        ListenerKind::Broker => controller.common_versions(api, ours),
        ListenerKind::Controller => Some(ours),
    };
    ApiVersionsResponse {
        api_keys: api_keys.filter_map(|api| advertised(api, listener, usable)).collect(),
        supported_features: supported_features(context.version),
        finalized_features_epoch: image.provenance.offset.0,
        finalized_features: levels(&image, context.node.controller.kraft_version()),
        ..Default::default()
    }
}

/// Only v5 names an addressee; in earlier versions the fields have their defaults (KIP-1242, rule 5).
fn addressee(request: &ApiVersionsRequest<'_>, cluster_id: &str, node_id: NodeId) -> Addressee {
    let node = NodeId(request.node_id);
    match request.cluster_id.as_deref() {
        None if node == NodeId::NONE => Addressee::Right,
        Some(_) if node == NodeId::NONE => Addressee::Incomplete,
        None => Addressee::Incomplete,
        Some(cluster) if cluster == cluster_id && node == node_id => Addressee::Right,
        Some(_) => Addressee::Wrong,
    }
}

fn supported_features(version: i16) -> Vec<SupportedFeatureKey<'static>> {
    let is_shown = |range: LevelRange| range.min > 0 || version >= FIRST_VERSION_WITH_LEVEL_0;
    let features = metadata::features::supported(false).into_iter();
    let feature = |(name, range): (&'static str, LevelRange)| SupportedFeatureKey {
        name: name.into(),
        min_version: range.min,
        max_version: range.max,
    };
    features.filter(|(_, range)| is_shown(*range)).map(feature).collect()
}

/// The image's levels, and that of the quorum, which is in control records instead.
fn levels(image: &Image, kraft_version: i16) -> Vec<FinalizedFeatureKey<'static>> {
    let quorum = (kraft_version > 0).then_some((Feature::Kraft.name(), kraft_version));
    image.features().levels().into_iter().chain(quorum).map(finalized).collect()
}

fn finalized((name, level): (&str, i16)) -> FinalizedFeatureKey<'static> {
    FinalizedFeatureKey {
        name: Cow::Owned(name.to_owned()),
        max_version_level: level,
        min_version_level: level,
    }
}

/// The answer, in version 0, to a version that this server does not know (rule 1).
pub(crate) fn unsupported_version(listener: ListenerKind) -> ApiVersionsResponse<'static> {
    ApiVersionsResponse {
        api_keys: advertised(ApiKey::ApiVersions, listener, |_, ours| Some(ours))
            .into_iter()
            .collect(),
        ..refused(ErrorCode::UnsupportedVersion)
    }
}

fn refused<'a>(error: ErrorCode) -> ApiVersionsResponse<'a> {
    ApiVersionsResponse { error_code: error.code(), ..Default::default() }
}

fn advertised(
    api: ApiKey,
    listener: ListenerKind,
    usable: impl Fn(ApiKey, VersionRange) -> Option<VersionRange>,
) -> Option<ApiVersion> {
    let range = usable(api, versions(api, listener)?)?;
    let min_version = match api {
        // librdkafka stops compressing unless version 0 is offered, though none is served (rule 2).
        ApiKey::Produce => 0,
        _ => range.min,
    };
    Some(ApiVersion { api_key: api.code(), min_version, max_version: range.max })
}

/// KIP-511: `[a-zA-Z0-9](?:[a-zA-Z0-9\-.]*[a-zA-Z0-9])?`.
fn is_software_word(word: &str) -> bool {
    let bytes = word.as_bytes();
    let ends = [bytes.first(), bytes.last()];
    ends.iter().all(|end| end.is_some_and(u8::is_ascii_alphanumeric))
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cluster_and_node_are_named_together_and_are_these() {
        for (cluster, node, expected) in [
            (None, -1, Addressee::Right),
            (Some("here"), 1, Addressee::Right),
            (Some("here"), 2, Addressee::Wrong),
            (Some("there"), 1, Addressee::Wrong),
            (Some("there"), 2, Addressee::Wrong),
            (Some("here"), -1, Addressee::Incomplete),
            (Some("there"), -1, Addressee::Incomplete),
            (None, 1, Addressee::Incomplete),
        ] {
            let request = ApiVersionsRequest {
                cluster_id: cluster.map(Cow::Borrowed),
                node_id: node,
                ..Default::default()
            };
            let found = addressee(&request, "here", NodeId(1));
            assert_eq!(found, expected, "{cluster:?} {node}");
        }
    }

    #[test]
    fn the_readme_says_how_many_apis_are_answered() {
        let readme = include_str!("../../../../README.md");
        let live = (0..=i16::MAX).filter_map(ApiKey::from_i16);
        let live = live.filter(|api| api.stable_versions().is_some()).count();
        let on =
            |listener| ADVERTISED.iter().filter(move |api| versions(**api, listener).is_some());
        let counts = [
            format!("all {live} live APIs in the codec"),
            format!("Klamm serves {} of them", ADVERTISED.len()),
            format!("{} of which by brokers", on(ListenerKind::Broker).count()),
        ];
        for count in counts {
            assert!(readme.contains(&count), "{count}");
        }
    }

    #[test]
    fn software_names_follow_kip_511() {
        for (word, is_valid) in [
            ("librdkafka", true),
            ("apache-kafka-java", true),
            ("4.4.0", true),
            ("x", true),
            ("", false),
            ("-x", false),
            ("x.", false),
            ("a b", false),
            ("ä", false),
        ] {
            assert_eq!(is_software_word(word), is_valid, "{word:?}");
        }
    }
}
