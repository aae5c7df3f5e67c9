//! Tries many seeds on every core of the machine, each history on its own.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::env::{Mutation, Violation};
use crate::plan::Plan;
use crate::shrink::attempt;

/// What many histories came by.
#[derive(Debug, Default)]
pub struct Findings {
    pub tried: u64,
    /// The lowest seed that fails as it is looked for.
    pub failed: Option<(u64, Violation)>,
    /// The lowest that fails in another way.
    pub otherwise: Option<(u64, Violation)>,
    pub visits: BTreeMap<&'static str, u64>,
}

/// Which histories are run, and what is looked for.
pub struct Search<G, W> {
    pub seeds: Range<u64>,
    pub mutation: Option<Mutation>,
    /// Whether there is time for another.
    pub goes_on: G,
    pub is_wanted: W,
}

impl<G: Fn() -> bool + Sync, W: Fn(&Violation) -> bool + Sync> Search<G, W> {
    /// Runs them until all are tried, the lowest that fails is known, or time is up.
    pub fn run(&self) -> Findings {
        let (next, failed) = (AtomicU64::new(self.seeds.start), AtomicU64::new(u64::MAX));
        let workers = std::thread::available_parallelism().map_or(1, usize::from);
        std::thread::scope(|scope| {
            let work = || self.work(&next, &failed);
            let workers: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
            let found = workers.into_iter().map(|worker| worker.join().expect("histories"));
            found.reduce(Findings::with).unwrap_or_default()
        })
    }

    fn work(&self, next: &AtomicU64, failed: &AtomicU64) -> Findings {
        let mut findings = Findings::default();
        while (self.goes_on)() {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if seed >= self.seeds.end || seed > failed.load(Ordering::Relaxed) {
                break;
            }
            findings.tried += 1;
            match attempt(&Plan::of(seed), self.mutation) {
                Ok(history) => findings.count(history.visits),
                Err(violation) if (self.is_wanted)(&violation) => {
                    failed.fetch_min(seed, Ordering::Relaxed);
                    findings.failed = Some((seed, violation));
                    break;
                }
                Err(violation) => {
                    findings.otherwise.get_or_insert((seed, violation));
                }
            }
        }
        findings
    }
}

impl Findings {
    fn count(&mut self, visits: BTreeMap<&'static str, u32>) {
        for (what, count) in visits {
            *self.visits.entry(what).or_insert(0) += u64::from(count);
        }
    }

    fn with(mut self, other: Self) -> Self {
        self.tried += other.tried;
        self.failed = [self.failed, other.failed].into_iter().flatten().min();
        self.otherwise = [self.otherwise, other.otherwise].into_iter().flatten().min();
        for (what, count) in other.visits {
            *self.visits.entry(what).or_insert(0) += count;
        }
        self
    }
}
