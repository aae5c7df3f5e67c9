//! Apache Kafka's jars, its tools, and Java programs of our own against its clients.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folders;
use crate::process::succeed;
use crate::runtimes::present;

/// Which release of Apache Kafka: its broker and clients, or its tools, Streams and Connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Release {
    /// 4.4.0: broker and clients.
    Broker,
    /// 4.3.1: tools (and the broker that belongs to them).
    Tools,
}

impl Release {
    fn pom(self) -> &'static str {
        match self {
            Self::Broker => "broker.xml",
            Self::Tools => "tools.xml",
        }
    }
}

/// The folder with a release's jars, fetched once. `None` where Java or Maven is missing.
#[must_use]
pub fn jars(release: Release) -> Option<PathBuf> {
    if !present("java", "-version") || !present("mvn", "-v") {
        return None;
    }
    let pom = sources().join(release.pom());
    let key = std::fs::read_to_string(&pom).expect("read the pom");
    Some(folders::filled(&format!("jars-{}", release.pom()), &key, |folder| {
        let mut mvn = Command::new("mvn");
        mvn.args(["-q", "-B", "-f"]).arg(&pom).arg("dependency:copy-dependencies");
        mvn.arg(format!("-DoutputDirectory={}", folder.display()));
        succeed(&mut mvn, b"");
    }))
}

/// The class path of a release.
#[must_use]
pub fn class_path(release: Release) -> Option<String> {
    Some(format!("{}/*", jars(release)?.display()))
}

/// A main class of a release, ready for its arguments.
#[must_use]
pub fn class(release: Release, main: &str) -> Option<Command> {
    let mut command = Command::new("java");
    // start-up counts here, not the peak
    command.args(["-Xmx512M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]);
    command.args(["-cp", &class_path(release)?, main]);
    Some(command)
}

/// A program of `crates/e2e/java/NAME.java`, compiled against the 4.4.0 clients.
#[must_use]
pub fn program(name: &str) -> Option<Command> {
    program_beside(Release::Broker, name)
}

/// A program of `crates/e2e/java/NAME.java`, compiled against the jars of a release.
#[must_use]
pub fn program_beside(release: Release, name: &str) -> Option<Command> {
    let jars = class_path(release)?;
    if !present("javac", "-version") {
        return None;
    }
    let source = sources().join(format!("{name}.java"));
    let key = std::fs::read_to_string(&source).expect("read the source");
    let classes = folders::filled(&format!("java-{name}-{release:?}"), &key, |folder| {
        let mut javac = Command::new("javac");
        javac.args(["-nowarn", "-cp", &jars, "-d"]).arg(folder).arg(&source);
        succeed(&mut javac, b"");
    });
    let mut command = Command::new("java");
    command.args(["-Xmx512M", "-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto"]);
    command.args(["-cp", &format!("{jars}:{}", classes.display()), name]);
    Some(command)
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("java")
}
