//! Clocks that are wrong: a library that is loaded before all others has a process see another time
//! of day. Clocks that only measure how long things take are left alone.

use std::ffi::OsString;
use std::process::Command;

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
