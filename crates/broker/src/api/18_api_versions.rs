//! ApiVersions: what this server answers, in which versions, and which features it has.

use super::versions;
use crate::dispatch::{ADVERTISED, RequestContext};
use types::ErrorCode;
use wire::api_versions_response::{ApiVersion, ApiVersionsResponse};
use wire::{ApiKey, ApiVersionsRequest};

/// From this version on a client says what it is, in [`is_software_word`] terms.
const FIRST_VERSION_WITH_SOFTWARE: i16 = 3;

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
    ApiVersionsResponse {
        api_keys: ADVERTISED.iter().copied().filter_map(advertised).collect(),
        ..Default::default()
    }
}

/// The answer, in version 0, to a version that this server does not know (rule 1).
pub(crate) fn unsupported_version() -> ApiVersionsResponse<'static> {
    ApiVersionsResponse {
        api_keys: advertised(ApiKey::ApiVersions).into_iter().collect(),
        ..refused(ErrorCode::UnsupportedVersion)
    }
}

fn refused<'a>(error: ErrorCode) -> ApiVersionsResponse<'a> {
    ApiVersionsResponse { error_code: error.code(), ..Default::default() }
}

fn advertised(api: ApiKey) -> Option<ApiVersion> {
    let range = versions(api)?;
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
