//! Log lines on standard output, for people or for machines.

use std::io::{self, IsTerminal};

use tracing_subscriber::EnvFilter;

use super::arguments::LogFormat;

/// Begins to write what the server logs.
pub fn start(format: LogFormat) {
    let filter = EnvFilter::try_from_env("KLAMM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    match format {
        LogFormat::Text => lines.with_ansi(io::stdout().is_terminal()).compact().init(),
        LogFormat::Json => lines.json().flatten_event(true).init(),
    }
}
