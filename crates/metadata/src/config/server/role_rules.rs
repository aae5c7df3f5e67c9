//! Rules between a process's roles, its listeners and the quorum.

use super::endpoint::{inter_broker_protocol, mapped_names};
use super::{ServerConfig, Values};
use crate::config::value::ConfigError;

const CONTROLLER_NAMES: &str = "controller.listener.names";
const VOTERS: &str = "controller.quorum.voters";
const ADVERTISED: &str = "advertised.listeners";
const INTER_BROKER: &str = "inter.broker.listener.name";

/// Refuses a file whose parts do not fit together.
pub(super) fn check(config: &ServerConfig, values: &Values) -> Result<(), ConfigError> {
    let rules = Rules { config, values };
    rules.quorum_is_known()?;
    if config.roles.controller {
        rules.controller_is_a_voter()?;
        rules.controller_listens()?;
    } else {
        rules.broker_knows_the_controller()?;
    }
    if config.roles.broker {
        rules.broker_is_advertised()?;
        rules.cordoned_directories_exist()?;
    } else {
        rules.controller_has_no_broker_listener()?;
    }
    rules.addresses_can_be_reached()?;
    rules.early_listeners_exist()?;
    rules.brokers_can_log_in()
}

struct Rules<'a> {
    config: &'a ServerConfig,
    values: &'a Values,
}

