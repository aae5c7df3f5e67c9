//! Tutorials run word for word: `localhost:9092` and `bin/kafka-*.sh`, in a network namespace of
//! their own, where that port is always free.

use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use crate::folders;
use crate::java::{Release, class_path};
use crate::process::output;
use crate::runtimes::present;

/// Whose scripts stand in `bin`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tools {
    Ours,
    ApacheKafka,
}

/// The scripts that tutorials use, with Apache Kafka's main classes.
const SCRIPTS: [(&str, &str); 4] = [
    ("kafka-topics.sh", "org.apache.kafka.tools.TopicCommand"),
    ("kafka-console-producer.sh", "org.apache.kafka.tools.ConsoleProducer"),
    ("kafka-console-consumer.sh", "org.apache.kafka.tools.consumer.ConsoleConsumer"),
    ("kafka-consumer-groups.sh", "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand"),
];

/// Starts Klamm with no flags and no configuration, runs the shell text `tutorial` beside it until
/// it ends or has printed `last`, and returns what it printed. `None` where something is missing.
///
/// # Panics
/// If the namespace cannot be made in CI.
#[must_use]
pub fn run(tutorial: &str, tools: Tools, last: &str) -> Option<String> {
    if !present("unshare", "--version") || !namespace_is_permitted() {
        return None;
    }
    let folder = folders::scratch();
    lay_out_scripts(&folder.path().join("bin"), tools)?;
    let script = folder.path().join("tutorial.sh");
    std::fs::write(&script, tutorial).expect("write the tutorial");
    let mut shell = Command::new("unshare");
    shell.args(["--net", "bash", "-c", BESIDE_KLAMM, "bash"]).arg(folders::klamm_binary());
    shell.arg(&script).arg(last).current_dir(folder.path());
    // zero configuration: the default data directory is below this home
    shell.env("HOME", folder.path()).env_remove("XDG_DATA_HOME").env_remove("KLAMM_DATA");
    let result = output(&mut shell, b"");
    Some(String::from_utf8_lossy(&result.stdout).into_owned())
}

/// Starts Klamm ($1), runs the tutorial ($2) until it ends or prints the last line ($3).
const BESIDE_KLAMM: &str = r#"
ip link set lo up
"$1" > server.log 2>&1 &
klamm=$!
trap 'kill $klamm 2> /dev/null' EXIT
until (exec 3<> /dev/tcp/localhost/9092) 2> /dev/null; do
    kill -0 $klamm || { cat server.log; exit 1; }
done
mkfifo printed
timeout 60 bash "$2" > printed 2>&1 &
tutorial=$!
while IFS= read -r line; do
    printf '%s\n' "$line"
    [ -n "$3" ] && [ "$line" = "$3" ] && break
done < printed
kill $tutorial 2> /dev/null
"#;

fn namespace_is_permitted() -> bool {
    let mut probe = Command::new("unshare");
    probe.args(["--net", "ip", "link", "set", "lo", "up"]);
    let permitted = output(&mut probe, b"").status.success();
    let ci = std::env::var_os("CI").is_some_and(|value| !value.is_empty() && value != "false");
    assert!(permitted || !ci, "CI must be able to make a network namespace (root, iproute2)");
    if !permitted {
        eprintln!("skipped: no network namespace can be made (needs root and iproute2)");
    }
    permitted
}

fn lay_out_scripts(bin: &Path, tools: Tools) -> Option<()> {
    std::fs::create_dir(bin).expect("make bin");
    for (script, class) in SCRIPTS {
        let path = bin.join(script);
        if tools == Tools::Ours {
            symlink(folders::klamm_binary(), path).expect("link a tool");
            continue;
        }
        let jars = class_path(Release::Tools)?;
        let java = "java -Xmx256M -XX:TieredStopAtLevel=1 -XX:+UseSerialGC";
        let text = format!("#!/bin/sh\nexec {java} -cp '{jars}' {class} \"$@\"\n");
        std::fs::write(&path, text).expect("write a script");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(&path, executable).expect("make it executable");
    }
    Some(())
}
