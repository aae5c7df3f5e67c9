//! The cluster as one thing to talk to: metadata kept fresh, requests sent to whom they concern.

pub(crate) mod coordinator;
mod metadata;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use tokio::time::Instant;
use types::ErrorCode;
use wire::metadata_request::{MetadataRequest, MetadataRequestTopic};
use wire::metadata_response::MetadataResponse;
use wire::{Request, Str};

pub(crate) use metadata::LeaderHint;
pub use metadata::{Metadata, Node, PartitionMetadata, TopicMetadata};

use crate::config::ClientConfig;
use crate::net::{Answer, Connection, Lane, Pool};
use crate::random::{Random, backoff};
use crate::{Error, Result};

/// Any version that both sides speak.
pub(crate) const ANY_VERSION: i16 = i16::MAX;

/// So many open connections are choice enough of whom to ask.
const OPEN_ENOUGH: usize = 3;
/// Another broker is tried for so long before one is asked that was asked before.
const ELSEWHERE_MAX: Duration = Duration::from_millis(200);

/// Which topics the metadata is to hold.
enum Wanted {
    These(BTreeSet<Arc<str>>),
    All,
}

/// Connections and metadata of one client.
pub(crate) struct Cluster {
    config: Arc<ClientConfig>,
    pool: Pool,
    current: RwLock<Arc<Metadata>>,
    wanted: Mutex<Wanted>,
    /// Held while a refresh runs, with the time of the last one.
    refreshing: tokio::sync::Mutex<Option<Instant>>,
    stale: AtomicBool,
}

impl Cluster {
    pub(crate) fn new(config: ClientConfig) -> Arc<Self> {
        let config = Arc::new(config);
        Arc::new(Self {
            pool: Pool::new(Arc::clone(&config)),
            config,
            current: RwLock::default(),
            wanted: Mutex::new(Wanted::These(BTreeSet::new())),
            refreshing: tokio::sync::Mutex::default(),
            stale: AtomicBool::new(true),
        })
    }

    /// A cluster of which this is known, and nothing is stale.
    #[cfg(test)]
    pub(crate) fn knowing(config: ClientConfig, response: &MetadataResponse<'_>) -> Arc<Self> {
        let cluster = Self::new(config);
        let known = Metadata::default().updated(response, |_| true);
        *cluster.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(known);
        cluster.stale.store(false, Ordering::Release);
        cluster
    }

    pub(crate) fn config(&self) -> &ClientConfig {
        &self.config
    }

