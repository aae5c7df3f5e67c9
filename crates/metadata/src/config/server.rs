//! The properties file of one process: every value typed, and no two that contradict each other.

mod endpoint;
mod notice;
mod order_rules;
mod role_rules;
mod value_rules;

use types::NodeId;

use super::address::host_and_port;
use super::layers::{Assignments, BrokerLayers};
use super::table::BROKER;
use super::value::{ConfigError, ConfigValue};

pub use endpoint::{Endpoint, SecurityProtocol};
pub use notice::{Notice, NoticeKind};

/// A properties file that Kafka would start with.
#[derive(Debug, Clone)]
pub struct ServerConfig {
    pub node_id: NodeId,
    pub roles: Roles,
    pub listeners: Listeners,
    pub quorum: Quorum,
    /// `log.dirs`, or `log.dir`.
    pub log_dirs: Vec<String>,
    /// `metadata.log.dir`, or the first log directory.
    pub metadata_log_dir: String,
    /// What whoever wrote the file should know: keys that do nothing here, keys nobody knows.
    pub notices: Vec<Notice>,
    file: Assignments,
}

/// `process.roles`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    pub broker: bool,
    pub controller: bool,
}

/// Where the process listens, and where it says that it does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listeners {
    /// Every address to listen on.
    pub bound: Vec<Endpoint>,
    /// What clients and other brokers are told.
    pub advertised: Vec<Endpoint>,
    /// What brokers and other controllers are told.
    pub advertised_controllers: Vec<Endpoint>,
    /// `controller.listener.names`, in upper case.
    pub controller_names: Vec<String>,
    /// Name of the listener between brokers.
    pub inter_broker: String,
}

/// Who decides about metadata.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Quorum {
    /// `controller.quorum.voters`; empty for a dynamic quorum.
    pub voters: Vec<Voter>,
    /// `controller.quorum.bootstrap.servers` as `host:port`.
    pub bootstrap_servers: Vec<String>,
}

/// One voter of a static quorum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Voter {
    pub id: NodeId,
    pub host: String,
    pub port: u16,
}

impl Listeners {
    /// Whether the listener of that name is the controller's.
    #[must_use]
    pub fn is_controller(&self, name: &str) -> bool {
        self.controller_names.iter().any(|controller| controller == name)
    }
}

impl ServerConfig {
    /// Reads what stands in a properties file.
    ///
    /// # Errors
    /// If a value is not valid, a required one is missing, or two contradict each other.
    pub fn parse(file: Assignments) -> Result<Self, ConfigError> {
        let values = Values { file: one_node_id(file)? };
        for key in BROKER.keys() {
            values.get(key.name)?;
        }
        let quorum = quorum(&values)?;
        let log_dirs = log_dirs(&values)?;
        let config = Self {
            node_id: NodeId(values.int("node.id")?),
            roles: roles(&values)?,
            listeners: endpoint::listeners(&values)?,
            quorum,
            metadata_log_dir: match values.text("metadata.log.dir")? {
                Some(dir) => dir,
                None => log_dirs.first().cloned().unwrap_or_default(),
            },
            log_dirs,
            notices: notice::notices(&values.file),
            file: values.file.clone(),
        };
        value_rules::check(&values)?;
        order_rules::check(&values)?;
        role_rules::check(&config, &values)?;
        Ok(config)
    }

    /// One process that is broker and controller at once, for `localhost` only, with nothing to
    /// configure. Its controller needs no listener: nobody outside of the process asks it.
    ///
    /// # Errors
    /// If one of `overrides` is not valid.
    pub fn single_node(data_dir: &str, overrides: &Assignments) -> Result<Self, ConfigError> {
        let mut file = Assignments::new();
        for (key, value) in SINGLE_NODE {
            file.insert((*key).into(), (*value).into());
        }
        file.insert("log.dirs".into(), data_dir.into());
        file.extend(overrides.iter().map(|(key, value)| (key.clone(), value.clone())));
        let mut config = Self::parse(file)?;
        config.notices = notice::notices(overrides);
        if !overrides.contains_key("listeners") {
            let listeners = &mut config.listeners;
            let names = &listeners.controller_names;
            listeners.bound.retain(|endpoint| !names.contains(&endpoint.name));
        }
        Ok(config)
    }

    /// What the file sets, `node.id` and `broker.id` standing in for each other.
    #[must_use]
    pub fn file(&self) -> &Assignments {
        &self.file
    }

    /// The value of a broker key according to the file and the defaults.
    ///
    /// # Panics
    /// If there is no such key.
    #[must_use]
    pub fn value(&self, name: &str) -> ConfigValue {
        let key = BROKER.get(name).unwrap_or_else(|| unreachable!("no broker key {name}"));
        // parse() has read every value once
        BrokerLayers::of_file(&self.file).value(key).unwrap_or(ConfigValue::Null)
    }
}

