//! `kafka-storage`: the same words and exit codes as Apache Kafka's, and the same directories.

use std::path::Path;
use std::process::Command;

use e2e::java::{Release, class};
use e2e::klamm::tool;
use e2e::{folders, process};

const CLUSTER: &str = "4L6g3nShT-eMCtK--X86sw";
const DYNAMIC: &str = "controller.quorum.bootstrap.servers=localhost:9093";
const STATIC: &str = "controller.quorum.voters=1@localhost:9093";

/// Arguments behind which the config's path and the cluster's id stand where they say so.
const STEPS: &[(&str, &[&str])] = &[
    (DYNAMIC, &["version-mapping"]),
    (DYNAMIC, &["version-mapping", "-r", "3.7"]),
    (DYNAMIC, &["version-mapping", "-r", "9.9"]),
    (DYNAMIC, &["feature-dependencies", "-f", "eligible.leader.replicas.version=1"]),
    (DYNAMIC, &["feature-dependencies", "-f", "foo=1"]),
    (DYNAMIC, &["info", "-c", "CONFIG"]),
    (DYNAMIC, &["format", "-c", "CONFIG", "-t", CLUSTER]),
    (STATIC, &["format", "-c", "CONFIG", "-t", CLUSTER, "--standalone"]),
    (DYNAMIC, &["format", "-c", "CONFIG", "-t", CLUSTER, "-s", "-f", "share.version=0"]),
    (DYNAMIC, &["format", "-c", "CONFIG", "-t", CLUSTER, "-s", "--ignore-formatted"]),
    (DYNAMIC, &["info", "-c", "CONFIG"]),
];

#[test]
fn the_tool_says_what_apache_kafka_s_says() {
    let java = |args: &[String]| {
        let mut command = class(Release::Broker, "kafka.tools.StorageTool")?;
        command.args(args);
        Some(command)
    };
    let ours = |args: &[String]| {
        let mut command = tool("kafka-storage");
        command.args(args);
        Some(command)
    };
    // one folder after the other, at the same place, so that the paths are the same
    let folder = folders::scratch();
    let Some(theirs) = answers(folder.path(), java) else { return };
    let ours = answers(folder.path(), ours).expect("the binary is there");
    for ((step, theirs), ours) in STEPS.iter().zip(theirs).zip(ours) {
        assert_eq!(ours, theirs, "{step:?}");
    }
}

/// What each step prints, with ids blotted out, and whether it succeeds.
fn answers(
    folder: &Path,
    command: impl Fn(&[String]) -> Option<Command>,
) -> Option<Vec<(String, bool)>> {
    let data = folder.join("data");
    let config = folder.join("server.properties");
    let mut answers = Vec::new();
    for (quorum, args) in STEPS {
        let properties = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.listener.names=CONTROLLER\n\
             listeners=PLAINTEXT://localhost:9092,CONTROLLER://localhost:9093\n{quorum}\n\
             log.dirs={}\n",
            data.display()
        );
        std::fs::write(&config, properties).expect("write the properties");
        let place = |arg: &&str| match *arg {
            "CONFIG" => config.display().to_string(),
            other => other.to_owned(),
        };
        let args: Vec<String> = args.iter().map(place).collect();
        let output = process::output(&mut command(&args)?, b"");
        let text = [output.stdout, output.stderr].concat();
        answers.push((without_ids(&String::from_utf8_lossy(&text)), output.status.success()));
    }
    std::fs::remove_dir_all(&data).expect("remove the data");
    Some(answers)
}

fn without_ids(text: &str) -> String {
    match text.split_once("directory.id=") {
        Some((before, after)) => {
            let after = after.split_once(',').map_or("", |(_, after)| after);
            format!("{before}directory.id=ID,{after}")
        }
        None => text.to_owned(),
    }
}
