//! Reading a `server.properties`.

use std::fs;

use metadata::config::{Assignments, ConfigError, ServerConfig, parse_properties};

/// What the file at `path` sets; the refusal is a sentence.
pub fn read(path: &str) -> Result<Assignments, String> {
    let bytes = fs::read(path).map_err(|error| format!("cannot read {path}: {error}"))?;
    parse_properties(&bytes).map_err(|error| format!("{path}, {error}"))
}

/// The configuration that the file at `path` makes.
pub fn load(path: &str) -> Result<ServerConfig, String> {
    ServerConfig::parse(read(path)?).map_err(|error: ConfigError| format!("{path}: {error}"))
}
