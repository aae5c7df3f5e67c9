//! The log directories of a node: which there are, and which are formatted.

use std::path::Path;

use log::{MetaProperties, RealDisk};
use metadata::config::ServerConfig;

/// Every directory once, in order of their names.
pub fn all(config: &ServerConfig) -> Vec<String> {
    let mut all = config.log_dirs.clone();
    all.push(config.metadata_log_dir.clone());
    all.sort_unstable();
    all.dedup();
    all
}

/// To which cluster and node a directory belongs; none before it is formatted.
pub fn identity(directory: &str) -> Result<Option<MetaProperties>, String> {
    if !Path::new(directory).is_dir() {
        return Ok(None);
    }
    MetaProperties::load(&RealDisk, Path::new(directory)).map_err(|error| error.to_string())
}
