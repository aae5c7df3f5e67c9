//! `klamm cluster up` and `klamm cluster status`: what people see of a cluster on their machine.

use std::io::Write;
use std::path::Path;
use std::process::{ChildStdin, Command, Output};

use e2e::process::{Server, output, succeed};
use e2e::runtimes::present;
use e2e::{Kafka, folders, klamm, wait};
use rustix::process::{Pid, Signal, kill_process};

/// Ports are looked for from here on: below those that other tests are given.
const PORTS: [&str; 2] = ["10000", "12000"];

/// A running `klamm cluster up`, with its nodes, which end with it.
struct Up {
    command: Server,
    /// Of `klamm` itself, which another program may run in a terminal.
    pid: u32,
    typed: Option<ChildStdin>,
    folder: tempfile::TempDir,
    /// Of starts before this one.
    told: usize,
}

impl Up {
    fn new(nodes: &str, port: &str) -> Self {
        let folder = folders::scratch();
        let command = Self::launch(folder.path(), &[nodes, "--port", port]);
        Self { pid: command.pid(), typed: None, command, folder, told: 0 }
    }

    /// The same in a terminal.
    fn typed_to(nodes: &str, port: &str) -> Self {
        let folder = folders::scratch();
        let command = Self::command(folder.path(), &[nodes, "--port", port]);
        let words = std::iter::once(command.get_program()).chain(command.get_args());
        let words: Vec<_> = words.map(|word| word.to_string_lossy()).collect();
        let mut script = Command::new("script");
        let line = format!("exec {}", words.join(" "));
        script.args(["--quiet", "--flush", "--command", &line, "/dev/null"]);
        let (command, typed) = Server::typed_to(&mut script, &folder.path().join("up.log"));
        let mut up = Self { pid: command.pid(), typed: Some(typed), command, folder, told: 0 };
        up.await_word("Ctrl-C stops it");
        let [klamm] = up.nodes()[..] else { panic!("{}", up.told()) };
        up.pid = klamm.as_raw_nonzero().get().cast_unsigned();
        up
    }

    /// Somebody presses Enter.
    fn enter(&mut self) {
        let typed = self.typed.as_mut().expect("it is in a terminal");
        typed.write_all(b"\n").expect("it listens");
    }

    fn again(&mut self) {
        self.told = self.command.log().len();
        self.command = Self::launch(self.folder.path(), &[]);
        self.pid = self.command.pid();
    }

    fn launch(folder: &Path, more: &[&str]) -> Server {
        Server::start(&mut Self::command(folder, more), &folder.join("up.log"))
    }

    fn command(folder: &Path, more: &[&str]) -> Command {
        let mut command = klamm::tool("cluster");
        command.arg("up").args(more).arg("--data-dir").arg(folder.join("cluster"));
        command
    }

    /// What this start has printed.
    fn told(&self) -> String {
        self.command.log().split_off(self.told)
    }

    fn await_word(&self, word: &str) {
        wait::until(word, || self.told().contains(word).then_some(()));
    }

    /// Where clients begin, once all nodes serve.
    fn bootstrap(&self) -> String {
        self.await_word("Ctrl-C stops it");
        let told = self.told();
        let (_, rest) = told.split_once("klamm produce -b ").expect("how to produce");
        rest.split_whitespace().next().expect("an address").to_owned()
    }

    /// The process ids of the nodes.
    fn nodes(&self) -> Vec<Pid> {
        let ids = self.children();
        ids.split_whitespace().filter_map(|id| Pid::from_raw(id.parse().ok()?)).collect()
    }

    fn children(&self) -> String {
        let children = format!("/proc/{0}/task/{0}/children", self.pid);
        std::fs::read_to_string(children).unwrap_or_default()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // in order where it still runs: its nodes have nobody else to end them
        let klamm = i32::try_from(self.pid).ok().and_then(Pid::from_raw);
        let _ = klamm.map(|klamm| kill_process(klamm, Signal::TERM));
        let within = std::time::Duration::from_secs(60);
        wait::within(within, || self.children().is_empty().then_some(()));
    }
}

fn status(bootstrap: &str) -> (Option<i32>, String) {
    let mut command = klamm::tool("cluster");
    let Output { status, stdout, stderr } = output(command.args(["status", "-b", bootstrap]), b"");
    let text = String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned();
    (status.code(), text)
}

fn tool(name: &str, bootstrap: &str, words: &str, input: &str) -> String {
    let mut command: Command = klamm::tool(name);
    command.args(words.split(' ')).args(["--bootstrap-server", bootstrap]);
    succeed(&mut command, input.as_bytes())
}

/// A node of `status` by its id: the cells of its line.
fn node(text: &str, id: &str) -> Vec<String> {
    let lines = text.lines().map(|line| line.split_whitespace().map(str::to_owned));
    let found = lines.map(Iterator::collect).find(|cells: &Vec<String>| {
        cells.first().map(String::as_str) == Some(id) && cells.len() == 10
    });
    found.unwrap_or_else(|| panic!("no node {id} in\n{text}"))
}

