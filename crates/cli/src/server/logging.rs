//! Log lines on standard output, for people or for machines; a client may change their levels.

use std::io::{self, IsTerminal};

use broker::Loggers;
use tracing_subscriber::EnvFilter;

use super::arguments::LogFormat;

/// Begins to write what the server logs.
pub fn start(format: LogFormat) -> Loggers {
    let filter = EnvFilter::try_from_env("KLAMM_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let directives = filter.to_string();
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_target(false);
    match format {
        LogFormat::Text => {
            let lines = lines.with_ansi(io::stdout().is_terminal()).compact();
            let lines = lines.with_filter_reloading();
            let handle = lines.reload_handle();
            lines.init();
            Loggers::new(&directives, move |text| told(handle.reload(EnvFilter::new(text))))
        }
        LogFormat::Json => {
            let lines = lines.json().flatten_event(true).with_filter_reloading();
            let handle = lines.reload_handle();
            lines.init();
            Loggers::new(&directives, move |text| told(handle.reload(EnvFilter::new(text))))
        }
    }
}

fn told<E: std::fmt::Display>(outcome: Result<(), E>) {
    if let Err(error) = outcome {
        tracing::error!(%error, "cannot change the levels of log lines");
    }
}
