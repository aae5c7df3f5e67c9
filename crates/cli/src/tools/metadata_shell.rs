//! `klamm metadata-shell`, `kafka-metadata-shell`: looks around in a metadata log or snapshot.

mod columns;
mod commands;
mod glob;
mod load;
mod tree;

use std::io::{self, BufRead, IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use super::support::options::Spec;
use super::support::{Done, ToolError, run as run_tool};
use commands::{Outcome, Session};
use tree::Node;

fn spec() -> Spec {
    let about = "The metadata shell: kafka-metadata-shell --snapshot PATH [COMMAND...], one of ls, \
                 cat, find and tree, or a shell without COMMAND";
    Spec::new(about).answers_help(0, None).letter("s", "snapshot").value(
        "snapshot",
        "path",
        "REQUIRED: a snapshot, a log segment, or the directory that holds them.",
    )
}

pub fn run(args: &[String]) -> ExitCode {
    run_tool(&spec(), args, |options| {
        let missing = || ToolError::Usage("argument --snapshot/-s is required".to_owned());
        let path = options.get("snapshot").ok_or_else(missing)?;
        let failed = |why| ToolError::Failed(format!("Unexpected error: {why}"));
        let interactive = options.rest.is_empty();
        if interactive {
            println!("Loading...");
        }
        let loaded = load::load(Path::new(path)).map_err(failed)?;
        let root = Node::root(&loaded);
        if interactive {
            return converse(Session::shell(root, columns()));
        }
        match Session::single(root).run(&options.rest) {
            Outcome::Text(text) => Ok(io::stdout().write_all(text.as_bytes())?),
            Outcome::Exit => Ok(()),
        }
    })
}

/// Reads and answers until the input or the user ends it.
fn converse(mut session: Session) -> Done {
    println!("Starting...\n[ Klamm metadata shell ]");
    let mut lines = io::stdin().lock().lines();
    loop {
        print!(">> ");
        io::stdout().flush()?;
        let Some(line) = lines.next() else {
            println!();
            return Ok(());
        };
        match session.type_line(&line?) {
            Outcome::Text(text) => print!("{text}"),
            Outcome::Exit => return Ok(()),
        }
    }
}

/// How wide the terminal is, if standard output is one.
fn columns() -> Option<usize> {
    let stdout = io::stdout();
    let size = stdout.is_terminal().then(|| rustix::termios::tcgetwinsize(&stdout).ok())?;
    size.map(|size| usize::from(size.ws_col)).filter(|columns| *columns > 0)
}
