//! Apache Kafka's jars, its tools, and Java programs of our own against its clients.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::succeed;
use crate::runtimes::present;
use crate::{classes, folders};

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

/// How a server's JVM is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jvm {
    /// Starts soon and stays small, with so many MiB of heap at most.
    Small { heap_mib_max: u32 },
    /// As Apache Kafka's own start script has it: for measurements.
    AsShipped,
}

impl Jvm {
    pub(crate) fn flags(self, release: Release) -> Vec<String> {
        const AS_SHIPPED: &[&str] =
            &["-Xmx1G", "-Xms1G", "-server", "-XX:+UseG1GC", "-XX:MaxGCPauseMillis=20"];
        let owned = |flags: &[&str]| flags.iter().map(|flag| (*flag).to_owned()).collect();
        match self {
            Self::AsShipped => owned(AS_SHIPPED),
            Self::Small { heap_mib_max } => {
                let mut flags: Vec<String> = owned(QUICK_JVM);
                flags.push(format!("-Xmx{heap_mib_max}M"));
                flags.extend(classes::flags(release));
                flags
            }
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

/// Start-up counts here, not the peak.
pub(crate) const QUICK_JVM: &[&str] = &["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"];

/// A main class of a release, ready for its arguments.
#[must_use]
pub fn class(release: Release, main: &str) -> Option<Command> {
    plain_class(release, &classes::flags(release), main)
}

/// The same with these words to the JVM.
pub(crate) fn plain_class(release: Release, flags: &[String], main: &str) -> Option<Command> {
    let mut command = Command::new("java");
    command.arg("-Xmx512M").args(QUICK_JVM).args(flags);
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
    command.arg("-Xmx512M").args(QUICK_JVM).args(classes::flags(release));
    command.args(["-cp", &format!("{jars}:{}", classes.display()), name]);
    Some(command)
}

fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("java")
}
