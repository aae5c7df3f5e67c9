//! How a tool ended, and our own tools run with a limit of time.

use std::io::{Read, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use e2e::klamm::tool;

/// Longer than any case takes on a busy machine; a tool that takes longer hangs.
pub const RUN_WITHIN: Duration = Duration::from_secs(90);

/// How a tool ended and what it printed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

impl Ended {
    /// Whether both or neither speak on standard error. Each words that in its own way, and Java's
    /// stacks and lines of logs may be there without a counterpart.
    pub fn complains_as(&self, other: &Self) -> bool {
        let silent_against = |a: &Self, b: &Self| a.stderr.is_empty() && b.complains();
        !silent_against(self, other) && !silent_against(other, self)
    }

    fn complains(&self) -> bool {
        let is_aside = |line: &str| {
            let cause = line.strip_prefix("Caused by: ").unwrap_or(line);
            let is_class = cause.starts_with("java.") || cause.starts_with("org.apache.kafka.");
            line.starts_with("\tat ") || line.starts_with("\t... ") || is_class
        };
        let is_log = |line: &str| line.starts_with("WARN ") || line.starts_with("ERROR ");
        self.stderr.lines().any(|line| !is_aside(line) && !is_log(line))
    }
}

/// Runs our tool of this name to its end.
///
/// # Panics
/// If it hangs.
pub fn ours(name: &str, args: &[String], stdin: &str) -> Ended {
    let mut command = tool(name);
    run(command.args(args), stdin)
}

/// Runs a command to its end.
///
/// # Panics
/// If it hangs.
pub fn run(command: &mut Command, stdin: &str) -> Ended {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let started = Instant::now();
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut input = child.stdin.take().expect("standard input is piped");
    let mut stdout = child.stdout.take().expect("standard output is piped");
    let mut stderr = child.stderr.take().expect("standard error is piped");
    std::thread::scope(|scope| {
        let stdout = scope.spawn(move || text(&mut stdout));
        let stderr = scope.spawn(move || text(&mut stderr));
        scope.spawn(move || {
            // a program that does not read all of its input is no error here
            let _ = input.write_all(stdin.as_bytes());
        });
        let status = e2e::wait::within(RUN_WITHIN, || child.try_wait().expect("ask for the end"));
        let Some(status) = status else {
            // so that the readers end
            let _ = child.kill();
            panic!("{command:?} did not end within {RUN_WITHIN:?}");
        };
        let text = |reader: std::thread::ScopedJoinHandle<'_, String>| {
            reader.join().expect("the reader ends with the program")
        };
        let (code, stdout, stderr) = (status.code().unwrap_or(-1), text(stdout), text(stderr));
        Ended { code, stdout, stderr, took: started.elapsed() }
    })
}

fn text(from: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("read what a program prints");
    String::from_utf8_lossy(&bytes).into_owned()
}
