//! Archives of loaded classes: with its own, a JVM starts Apache Kafka in half of the time, which the
//! suites do a hundred times.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::Signal;

use crate::java::{Release, class_path, plain_class};
use crate::process::{Server, free_port, loopback, output, succeed};
use crate::{folders, wait};

/// How long a JVM may take to write down its classes, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// What a JVM is told to start from a release's archive, which is made by a server that starts and
/// ends. Nothing is said where that fails: then it starts as it always does.
pub(crate) fn flags(release: Release) -> Vec<String> {
    static BROKER: OnceLock<Option<PathBuf>> = OnceLock::new();
    static TOOLS: OnceLock<Option<PathBuf>> = OnceLock::new();
    let known = match release {
        Release::Broker => &BROKER,
        Release::Tools => &TOOLS,
    };
    let Some(archive) = known.get_or_init(|| archive(release)) else { return Vec::new() };
    // an archive that does not fit is no news to who reads a tool's output
    let silent = "-Xlog:disable".to_owned();
    vec![silent, "-Xshare:auto".to_owned(), format!("-XX:SharedArchiveFile={}", archive.display())]
}

fn archive(release: Release) -> Option<PathBuf> {
    let version = output(Command::new("java").arg("-version"), b"");
    let key = format!("{}{}", String::from_utf8_lossy(&version.stderr), class_path(release)?);
    let folder = folders::filled(&format!("classes-{release:?}"), &key, |folder| {
        // without an archive nothing fails
        let _ = write_down(release, &folder.join("kafka.jsa"));
    });
    let archive = folder.join("kafka.jsa");
    archive.is_file().then_some(archive)
}

/// Has a server start, and end with its classes written down.
fn write_down(release: Release, archive: &Path) -> Option<()> {
    let scratch = folders::scratch();
    let (broker, controller) = (free_port(), free_port());
    let listeners = format!("PLAINTEXT://127.0.0.1:{broker},CONTROLLER://127.0.0.1:{controller}");
    let properties = scratch.path().join("server.properties");
    let text = format!(
        "process.roles=broker,controller\nnode.id=1\n\
         controller.quorum.bootstrap.servers=127.0.0.1:{controller}\n\
         listeners={listeners}\nadvertised.listeners={listeners}\n\
         controller.listener.names=CONTROLLER\nlog.dirs={}\n",
        scratch.path().join("data").display()
    );
    std::fs::write(&properties, text).ok()?;
    let mut format = plain_class(release, &[], "kafka.tools.StorageTool")?;
    format.args(["format", "--standalone", "-t", crate::nodes::CLUSTER, "-c"]).arg(&properties);
    succeed(&mut format, b"");
    let dump = format!("-XX:ArchiveClassesAtExit={}", archive.display());
    let mut command = plain_class(release, &[dump], "kafka.Kafka")?;
    let mut server = Server::start(command.arg(&properties), &scratch.path().join("server.log"));
    server.await_listener(loopback(broker));
    server.signal(Signal::TERM);
    wait::within(PATIENCE, || server.ended()).map(|_| ())
}