impl Rules<'_> {
    fn refuse(&self, key: &str, expected: impl Into<String>) -> Result<(), ConfigError> {
        let shown = self.values.get(key)?.to_string();
        Err(ConfigError::new(key, shown, expected))
    }

    fn quorum_is_known(&self) -> Result<(), ConfigError> {
        let quorum = &self.config.quorum;
        if !quorum.voters.is_empty() || !quorum.bootstrap_servers.is_empty() {
            return Ok(());
        }
        self.refuse(
            "controller.quorum.bootstrap.servers",
            format!("expected host:port of at least one controller, or {VOTERS}"),
        )
    }

    fn is_voter(&self) -> bool {
        self.config.quorum.voters.iter().any(|voter| voter.id == self.config.node_id)
    }

    fn controller_is_a_voter(&self) -> Result<(), ConfigError> {
        if self.config.quorum.voters.is_empty() || self.is_voter() {
            return Ok(());
        }
        let id = self.config.node_id.0;
        self.refuse(VOTERS, format!("expected node.id, {id}, among them, as it is a controller"))
    }

    fn controller_listens(&self) -> Result<(), ConfigError> {
        let listeners = &self.config.listeners;
        let bound = |name: &String| listeners.bound.iter().any(|endpoint| endpoint.name == *name);
        if listeners.controller_names.iter().all(bound) {
            return Ok(());
        }
        self.refuse(CONTROLLER_NAMES, "expected only names that stand in listeners")
    }

    fn broker_knows_the_controller(&self) -> Result<(), ConfigError> {
        let listeners = &self.config.listeners;
        if self.is_voter() {
            let id = self.config.node_id.0;
            let expected = format!("expected them without node.id, {id}, which is no controller");
            return self.refuse(VOTERS, expected);
        }
        if listeners.bound.iter().any(|endpoint| listeners.is_controller(&endpoint.name)) {
            let expected =
                "expected names that do not stand in listeners, as this is no controller";
            return self.refuse(CONTROLLER_NAMES, expected);
        }
        let mapped = mapped_names(self.values)?;
        if let Some(name) = listeners.controller_names.iter().find(|name| !mapped.contains(name)) {
            let expected = format!(
                "expected names that listener.security.protocol.map gives a protocol, unlike {name}"
            );
            return self.refuse(CONTROLLER_NAMES, expected);
        }
        if self.values.get("controller.quorum.auto.join.enable")?.to_string() == "true" {
            let expected = "expected false where process.roles is broker";
            return self.refuse("controller.quorum.auto.join.enable", expected);
        }
        Ok(())
    }

    fn controller_has_no_broker_listener(&self) -> Result<(), ConfigError> {
        let listeners = &self.config.listeners;
        if !listeners.bound.iter().all(|endpoint| listeners.is_controller(&endpoint.name)) {
            let expected =
                format!("expected only those of {CONTROLLER_NAMES} where there is no broker");
            return self.refuse("listeners", expected);
        }
        if self.values.is_set(INTER_BROKER) && listeners.is_controller(&listeners.inter_broker) {
            let expected = format!("expected a name outside of {CONTROLLER_NAMES}");
            return self.refuse(INTER_BROKER, expected);
        }
        Ok(())
    }

    fn broker_is_advertised(&self) -> Result<(), ConfigError> {
        let listeners = &self.config.listeners;
        let key = if self.values.is_set(ADVERTISED) { ADVERTISED } else { "listeners" };
        if listeners.advertised.is_empty() {
            let expected = format!("expected at least one beside those of {CONTROLLER_NAMES}");
            return self.refuse(key, expected);
        }
        if !listeners.advertised.iter().any(|endpoint| endpoint.name == listeners.inter_broker) {
            let names: Vec<_> = listeners.advertised.iter().map(|e| e.name.as_str()).collect();
            let expected = format!("expected one of {}", names.join(", "));
            return Err(ConfigError::new(INTER_BROKER, &listeners.inter_broker, expected));
        }
        let bound = |name: &str| listeners.bound.iter().any(|endpoint| endpoint.name == name);
        if !listeners.advertised.iter().all(|endpoint| bound(&endpoint.name)) {
            return self.refuse(ADVERTISED, "expected only names that stand in listeners");
        }
        Ok(())
    }

    fn addresses_can_be_reached(&self) -> Result<(), ConfigError> {
        let listeners = &self.config.listeners;
        let told = listeners.advertised.iter().chain(&listeners.advertised_controllers);
        if !told.into_iter().any(super::Endpoint::is_wildcard) {
            return Ok(());
        }
        let key = if self.values.is_set(ADVERTISED) { ADVERTISED } else { "listeners" };
        let expected = "expected an address that clients can connect to, not 0.0.0.0; \
                        set advertised.listeners, or leave the host out";
        self.refuse(key, expected)
    }

    fn early_listeners_exist(&self) -> Result<(), ConfigError> {
        let listeners = &self.config.listeners;
        for name in self.values.list("early.start.listeners")? {
            let name = name.to_uppercase();
            let bound = listeners.bound.iter().any(|endpoint| endpoint.name == name);
            if !bound && !listeners.is_controller(&name) {
                let expected = format!("expected names in listeners or {CONTROLLER_NAMES}");
                return self.refuse("early.start.listeners", expected);
            }
        }
        Ok(())
    }

    fn brokers_can_log_in(&self) -> Result<(), ConfigError> {
        const MECHANISM: &str = "sasl.mechanism.inter.broker.protocol";
        if !inter_broker_protocol(self.values)?.is_sasl() {
            return Ok(());
        }
        let mechanism = self.values.text(MECHANISM)?.unwrap_or_default();
        let listener = self.config.listeners.inter_broker.to_lowercase();
        let own = format!("listener.name.{listener}.sasl.enabled.mechanisms");
        let enabled = match self.values.file.get(own.as_str()) {
            Some(text) => text.split(',').map(|item| item.trim().to_owned()).collect(),
            None => self.values.list("sasl.enabled.mechanisms")?,
        };
        if enabled.contains(&mechanism) {
            return Ok(());
        }
        self.refuse(MECHANISM, "expected one of sasl.enabled.mechanisms")
    }

    fn cordoned_directories_exist(&self) -> Result<(), ConfigError> {
        const CORDONED: &str = "cordoned.log.dirs";
        let cordoned = self.values.list(CORDONED)?;
        let all = cordoned.iter().any(|dir| dir == "*");
        let known = |dir: &String| self.config.log_dirs.contains(dir);
        if all && cordoned.len() > 1 || !all && !cordoned.iter().all(known) {
            return self.refuse(CORDONED, "expected some of log.dirs, or * alone");
        }
        Ok(())
    }
}
