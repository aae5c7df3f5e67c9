//! From a tool's options to a client: `--bootstrap-server`, properties files, single properties.

use client::{Admin, ClientConfig, ConsumerConfig, ProducerConfig, Properties};

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

/// `--bootstrap-server`, or the old `--broker-list`.
pub fn bootstrap(options: &Parsed) -> Result<&str, ToolError> {
    match options.get("broker-list") {
        Some(servers) if !options.has("bootstrap-server") => Ok(servers),
        _ => options.require("bootstrap-server"),
    }
}

/// An admin client as `--bootstrap-server` and `--command-config` have it.
pub fn admin(options: &Parsed) -> Result<Admin, ToolError> {
    let mut properties = properties(options, &["command-config"], &[])?;
    properties.set("bootstrap.servers", bootstrap(options)?);
    admin_with(&properties)
}

/// An admin client with these settings.
pub fn admin_with(properties: &Properties) -> Result<Admin, ToolError> {
    let (config, unknown) = ClientConfig::from_properties(properties).map_err(wrong)?;
    warn(&unknown);
    Ok(Admin::new(config))
}

/// A producer's settings.
pub fn producer_config(properties: &Properties) -> Result<ProducerConfig, ToolError> {
    let (config, unknown) = ProducerConfig::from_properties(properties).map_err(wrong)?;
    warn(&unknown);
    Ok(config)
}

/// A consumer's settings.
pub fn consumer_config(properties: &Properties) -> Result<ConsumerConfig, ToolError> {
    let (config, unknown) = ConsumerConfig::from_properties(properties).map_err(wrong)?;
    warn(&unknown);
    Ok(config)
}

fn warn(unknown: &[String]) {
    for key in unknown {
        eprintln!("WARN The configuration '{key}' was supplied but isn't a known config.");
    }
}
