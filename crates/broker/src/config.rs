//! From a properties file to the server's settings; what this build cannot keep safe is refused.

use crate::net::{ListenerSettings, SocketSettings};
use crate::settings::{FetchSettings, HTTP_DEFAULT, HttpSettings, NetworkSettings, Settings};
use metadata::config::{ConfigError, Endpoint, SecurityProtocol, ServerConfig};
use std::sync::Arc;
use std::time::Duration;

/// A key of ours alone: where `/metrics`, `/livez` and `/readyz` are served, as `host:port`. Empty,
/// they are not.
const HTTP_ADDRESS: &str = "klamm.http.address";

impl Settings {
    /// The settings that a properties file asks for.
    ///
    /// # Errors
    /// If it asks for security that this build does not have: ignoring it would open the door.
    pub fn from_config(config: ServerConfig) -> Result<Self, ConfigError> {
        refuse_missing_security(&config)?;
        let reads_from_closest = reads_from_closest(&config)?;
        let config = Values(&config);
        let network = NetworkSettings {
            listeners: config.0.listeners.bound.iter().map(listener).collect(),
            sockets: config.sockets(),
            request_bytes_max: config.int("socket.request.max.bytes"),
            connection_idle_max: config.duration("connections.max.idle.ms"),
            http: config.http(),
            ..NetworkSettings::default()
        };
        let fetch = FetchSettings {
            response_bytes_max: config.int("fetch.max.bytes"),
            sessions_max: config.limit("max.incremental.fetch.session.cache.slots"),
            reads_from_closest,
        };
        let config = config.0.clone();
        let loggers = Arc::default();
        Ok(Self { node_id: config.node_id, network, fetch, loggers, config: Arc::new(config) })
    }
}

fn listener(endpoint: &Endpoint) -> ListenerSettings {
    ListenerSettings {
        name: endpoint.name.clone(),
        host: endpoint.host.clone().unwrap_or_default(),
        port: endpoint.port,
    }
}

/// The two selectors that Apache Kafka comes with; others are code that is not here.
fn reads_from_closest(config: &ServerConfig) -> Result<bool, ConfigError> {
    const SELECTOR: &str = "replica.selector.class";
    const RACK_AWARE: &str = "org.apache.kafka.common.replica.RackAwareReplicaSelector";
    const LEADER: &str = "org.apache.kafka.common.replica.LeaderSelector";
    let selector = config.value(SELECTOR);
    match selector.as_str() {
        None | Some("" | LEADER) => Ok(false),
        Some(RACK_AWARE) => Ok(true),
        Some(_) => {
            let expected = format!("expected {RACK_AWARE}, {LEADER} or nothing");
            Err(ConfigError::new(SELECTOR, selector.to_string(), &expected))
        }
    }
}

fn refuse_missing_security(config: &ServerConfig) -> Result<(), ConfigError> {
    const AUTHORIZER: &str = "authorizer.class.name";
    for endpoint in &config.listeners.bound {
        if endpoint.protocol != SecurityProtocol::Plaintext {
            let expected = "expected a listener with the protocol PLAINTEXT: this build has neither \
                            TLS nor SASL";
            let value = format!("{} ({})", endpoint.name, endpoint.protocol.name());
            return Err(ConfigError::new("listeners", value, expected));
        }
    }
    let authorizer = config.value(AUTHORIZER);
    if authorizer.as_str().is_some_and(|name| !name.is_empty()) {
        let expected = "expected nothing: this build cannot check who may do what";
        return Err(ConfigError::new(AUTHORIZER, authorizer.to_string(), expected));
    }
    Ok(())
}

/// Values of a file that has been checked.
struct Values<'a>(&'a ServerConfig);

