//! What producers, consumers and admin clients have in common.

use std::time::Duration;

use super::Properties;
use super::settings::{ConfigError, Settings};

/// Settings of connections and metadata.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientConfig {
    /// `host:port` each.
    pub bootstrap_servers: Vec<String>,
    pub client_id: String,
    pub request_timeout: Duration,
    pub default_api_timeout: Duration,
    pub connection_setup_timeout: Duration,
    pub reconnect_backoff: Duration,
    pub reconnect_backoff_max: Duration,
    pub retry_backoff: Duration,
    pub retry_backoff_max: Duration,
    pub metadata_max_age: Duration,
    /// Requests that may wait for answers on one connection.
    pub in_flight_max: usize,
    /// Whether asking for a topic may create it, where the broker allows that too.
    pub allow_auto_create_topics: bool,
}

impl Default for ClientConfig {
    fn default() -> Self {
        Self {
            bootstrap_servers: vec!["localhost:9092".to_owned()],
            client_id: "klamm".to_owned(),
            request_timeout: Duration::from_secs(30),
            default_api_timeout: Duration::from_secs(60),
            connection_setup_timeout: Duration::from_secs(10),
            reconnect_backoff: Duration::from_millis(50),
            reconnect_backoff_max: Duration::from_secs(1),
            retry_backoff: Duration::from_millis(100),
            retry_backoff_max: Duration::from_secs(1),
            metadata_max_age: Duration::from_secs(300),
            in_flight_max: 100,
            allow_auto_create_topics: false,
        }
    }
}

impl ClientConfig {
    /// The settings of an admin client, and the keys that it does not know.
    pub fn from_properties(properties: &Properties) -> Result<(Self, Vec<String>), ConfigError> {
        let mut settings = Settings::new(properties);
        let config = Self::read(&mut settings)?;
        Ok((config, settings.unknown()))
    }

    pub(super) fn read(settings: &mut Settings<'_>) -> Result<Self, ConfigError> {
        let base = Self::default();
        settings.parsed("security.protocol", (), "PLAINTEXT", |text| {
            text.eq_ignore_ascii_case("PLAINTEXT").then_some(())
        })?;
        Ok(Self {
            bootstrap_servers: settings.parsed(
                "bootstrap.servers",
                base.bootstrap_servers,
                "host:port,host:port,...",
                parse_servers,
            )?,
            client_id: settings.text("client.id").unwrap_or(&base.client_id).to_owned(),
            request_timeout: settings.millis("request.timeout.ms", base.request_timeout)?,
            default_api_timeout: settings
                .millis("default.api.timeout.ms", base.default_api_timeout)?,
            connection_setup_timeout: settings
                .millis("socket.connection.setup.timeout.ms", base.connection_setup_timeout)
                .and_then(|timeout| {
                    settings.millis("socket.connection.setup.timeout.max.ms", timeout)?;
                    Ok(timeout)
                })?,
            reconnect_backoff: settings.millis("reconnect.backoff.ms", base.reconnect_backoff)?,
            reconnect_backoff_max: settings
                .millis("reconnect.backoff.max.ms", base.reconnect_backoff_max)?,
            retry_backoff: settings.millis("retry.backoff.ms", base.retry_backoff)?,
            retry_backoff_max: settings.millis("retry.backoff.max.ms", base.retry_backoff_max)?,
            metadata_max_age: settings.millis("metadata.max.age.ms", base.metadata_max_age)?,
            in_flight_max: base.in_flight_max,
            allow_auto_create_topics: base.allow_auto_create_topics,
        })
    }
}

/// `host:port` each; a host in brackets may be an IPv6 address; `PROTOCOL://` in front is let pass.
fn parse_servers(text: &str) -> Option<Vec<String>> {
    let servers: Vec<String> = text
        .split(',')
        .map(str::trim)
        .filter(|server| !server.is_empty())
        .map(|server| {
            let address = server.split_once("://").map_or(server, |(_, address)| address);
            let (host, port) = address.rsplit_once(':')?;
            port.parse::<u16>().ok().filter(|_| !host.is_empty())?;
            Some(address.to_owned())
        })
        .collect::<Option<_>>()?;
    (!servers.is_empty()).then_some(servers)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_keys_are_reported_and_bad_values_refused() {
        let properties: Properties = [
            ("bootstrap.servers", "a:1, [::1]:9092"),
            ("request.timeout.ms", "1500"),
            ("metric.reporters", "x.Y"),
            ("bootstrap.server", "typo"),
        ]
        .into_iter()
        .collect();
        let (config, unknown) = ClientConfig::from_properties(&properties).expect("valid");
        assert_eq!(config.bootstrap_servers, ["a:1", "[::1]:9092"]);
        assert_eq!(config.request_timeout, Duration::from_millis(1500));
        assert_eq!(unknown, ["bootstrap.server"]);
        for (key, value) in [
            ("bootstrap.servers", "nohost"),
            ("bootstrap.servers", ""),
            ("bootstrap.servers", "h:99999"),
            ("request.timeout.ms", "-1"),
            ("retry.backoff.ms", "soon"),
            ("security.protocol", "SASL_SSL"),
        ] {
            let properties: Properties = [(key, value)].into_iter().collect();
            let error = ClientConfig::from_properties(&properties).expect_err(value);
            assert_eq!(error.key, key);
        }
    }
}
