//! Child processes that end with their handles, and commands that must succeed.

use std::fs::File;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

pub use crate::ports::free_port;
use crate::wait;

/// How long a server may take to listen: several JVMs may start at once on two cores.
const START_PATIENCE: Duration = Duration::from_secs(180);

/// A server that runs beside the test, its output in a file.
#[derive(Debug)]
pub struct Server {
    child: Child,
    log: PathBuf,
}

impl Server {
    /// Starts `command` with its output appended to `log`.
    ///
    /// # Panics
    /// If it does not start.
    pub fn start(command: &mut Command, log: &Path) -> Self {
        Self::spawn(command.stdin(Stdio::null()), log)
    }

    /// The same, with somebody who types.
    ///
    /// # Panics
    /// If it does not start.
    pub fn typed_to(command: &mut Command, log: &Path) -> (Self, ChildStdin) {
        let mut server = Self::spawn(command.stdin(Stdio::piped()), log);
        let stdin = server.child.stdin.take().expect("standard input is piped");
        (server, stdin)
    }

    fn spawn(command: &mut Command, log: &Path) -> Self {
        let file = File::options().create(true).append(true).open(log).expect("open the log file");
        let errors = file.try_clone().expect("share the log file");
        command.stdout(file).stderr(errors);
        let child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// Waits until `address` accepts connections.
    ///
    /// # Panics
    /// If the process ends first; with its log.
    pub fn await_listener(&mut self, address: SocketAddr) {
        let opened = wait::within(START_PATIENCE, || {
            if let Some(status) = self.ended() {
                panic!("it ended with {status} before its port opened:\n{}", self.log());
            }
            TcpStream::connect(address).ok()
        });
        let patience = START_PATIENCE;
        assert!(opened.is_some(), "{address} does not open in {patience:?}:\n{}", self.log());
    }

    /// How it ended, if it did.
    ///
    /// # Panics
    /// If the system does not say.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("ask for the exit status")
    }

    /// The process id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends `signal`.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        // a process that has ended already is what the signal is for
        let _ = pid.map(|pid| kill_process(pid, signal));
    }

    /// Sends SIGTERM and waits for the end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal(Signal::TERM);
        self.await_end()
    }

    /// Sends SIGKILL and waits for the end.
    ///
    /// # Panics
    /// If it does not end.
    pub fn kill(&mut self) -> ExitStatus {
        self.signal(Signal::KILL);
        self.await_end()
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// If it does not come.
    pub fn await_end(&mut self) -> ExitStatus {
        wait::until("the process ends", || self.ended())
    }

    /// Everything that it printed.
    #[must_use]
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }
}

/// Runs to the end with `input` on its standard input.
///
/// # Panics
/// If it does not start.
pub fn output(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut stdin = child.stdin.take().expect("standard input is piped");
    std::thread::scope(|scope| {
        scope.spawn(move || {
            // a program that does not read all of its input is no error here
            let _ = stdin.write_all(input);
        });
        child.wait_with_output().expect("collect the output")
    })
}

/// Runs to the end and returns the standard output.
///
/// # Panics
/// If it fails; with all that it printed.
pub fn succeed(command: &mut Command, input: &[u8]) -> String {
    let result = output(command, input);
    let stdout = String::from_utf8_lossy(&result.stdout).into_owned();
    let stderr = String::from_utf8_lossy(&result.stderr);
    assert!(result.status.success(), "{command:?}: {}\n{stdout}\n{stderr}", result.status);
    stdout
}

/// That port of the loopback address.
#[must_use]
pub fn loopback(port: u16) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port).into()
}
