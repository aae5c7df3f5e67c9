//! AllocateProducerIds: a broker takes a block of ids to hand out.

use crate::dispatch::RequestContext;
use metadata::decide::AllocateProducerIds;
use types::{BrokerEpoch, ErrorCode, NodeId};
use wire::allocate_producer_ids_request::AllocateProducerIdsRequest;
use wire::allocate_producer_ids_response::AllocateProducerIdsResponse;

pub(crate) async fn answer(
    context: &RequestContext<'_>,
    request: AllocateProducerIdsRequest,
) -> AllocateProducerIdsResponse {
    let broker = NodeId(request.broker_id);
    let command = AllocateProducerIds { broker, epoch: BrokerEpoch(request.broker_epoch) };
    let response = context.submit(command).await;
    response.unwrap_or_else(|_| AllocateProducerIdsResponse {
        error_code: ErrorCode::NotController.code(),
        ..AllocateProducerIdsResponse::default()
    })
}
