//! Listeners: names in any case, addresses, and the security protocol behind each name.

use std::collections::BTreeMap;

use super::{Listeners, Values};
use crate::config::address::is_host;
use crate::config::value::ConfigError;

/// `NAME://host:port` with the protocol that the map gives the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// In upper case.
    pub name: String,
    /// None for every interface.
    pub host: Option<String>,
    /// 0 for any free port.
    pub port: u16,
    pub protocol: SecurityProtocol,
}

/// How a connection is secured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SecurityProtocol {
    Plaintext,
    Ssl,
    SaslPlaintext,
    SaslSsl,
}

const LISTENERS: &str = "listeners";
const ADVERTISED: &str = "advertised.listeners";
const MAP: &str = "listener.security.protocol.map";
const INTER_BROKER: &str = "inter.broker.listener.name";
const INTER_BROKER_PROTOCOL: &str = "security.inter.broker.protocol";
/// Listening there is listening everywhere; nobody can connect to it.
const EVERY_INTERFACE: &str = "0.0.0.0";

type ProtocolMap = BTreeMap<String, SecurityProtocol>;

impl SecurityProtocol {
    /// Kafka's name of it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "PLAINTEXT",
            Self::Ssl => "SSL",
            Self::SaslPlaintext => "SASL_PLAINTEXT",
            Self::SaslSsl => "SASL_SSL",
        }
    }

    /// Kafka's id of it, as brokers register their endpoints with.
    #[must_use]
    pub const fn id(self) -> i16 {
        match self {
            Self::Plaintext => 0,
            Self::Ssl => 1,
            Self::SaslPlaintext => 2,
            Self::SaslSsl => 3,
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl]
            .into_iter()
            .find(|protocol| protocol.name().eq_ignore_ascii_case(name))
    }

    pub(super) fn is_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// Every listener of the file.
pub(super) fn listeners(values: &Values) -> Result<Listeners, ConfigError> {
    let controller_names = controller_names(values)?;
    let map = protocol_map(values, &controller_names)?;
    let bound = endpoints(LISTENERS, values, &map)?;
    check_distinct_ports(&bound, values)?;
    let told =
        if values.is_set(ADVERTISED) { endpoints(ADVERTISED, values, &map)? } else { vec![] };
    let is_controller = |endpoint: &&Endpoint| controller_names.contains(&endpoint.name);
    let told_or_bound = if values.is_set(ADVERTISED) { &told } else { &bound };
    let advertised = told_or_bound.iter().filter(|e| !is_controller(e)).cloned().collect();
    let named = |endpoints: &[Endpoint], name: &String| {
        endpoints.iter().find(|endpoint| endpoint.name == *name).cloned()
    };
    let advertised_controllers = controller_names
        .iter()
        .filter_map(|name| {
            named(&told, name).or_else(|| named(&bound, name).map(Endpoint::without_wildcard))
        })
        .collect();
    Ok(Listeners {
        inter_broker: inter_broker(values, &map)?.0,
        bound,
        advertised,
        advertised_controllers,
        controller_names,
    })
}

/// The protocol between brokers.
pub(super) fn inter_broker_protocol(values: &Values) -> Result<SecurityProtocol, ConfigError> {
    let map = protocol_map(values, &controller_names(values)?)?;
    Ok(inter_broker(values, &map)?.1)
}

/// The names that have a protocol.
pub(super) fn mapped_names(values: &Values) -> Result<Vec<String>, ConfigError> {
    let map = protocol_map(values, &controller_names(values)?)?;
    Ok(map.into_keys().collect())
}

impl Endpoint {
    fn without_wildcard(self) -> Self {
        let host = self.host.filter(|host| host != EVERY_INTERFACE);
        Self { host, ..self }
    }

    /// Whether it names an address that nobody can connect to.
    pub(super) fn is_wildcard(&self) -> bool {
        self.host.as_deref() == Some(EVERY_INTERFACE)
    }
}

fn controller_names(values: &Values) -> Result<Vec<String>, ConfigError> {
    let names = values.list("controller.listener.names")?;
    Ok(names.iter().map(|name| name.to_uppercase()).collect())
}

