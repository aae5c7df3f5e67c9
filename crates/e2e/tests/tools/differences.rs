//! Where the sides cannot answer alike, and why. An entry that is not needed fails the test.

use super::sides::Side;

struct Difference {
    side: Side,
    /// How the command begins.
    command: &'static str,
    why: &'static str,
}

const DIFFERENCES: &[Difference] = &[Difference {
    side: Side::OursOnKlamm,
    command: "kafka-topics --create --topic config --config retention.ms=soon",
    why: "the words are the broker's (Java's tool checks by itself); Klamm's say what is allowed",
}];

/// The entry for this command on this side.
pub fn find(side: Side, command: &str) -> Option<usize> {
    DIFFERENCES.iter().position(|entry| entry.side == side && command.starts_with(entry.command))
}

/// The commands of the entries that none of `used` is the index of.
pub fn unused(used: &[usize]) -> Vec<&'static str> {
    let entries = DIFFERENCES.iter().enumerate();
    entries.filter(|(index, _)| !used.contains(index)).map(|(_, entry)| entry.command).collect()
}

#[test]
fn every_difference_has_a_reason() {
    assert!(DIFFERENCES.iter().all(|entry| !entry.why.is_empty()));
}
