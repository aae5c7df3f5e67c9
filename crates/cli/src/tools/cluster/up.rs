//! `klamm cluster up`: a cluster on this machine, a process a node, for as long as the command runs.

mod process;

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use client::{Admin, ClientConfig};
use tokio::time::Instant;
use types::Uuid;

use super::super::support::options::{Parsed, Spec};
use super::super::support::{Done, ToolError, block_on, run as run_tool, terminated};
use super::local::{FIRST_PORT, Local, NODES_MAX};
use crate::server::data_directory;
use process::Processes;

const ABOUT: &str = "\
usage: klamm cluster up [N] [--data-dir DIRECTORY] [--port PORT] [--property KEY=VALUE]...

Runs a cluster of N nodes on this machine until Ctrl-C. Free ports are chosen from PORT on [9092];
the nodes' files are in DIRECTORY [default: beside the data of klamm server]. If there is a cluster
in DIRECTORY already it goes on where it was, and N need not be given.

A node that dies stays down, so that one can see how the others do without it; Enter starts it
again.
";

/// How long nodes may take until they serve.
const START_WITHIN: Duration = Duration::from_secs(60);
const ASK_INTERVAL: Duration = Duration::from_millis(100);

fn spec() -> Spec {
    Spec::new(ABOUT)
        .answers_help(0, None)
        .value("data-dir", "directory", "Where the nodes' files are.")
        .value("port", "port", "Where to look for free ports (9092), for a new cluster.")
        .value("property", "key=value", "A setting of all nodes; may be repeated.")
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let local = cluster(options)?;
        block_on(async {
            let mut processes = Processes::start(&local).map_err(ToolError::Failed)?;
            let ended = serve(&local, &mut processes).await;
            processes.stop().await;
            ended
        })
    })
}

/// The cluster of the directory, or a new one in it.
fn cluster(options: &Parsed) -> Result<Local, ToolError> {
    let usage = |what: String| ToolError::Usage(what);
    let folder = match options.get("data-dir") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(data_directory::choose(None).map_err(usage)? + "-cluster"),
    };
    let folder = std::path::absolute(folder)?;
    let count = match &options.rest[..] {
        [] => None,
        [count] => {
            let wrong = || usage(format!("how many nodes? {count} is not 1 to {NODES_MAX}"));
            let count: usize = count.parse().map_err(|_| wrong())?;
            Some(Some(count).filter(|n| (1..=NODES_MAX).contains(n)).ok_or_else(wrong)?)
        }
        [_, more, ..] => return Err(usage(format!("there is no {more}"))),
    };
    let extra: Vec<String> = options.all("property").map(str::to_owned).collect();
    if let Some(odd) = extra.iter().find(|pair| !pair.contains('=')) {
        return Err(usage(format!("{odd} is not KEY=VALUE")));
    }
    let found = Local::find(&folder).map_err(ToolError::Failed)?;
    match (found, count) {
        (None, None) => Err(usage("how many nodes? klamm cluster up N".to_owned())),
        (None, Some(count)) => {
            let id = Uuid::from_random(process::random_bytes()?);
            let port = options.number("port")?.unwrap_or(FIRST_PORT);
            let local = Local::create(&folder, count, port, &extra, id);
            let local = local.map_err(ToolError::Failed)?;
            process::format(&local).map_err(ToolError::Failed)?;
            Ok(local)
        }
        (Some(local), count) => {
            let nodes = local.nodes.len();
            if count.is_some_and(|count| count != nodes) {
                return Err(ToolError::Failed(format!(
                    "the cluster in {} has {nodes} nodes; leave the number out, or choose another \
                     directory with --data-dir",
                    folder.display()
                )));
            }
            if !extra.is_empty() {
                return Err(ToolError::Failed(format!(
                    "--property is for new clusters; this one's settings are in {}/node-*/\
                     server.properties",
                    folder.display()
                )));
            }
            // what an interrupted first start has left unformatted
            process::format(&local).map_err(ToolError::Failed)?;
            Ok(local)
        }
    }
}

/// Until somebody ends it, or no node is left.
async fn serve(local: &Local, processes: &mut Processes) -> Done {
    let end = terminated();
    tokio::pin!(end);
    tokio::select! {
        () = &mut end => return Ok(()),
        died = processes.await_death() => return Err(ToolError::Failed(died)),
        ready = ready(local) => ready?,
    }
    greet(local);
    let mut enter = process::lines_typed();
    loop {
        tokio::select! {
            () = &mut end => {
                println!("stopping");
                return Ok(());
            }
            died = processes.await_death() => {
                println!("{died}");
                if processes.are_all_dead() {
                    return Err(ToolError::Failed("no node is left".to_owned()));
                }
            }
            Some(()) = enter.recv() => processes.start_dead().map_err(ToolError::Failed)?,
        }
    }
}

/// Waits until all nodes are in service.
async fn ready(local: &Local) -> Done {
    let config = ClientConfig {
        bootstrap_servers: local.nodes.iter().map(super::local::Node::address).collect(),
        default_api_timeout: START_WITHIN,
        ..ClientConfig::default()
    };
    let admin = Admin::new(config);
    let deadline = Instant::now() + START_WITHIN;
    loop {
        let described = admin.describe_cluster(false).await;
        let serving = described.map_or(0, |cluster| cluster.brokers.len());
        if serving == local.nodes.len() {
            return Ok(());
        }
        if Instant::now() > deadline {
            let (all, logs) = (local.nodes.len(), local.nodes[0].log());
            return Err(ToolError::Failed(format!(
                "{serving} of {all} nodes serve after {START_WITHIN:?}; see {} and the others",
                logs.display()
            )));
        }
        tokio::time::sleep(ASK_INTERVAL).await;
    }
}

fn greet(local: &Local) {
    let bootstrap = local.bootstrap();
    println!("cluster {}: {} nodes", local.cluster_id, local.nodes.len());
    for node in &local.nodes {
        let role = if node.controller_port.is_some() { "broker,controller" } else { "broker" };
        println!("  node {}  {}  {role:17}  {}", node.id, node.address(), node.log().display());
    }
    println!("produce with: klamm produce -b {bootstrap} greetings");
    println!("consume with: klamm consume -b {bootstrap} -f greetings");
    println!("look at it with: klamm cluster status -b {bootstrap} --watch");
    println!("Ctrl-C stops it");
}
