//! Ports for servers under test, each given to one process of tests at a time.

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// Below the ports that connections are given for their own end: none of those can take the port
/// of a server that is down for a moment.
const FIRST: u16 = 15_000;
const LAST: u16 = 32_000;

/// Locks of the ports that this process was given: the system drops them when it ends.
static GIVEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port of the loopback address that nobody listens on, and that is given to nobody else while
/// this process runs.
///
/// # Panics
/// If there is none.
#[must_use]
pub fn free_port() -> u16 {
    let folder = std::env::temp_dir().join("klamm-e2e-ports");
    std::fs::create_dir_all(&folder).expect("make the folder of locks");
    let spread = u32::from(LAST - FIRST);
    let start = std::process::id().wrapping_mul(97) % spread;
    let start = FIRST + u16::try_from(start).expect("less than the spread");
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let mut candidates = (start..LAST).chain(FIRST..start);
    let (port, lock) = candidates
        .find_map(|port| Some((port, locked(&folder, port)?)))
        .expect("a port that nobody has");
    given.push(lock);
    port
}

fn locked(folder: &Path, port: u16) -> Option<File> {
    let lock = File::create(folder.join(port.to_string())).ok()?;
    lock.try_lock().ok()?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).ok()?;
    Some(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_given_once_and_is_none_of_those_that_connections_take() {
        let (one, other) = (free_port(), free_port());
        assert_ne!(one, other);
        let of_connections = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range");
        let first = of_connections.ok().and_then(|range| {
            range.split_whitespace().next().and_then(|first| first.parse::<u16>().ok())
        });
        assert!(one.max(other) < first.unwrap_or(u16::MAX));
    }
}
