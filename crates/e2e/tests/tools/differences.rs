//! Where the sides cannot answer alike, and why. An entry that is not needed fails the test.

use super::sides::Side;

struct Difference {
    side: Side,
    /// The whole command.
    command: &'static str,
    why: &'static str,
}

const WORDS: &str = "Java's tool checks by itself; Klamm's words also say what is allowed";
const RELEASE: &str = "the latest release that it knows is another";
const APIS: &str = "Klamm does not advertise what it cannot do";

const DIFFERENCES: &[Difference] = &[
    of(Side::OursOnKlamm, "kafka-topics --create --topic config --config retention.ms=soon", WORDS),
    of(Side::OursOnKafka, "kafka-features --bootstrap-server {} version-mapping", RELEASE),
    of(Side::OursOnKlamm, "kafka-features --bootstrap-server {} version-mapping", RELEASE),
    of(Side::OursOnKafka, "kafka-storage version-mapping", RELEASE),
    of(Side::OursOnKlamm, "kafka-storage version-mapping", RELEASE),
    of(Side::JavasOnKlamm, "kafka-broker-api-versions", APIS),
];

const fn of(side: Side, command: &'static str, why: &'static str) -> Difference {
    Difference { side, command, why }
}

/// The entry for this command on this side.
pub fn find(side: Side, command: &str) -> Option<usize> {
    let command = command.trim_end();
    DIFFERENCES.iter().position(|entry| entry.side == side && entry.command == command)
}

/// The entries that none of `used` is the index of, though their commands have run.
pub fn unused(used: &[usize], ran: &[String]) -> Vec<(&'static str, &'static str)> {
    let entries = DIFFERENCES.iter().enumerate().filter(|(index, _)| !used.contains(index));
    let entries = entries.map(|(_, entry)| (entry.command, entry.why));
    entries.filter(|(command, _)| ran.iter().any(|ran| ran.trim_end() == *command)).collect()
}
