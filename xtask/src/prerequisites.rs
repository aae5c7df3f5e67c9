//! What the client suites need on the machine, installed where that is allowed.

use std::process::Command;

use crate::run::{answers, in_ci, run};

struct Runtime {
    program: &'static str,
    argument: &'static str,
    debian_packages: &'static [&'static str],
    used_for: &'static str,
}

const RUNTIMES: &[Runtime] = &[
    Runtime {
        program: "java",
        argument: "-version",
        debian_packages: &["openjdk-17-jdk-headless"],
        used_for: "Apache Kafka itself and its clients and tools",
    },
    Runtime {
        program: "javac",
        argument: "-version",
        debian_packages: &["openjdk-17-jdk-headless"],
        used_for: "the oracle programs",
    },
    Runtime {
        program: "mvn",
        argument: "-v",
        debian_packages: &["maven"],
        used_for: "fetching Apache Kafka",
    },
    Runtime {
        program: "node",
        argument: "--version",
        debian_packages: &["nodejs"],
        used_for: "kafkajs",
    },
    Runtime {
        program: "npm",
        argument: "--version",
        debian_packages: &["npm"],
        used_for: "fetching kafkajs",
    },
    Runtime {
        program: "python3",
        argument: "--version",
        debian_packages: &["python3", "python3-venv", "python3-pip"],
        used_for: "confluent-kafka (librdkafka) and the flights data set",
    },
    Runtime {
        program: "go",
        argument: "version",
        debian_packages: &["golang-go"],
        used_for: "franz-go and sarama",
    },
    Runtime {
        program: "kcat",
        argument: "-V",
        debian_packages: &["kcat"],
        used_for: "librdkafka as Debian has it",
    },
    Runtime {
        program: "ip",
        argument: "-V",
        debian_packages: &["iproute2"],
        used_for: "tutorials in a network namespace of their own",
    },
];

/// Makes sure of every runtime: installs it as root on Debian in CI; elsewhere says what is skipped.
///
/// # Errors
/// In CI, the first runtime that is missing and cannot be installed.
pub fn ensure() -> Result<(), String> {
    let missing: Vec<&Runtime> =
        RUNTIMES.iter().filter(|r| !answers(r.program, r.argument)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    if in_ci() {
        install(&missing)?;
    }
    for runtime in missing {
        if answers(runtime.program, runtime.argument) {
            continue;
        }
        let needed = format!("{} is missing: needed for {}", runtime.program, runtime.used_for);
        if in_ci() {
            return Err(needed);
        }
        eprintln!("skipped: {needed}; its tests pass by without running");
    }
    Ok(())
}

fn install(missing: &[&Runtime]) -> Result<(), String> {
    run(Command::new("apt-get").args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install.args(["install", "-y", "-qq", "--no-install-recommends"]);
    install.env("DEBIAN_FRONTEND", "noninteractive");
    for runtime in missing {
        install.args(runtime.debian_packages);
    }
    run(&mut install)
}