impl Values<'_> {
    fn number(&self, key: &str) -> i64 {
        self.0.value(key).as_i64().unwrap_or_default()
    }

    fn int(&self, key: &str) -> i32 {
        i32::try_from(self.number(key)).unwrap_or(i32::MAX)
    }

    /// A negative number of milliseconds is no limit.
    fn duration(&self, key: &str) -> Option<Duration> {
        u64::try_from(self.number(key)).ok().map(Duration::from_millis)
    }

    /// The largest number that the key takes is no limit.
    fn limit(&self, key: &str) -> usize {
        match self.int(key) {
            i32::MAX => usize::MAX,
            count => usize::try_from(count).unwrap_or_default(),
        }
    }

    fn http(&self) -> HttpSettings {
        match self.0.file().get(HTTP_ADDRESS).map(AsRef::as_ref) {
            None => HttpSettings::IfFree(HTTP_DEFAULT.to_owned()),
            Some("") => HttpSettings::Off,
            Some(address) => HttpSettings::At(address.to_owned()),
        }
    }

    fn sockets(&self) -> SocketSettings {
        // Kafka's default of 100 KiB would switch the system's own tuning off, which does better.
        let is_set = |key| self.0.file().contains_key(key);
        let bytes = |key| u32::try_from(self.number(key)).ok().filter(|_| is_set(key));
        SocketSettings {
            backlog: u32::try_from(self.number("socket.listen.backlog.size")).unwrap_or(u32::MAX),
            send_buffer_bytes: bytes("socket.send.buffer.bytes"),
            receive_buffer_bytes: bytes("socket.receive.buffer.bytes"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use metadata::config::parse_properties;

    fn settings(lines: &str) -> Result<Settings, ConfigError> {
        let overrides = parse_properties(lines.as_bytes()).expect("no broken escapes");
        Settings::from_config(ServerConfig::single_node("/data", &overrides)?)
    }

    #[test]
    fn keys_of_the_file_become_settings() {
        let network = settings(
            "listeners=PLAINTEXT://:9095,CONTROLLER://:9096\nsocket.send.buffer.bytes=-1\n\
             connections.max.idle.ms=-1\nsocket.request.max.bytes=1000\n\
             klamm.http.address=localhost:1",
        );
        let network = network.expect("valid").network;
        assert_eq!(network.listeners[0].port, 9095);
        assert_eq!(network.listeners[0].host, "");
        assert_eq!(network.sockets.send_buffer_bytes, None);
        assert_eq!(network.connection_idle_max, None);
        assert_eq!(network.request_bytes_max, 1000);
        assert_eq!(network.http, HttpSettings::At("localhost:1".to_owned()));
        let http = |lines| settings(lines).expect("valid").network.http;
        assert_eq!(http(""), HttpSettings::IfFree("localhost:9404".to_owned()));
        assert_eq!(http("klamm.http.address="), HttpSettings::Off);
    }

    #[test]
    fn only_known_selectors_of_replicas_are_taken() {
        let selects = |class: &str| {
            let settings = settings(&format!("replica.selector.class={class}"));
            settings.map(|settings| settings.fetch.reads_from_closest)
        };
        let package = "org.apache.kafka.common.replica";
        assert_eq!(selects("").ok(), Some(false));
        assert_eq!(selects(&format!("{package}.LeaderSelector")).ok(), Some(false));
        assert_eq!(selects(&format!("{package}.RackAwareReplicaSelector")).ok(), Some(true));
        let error = selects("org.example.Nearest").expect_err("unknown").to_string();
        assert!(error.contains("RackAwareReplicaSelector"), "{error}");
    }

    #[test]
    fn security_that_this_build_lacks_is_refused_and_not_ignored() {
        for (lines, words) in [
            (
                "listeners=SSL://:9095,CONTROLLER://:9096\n\
              listener.security.protocol.map=SSL:SSL,CONTROLLER:PLAINTEXT\n\
              inter.broker.listener.name=SSL",
                "SSL (SSL)",
            ),
            (
                "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "who may do what",
            ),
        ] {
            let error = settings(lines).expect_err(lines).to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
