//! Everything that the server is started with, typed; `config.rs` makes it from properties.

use crate::configs::Loggers;
use crate::net::{ListenerSettings, SocketSettings};
use metadata::config::{ServerConfig, UNSET};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;
use types::NodeId;

#[derive(Clone, Debug)]
pub struct Settings {
    pub node_id: NodeId,
    pub network: NetworkSettings,
    pub fetch: FetchSettings,
    /// Which log lines are written; clients may change it.
    pub loggers: Arc<Loggers>,
    /// Everything else that the properties file says.
    pub config: Arc<ServerConfig>,
}

impl Default for Settings {
    fn default() -> Self {
        let config = ServerConfig::single_node("data", UNSET).expect("the defaults are valid");
        Self {
            node_id: config.node_id,
            network: NetworkSettings::default(),
            fetch: FetchSettings::default(),
            loggers: Arc::default(),
            config: Arc::new(config),
        }
    }
}

/// Limits of Fetch that every request looks at.
#[derive(Clone, Copy, Debug)]
pub struct FetchSettings {
    /// `fetch.max.bytes`: no answer is larger, except that one batch always fits.
    pub response_bytes_max: i32,
    /// `max.incremental.fetch.session.cache.slots`.
    pub sessions_max: usize,
    /// Whether `replica.selector.class` sends consumers to the replica in their rack.
    pub reads_from_closest: bool,
}

impl Default for FetchSettings {
    fn default() -> Self {
        let response_bytes_max = 55 * 1024 * 1024;
        Self { response_bytes_max, sessions_max: 1000, reads_from_closest: false }
    }
}

#[derive(Clone, Debug)]
pub struct NetworkSettings {
    pub listeners: Vec<ListenerSettings>,
    pub sockets: SocketSettings,
    /// `socket.request.max.bytes`.
    pub request_bytes_max: i32,
    /// `connections.max.idle.ms`; `None` for no limit (-1).
    pub connection_idle_max: Option<Duration>,
    /// Event loops; `None` for one a processor.
    pub reactors: Option<NonZeroUsize>,
    /// Where `/metrics`, `/livez` and `/readyz` are served.
    pub http: HttpSettings,
    /// How long a request may go on when the server stops.
    pub stop_grace: Duration,
}

/// The port for machines that watch this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HttpSettings {
    Off,
    /// On `host:port`, without which the server does not start.
    At(String),
    /// On `host:port`, unless something else has it.
    IfFree(String),
}

/// Where Kafka's metrics are usually scraped (by way of its JMX exporter), from this machine only.
pub const HTTP_DEFAULT: &str = "localhost:9404";

impl Default for NetworkSettings {
    fn default() -> Self {
        let listener =
            ListenerSettings { name: "PLAINTEXT".into(), host: "localhost".into(), port: 9092 };
        Self {
            listeners: vec![listener],
            sockets: SocketSettings::default(),
            request_bytes_max: 100 * 1024 * 1024,
            connection_idle_max: Some(Duration::from_secs(10 * 60)),
            reactors: None,
            http: HttpSettings::Off,
            stop_grace: Duration::from_secs(5),
        }
    }
}
