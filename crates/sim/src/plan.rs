//! What a history does to its cluster: drawn from a seed, or read from a kept file.
//!
//! ```text
//! seed 17                     the shape of the cluster, and every chance in it
//! 1204 crash 3 0 881 2        when, which operation, and four numbers that choose whom and how
//! # whatever follows is for people
//! ```

use std::fmt;

use metadata::Seeded;

use crate::env::BEGINNING_MS;
use crate::operations::{self, Operation};
use crate::shape::Shape;

#[derive(Debug, Clone)]
pub struct Plan {
    pub seed: u64,
    pub steps: Vec<Step>,
}

/// An operation at its time. Its numbers mean something only where it is performed, so that a step
/// means something still when others before it are dropped.
#[derive(Debug, Clone)]
pub struct Step {
    pub at: i64,
    pub operation: &'static Operation,
    pub draws: Draws,
}

pub type Draws = [usize; 4];

/// The first operations come when the cluster stands.
const QUIET_MS: usize = 600;
const DRAW_MAX: usize = 10_000;

impl Plan {
    pub fn of(seed: u64) -> Self {
        let shape = Shape::of(seed);
        let mut chance = Seeded::new(seed ^ 0x0070_6c61_6e00);
        let span = usize::try_from(shape.faults_ms).expect("a short history") - QUIET_MS;
        let opening = operations::opening().map(|(operation, draws)| (0, operation, draws));
        let step = |chance: &mut Seeded| {
            let operation = operations::draw(&shape, chance);
            let draws = std::array::from_fn(|_| chance.index_below(DRAW_MAX));
            (chance.index_below(span), operation, draws)
        };
        let drawn: Vec<_> = (0..shape.operations).map(|_| step(&mut chance)).collect();
        let time =
            |ms: usize| BEGINNING_MS + i64::try_from(QUIET_MS + ms).expect("a short history");
        let steps = opening.chain(drawn).map(|(ms, operation, draws)| Step {
            at: time(ms),
            operation,
            draws,
        });
        let mut steps: Vec<Step> = steps.collect();
        steps.sort_by_key(|step| step.at);
        Self { seed, steps }
    }

    pub fn parse(text: &str) -> Option<Self> {
        let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        let seed = lines.next()?.strip_prefix("seed ")?.parse().ok()?;
        let steps: Option<Vec<Step>> = lines.map(Step::parse).collect();
        Some(Self { seed, steps: steps? })
    }
}

impl Step {
    /// The topics that clients wait for are made in every history.
    pub fn is_opening(&self) -> bool {
        self.draws[0] == operations::FOR_GROUPS
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let at = BEGINNING_MS + words.next()?.parse::<i64>().ok()?;
        let operation = operations::named(words.next()?)?;
        let mut draws = Draws::default();
        for draw in &mut draws {
            *draw = words.next()?.parse().ok()?;
        }
        Some(Self { at, operation, draws })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { at, operation, draws: [a, b, c, d] } = self;
        write!(f, "{} {} {a} {b} {c} {d}", at - BEGINNING_MS, operation.name)
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "seed {}", self.seed)?;
        self.steps.iter().try_for_each(|step| writeln!(f, "{step}"))
    }
}
