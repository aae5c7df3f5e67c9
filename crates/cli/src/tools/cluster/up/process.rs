//! The processes of a local cluster: formatted, started, watched, stopped in order.

use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::mpsc;
use tokio::time::Instant;
use types::Uuid;

use super::super::local::{Local, Node};

/// How often children are asked whether they live.
const POLL_INTERVAL: Duration = Duration::from_millis(50);
/// How long a node may take to stop in order.
const STOP_WITHIN: Duration = Duration::from_secs(30);
/// Of the log of a node that died.
const LINES_SHOWN: usize = 5;

/// Gives the nodes their identities, where they have none.
pub fn format(local: &Local) -> Result<(), String> {
    let is_fresh = |node: &&Node| !node.data().join("meta.properties").exists();
    let fresh: Vec<&Node> = local.nodes.iter().filter(is_fresh).collect();
    if fresh.is_empty() {
        return Ok(());
    }
    // all voters are to know the same directory ids; those that have one keep it
    let voters = local.initial_controllers(|node| {
        node.directory_id().map_or_else(|| Ok(Uuid::from_random(random_bytes()?)), Ok)
    });
    let voters = voters.map_err(|error| format!("no random bytes: {error}"))?;
    for node in fresh {
        let mut command = klamm("storage")?;
        command.args(["format", "--cluster-id", &local.cluster_id, "--config"]);
        command.arg(node.properties());
        if node.controller_port.is_some() {
            command.args(["--initial-controllers", &voters]);
        }
        let output = command.output().map_err(|error| format!("cannot run klamm: {error}"))?;
        if !output.status.success() {
            let why = String::from_utf8_lossy(&output.stderr).into_owned();
            return Err(format!("cannot format node {}: {}", node.id, why.trim()));
        }
    }
    Ok(())
}

/// This program, with another command.
fn klamm(tool: &str) -> Result<Command, String> {
    let own = std::env::current_exe();
    let own = own.map_err(|error| format!("cannot find the klamm binary: {error}"))?;
    let mut command = Command::new(own);
    command.arg(tool);
    Ok(command)
}

pub fn random_bytes() -> io::Result<[u8; 16]> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// Gives something for each line that is typed, where there is somebody to type.
pub fn lines_typed() -> mpsc::Receiver<()> {
    let (sender, receiver) = mpsc::channel(1);
    if io::stdin().is_terminal() {
        // ends with the process: a read of a terminal cannot be taken back
        std::thread::spawn(move || {
            for _ in io::stdin().lock().lines().map_while(Result::ok) {
                // a line more or less means the same
                let _ = sender.try_send(());
            }
        });
    }
    receiver
}

/// The nodes with their processes.
pub struct Processes {
    nodes: Vec<(Node, Option<Child>)>,
}

impl Processes {
    pub fn start(local: &Local) -> Result<Self, String> {
        let nodes = local.nodes.iter().map(|node| (node.clone(), None));
        let mut processes = Self { nodes: nodes.collect() };
        processes.start_dead()?;
        Ok(processes)
    }

    /// Starts the nodes that do not run.
    pub fn start_dead(&mut self) -> Result<(), String> {
        for (node, child) in self.nodes.iter_mut().filter(|(_, child)| child.is_none()) {
            *child = Some(start(node)?);
        }
        Ok(())
    }

    pub fn are_all_dead(&self) -> bool {
        self.nodes.iter().all(|(_, child)| child.is_none())
    }

    /// Waits until a node dies; tells which, how, and what it said last.
    pub async fn await_death(&mut self) -> String {
        loop {
            for (node, slot) in &mut self.nodes {
                if let Some(status) = slot.as_mut().and_then(ended) {
                    *slot = None;
                    return obituary(node, status);
                }
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    }

    /// Stops brokers, then those that vote, so that leadership can be handed over to the end. Nodes
    /// that take too long are killed.
    pub async fn stop(&mut self) {
        let deadline = Instant::now() + STOP_WITHIN;
        for votes in [false, true] {
            let own = |(node, child): &&mut (Node, Option<Child>)| {
                node.controller_port.is_some() == votes && child.is_some()
            };
            let mut stopping: Vec<_> = self.nodes.iter_mut().filter(|pair| own(pair)).collect();
            stopping.iter().filter_map(|(_, child)| child.as_ref()).for_each(terminate);
            while stopping
                .iter_mut()
                .any(|(_, child)| child.as_mut().is_some_and(|c| ended(c).is_none()))
            {
                if Instant::now() > deadline {
                    break;
                }
                tokio::time::sleep(POLL_INTERVAL).await;
            }
            for (node, slot) in stopping {
                if let Some(mut child) = slot.take()
                    && ended(&mut child).is_none()
                {
                    println!("node {} does not stop and is killed", node.id);
                    // one that has ended meanwhile is what is wanted
                    let _ = child.kill();
                    let _ = child.wait();
                }
            }
        }
    }
}

/// A terminal's Ctrl-C is for this process alone: the nodes have a group of their own.
fn start(node: &Node) -> Result<Child, String> {
    let failed = |error: io::Error| format!("cannot start node {}: {error}", node.id);
    let log = File::options().create(true).append(true).open(node.log()).map_err(failed)?;
    let errors = log.try_clone().map_err(failed)?;
    let mut command = klamm("server")?;
    command.arg(node.properties()).process_group(0);
    command.stdin(Stdio::null()).stdout(log).stderr(errors).spawn().map_err(failed)
}

/// How it ended, if it has. One that cannot be asked is none of ours any more.
fn ended(child: &mut Child) -> Option<ExitStatus> {
    child.try_wait().ok().flatten()
}

fn terminate(child: &Child) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // one that has ended already is what is wanted
    let _ = pid.map(|pid| kill_process(pid, Signal::TERM));
}

fn obituary(node: &Node, status: ExitStatus) -> String {
    let log = std::fs::read(node.log()).unwrap_or_default();
    let log = String::from_utf8_lossy(&log);
    let lines: Vec<&str> = log.lines().collect();
    let last = lines[lines.len().saturating_sub(LINES_SHOWN)..].join("\n    ");
    format!("node {} died: {status}. {} ends with\n    {last}", node.id, node.log().display())
}
