//! The time of day: as the nodes' logs write it, and wrong. A library that is loaded before all
//! others has a process see another one; clocks that only measure how long things take are left alone.

use std::ffi::OsString;
use std::fmt;
use std::process::Command;
use std::time::UNIX_EPOCH;

use crate::folders;
use crate::process::succeed;
use crate::runtimes::present;

const SOURCE: &str = include_str!("../c/clock.c");

/// The environment of a process whose clock is so far ahead, or behind. `None` where there is no C
/// compiler.
///
/// # Panics
/// In CI, if there is none.
#[must_use]
pub fn ahead_by(seconds: i64) -> Option<[(&'static str, OsString); 2]> {
    if !present("cc", "--version") {
        return None;
    }
    let folder = folders::filled("clock", SOURCE, |folder| {
        let source = folder.join("clock.c");
        std::fs::write(&source, SOURCE).expect("write the source");
        let mut cc = Command::new("cc");
        cc.args(["-shared", "-fPIC", "-O2", "-o"]).arg(folder.join("clock.so")).arg(source);
        succeed(&mut cc, b"");
    });
    let library = folder.join("clock.so").into_os_string();
    Some([("LD_PRELOAD", library), ("CLOCK_AHEAD_SECONDS", seconds.to_string().into())])
}

/// A moment in milliseconds since 1970, shown as the nodes' logs show it, without its day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TimeOfDay(pub u64);

impl TimeOfDay {
    /// This moment.
    #[must_use]
    pub fn now() -> Self {
        let since = UNIX_EPOCH.elapsed().unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0 / 1000, self.0 % 1000);
        let (hours, minutes) = (seconds / 3600 % 24, seconds / 60 % 60);
        write!(f, "{hours:02}:{minutes:02}:{:02}.{millis:03}", seconds % 60)
    }
}