/// What stands for a file where there is none.
const SINGLE_NODE: &[(&str, &str)] = &[
    ("process.roles", "broker,controller"),
    ("node.id", "1"),
    ("listeners", "PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093"),
    ("controller.listener.names", "CONTROLLER"),
    ("controller.quorum.bootstrap.servers", "localhost:9093"),
    ("offsets.topic.replication.factor", "1"),
    ("transaction.state.log.replication.factor", "1"),
    ("transaction.state.log.min.isr", "1"),
    ("share.coordinator.state.topic.replication.factor", "1"),
    ("share.coordinator.state.topic.min.isr", "1"),
    // with one node there is nothing to wait for: a first consumer begins at once
    ("group.initial.rebalance.delay.ms", "0"),
];

/// The file's values by type. A broker key that is missing from the table is a mistake of ours.
struct Values {
    file: Assignments,
}

impl Values {
    fn get(&self, name: &str) -> Result<ConfigValue, ConfigError> {
        let key = BROKER.get(name).unwrap_or_else(|| unreachable!("no broker key {name}"));
        match self.file.get(name) {
            Some(text) => key.parse(text),
            None if key.default == super::Default::Required => {
                Err(ConfigError::new(name, "null", "expected a value, there is no default"))
            }
            None => Ok(key.default_value()),
        }
    }

    fn is_set(&self, name: &str) -> bool {
        self.file.contains_key(name)
    }

    /// A whole number of any width; 0 where it is null, which no rule asks about.
    fn number(&self, name: &str) -> Result<i64, ConfigError> {
        Ok(self.get(name)?.as_i64().unwrap_or_default())
    }

    fn int(&self, name: &str) -> Result<i32, ConfigError> {
        Ok(i32::try_from(self.number(name)?).unwrap_or(i32::MAX))
    }

    fn text(&self, name: &str) -> Result<Option<String>, ConfigError> {
        Ok(self.get(name)?.as_str().map(str::to_owned))
    }

    fn list(&self, name: &str) -> Result<Vec<String>, ConfigError> {
        match self.get(name)? {
            ConfigValue::List(items) => Ok(items),
            ConfigValue::Null
            | ConfigValue::Boolean(_)
            | ConfigValue::String(_)
            | ConfigValue::Int(_)
            | ConfigValue::Short(_)
            | ConfigValue::Long(_)
            | ConfigValue::Double(_)
            | ConfigValue::Class(_)
            | ConfigValue::Password(_) => Ok(Vec::new()),
        }
    }
}

/// `broker.id` is the older name of `node.id`; one that is not set takes the other's value.
fn one_node_id(mut file: Assignments) -> Result<Assignments, ConfigError> {
    let node = file.get("node.id").cloned();
    let broker = file.get("broker.id").cloned();
    match (node, broker) {
        (Some(node), Some(broker)) if node.trim() != broker.trim() => Err(ConfigError::new(
            "broker.id",
            &*broker,
            format!("expected the value of node.id, {node}, of which it is the older name"),
        )),
        (Some(id), None) => {
            file.insert("broker.id".into(), id);
            Ok(file)
        }
        (None, Some(id)) => {
            file.insert("node.id".into(), id);
            Ok(file)
        }
        (Some(_), Some(_)) | (None, None) => Ok(file),
    }
}

fn roles(values: &Values) -> Result<Roles, ConfigError> {
    let roles = values.list("process.roles")?;
    let has = |name: &str| roles.iter().any(|role| role == name);
    Ok(Roles { broker: has("broker"), controller: has("controller") })
}

fn log_dirs(values: &Values) -> Result<Vec<String>, ConfigError> {
    let dirs = values.list("log.dirs")?;
    if dirs.is_empty() { values.list("log.dir") } else { Ok(dirs) }
}

