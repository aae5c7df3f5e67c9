//! Administration: what the tools ask of a cluster and change in it. One file an area.

mod cluster;
mod configs;
mod groups;
mod logs;
mod quorum;
mod quotas;
mod reassignments;
mod replicas;
mod topics;

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use types::ErrorCode;
use wire::Request;

pub use crate::consumer::offsets::ListedOffset;
pub use cluster::{Broker, ClusterDescription, FeatureUpdate, FeatureUpgrade};
pub use configs::{
    AlterOp, ConfigChange, ConfigEntry, ConfigResource, ConfigSource, ConfigSynonym, ResourceKind,
};
pub use groups::{GroupDescription, GroupListing, GroupMember};
pub use logs::{LogDir, LogDirReplica};
pub use quorum::{ControllerEndpoint, Quorum, QuorumReplica};
pub use quotas::{QuotaEntity, QuotaName, Quotas, ScramInfo, ScramUpsertion};
pub use reassignments::Reassignment;
pub use replicas::{BatchSum, ReplicaContent, ReplicaPosition};
pub use topics::{NewTopic, TopicDescription, TopicPartitionInfo};

use crate::cluster::{ANY_VERSION, Cluster};
use crate::config::ClientConfig;
use crate::net::{Answer, Lane};
use crate::{Error, Metadata, Result, VersionTable};

/// Whom the bootstrap servers of an admin client are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Peers {
    /// They take every request, and pass on what is for the controller.
    Brokers,
    /// Only the active one takes requests; the others say who that is (KIP-919).
    Controllers,
}

/// An administration client. Connections are made when needed.
pub struct Admin {
    cluster: Arc<Cluster>,
    peers: Peers,
}

impl Admin {
    #[must_use]
    pub fn new(config: ClientConfig) -> Self {
        Self { cluster: Cluster::new(config), peers: Peers::Brokers }
    }

    /// One whose bootstrap servers are controllers. It knows nothing of topics' metadata.
    #[must_use]
    pub fn of_controllers(config: ClientConfig) -> Self {
        Self { cluster: Cluster::new(config), peers: Peers::Controllers }
    }

    /// Brokers, and all topics of the cluster as the metadata has them.
    pub async fn metadata(&self) -> Result<Arc<Metadata>> {
        self.cluster.want_all();
        self.retry(async || self.cluster.refresh().await).await
    }

    /// The versions and features that one broker advertises.
    pub async fn versions(&self, node: i32) -> Result<VersionTable> {
        self.know_nodes().await?;
        let connection = self.cluster.connection(node, Lane::Control).await?;
        Ok(connection.versions().clone())
    }

    /// The versions and features of whichever broker answers first.
    pub async fn any_versions(&self) -> Result<VersionTable> {
        self.retry(async || Ok(self.cluster.any_connection().await?.versions().clone())).await
    }

    fn timeout(&self) -> Duration {
        self.cluster.config().default_api_timeout
    }

    fn timeout_ms(&self) -> i32 {
        i32::try_from(self.cluster.config().request_timeout.as_millis()).unwrap_or(i32::MAX)
    }

    /// Asks some broker, or the active controller; again after failures of the connection.
    async fn call<'a, R: Request<'a>>(&self, request: &R) -> Result<Answer> {
        self.retry(async || self.ask_once(request).await).await
    }

    /// The same without a second attempt, for callers who retry what the answer says too.
    async fn ask_once<'a, R: Request<'a>>(&self, request: &R) -> Result<Answer> {
        match self.peers {
            Peers::Brokers => self.cluster.call_any(request, ANY_VERSION).await,
            Peers::Controllers => {
                let active = self.find_controllers().await?.controller;
                let none = || Error::broker(ErrorCode::BrokerNotAvailable.code());
                let active = active.ok_or_else(none)?;
                self.cluster.call_node(active, Lane::Control, request, ANY_VERSION).await
            }
        }
    }

    /// Asks any controller for all of them, and takes note of where they are.
    async fn find_controllers(&self) -> Result<ClusterDescription> {
        let request = cluster::description_request(self.peers, false);
        let answer = self.cluster.call_any(&request, ANY_VERSION).await?;
        let description = cluster::read_description(&answer)?;
        description.brokers.iter().for_each(|peer| self.cluster.learn(peer.node.clone()));
        Ok(description)
    }

    /// Asks one broker.
    async fn call_node<'a, R: Request<'a>>(&self, node: i32, request: &R) -> Result<Answer> {
        self.know_nodes().await?;
        let ask = async || self.cluster.call_node(node, Lane::Control, request, ANY_VERSION).await;
        self.retry(ask).await
    }

    async fn know_nodes(&self) -> Result<()> {
        if !self.cluster.metadata().nodes.is_empty() {
            return Ok(());
        }
        match self.peers {
            Peers::Brokers => self.retry(async || self.cluster.refresh().await.map(drop)).await,
            Peers::Controllers => {
                self.retry(async || self.find_controllers().await.map(drop)).await
            }
        }
    }

    async fn retry<T>(&self, mut attempt: impl AsyncFnMut() -> Result<T>) -> Result<T> {
        let deadline = Instant::now() + self.timeout();
        let mut failures = 0;
        loop {
            let error = match attempt().await {
                Err(error) if error.is_retriable() => error,
                done => return done,
            };
            self.cluster.note(&error);
            let wait = self.cluster.backoff(failures);
            failures += 1;
            if Instant::now() + wait >= deadline {
                return Err(error);
            }
            tokio::time::sleep(wait).await;
        }
    }
}

/// `Ok`, or the error that stands in an answer beside its explanation.
fn verdict(code: i16, message: Option<&str>) -> Result<()> {
    Error::check_explained(code, message)
}

/// The broker's word that it knows no such API counts as that code of Kafka's.
fn is_unsupported(error: &Error) -> bool {
    error.code() == ErrorCode::UnsupportedVersion
}
