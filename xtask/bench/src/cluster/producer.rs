//! The Java producer whose acknowledgements are watched: `crates/e2e/java/Gaps.java`.

use std::io::{self, BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};

use e2e::java;

/// Far less than what a broker takes, and often enough to see a gap of milliseconds.
const RECORDS_PER_SECOND: u32 = 1_000;

/// What the producer saw between its mark and its end.
#[derive(Clone, Copy, Debug)]
pub struct Seen {
    /// The longest time from one acknowledgement to the next.
    pub longest_gap_ms: f64,
    /// Records whose sending failed for good: what an application would be told.
    pub failed: u64,
}

/// A producer that sends all the time; it ends with its handle.
#[derive(Debug)]
pub struct Producer {
    child: Child,
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Producer {
    /// Starts one with the client's defaults but for `settings`, and waits until it is warm.
    ///
    /// # Errors
    /// Where Java is missing, or the program ends.
    pub fn start(
        bootstrap: &str,
        topic: &str,
        partition: usize,
        settings: &[&str],
    ) -> io::Result<Self> {
        let mut command = java::program("Gaps").ok_or(io::ErrorKind::NotFound)?;
        command.args([bootstrap, topic, &partition.to_string(), &RECORDS_PER_SECOND.to_string()]);
        command.args(settings).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn()?;
        let commands = child.stdin.take().expect("standard input is piped");
        let answers = BufReader::new(child.stdout.take().expect("standard output is piped"));
        let mut producer = Self { child, commands, answers };
        producer.expect("ready")?;
        Ok(producer)
    }

    /// What was before does not count.
    pub fn mark(&mut self) -> io::Result<()> {
        self.commands.write_all(b"mark\n")?;
        self.expect("marked")
    }

    /// Waits until a record that is sent from now on is acknowledged.
    pub fn await_service(&mut self) -> io::Result<()> {
        self.commands.write_all(b"served\n")?;
        self.expect("served")
    }

    /// Ends it.
    pub fn stop(mut self) -> io::Result<Seen> {
        self.commands.write_all(b"stop\n")?;
        let line = self.line()?;
        let numbers: Result<Vec<u32>, _> = line.split_whitespace().map(str::parse).collect();
        match numbers.map_err(io::Error::other)?[..] {
            [longest_us, _acknowledged, failed] => {
                Ok(Seen { longest_gap_ms: f64::from(longest_us) / 1e3, failed: u64::from(failed) })
            }
            _ => Err(io::Error::other(format!("no three numbers: {line}"))),
        }
    }

    fn expect(&mut self, answer: &str) -> io::Result<()> {
        let line = self.line()?;
        if line == answer { Ok(()) } else { Err(io::Error::other(format!("it says {line:?}"))) }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // it has ended already where all went well
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
