//! Apache Kafka's tools, all in one JVM: hundreds of runs cost what a few starts of it would.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::time::Instant;

use e2e::java::{Release, class, program_beside};
use e2e::process::Server;
use e2e::{folders, wait};
use rustix::process::Signal;

use super::ended::{self, Ended, RUN_WITHIN};

/// Lets the program catch what ends the JVM, and run what is to be run at its end.
const JVM_OPTIONS: &str =
    "-Djava.security.manager=allow --add-opens=java.base/java.lang=ALL-UNNAMED";

/// The running JVM. Requests and answers go through a socket, because what stands on a JVM's own
/// streams is not only what a program writes to them.
#[derive(Debug)]
pub struct JavaTools {
    jvm: Server,
    socket: TcpStream,
    folder: tempfile::TempDir,
    release: Release,
}

impl JavaTools {
    /// `None` where Java or Maven is missing.
    pub fn start(release: Release) -> Option<Self> {
        let mut command = program_beside(release, "ToolServer")?;
        let folder = folders::scratch();
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("bind a port");
        let port = listener.local_addr().expect("the port's number").port();
        listener.set_nonblocking(true).expect("poll for the connection");
        command.env("JDK_JAVA_OPTIONS", JVM_OPTIONS).arg(port.to_string());
        let jvm = Server::start(&mut command, &folder.path().join("jvm.log"));
        let (socket, _) = wait::until("the JVM connects", || listener.accept().ok());
        socket.set_nonblocking(false).expect("wait for answers");
        socket.set_read_timeout(Some(RUN_WITHIN)).expect("wait so long for answers");
        Some(Self { jvm, socket, folder, release })
    }

    /// Runs the tool of main class `main`. One that ends the JVM itself, as some do on a wrong command
    /// line, is run again in a JVM of its own.
    ///
    /// # Panics
    /// If it hangs; with the stacks of its threads.
    pub fn run(&mut self, main: &str, args: &[String], stdin: &str) -> Ended {
        let error = match self.ask(main, args, stdin) {
            Ok(ended) => return ended,
            Err(error) => error,
        };
        if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) {
            let stacks = self.stacks();
            panic!("{main} {args:?} did not end within {RUN_WITHIN:?}\n{stacks}");
        }
        *self = Self::start(self.release).expect("it was there before");
        let mut alone = class(self.release, main).expect("it was there before");
        ended::run(alone.args(args), stdin)
    }

    fn ask(&mut self, main: &str, args: &[String], stdin: &str) -> io::Result<Ended> {
        let count = u32::try_from(args.len() + 2).expect("few arguments");
        let mut request = count.to_be_bytes().to_vec();
        for text in [stdin, main].into_iter().chain(args.iter().map(String::as_str)) {
            let bytes = u32::try_from(text.len()).expect("a short text");
            request.extend(bytes.to_be_bytes());
            request.extend(text.as_bytes());
        }
        let started = Instant::now();
        self.socket.write_all(&request)?;
        let code = i32::from_be_bytes(self.read_four()?);
        let (stdout, stderr) = (self.read_text()?, self.read_text()?);
        Ok(Ended { code, stdout, stderr, took: started.elapsed() })
    }

    fn read_four(&mut self) -> io::Result<[u8; 4]> {
        let mut four = [0; 4];
        self.socket.read_exact(&mut four)?;
        Ok(four)
    }

    fn read_text(&mut self) -> io::Result<String> {
        let bytes = u32::from_be_bytes(self.read_four()?);
        let mut text = vec![0; usize::try_from(bytes).expect("a length")];
        self.socket.read_exact(&mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// What the JVM prints of its threads when it is asked to.
    fn stacks(&self) -> String {
        const LAST_WORDS: &str = "Heap";
        self.jvm.signal(Signal::QUIT);
        let log = self.folder.path().join("jvm.log");
        wait::until("the JVM prints its threads", || {
            let text = std::fs::read_to_string(&log).unwrap_or_default();
            text.contains(LAST_WORDS).then_some(text)
        })
    }
}
