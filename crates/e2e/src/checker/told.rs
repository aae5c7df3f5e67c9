//! What producers and consumers tell, a line each: the same words from Java, Python, JavaScript and
//! Rust.
//!
//! ```text
//! producer                                 consumer
//! A PARTITION NUMBER OFFSET TIME  taken    S PARTITION OFFSET             assigned, goes on from there
//! F PARTITION NUMBER ERROR…       failed   R PARTITION OFFSET KEY VALUE   read
//! E ERROR…                        an error C PARTITION OFFSET             committed, and told so
//! N PARTITION COUNT               sent     E ERROR…                       an error
//! ```
//! OFFSET is `-` for an acknowledged record whose producer was not told where it is; TIME is in milliseconds since 1970.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Acknowledged, Complaint, Name};
use crate::clock::TimeOfDay;

/// What one producer told.
#[derive(Clone, Debug)]
pub struct Producing {
    pub producer: Arc<str>,
    pub acknowledged: Vec<Acknowledged>,
    /// Errors that the application saw.
    pub failed: Vec<String>,
    /// By partition: how many records were sent at all, whatever became of them.
    pub sent: BTreeMap<i32, u64>,
    /// By partition: when the last acknowledgement came.
    last_ms: BTreeMap<i32, u64>,
    /// The longest times without one, the longest first.
    gaps: Vec<Gap>,
}

/// How many of a producer's gaps are told: a fault is one in each partition that it hits.
const GAPS_TOLD: usize = 12;

/// A time in which nothing was acknowledged in a partition that records went to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    pub partition: i32,
    /// In milliseconds since 1970.
    pub from_ms: u64,
    pub lasted: Duration,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, from_ms, lasted } = self;
        write!(f, "partition {partition} from {} on for {lasted:?}", TimeOfDay(*from_ms))
    }
}

/// What the members of one group told, in the order in which they did.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    pub group: String,
    /// Partition, offset, and the record.
    pub records: Vec<(i32, i64, String)>,
    places: Vec<Place>,
    /// Errors that the application saw.
    pub failed: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Started { partition: i32, offset: i64 },
    Committed { partition: i32, offset: i64 },
}

impl Producing {
    /// A producer that told nothing yet.
    #[must_use]
    pub fn new(producer: &str) -> Self {
        Self {
            producer: producer.into(),
            acknowledged: Vec::new(),
            failed: Vec::new(),
            sent: BTreeMap::new(),
            last_ms: BTreeMap::new(),
            gaps: Vec::new(),
        }
    }

    /// Takes all lines that the producer printed.
    ///
    /// # Panics
    /// If it printed anything else.
    #[must_use]
    pub fn told(producer: &str, text: &str) -> Self {
        let mut producing = Self::new(producer);
        for line in text.lines() {
            producing.hear(line).unwrap_or_else(|| panic!("{producer} said: {line}"));
        }
        producing
    }

    /// A record of this producer is said, at that time, to be at `offset`.
    pub fn acknowledge(&mut self, partition: i32, number: u64, offset: Option<i64>, at_ms: u64) {
        let name = Name { producer: Arc::clone(&self.producer), partition, number };
        self.acknowledged.push(Acknowledged { name, offset });
        let last_ms = self.last_ms.entry(partition).or_insert(at_ms);
        let (from_ms, lasted) = (*last_ms, Duration::from_millis(at_ms.saturating_sub(*last_ms)));
        *last_ms = at_ms.max(from_ms);
        let place = self.gaps.partition_point(|gap| gap.lasted >= lasted);
        if place < GAPS_TOLD {
            self.gaps.insert(place, Gap { partition, from_ms, lasted });
            self.gaps.truncate(GAPS_TOLD);
        }
    }

    /// The longest times without an acknowledgement, each in one partition, the longest first.
    #[must_use]
    pub fn gaps(&self) -> &[Gap] {
        &self.gaps
    }

    fn hear(&mut self, line: &str) -> Option<()> {
        let (what, rest) = line.split_once(' ')?;
        if what == "F" || what == "E" {
            self.failed.push(rest.to_owned());
            return Some(());
        }
        let mut words = rest.split(' ');
        let partition = words.next()?.parse().ok()?;
        match what {
            "A" => {
                let (number, offset) = (words.next()?, words.next()?);
                let number = number.parse().ok()?;
                let offset = if offset == "-" { None } else { Some(offset.parse().ok()?) };
                self.acknowledge(partition, number, offset, words.next()?.parse().ok()?);
            }
            "N" => {
                self.sent.insert(partition, words.next()?.parse().ok()?);
            }
            _ => return None,
        }
        Some(())
    }
}

impl Reading {
    /// Takes all lines that a group's members printed.
    ///
    /// # Panics
    /// If they printed anything else.
    #[must_use]
    pub fn told(group: &str, text: &str) -> Self {
        let mut reading = Self { group: group.to_owned(), ..Self::default() };
        for line in text.lines() {
            reading.hear(line).unwrap_or_else(|| panic!("{group} said: {line}"));
        }
        reading
    }

    /// Takes one line; `None` if it is none.
    pub fn hear(&mut self, line: &str) -> Option<()> {
        let (what, rest) = line.split_once(' ')?;
        if what == "E" {
            self.failed.push(rest.to_owned());
            return Some(());
        }
        let mut words = rest.splitn(3, ' ');
        let partition = words.next()?.parse().ok()?;
        let offset = words.next()?.parse().ok()?;
        match what {
            "R" => self.records.push((partition, offset, words.next()?.to_owned())),
            "S" => self.places.push(Place::Started { partition, offset }),
            "C" => self.places.push(Place::Committed { partition, offset }),
            _ => return None,
        }
        Some(())
    }

    /// Who goes on after a commit goes on from there or behind.
    pub(super) fn check_commits(&self, into: &mut Vec<Complaint>) {
        let mut committed: BTreeMap<i32, i64> = BTreeMap::new();
        for place in &self.places {
            match *place {
                Place::Committed { partition, offset } => {
                    let furthest = committed.entry(partition).or_insert(offset);
                    *furthest = (*furthest).max(offset);
                }
                Place::Started { partition, offset: started } => {
                    let Some(committed) = committed.get(&partition).copied() else { continue };
                    if started < committed {
                        let group = self.group.clone();
                        into.push(Complaint::WentBack { group, partition, committed, started });
                    }
                }
            }
        }
    }
}