    /// What is known now.
    pub(crate) fn metadata(&self) -> Arc<Metadata> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Adds a topic to those that refreshes ask for. Returns whether it was not there.
    pub(crate) fn want(&self, topic: &str) -> bool {
        match &mut *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) {
            Wanted::All => false,
            Wanted::These(topics) => !topics.contains(topic) && topics.insert(Arc::from(topic)),
        }
    }

    /// Makes these the only topics that refreshes ask for.
    pub(crate) fn want_only(&self, topics: impl IntoIterator<Item = Arc<str>>) {
        let topics = Wanted::These(topics.into_iter().collect());
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = topics;
        self.mark_stale();
    }

    /// Makes refreshes ask for every topic.
    pub(crate) fn want_all(&self) {
        *self.wanted.lock().unwrap_or_else(PoisonError::into_inner) = Wanted::All;
        self.mark_stale();
    }

    /// Lets the next look at the metadata refresh it.
    pub(crate) fn mark_stale(&self) {
        self.stale.store(true, Ordering::Release);
    }

    /// Takes note of an error that may mean that leaders moved.
    pub(crate) fn note(&self, error: &Error) {
        if error.means_stale_metadata() {
            self.mark_stale();
        }
    }

    /// Whether the metadata was marked stale and not refreshed since.
    pub(crate) fn is_stale(&self) -> bool {
        self.stale.load(Ordering::Acquire)
    }

    /// The metadata, refreshed first if it is stale or older than `metadata.max.age.ms`.
    pub(crate) async fn fresh(&self) -> Result<Arc<Metadata>> {
        let due = match self.refreshing.try_lock() {
            Ok(last) => last.is_none_or(|at| at.elapsed() >= self.config.metadata_max_age),
            Err(_) => true,
        };
        if due || self.is_stale() { self.refresh().await } else { Ok(self.metadata()) }
    }

    /// Asks a broker. Who comes while another asks shares the answer.
    pub(crate) async fn refresh(&self) -> Result<Arc<Metadata>> {
        let begun = Instant::now();
        let mut last = self.refreshing.lock().await;
        if last.is_some_and(|at| at >= begun) && !self.is_stale() {
            return Ok(self.metadata());
        }
        self.stale.store(false, Ordering::Release);
        match self.ask().await {
            Ok(metadata) => {
                *last = Some(Instant::now());
                Ok(metadata)
            }
            Err(error) => {
                self.mark_stale();
                Err(error)
            }
        }
    }

    async fn ask(&self) -> Result<Arc<Metadata>> {
        let topics: Option<Vec<Arc<str>>> =
            match &*self.wanted.lock().unwrap_or_else(PoisonError::into_inner) {
                Wanted::All => None,
                Wanted::These(topics) => Some(topics.iter().cloned().collect()),
            };
        let request = MetadataRequest {
            topics: topics.as_ref().map(|topics| topics.iter().map(|t| by_name(t)).collect()),
            allow_auto_topic_creation: self.config.allow_auto_create_topics,
            ..Default::default()
        };
        let answer = self.call_any(&request, ANY_VERSION).await?;
        let response: MetadataResponse<'_> = answer.decode()?;
        Error::check(response.error_code)?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let next = current.updated(&response, |name| {
            topics.as_ref().is_some_and(|topics| topics.iter().any(|topic| &**topic == name))
        });
        *current = Arc::new(next);
        Ok(Arc::clone(&current))
    }

    /// The topic, asked for until it is there and has leaders or `within` is over.
    pub(crate) async fn topic(&self, name: &str, within: Duration) -> Result<Arc<TopicMetadata>> {
        self.want(name);
        let deadline = Instant::now() + within;
        let mut attempt = 0;
        let mut known = self.metadata();
        let mut last_error = None;
        loop {
            let missing = match known.topic(name) {
                Some(topic) if topic.error.is_none() && !topic.partitions.is_empty() => {
                    return Ok(Arc::clone(topic));
                }
                Some(topic) if !topic.error.is_retriable() && !topic.error.is_none() => {
                    return Err(Error::broker(topic.error.code()));
                }
                Some(topic) => topic.error,
                None => ErrorCode::UnknownTopicOrPartition,
            };
            if attempt > 0 {
                let wait = self.backoff(attempt - 1);
                if Instant::now() + wait >= deadline {
                    let what = format!("topic {name} in the metadata ({missing})");
                    return Err(last_error.unwrap_or(Error::timeout(what, within)));
                }
                tokio::time::sleep(wait).await;
            }
            attempt += 1;
            self.mark_stale();
            let refreshing = tokio::time::timeout_at(deadline, self.refresh());
            known = match refreshing.await {
                Ok(Ok(metadata)) => {
                    last_error = None;
                    metadata
                }
                Ok(Err(error)) if error.is_retriable() => {
                    last_error = Some(error);
                    self.metadata()
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => return Err(Error::timeout(format!("metadata of {name}"), within)),
            };
        }
    }

    /// Takes a broker's word for a partition's leader.
    pub(crate) fn apply_hint(&self, topic: &str, hint: &LeaderHint) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(next) = current.with_leader(topic, hint) {
            *current = Arc::new(next);
        }
    }

    /// Takes note of how a broker is reached, if it was not known.
    pub(crate) fn learn(&self, node: Node) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let known = current.nodes.get(&node.id);
        if known.is_none_or(|known| (&known.host, known.port) != (&node.host, node.port)) {
            let mut next = Metadata::clone(&current);
            next.nodes.insert(node.id, node);
            *current = Arc::new(next);
        }
    }

    /// The wait before another attempt, after `failures` + 1 failed ones.
    pub(crate) fn backoff(&self, failures: u32) -> Duration {
        backoff(failures, self.config.retry_backoff, self.config.retry_backoff_max)
    }

    /// A connection to a broker by its id.
    pub(crate) async fn connection(&self, node: i32, lane: Lane) -> Result<Arc<Connection>> {
        let address = match self.metadata().nodes.get(&node) {
            Some(node) => node.address(),
            None => {
                self.mark_stale();
                return Err(Error::broker(ErrorCode::BrokerNotAvailable.code()));
            }
        };
        self.pool.get(&address, lane).await
    }

    /// The same, only if it is open already.
    pub(crate) fn open_connection(&self, node: i32, lane: Lane) -> Option<Arc<Connection>> {
        let address = self.metadata().nodes.get(&node)?.address();
        self.pool.get_open(&address, lane)
    }

    /// A connection to some broker, each time another if it can be: one that is open, else any known
    /// one, else a bootstrap server. Who was silent when last asked is asked when nobody else is left.
    pub(crate) async fn any_connection(&self) -> Result<Arc<Connection>> {
        let mut known = rotated(self.metadata().nodes.values().map(Node::address));
        known.sort_by_cached_key(|at| self.pool.is_silent(at));
        let talking = known.iter().take_while(|at| !self.pool.is_silent(at));
        let mut open = talking.filter_map(|at| self.pool.get_open(at, Lane::Control));
        let Some(chosen) = open.next() else {
            let servers = rotated(self.config.bootstrap_servers.iter().cloned());
            return self.pool.get_any(&[known, servers].concat()).await;
        };
        let is_choice_enough = 1 + open.count() >= OPEN_ENOUGH.min(known.len());
        let Some(other) = known.first().filter(|_| !is_choice_enough) else { return Ok(chosen) };
        // a broker that is cut off from its controller answers, but has no news
        match tokio::time::timeout(ELSEWHERE_MAX, self.pool.get(other, Lane::Control)).await {
            Ok(Ok(other)) => Ok(other),
            Ok(Err(_)) | Err(_) => Ok(chosen),
        }
    }

    /// Sends to some broker and waits for the answer, in a version of at most `cap`.
    pub(crate) async fn call_any<'a, R: Request<'a>>(
        &self,
        request: &R,
        cap: i16,
    ) -> Result<Answer> {
        let connection = self.any_connection().await?;
        self.call_on(&connection, request, cap).await
    }

    /// Sends to one broker and waits for the answer.
    pub(crate) async fn call_node<'a, R: Request<'a>>(
        &self,
        node: i32,
        lane: Lane,
        request: &R,
        cap: i16,
    ) -> Result<Answer> {
        let connection = self.connection(node, lane).await?;
        self.call_on(&connection, request, cap).await
    }

    async fn call_on<'a, R: Request<'a>>(
        &self,
        connection: &Arc<Connection>,
        request: &R,
        cap: i16,
    ) -> Result<Answer> {
        let version = connection.versions().pick::<R>(cap)?;
        connection.call(request, version, self.config.request_timeout).await
    }
}

/// The same beginning elsewhere.
fn rotated(addresses: impl Iterator<Item = String>) -> Vec<String> {
    let mut addresses: Vec<_> = addresses.collect();
    if !addresses.is_empty() {
        let start = Random::new().below(addresses.len());
        addresses.rotate_left(start);
    }
    addresses
}

fn by_name(name: &str) -> MetadataRequestTopic<'_> {
    MetadataRequestTopic { name: Some(Str::Borrowed(name)), ..Default::default() }
}