/// What the file maps; where it does not say, names of protocols stand for themselves and a
/// controller's listener is plain text as long as nothing secured is listened on.
fn protocol_map(values: &Values, controllers: &[String]) -> Result<ProtocolMap, ConfigError> {
    let text = values.text(MAP)?.unwrap_or_default();
    let refuse = |expected: String| ConfigError::new(MAP, &text, expected);
    let mut map = ProtocolMap::new();
    for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
        let (name, protocol) = item
            .rsplit_once(':')
            .ok_or_else(|| refuse(format!("expected NAME:PROTOCOL pairs, which {item} is not")))?;
        let protocol = SecurityProtocol::from_name(protocol.trim()).ok_or_else(|| {
            refuse(format!(
                "expected PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL behind {name}, not {protocol}"
            ))
        })?;
        map.insert(name.trim().to_uppercase(), protocol);
    }
    if !values.is_set(MAP) {
        let listeners = values.list(LISTENERS)?;
        let listened = listeners.iter().filter_map(|item| item.split_once("://")).map(|(n, _)| n);
        let secured = |name: &str| {
            let protocol = SecurityProtocol::from_name(name);
            protocol.is_some_and(|protocol| protocol != SecurityProtocol::Plaintext)
        };
        if !controllers.iter().map(String::as_str).chain(listened).any(secured) {
            for name in controllers {
                map.entry(name.clone()).or_insert(SecurityProtocol::Plaintext);
            }
        }
    }
    Ok(map)
}

fn inter_broker(
    values: &Values,
    map: &ProtocolMap,
) -> Result<(String, SecurityProtocol), ConfigError> {
    let protocol_text = values.text(INTER_BROKER_PROTOCOL)?.unwrap_or_default();
    let Some(name) = values.text(INTER_BROKER)? else {
        let protocol = SecurityProtocol::from_name(&protocol_text);
        let protocol = protocol.unwrap_or(SecurityProtocol::Plaintext);
        return Ok((protocol.name().to_owned(), protocol));
    };
    if values.is_set(INTER_BROKER_PROTOCOL) {
        let expected = format!("expected nothing, because {INTER_BROKER_PROTOCOL} is set as well");
        return Err(ConfigError::new(INTER_BROKER, name, expected));
    }
    match map.get(&name.to_uppercase()) {
        Some(protocol) => Ok((name.to_uppercase(), *protocol)),
        None => {
            let expected = format!("expected one of the names in {MAP}: {}", names(map));
            Err(ConfigError::new(INTER_BROKER, name, expected))
        }
    }
}

fn endpoints(key: &str, values: &Values, map: &ProtocolMap) -> Result<Vec<Endpoint>, ConfigError> {
    let mut endpoints: Vec<Endpoint> = Vec::new();
    for item in values.list(key)? {
        let endpoint = endpoint(key, &item, map)?;
        if endpoints.iter().any(|other| other.name == endpoint.name) {
            let expected = format!("expected each name once, but {} is twice", endpoint.name);
            return Err(ConfigError::new(key, item, expected));
        }
        endpoints.push(endpoint);
    }
    Ok(endpoints)
}

fn endpoint(key: &str, item: &str, map: &ProtocolMap) -> Result<Endpoint, ConfigError> {
    let refuse = |expected: String| ConfigError::new(key, item, expected);
    let shape = || refuse("expected NAME://host:port with a port from 0 to 65535".to_owned());
    let (name, address) = item.rsplit_once("://").ok_or_else(shape)?;
    let (host, port) = address.rsplit_once(':').ok_or_else(shape)?;
    let host = host.strip_prefix('[').unwrap_or(host);
    let host = host.strip_suffix(']').unwrap_or(host);
    if name.is_empty() || !is_host(host) {
        return Err(shape());
    }
    let name = name.to_uppercase();
    let Some(protocol) = map.get(&name) else {
        let expected = format!("expected a name that {MAP} gives a protocol: {}", names(map));
        return Err(refuse(expected));
    };
    Ok(Endpoint {
        host: (!host.is_empty()).then(|| host.to_owned()),
        port: port.parse().map_err(|_| shape())?,
        protocol: *protocol,
        name,
    })
}

/// One port takes one listener, or one of IPv4 and one of IPv6.
fn check_distinct_ports(bound: &[Endpoint], values: &Values) -> Result<(), ConfigError> {
    for (index, endpoint) in bound.iter().enumerate().filter(|(_, endpoint)| endpoint.port != 0) {
        let same: Vec<_> = bound.iter().filter(|other| other.port == endpoint.port).collect();
        let families = |text: &Option<String>| {
            text.as_deref().and_then(|host| host.parse::<std::net::IpAddr>().ok())
        };
        let pair = match same.as_slice() {
            [_] => true,
            [a, b] => match (families(&a.host), families(&b.host)) {
                (Some(a), Some(b)) => a.is_ipv4() != b.is_ipv4(),
                (None, _) | (_, None) => false,
            },
            _ => false,
        };
        if !pair {
            let items = values.list(LISTENERS)?;
            let item = items.get(index).cloned().unwrap_or_default();
            let expected = "expected a port for each listener, or one for two of which one has an \
                            IPv4 address and the other an IPv6 address";
            return Err(ConfigError::new(LISTENERS, item, expected));
        }
    }
    Ok(())
}

fn names(map: &ProtocolMap) -> String {
    map.keys().map(String::as_str).collect::<Vec<_>>().join(", ")
}
