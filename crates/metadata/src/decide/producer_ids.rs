//! AllocateProducerIds (67): blocks of ids, so that brokers hand out ids without asking each time.

use types::{BrokerEpoch, ErrorCode, NodeId, ProducerId};
use wire::allocate_producer_ids_response::AllocateProducerIdsResponse;
use wire::producer_ids_record::ProducerIdsRecord;

use super::{Command, Controller, Decision, Refusal, Unity};

/// How many ids a block has; Kafka's number.
pub const PRODUCER_ID_BLOCK: i32 = 1000;

/// Gives the next block of producer ids to a broker.
#[derive(Clone, Copy, Debug)]
pub struct AllocateProducerIds {
    /// The broker that asks.
    pub broker: NodeId,
    /// Its epoch.
    pub epoch: BrokerEpoch,
}

impl Command for AllocateProducerIds {
    type Reply = AllocateProducerIdsResponse;

    const UNITY: Unity = Unity::Parts;

    fn decide(&self, controller: &Controller<'_>) -> Decision<Self::Reply> {
        match self.block(controller) {
            Ok((first, next)) => Decision {
                records: vec![
                    ProducerIdsRecord {
                        broker_id: self.broker.0,
                        broker_epoch: self.epoch.0,
                        next_producer_id: next.0,
                    }
                    .into(),
                ],
                reply: AllocateProducerIdsResponse {
                    producer_id_start: first.0,
                    producer_id_len: PRODUCER_ID_BLOCK,
                    ..AllocateProducerIdsResponse::default()
                },
            },
            Err(refusal) => Decision::only(AllocateProducerIdsResponse {
                error_code: refusal.code.code(),
                ..AllocateProducerIdsResponse::default()
            }),
        }
    }
}

impl AllocateProducerIds {
    fn block(&self, controller: &Controller<'_>) -> Result<(ProducerId, ProducerId), Refusal> {
        controller.check_broker_epoch(self.broker, self.epoch)?;
        let first = controller.image.next_producer_id().unwrap_or(ProducerId(0));
        let next = first.0.checked_add(i64::from(PRODUCER_ID_BLOCK)).ok_or_else(|| {
            let message = "Exhausted all producerIds as the next block's end producerId has \
                           exceeded the int64 type limit";
            Refusal::new(ErrorCode::UnknownServerError, message)
        })?;
        Ok((first, ProducerId(next)))
    }
}
