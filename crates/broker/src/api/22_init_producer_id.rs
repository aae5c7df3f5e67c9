//! InitProducerId: an id for an idempotent producer. Transactional ids are not known here.

use crate::dispatch::RequestContext;
use types::{ErrorCode, ProducerEpoch, ProducerId};
use wire::init_producer_id_request::InitProducerIdRequest;
use wire::init_producer_id_response::InitProducerIdResponse;

/// The epoch of an id that was just given out.
const FIRST_EPOCH: i16 = 0;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: InitProducerIdRequest<'_>,
) -> InitProducerIdResponse {
    if let Err(code) = check(&request) {
        return refused(code);
    }
    match context.node.producer_ids.next(&context.node.controller).await {
        Ok(id) => InitProducerIdResponse {
            producer_id: id.0,
            producer_epoch: FIRST_EPOCH,
            ..Default::default()
        },
        // the controller stops or its disk is full: the producer asks again
        Err(_) => refused(ErrorCode::CoordinatorLoadInProgress),
    }
}

fn check(request: &InitProducerIdRequest<'_>) -> Result<(), ErrorCode> {
    let has_id = request.producer_id != ProducerId::NONE.0;
    let has_epoch = request.producer_epoch != ProducerEpoch::NONE.0;
    match request.transactional_id.as_deref() {
        Some("") => Err(ErrorCode::InvalidRequest),
        Some(_) => Err(ErrorCode::UnsupportedVersion),
        None if has_id != has_epoch => Err(ErrorCode::InvalidRequest),
        None => Ok(()),
    }
}

fn refused(code: ErrorCode) -> InitProducerIdResponse {
    InitProducerIdResponse {
        error_code: code.code(),
        producer_id: ProducerId::NONE.0,
        producer_epoch: ProducerEpoch::NONE.0,
        ..Default::default()
    }
}
