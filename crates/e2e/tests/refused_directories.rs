//! Directories that a server must leave alone: it ends, says which one and why, and harms nothing.

use std::path::Path;
use std::process::Command;

use e2e::process::{Server, output, succeed};
use e2e::{Klamm, folders, klamm};

/// What a server says that is started on `data` with the properties of `like`, on ports of its own.
fn refusal(like: &Klamm, data: &Path) -> String {
    let scratch = folders::scratch();
    let mut command = Command::new(folders::klamm_binary());
    command.arg("server").arg(like.properties());
    for changed in [
        format!("log.dirs={}", data.display()),
        "listeners=PLAINTEXT://127.0.0.1:0,CONTROLLER://127.0.0.1:0".to_owned(),
        "klamm.http.address=".to_owned(),
    ] {
        command.arg("--override").arg(changed);
    }
    let log = scratch.path().join("log");
    let mut server = Server::start(&mut command, &log);
    assert!(!server.await_end().success(), "it must not run on {}", data.display());
    server.log()
}

#[test]
fn a_directory_that_cannot_be_read_is_named() {
    let klamm = Klamm::start();
    let scratch = folders::scratch();
    let file = scratch.path().join("file");
    std::fs::write(&file, "not a directory").expect("write a file");
    let no_properties = scratch.path().join("no-properties");
    std::fs::create_dir_all(no_properties.join("meta.properties")).expect("a folder in its place");
    let garbled = scratch.path().join("garbled");
    std::fs::create_dir(&garbled).expect("create a folder");
    std::fs::write(garbled.join("meta.properties"), "version=7\n").expect("write a file");
    for data in [file, no_properties, garbled] {
        let said = refusal(&klamm, &data);
        assert!(said.contains(&data.display().to_string()), "{said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_second_process_on_a_directory_is_refused_and_the_first_goes_on() {
    let klamm = Klamm::start();
    let bootstrap = klamm.bootstrap();
    let words = ["--bootstrap-server", &bootstrap, "--topic", "t"];
    let mut producer = klamm::tool("kafka-console-producer");
    succeed(producer.args(words), b"before\n");
    let said = refusal(&klamm, &klamm.data());
    assert!(said.contains(&klamm.data().display().to_string()), "{said}");
    let mut producer = klamm::tool("kafka-console-producer");
    succeed(producer.args(words), b"after\n");
    let mut consumer = klamm::tool("kafka-console-consumer");
    let read = output(consumer.args(words).args(["--from-beginning", "--max-messages", "2"]), b"");
    assert_eq!(String::from_utf8_lossy(&read.stdout), "before\nafter\n");
}