fn quorum(values: &Values) -> Result<Quorum, ConfigError> {
    let voter = |item: &String| {
        let (id, address) = item.split_once('@')?;
        let (host, port) = host_and_port(address)?;
        Some(Voter { id: NodeId(id.parse().ok()?), host: host.to_owned(), port })
    };
    let server = |item: &String| {
        let (host, port) = host_and_port(item)?;
        Some(if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") })
    };
    Ok(Quorum {
        voters: values.list("controller.quorum.voters")?.iter().filter_map(voter).collect(),
        bootstrap_servers: values
            .list("controller.quorum.bootstrap.servers")?
            .iter()
            .filter_map(server)
            .collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse_properties;

    const COMBINED: &str = "process.roles=broker,controller\nnode.id=1\n\
        listeners=PLAINTEXT://:9092,CONTROLLER://:9093\ncontroller.listener.names=CONTROLLER\n\
        controller.quorum.bootstrap.servers=localhost:9093\n";

    fn parse(added: &str) -> Result<ServerConfig, ConfigError> {
        let text = format!("{COMBINED}{added}");
        ServerConfig::parse(parse_properties(text.as_bytes()).expect("no broken escapes"))
    }

    #[test]
    fn a_file_becomes_listeners_roles_and_directories() {
        let config = parse("log.dirs=/a, /b\nnode.id=7").expect("valid");
        assert_eq!(config.node_id, NodeId(7));
        assert_eq!(config.roles, Roles { broker: true, controller: true });
        assert_eq!(config.log_dirs, ["/a", "/b"]);
        assert_eq!(config.metadata_log_dir, "/a");
        assert_eq!(config.quorum.bootstrap_servers, ["localhost:9093"]);
        let names = |endpoints: &[Endpoint]| {
            endpoints.iter().map(|e| (e.name.clone(), e.port)).collect::<Vec<_>>()
        };
        assert_eq!(names(&config.listeners.advertised), [("PLAINTEXT".to_owned(), 9092)]);
        assert_eq!(names(&config.listeners.advertised_controllers), [("CONTROLLER".into(), 9093)]);
        assert_eq!(config.listeners.inter_broker, "PLAINTEXT");
        assert_eq!(config.value("num.partitions"), ConfigValue::Int(1));
    }

    #[test]
    fn listener_names_are_the_same_in_any_case() {
        // Kafka compares controller.listener.names letter by letter and refuses such a file
        let added = "controller.listener.names=Controller\n\
            listeners=external://:9092,controller://:9093\ninter.broker.listener.name=External\n\
            listener.security.protocol.map=External:plaintext,CONTROLLER:PLAINTEXT";
        let listeners = parse(added).expect("valid").listeners;
        assert_eq!(listeners.inter_broker, "EXTERNAL");
        assert!(listeners.is_controller("CONTROLLER"));
    }

    #[test]
    fn a_refusal_says_what_is_allowed() {
        for (added, words) in [
            ("num.partitions=many", "many for configuration num.partitions: expected a whole"),
            ("listeners=PLAINTEXT://:9092,CONTROLLER://:9092", "expected a port for each listener"),
            ("listeners=A://:9092,CONTROLLER://:9093", "PLAINTEXT, SASL_PLAINTEXT, SASL_SSL, SSL"),
            ("broker.id=9", "expected the value of node.id, 1"),
            ("ssl.key.password=\nssl.client.auth=x", "required, requested, none"),
            ("process.roles=", "at least one of broker, controller"),
        ] {
            let error = parse(added).expect_err(added).to_string();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn what_does_nothing_is_named_with_the_reason() {
        let config = parse(
            "num.network.threads=3\nlog.dir.s=/a\nzookeeper.connect=a:1\nssl.protocol=TLSv1.3\n\
             sasl.enabled.mechanisms=PLAIN\nnum.partitions=3\nwhat.is.this=1\nlog.cleaner.threads=2\n\
             listener.name.a.ssl.key.password=x\nlistener.name.a.max.connections=5\nleader.replication.throttled.rate=1",
        );
        let notices: Vec<_> =
            config.expect("valid").notices.into_iter().map(|n| (n.key, n.kind)).collect();
        let compacts = "one thread compacts, always the log that needs it most";
        let expected = [
            ("leader.replication.throttled.rate", NoticeKind::DynamicOnly),
            ("listener.name.a.ssl.key.password", NoticeKind::Unsupported),
            ("log.cleaner.threads", NoticeKind::DoneOtherwise(compacts)),
            ("log.dir.s", NoticeKind::Unknown { nearest: Some("log.dirs") }),
            ("num.network.threads", NoticeKind::JavaOnly),
            ("sasl.enabled.mechanisms", NoticeKind::Unsupported),
            ("ssl.protocol", NoticeKind::JavaOnly),
            ("what.is.this", NoticeKind::Unknown { nearest: None }),
            ("zookeeper.connect", NoticeKind::Removed),
        ];
        assert_eq!(notices, expected.map(|(key, kind)| (key.to_owned(), kind)));
    }

    #[test]
    fn without_a_file_one_node_does_everything() {
        let config = ServerConfig::single_node("/data", &Assignments::new()).expect("valid");
        assert_eq!(config.listeners.bound.len(), 1);
        assert_eq!(config.log_dirs, ["/data"]);
        assert_eq!(config.notices, []);
    }
}
