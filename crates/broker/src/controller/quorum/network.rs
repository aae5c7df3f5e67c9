//! Connections to the other nodes of the quorum: one request on each at a time, so that none waits
//! behind another, opened when needed and kept.

use std::collections::BTreeMap;
use std::io;
use std::time::Duration;

use raft::{CorrelationId, Destination, Endpoint, Reply, Request};
use tokio::task::JoinSet;
use tokio::time::timeout;
use types::NodeId;

use super::outgoing::{self, Envelope};
use super::{Outgoing, answers};
use crate::peer::{Address, Link, PeerError};

/// As whom other nodes see this one.
const CLIENT_ID: &str = "klamm";

/// What became of a request.
#[derive(Debug)]
pub(in super::super) struct Arrival {
    /// Of the machine that asked: one that was opened since does not expect it.
    pub life: u64,
    pub to: NodeId,
    pub correlation: CorrelationId,
    pub outcome: Outcome,
    endpoint: Endpoint,
    link: Option<Link>,
}

/// What came back.
#[derive(Debug)]
pub(in super::super) enum Outcome {
    Reply {
        reply: Reply,
        bytes: Vec<u8>,
    },
    /// No answer that could be read, and why.
    Failed(String),
    /// The node's process is not there: it refuses connections.
    Gone,
    /// The node belongs to another cluster.
    OtherCluster {
        address: String,
    },
}

/// The connections that are idle, and the requests on their way on others.
#[derive(Debug)]
pub(in super::super) struct Network {
    envelope: Envelope,
    patience: Duration,
    idle: BTreeMap<Endpoint, Link>,
    exchanges: JoinSet<Arrival>,
}

impl Network {
    /// Requests are given up after `patience`.
    pub fn new(envelope: Envelope, patience: Duration) -> Self {
        Self { envelope, patience, idle: BTreeMap::new(), exchanges: JoinSet::new() }
    }

    /// Sends a request; what becomes of it is an [`Arrival`].
    pub fn send(&mut self, life: u64, outgoing: Outgoing) {
        let Outgoing { to: Destination { id, endpoint }, correlation, request } = outgoing;
        let link = self.idle.remove(&endpoint);
        let (envelope, patience) = (self.envelope.clone(), self.patience);
        self.exchanges.spawn(async move {
            let exchange = exchange(link, &endpoint, &request, &envelope);
            let (link, outcome) = timeout(patience, exchange)
                .await
                .unwrap_or_else(|_| (None, Outcome::Failed("no answer in time".to_owned())));
            Arrival { life, to: id, correlation, outcome, endpoint, link }
        });
    }

    /// What arrives next; waits for ever while nothing is on its way.
    pub async fn next(&mut self) -> Arrival {
        loop {
            match self.exchanges.join_next().await {
                Some(joined) => {
                    if let Some(arrival) = self.arrived(joined) {
                        return arrival;
                    }
                }
                None => std::future::pending().await,
            }
        }
    }

    /// What has arrived already.
    pub fn try_next(&mut self) -> Option<Arrival> {
        while let Some(joined) = self.exchanges.try_join_next() {
            if let Some(arrival) = self.arrived(joined) {
                return Some(arrival);
            }
        }
        None
    }

    fn arrived(&mut self, joined: Result<Arrival, tokio::task::JoinError>) -> Option<Arrival> {
        match joined {
            Ok(mut arrival) => {
                if let Some(link) = arrival.link.take() {
                    self.idle.insert(arrival.endpoint.clone(), link);
                }
                Some(arrival)
            }
            Err(error) => {
                tracing::error!(%error, "a request to another node of the quorum panicked");
                None
            }
        }
    }
}

async fn exchange(
    link: Option<Link>,
    endpoint: &Endpoint,
    request: &Request,
    envelope: &Envelope,
) -> (Option<Link>, Outcome) {
    // an idle connection may have been closed meanwhile, which says nothing of the node
    if let Some(link) = link
        && let Ok(done) = ask(link, endpoint, request, envelope).await
    {
        return done;
    }
    let address = Address { host: endpoint.host.clone(), port: endpoint.port };
    let asked = match Link::open(&address, CLIENT_ID).await {
        Ok(link) => ask(link, endpoint, request, envelope).await,
        Err(error) => Err(error),
    };
    match asked {
        Ok(done) => done,
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => (None, Outcome::Gone),
        // killed while it answered: whoever asks again at once is refused
        Err(error) if is_closed(&error) => match Link::open(&address, CLIENT_ID).await {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => (None, Outcome::Gone),
            Ok(_) | Err(_) => (None, Outcome::Failed(error.to_string())),
        },
        Err(error) => (None, Outcome::Failed(error.to_string())),
    }
}

fn is_closed(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe
    )
}

/// One request and its answer; an error where the connection broke.
async fn ask(
    mut link: Link,
    endpoint: &Endpoint,
    request: &Request,
    envelope: &Envelope,
) -> io::Result<(Option<Link>, Outcome)> {
    let (frame, version) = match outgoing::encode(request, envelope, &link.versions) {
        Ok(outgoing::Encoded::Frame { frame, version }) => (frame, version),
        Ok(outgoing::Encoded::Known(reply)) => {
            return Ok((Some(link), Outcome::Reply { reply, bytes: Vec::new() }));
        }
        Err(error) => return Ok((Some(link), Outcome::Failed(error.to_string()))),
    };
    link.send(&frame).await?;
    let frame = link.receive().await?;
    let outcome = match answers::decode(request, envelope, &frame, version) {
        Ok((reply, bytes)) => Outcome::Reply { reply, bytes },
        Err(PeerError::Refused(types::ErrorCode::InconsistentClusterId)) => {
            Outcome::OtherCluster { address: format!("{}:{}", endpoint.host, endpoint.port) }
        }
        Err(error) => Outcome::Failed(error.to_string()),
    };
    Ok((Some(link), outcome))
}
