//! From a tool's options to a client: `--bootstrap-server`, properties files, single properties.

use client::{Admin, ClientConfig, ConfigError, ConsumerConfig, ProducerConfig, Properties};

use super::ToolError;
use super::options::Parsed;

fn wrong(error: impl std::fmt::Display) -> ToolError {
    ToolError::Failed(error.to_string())
}

/// The settings in the files and pairs of these options; later ones win.
pub fn properties(
    options: &Parsed,
    files: &[&str],
    pairs: &[&str],
) -> Result<Properties, ToolError> {
    let mut properties = Properties::new();
    for path in files.iter().filter_map(|name| options.get(name)) {
        properties.extend(Properties::load(path).map_err(wrong)?);
    }
    for pair in pairs.iter().flat_map(|name| options.all(name)) {
        properties.set_pair(pair).map_err(wrong)?;
    }
    Ok(properties)
}

/// `--bootstrap-server`.
pub fn bootstrap(options: &Parsed) -> Result<&str, ToolError> {
    options.require("bootstrap-server")
}

/// Refuses servers of which none has an address, before anything waits for them.
fn resolve(servers: &[String]) -> Result<(), ToolError> {
    use std::net::ToSocketAddrs;
    let has_address = |server: &String| {
        server.to_socket_addrs().is_ok_and(|mut addresses| addresses.next().is_some())
    };
    if servers.iter().any(has_address) {
        return Ok(());
    }
    let what = "No resolvable bootstrap urls given in bootstrap.servers";
    Err(ToolError::NoClient(format!("{what}: {}", servers.join(","))))
}

/// A client cannot be made with such a setting; no tool has a word to add.
fn refused(error: ConfigError) -> ToolError {
    ToolError::NoClient(error.to_string())
}

/// An admin client as `--bootstrap-server` and `--command-config` have it.
pub fn admin(options: &Parsed) -> Result<Admin, ToolError> {
    let mut properties = properties(options, &["command-config"], &[])?;
    properties.set("bootstrap.servers", bootstrap(options)?);
    admin_with(&properties)
}

/// An admin client of the brokers that `--bootstrap-server` names, or of the controllers that
/// `--bootstrap-controller` does.
pub fn admin_of_either(options: &Parsed, properties: Properties) -> Result<Admin, ToolError> {
    let mut properties = properties;
    let (servers, new): (_, fn(ClientConfig) -> Admin) =
        match (options.get("bootstrap-server"), options.get("bootstrap-controller")) {
            (Some(_), Some(_)) => {
                let what = "argument --bootstrap-controller: not allowed with argument \
                            --bootstrap-server";
                return Err(ToolError::Usage(what.to_owned()));
            }
            (Some(servers), None) => (servers, Admin::new),
            (None, Some(servers)) => (servers, Admin::of_controllers),
            (None, None) => {
                let what = "one of the arguments --bootstrap-server --bootstrap-controller is \
                            required";
                return Err(ToolError::Usage(what.to_owned()));
            }
        };
    properties.set("bootstrap.servers", servers);
    admin_config(&properties).map(new)
}

/// An admin client with these settings.
pub fn admin_with(properties: &Properties) -> Result<Admin, ToolError> {
    admin_config(properties).map(Admin::new)
}

fn admin_config(properties: &Properties) -> Result<ClientConfig, ToolError> {
    let (config, unknown) = ClientConfig::from_properties(properties).map_err(refused)?;
    warn(&unknown);
    resolve(&config.bootstrap_servers)?;
    Ok(config)
}

/// A producer's settings.
pub fn producer_config(properties: &Properties) -> Result<ProducerConfig, ToolError> {
    let (config, unknown) = ProducerConfig::from_properties(properties).map_err(refused)?;
    warn(&unknown);
    resolve(&config.client.bootstrap_servers)?;
    Ok(config)
}

/// A consumer's settings.
pub fn consumer_config(properties: &Properties) -> Result<ConsumerConfig, ToolError> {
    let (config, unknown) = ConsumerConfig::from_properties(properties).map_err(refused)?;
    warn(&unknown);
    resolve(&config.client.bootstrap_servers)?;
    Ok(config)
}

fn warn(unknown: &[String]) {
    for key in unknown {
        eprintln!("WARN The configuration '{key}' was supplied but isn't a known config.");
    }
}
