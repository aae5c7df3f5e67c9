//! `klamm server`: reads the configuration, runs the server until a signal stops it.

mod arguments;
pub mod data_directory;
mod logging;

use std::io;
use std::process::ExitCode;
use std::sync::Arc;

use broker::{Broker, Loggers, Running, Settings};
use metadata::config::ServerConfig;
use tokio::runtime;
use tokio::signal::unix::{SignalKind, signal};

use crate::configuration;
use arguments::{Arguments, Wish};

/// Runs the server on the arguments after `klamm server`.
pub fn run(args: &[String]) -> ExitCode {
    let arguments = match arguments::parse(args) {
        Ok(Wish::Run(arguments)) => arguments,
        Ok(Wish::Help) => {
            print!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Err(refusal) => {
            eprintln!("klamm server: {refusal}\n\n{}", arguments::USAGE);
            return ExitCode::FAILURE;
        }
    };
    let loggers = logging::start(arguments.log_format);
    match serve(&arguments, loggers) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            tracing::error!("{reason}");
            ExitCode::FAILURE
        }
    }
}

fn serve(arguments: &Arguments, loggers: Loggers) -> Result<(), String> {
    let config = configuration(arguments)?;
    for notice in &config.notices {
        if notice.kind.is_warning() {
            tracing::warn!("{notice}");
        } else {
            tracing::info!("{notice}");
        }
    }
    let mut settings = Settings::from_config(config).map_err(|error| error.to_string())?;
    settings.loggers = Arc::new(loggers);
    // connections have threads of their own
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start the runtime: {error}"))?;
    runtime.block_on(async {
        let listener = settings.config.listeners.advertised.first().map(|e| e.name.clone());
        let running = Broker::start(settings).await.map_err(|error| error.to_string())?;
        let end = tokio::select! {
            signal = signalled() => signal.map_err(|error| format!("cannot wait: {error}")),
            why = served(&running, listener.as_deref()) => Err(why),
        };
        match &end {
            Ok(signal) => tracing::info!("stopping: {signal}"),
            Err(why) => tracing::error!("stopping: {why}"),
        }
        running.shutdown().await;
        tracing::info!("stopped");
        end.map(|_| ())
    })
}

/// Greets once clients are served; returns why they cannot be any more.
async fn served(running: &Running, listener: Option<&str>) -> String {
    if let Err(why) = running.in_service().await {
        return why;
    }
    greet(running, listener);
    running.failed().await
}

fn configuration(arguments: &Arguments) -> Result<ServerConfig, String> {
    let refusal = |error: metadata::config::ConfigError| error.to_string();
    let Some(path) = &arguments.file else {
        let data = data_directory::choose(arguments.data_dir.as_deref())?;
        return ServerConfig::single_node(&data, &arguments.overrides).map_err(refusal);
    };
    let mut file = configuration::read(path)?;
    if let Some(data) = &arguments.data_dir {
        file.insert("log.dirs".into(), data.as_str().into());
    }
    file.extend(arguments.overrides.clone());
    ServerConfig::parse(file).map_err(|error| format!("{path}: {error}"))
}

/// Two lines to copy, with the address that clients reach.
fn greet(running: &Running, listener: Option<&str>) {
    let Some(address) = listener.and_then(|name| running.address(name)) else { return };
    let host = match address.ip() {
        ip if ip.is_unspecified() || ip.is_loopback() => "localhost".to_owned(),
        ip if ip.is_ipv6() => format!("[{ip}]"),
        ip => ip.to_string(),
    };
    let server = match (host.as_str(), address.port()) {
        // where the tools look by themselves
        ("localhost", 9092) => String::new(),
        (host, port) => format!(" -b {host}:{port}"),
    };
    tracing::info!("produce with: klamm produce{server} greetings");
    tracing::info!("consume with: klamm consume{server} -f greetings");
}

/// Waits for the first signal that ends the process.
async fn signalled() -> io::Result<&'static str> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => Ok("SIGTERM"),
        _ = interrupt.recv() => Ok("SIGINT"),
    }
}
