//! Envelope: a request that a broker passes on for its client (KIP-590).

use crate::dispatch::{self, RequestContext};
use std::borrow::Cow;
use types::ErrorCode;
use wire::envelope_request::EnvelopeRequest;
use wire::envelope_response::EnvelopeResponse;
use wire::{ApiKey, Message as _, decode_request_header};

/// Principals are written in this version only: an int16 of it stands before the message.
const PRINCIPAL_VERSION: i16 = 0;

/// The length before a frame, which requests and responses in an envelope do without.
const LENGTH_BYTES: usize = 4;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: EnvelopeRequest<'_>,
) -> EnvelopeResponse<'static> {
    match unwrapped(context, &request).await {
        Ok(response) => EnvelopeResponse {
            response_data: Some(Cow::Owned(response)),
            ..EnvelopeResponse::default()
        },
        Err(code) => EnvelopeResponse { error_code: code.code(), ..EnvelopeResponse::default() },
    }
}

async fn unwrapped(
    context: &RequestContext<'_>,
    request: &EnvelopeRequest<'_>,
) -> Result<Vec<u8>, ErrorCode> {
    check_principal(request.request_principal.as_deref())?;
    let frame = &*request.request_data;
    let (api, _, _) = decode_request_header(frame).map_err(|_| ErrorCode::InvalidRequest)?;
    if !is_forwardable(api) {
        return Err(ErrorCode::InvalidRequest);
    }
    context.controller()?;
    let answered =
        dispatch::answer(context.node, context.connection, context.peer, frame, Vec::new()).await;
    let reply = answered.map_err(|refusal| {
        tracing::warn!(peer = %context.connection.peer, %refusal, "cannot answer an envelope");
        ErrorCode::InvalidRequest
    })?;
    // whoever lost the lead meanwhile answered for nobody: the broker asks the next one
    if !is_of_the_quorum(api) {
        context.controller()?;
    }
    let mut bytes = reply.ok_or(ErrorCode::InvalidRequest)?.plan.inline;
    bytes.drain(..LENGTH_BYTES);
    Ok(bytes)
}

/// What the quorum's leader answers itself, even where that ends its lead.
const fn is_of_the_quorum(api: ApiKey) -> bool {
    matches!(api, ApiKey::DescribeQuorum | ApiKey::AddRaftVoter | ApiKey::RemoveRaftVoter)
}

/// Without an authorizer every principal may do everything, but it has to be one.
fn check_principal(bytes: Option<&[u8]>) -> Result<(), ErrorCode> {
    let malformed = ErrorCode::PrincipalDeserializationFailure;
    let (version, message) = bytes.and_then(|bytes| bytes.split_first_chunk()).ok_or(malformed)?;
    if i16::from_be_bytes(*version) != PRINCIPAL_VERSION {
        return Err(malformed);
    }
    let principal = wire::DefaultPrincipalData::from_bytes(message, PRINCIPAL_VERSION);
    principal.map(|_| ()).map_err(|_| malformed)
}

/// What brokers pass on instead of answering it themselves.
pub(crate) const fn is_forwardable(api: ApiKey) -> bool {
    matches!(
        api,
        ApiKey::CreateTopics
            | ApiKey::DeleteTopics
            | ApiKey::CreateAcls
            | ApiKey::DeleteAcls
            | ApiKey::AlterConfigs
            | ApiKey::CreatePartitions
            | ApiKey::CreateDelegationToken
            | ApiKey::RenewDelegationToken
            | ApiKey::ExpireDelegationToken
            | ApiKey::ElectLeaders
            | ApiKey::IncrementalAlterConfigs
            | ApiKey::AlterPartitionReassignments
            | ApiKey::ListPartitionReassignments
            | ApiKey::AlterClientQuotas
            | ApiKey::AlterUserScramCredentials
            | ApiKey::DescribeQuorum
            | ApiKey::UpdateFeatures
            | ApiKey::UnregisterBroker
            | ApiKey::AllocateProducerIds
            | ApiKey::AddRaftVoter
            | ApiKey::RemoveRaftVoter
            | ApiKey::UnregisterController
    )
}
