//! Who is not heard of for longer than a session is fenced, and what it led is led by others.

use metadata::decide::FenceBroker;
use types::{BrokerEpoch, NodeId};
use wire::{BrokerHeartbeatRequest, Message as _};

use super::{BROKERS, Beside};

/// Long enough for a busy machine to create a topic in.
const SHORT: &str = "broker.session.timeout.ms=15000\n";

#[test]
fn a_broker_that_falls_silent_is_fenced_as_by_kafkas_controller() {
    let Some(mut beside) = Beside::start_with(0, SHORT) else { return };
    let [silent, others @ ..] = BROKERS;
    BROKERS.iter().for_each(|broker| beside.register(*broker));
    BROKERS.iter().for_each(|broker| beside.beat(*broker, false, false));
    let lists = [[11, 12, 13], [12, 11, 13], [11, 14, 12], [12, 13, 14]];
    beside.create("a", lists.map(Vec::from).into(), &[("min.insync.replicas", "3")]);
    let epoch = BrokerEpoch(beside.epoch(silent));
    let before = beside.image().clone();
    let (ours, _) = beside.decide(&FenceBroker { broker: NodeId(silent), epoch });
    assert!(!ours.is_empty());
    let written = e2e::wait::until("Kafka fences it", || {
        others.iter().for_each(|broker| beside.beat_unseen(*broker));
        let written = beside.catch_up();
        (!written.is_empty()).then_some(written)
    });
    beside.compare_written("a session that ended", &before, &ours, written);
}

impl Beside {
    /// Keeps a session alive; what Kafka writes meanwhile is not looked at.
    fn beat_unseen(&mut self, broker_id: i32) {
        let request = BrokerHeartbeatRequest {
            broker_id,
            broker_epoch: self.epoch(broker_id),
            current_metadata_offset: self.next,
            ..BrokerHeartbeatRequest::default()
        };
        let version = BrokerHeartbeatRequest::VERSIONS.max;
        self.connection.send(&request, version).expect("connected");
        let received = self.connection.receive::<BrokerHeartbeatRequest, _>(version, |_| ());
        received.expect("an answer");
    }
}
