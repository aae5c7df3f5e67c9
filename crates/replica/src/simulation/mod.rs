//! Whole histories of one partition: replicas that crash and lose what they had not synced, messages
//! that are late, lost or doubled, metadata that brokers learn of at different times.
//!
//! `SEED=n cargo test -p replica` replays one history.

mod controller;
mod node;
mod world;

use types::{LeaderEpoch, Offset};

use crate::broken::BrokenRule;
use crate::divergence::{EpochEnd, EpochStart, Epochs};
use world::World;

const SEEDS: u64 = 3_000;
const STEPS: usize = 400;

/// A log: the epoch and the value of each record, and the epoch of a leader that has appended none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Records {
    pub records: Vec<(LeaderEpoch, u64)>,
    led: Option<EpochStart>,
}

impl FromIterator<(LeaderEpoch, u64)> for Records {
    fn from_iter<I: IntoIterator<Item = (LeaderEpoch, u64)>>(records: I) -> Self {
        Self { records: records.into_iter().collect(), led: None }
    }
}

impl Records {
    pub(crate) fn end(&self) -> Offset {
        Offset(i64::try_from(self.records.len()).expect("a short log"))
    }

    fn behind(&self, offset: Offset) -> &[(LeaderEpoch, u64)] {
        &self.records[index(offset)..]
    }

    fn truncate_to(&mut self, end: Offset) {
        self.records.truncate(index(end));
        self.led = self.led.filter(|led| led.start < end);
    }

    /// Where a leader began that has appended nothing yet.
    fn led_for_nothing(&self) -> Option<EpochStart> {
        self.led.filter(|led| led.start == self.end())
    }
}

impl Epochs for Records {
    fn latest(&self) -> Option<LeaderEpoch> {
        let of_records = || self.records.last().map(|(epoch, _)| *epoch);
        self.led_for_nothing().map(|led| led.epoch).or_else(of_records)
    }

    fn end_of(&self, epoch: LeaderEpoch) -> Option<EpochEnd> {
        if self.latest().is_none_or(|latest| epoch > latest) {
            return None;
        }
        if self.latest() == Some(epoch) {
            return Some(EpochEnd { epoch, end: self.end() });
        }
        let count = self.records.partition_point(|(of_record, _)| *of_record <= epoch);
        let found = count.checked_sub(1).map_or(epoch, |last| self.records[last].0);
        Some(EpochEnd { epoch: found, end: Offset(i64::try_from(count).expect("a short log")) })
    }
}

fn index(offset: Offset) -> usize {
    usize::try_from(offset.0).expect("an offset")
}

/// Runs one history; what went wrong, if anything did.
fn history(seed: u64, broken: Option<BrokenRule>) -> Result<String, String> {
    let mut world = World::new(seed, broken);
    for step in 0..STEPS {
        world.step().map_err(|wrong| format!("seed {seed}, step {step}: {wrong}"))?;
    }
    world.heal().map_err(|wrong| format!("seed {seed}, healed: {wrong}"))?;
    Ok(world.trace())
}

fn seeds() -> std::ops::Range<u64> {
    match std::env::var("SEED").ok().and_then(|seed| seed.parse::<u64>().ok()) {
        Some(seed) => seed..seed + 1,
        None => 0..SEEDS,
    }
}

#[test]
fn what_is_committed_stays_and_replicas_agree() {
    let wrong: Vec<String> = seeds().filter_map(|seed| history(seed, None).err()).collect();
    assert!(wrong.is_empty(), "{} histories went wrong, the first: {}", wrong.len(), wrong[0]);
}

#[test]
fn a_seed_tells_the_same_story_twice() {
    for seed in 0..20 {
        assert_eq!(history(seed, None), history(seed, None));
    }
}

/// Each rule that is broken is noticed within the seeds that every test run tries.
#[test]
fn broken_rules_are_noticed() {
    for broken in [
        BrokenRule::JoinsBelowHighWatermark,
        BrokenRule::ForgetsBrokerEpochs,
        BrokenRule::CountsProposedShrink,
        BrokenRule::AdvancesBelowMinimum,
        BrokenRule::KeepsWhatDiverges,
        BrokenRule::NotesNoEpoch,
    ] {
        let noticed = (0..SEEDS).find_map(|seed| history(seed, Some(broken)).err());
        let noticed = noticed.unwrap_or_else(|| panic!("{broken:?} went unnoticed"));
        eprintln!("{broken:?}: {noticed}");
    }
}
