//! Apache Kafka's tools, all in one JVM: hundreds of runs cost what a few starts of it would.

use std::io::{self, Read, Write};
use std::process::{Child, ChildStdin, ChildStdout, Output, Stdio};

use e2e::java::{Release, class, program_beside};
use e2e::process::output;

/// How a tool ended and what it printed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

/// The running JVM; it ends with its standard input.
#[derive(Debug)]
pub struct JavaTools {
    child: Child,
    requests: ChildStdin,
    answers: ChildStdout,
}

impl JavaTools {
    /// `None` where Java or Maven is missing.
    pub fn start() -> Option<Self> {
        let mut command = program_beside(Release::Tools, "ToolServer")?;
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("start Java");
        let requests = child.stdin.take().expect("standard input is piped");
        let answers = child.stdout.take().expect("standard output is piped");
        Some(Self { child, requests, answers })
    }

    /// Runs the tool of main class `main`. One that ends the JVM itself, as some do on a wrong command
    /// line, is run again in a JVM of its own.
    pub fn run(&mut self, main: &str, args: &[String], stdin: &str) -> Ended {
        if let Ok(ended) = self.ask(main, args, stdin) {
            return ended;
        }
        *self = Self::start().expect("it was there before");
        let mut alone = class(Release::Tools, main).expect("it was there before");
        Ended::from(output(alone.args(args), stdin.as_bytes()))
    }

    fn ask(&mut self, main: &str, args: &[String], stdin: &str) -> io::Result<Ended> {
        let count = u32::try_from(args.len() + 2).expect("few arguments");
        let mut request = count.to_be_bytes().to_vec();
        for text in [stdin, main].into_iter().chain(args.iter().map(String::as_str)) {
            let bytes = u32::try_from(text.len()).expect("a short text");
            request.extend(bytes.to_be_bytes());
            request.extend(text.as_bytes());
        }
        self.requests.write_all(&request)?;
        self.requests.flush()?;
        let code = i32::from_be_bytes(self.read_four()?);
        Ok(Ended { code, stdout: self.read_text()?, stderr: self.read_text()? })
    }

    fn read_four(&mut self) -> io::Result<[u8; 4]> {
        let mut four = [0; 4];
        self.answers.read_exact(&mut four)?;
        Ok(four)
    }

    fn read_text(&mut self) -> io::Result<String> {
        let bytes = u32::from_be_bytes(self.read_four()?);
        let mut text = vec![0; usize::try_from(bytes).expect("a length")];
        self.answers.read_exact(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Self { code: output.status.code().unwrap_or(-1), stdout, stderr }
    }
}

impl Drop for JavaTools {
    fn drop(&mut self) {
        // one that has ended already is what is wanted
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
