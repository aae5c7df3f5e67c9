//! `klamm storage`, `kafka-storage`: formats log directories and looks at them.

use std::fs::File;
use std::io::{self, Read};
use std::process::ExitCode;

use clap::Command;
use types::Uuid;

/// Runs the tool on the arguments after its name.
pub fn run(args: &[String]) -> ExitCode {
    let words = std::iter::once("kafka-storage").chain(args.iter().map(String::as_str));
    let matches = match command().try_get_matches_from(words) {
        Ok(matches) => matches,
        Err(error) => {
            let code = if error.use_stderr() { ExitCode::FAILURE } else { ExitCode::SUCCESS };
            // nothing is left to do for a terminal that is gone
            let _ = error.print();
            return code;
        }
    };
    let done = match matches.subcommand_name() {
        Some("random-uuid") => random_uuid().map(|id| println!("{id}")),
        Some(_) | None => Ok(()),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn command() -> Command {
    Command::new("kafka-storage")
        .about("Formats log directories and looks at them")
        .subcommand_required(true)
        .subcommand(Command::new("random-uuid").about("Print a random id for a cluster"))
}

/// A random id that Kafka's tools accept as an argument: none begins with a dash.
fn random_uuid() -> io::Result<Uuid> {
    let mut source = File::open("/dev/urandom")?;
    loop {
        let mut bytes = [0; 16];
        source.read_exact(&mut bytes)?;
        let id = Uuid::from_random(bytes);
        if !id.to_string().starts_with('-') {
            return Ok(id);
        }
    }
}