#[test]
fn a_local_cluster_comes_up_goes_on_and_ends() {
    let mut up = Up::new("3", PORTS[0]);
    let bootstrap = up.bootstrap();
    assert_eq!(bootstrap.split(',').count(), 3, "{bootstrap}");
    let text = wait::until("each node knows that all is well", || {
        let (code, text) = status(&bootstrap);
        (code == Some(0)).then_some(text)
    });
    assert!(text.contains(": well\n") && !text.contains('\x1b'), "{text}");
    let roles: Vec<_> = ["1", "2", "3"].map(|id| node(&text, id)[1].clone()).into();
    let active = roles.iter().filter(|roles| *roles == "broker,CONTROLLER").count();
    assert_eq!(active, 1, "{text}");
    assert_eq!(node(&text, "3")[4], "up");

    tool("kafka-topics", &bootstrap, "--create --topic kept --partitions 3", "");
    wait::until("whichever node is asked knows the topic and its replicas", || {
        let mut command = klamm::tool("kafka-topics");
        command.args(["--describe", "--topic", "kept", "--bootstrap-server", &bootstrap]);
        let described = output(&mut command, b"").stdout;
        String::from_utf8_lossy(&described).contains("ReplicationFactor: 3").then_some(())
    });
    tool("kafka-console-producer", &bootstrap, "--topic kept", "one\ntwo\n");
    let id = |told: &str| told.lines().find_map(|l| l.strip_prefix("cluster ").map(str::to_owned));
    let first = id(&up.told()).expect("its id");
    assert!(up.command.terminate().success(), "{}", up.told());
    assert!(up.told().contains("stopping"), "{}", up.told());

    up.again();
    assert_eq!(up.bootstrap(), bootstrap);
    assert_eq!(id(&up.told()), Some(first));
    let words = "--topic kept --from-beginning --max-messages 2 --timeout-ms 60000";
    let consumed = tool("kafka-console-consumer", &bootstrap, words, "");
    let mut consumed: Vec<_> = consumed.lines().collect();
    consumed.sort_unstable();
    assert_eq!(consumed, ["one", "two"]);
    // as a terminal's Ctrl-C does
    up.command.signal(Signal::INT);
    assert!(up.command.await_end().success(), "{}", up.told());
}

#[test]
fn a_node_that_dies_is_missed_until_somebody_presses_enter() {
    if !present("script", "--version") {
        return;
    }
    let mut up = Up::typed_to("3", PORTS[1]);
    let bootstrap = up.bootstrap();
    let words = "--create --topic alone --replica-assignment 3";
    tool("kafka-topics", &bootstrap, words, "");
    let mut watch = klamm::tool("cluster");
    watch.args(["status", "-b", &bootstrap, "--watch", "1"]);
    let mut watch = Server::start(&mut watch, &up.folder.path().join("watch.log"));
    wait::until("all is well on the screen", || watch.log().contains(": well\n").then_some(()));
    let nodes = up.nodes();
    assert_eq!(nodes.len(), 3);
    kill_process(nodes[2], Signal::KILL).expect("kill a node");
    up.await_word("node 3 died: signal: 9");
    let await_status = |code, words: &[&str], state: &str| {
        wait::until(state, || {
            let (ended, text) = status(&bootstrap);
            let are_said = words.iter().all(|word| text.contains(word));
            (ended == Some(code) && are_said && node(&text, "3")[4] == state).then_some(())
        });
    };
    await_status(3, &[": BROKEN\n", "offline partitions: 1\n", "alone-0"], "fenced");
    tool("kafka-topics", &bootstrap, "--delete --topic alone", "");
    await_status(2, &[": DEGRADED\n"], "fenced");
    assert_eq!(up.nodes().len(), 2, "{}", up.told());
    wait::until("the screen shows it", || watch.log().contains(": DEGRADED\n").then_some(()));
    up.enter();
    await_status(0, &[": well\n"], "up");
    assert_eq!(up.nodes().len(), 3, "{}", up.told());
    wait::until("the screen shows that it is back", || {
        let log = watch.log();
        (log.rfind(": well\n") > log.rfind(": DEGRADED\n")).then_some(())
    });
    // as a terminal's Ctrl-C does
    watch.signal(Signal::INT);
    assert!(watch.await_end().success(), "{}", watch.log());
}

#[test]
fn a_cluster_of_apache_kafka_is_shown_too() {
    let Some(kafka) = Kafka::start() else { return };
    let (code, text) = status(&kafka.bootstrap());
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains(": well\n"), "{text}");
    assert_eq!(node(&text, "1")[1], "broker,CONTROLLER", "{text}");
}

#[test]
fn what_cannot_be_meant_is_refused() {
    let folder = folders::scratch();
    let data = folder.path().display().to_string();
    for (words, refusal) in [
        (vec!["up", "--data-dir", &data], "how many nodes?"),
        (vec!["up", "0", "--data-dir", &data], "is not 1 to"),
        (vec!["up", "many", "--data-dir", &data], "is not 1 to"),
        (vec!["up", "1", "2", "--data-dir", &data], "there is no 2"),
        (vec!["up", "1", "--property", "x", "--data-dir", &data], "x is not KEY=VALUE"),
        (vec!["status", "x"], "there is no x"),
        (vec!["status", "-b", "127.0.0.1:1"], "no bootstrap server answers"),
    ] {
        let result = output(klamm::tool("cluster").args(&words), b"");
        let told = String::from_utf8_lossy(&result.stderr).into_owned();
        assert_eq!(result.status.code(), Some(1), "{words:?}");
        assert!(told.contains(refusal), "{words:?}: {told}");
    }
}
