//! What goes to other nodes of the quorum and what comes from them: requests that are on their way,
//! and requests that wait for their answer here.

use std::collections::BTreeMap;

use raft::RequestId;
use tokio::sync::oneshot;

use super::quorum::{Arrival, Network, Served, Shell};

/// Requests of others that wait are looked through for callers that left when there are so many.
const SWEEP_AT: usize = 1024;

pub(super) struct Traffic {
    network: Network,
    /// Counts the machines: what one asked is not answered to the next.
    life: u64,
    next_request: u64,
    requests: BTreeMap<RequestId, oneshot::Sender<Served>>,
    upgrades: BTreeMap<RequestId, oneshot::Sender<Result<(), String>>>,
    /// Who waits until another may lead.
    pub hands_over: Option<oneshot::Sender<()>>,
}

impl Traffic {
    pub fn new(network: Network) -> Self {
        Self {
            network,
            life: 0,
            next_request: 0,
            requests: BTreeMap::new(),
            upgrades: BTreeMap::new(),
            hands_over: None,
        }
    }

    /// The next answer to a request of the machine at hand.
    pub async fn next(&mut self) -> Arrival {
        loop {
            let arrival = self.network.next().await;
            if arrival.life == self.life {
                return arrival;
            }
        }
    }

    /// The same where it is there already.
    pub fn try_next(&mut self) -> Option<Arrival> {
        loop {
            let arrival = self.network.try_next()?;
            if arrival.life == self.life {
                return Some(arrival);
            }
        }
    }

    /// Notes who waits for the answer to a request.
    pub fn expect(&mut self, answer: oneshot::Sender<Served>) -> RequestId {
        if self.requests.len() >= SWEEP_AT {
            self.requests.retain(|_, answer| !answer.is_closed());
        }
        let id = self.next_id();
        self.requests.insert(id, answer);
        id
    }

    /// Notes who waits for `kraft.version` to be moved.
    pub fn expect_upgrade(&mut self, answer: oneshot::Sender<Result<(), String>>) -> RequestId {
        let id = self.next_id();
        self.upgrades.insert(id, answer);
        id
    }

    fn next_id(&mut self) -> RequestId {
        self.next_request += 1;
        RequestId(self.next_request)
    }

    pub fn upgraded(&mut self, id: RequestId, result: Result<(), String>) {
        if let Some(answer) = self.upgrades.remove(&id) {
            // whoever asked may be gone
            let _ = answer.send(result);
        }
    }

    /// Sends and answers what the machine wants sent and answered.
    pub fn let_out(&mut self, shell: &mut Shell) {
        for outgoing in shell.outbox.drain(..) {
            self.network.send(self.life, outgoing);
        }
        for (id, served) in shell.answers.drain(..) {
            if let Some(answer) = self.requests.remove(&id) {
                // whoever asked may be gone
                let _ = answer.send(served);
            }
        }
    }

    /// The machine is gone: nothing that it asked for or was asked counts.
    pub fn forget(&mut self) {
        self.life += 1;
        self.requests.clear();
        self.upgrades.clear();
        self.hands_over = None;
    }
}
