//! What the active controller does unasked from time to time: leadership goes back to preferred
//! replicas, and partitions that may lose records rather than wait get a leader.

use std::time::{Duration, Instant};

use log::Disk;
use metadata::config::{ConfigValue, ServerConfig};
use metadata::decide::{BalanceLeaders, ElectUncleanLeaders};
use types::TimestampMs;

use super::NotDone;
use super::error::ControllerError;
use super::worker::{Job, Worker};

/// How often each is done; `None` for never.
#[derive(Clone, Copy, Debug, Default)]
pub struct ChoreIntervals {
    /// `leader.imbalance.check.interval.seconds`, where `auto.leader.rebalance.enable`.
    pub balance: Option<Duration>,
    /// `unclean.leader.election.interval.ms`.
    pub unclean: Option<Duration>,
}

impl ChoreIntervals {
    pub(super) fn from_config(config: &ServerConfig) -> Self {
        let number = |key| u64::try_from(config.value(key).as_i64().unwrap_or_default()).ok();
        let balances = config.value("auto.leader.rebalance.enable") == ConfigValue::Boolean(true);
        let seconds = number("leader.imbalance.check.interval.seconds").filter(|_| balances);
        let unclean = number("unclean.leader.election.interval.ms");
        Self {
            balance: seconds.map(Duration::from_secs),
            unclean: unclean.map(Duration::from_millis),
        }
    }
}

/// When each is due.
#[derive(Debug)]
pub(super) struct Chores {
    intervals: ChoreIntervals,
    due: [Option<Instant>; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Chore {
    BalanceLeaders,
    ElectUncleanLeaders,
}

impl Chores {
    pub(super) fn new(intervals: ChoreIntervals, now: Instant) -> Self {
        let after = |interval: Option<Duration>| interval.map(|interval| now + interval);
        Self { intervals, due: [after(intervals.balance), after(intervals.unclean)] }
    }

    pub(super) fn next_due(&self) -> Option<Instant> {
        self.due.iter().flatten().min().copied()
    }

    /// What is due; it is due again after its interval.
    pub(super) fn take_due(&mut self, now: Instant) -> Vec<Chore> {
        let intervals = [self.intervals.balance, self.intervals.unclean];
        let mut taken = Vec::new();
        for ((due, interval), chore) in self
            .due
            .iter_mut()
            .zip(intervals)
            .zip([Chore::BalanceLeaders, Chore::ElectUncleanLeaders])
        {
            if due.is_some_and(|due| due <= now) {
                *due = interval.map(|interval| now + interval);
                taken.push(chore);
            }
        }
        taken
    }

    /// One of them has more to do than a single decision may: it goes on at once.
    fn go_on(&mut self, chore: Chore, now: Instant) {
        let place = match chore {
            Chore::BalanceLeaders => 0,
            Chore::ElectUncleanLeaders => 1,
        };
        self.due[place] = Some(now);
    }
}

impl<D: Disk> Job<D> for Chore {
    fn decide(&mut self, worker: &mut Worker<D>, now: TimestampMs) -> Result<(), ControllerError> {
        let has_more = match self {
            Self::BalanceLeaders => worker.state.decide(&BalanceLeaders, now)?,
            Self::ElectUncleanLeaders => worker.state.decide(&ElectUncleanLeaders, now)?,
        };
        if has_more {
            worker.chores.go_on(*self, Instant::now());
        }
        Ok(())
    }

    fn answer(self: Box<Self>, _outcome: Result<(), NotDone>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_due_after_its_interval_and_again_at_once_where_it_is_not_done() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let [balance, unclean] = [3, 5].map(|n| Some(Duration::from_secs(n)));
        let mut chores = Chores::new(ChoreIntervals { balance, unclean }, start);
        assert_eq!(chores.next_due(), Some(at(3)));
        assert_eq!(chores.take_due(at(2)), []);
        assert_eq!(chores.take_due(at(5)), [Chore::BalanceLeaders, Chore::ElectUncleanLeaders]);
        assert_eq!(chores.next_due(), Some(at(8)));
        chores.go_on(Chore::ElectUncleanLeaders, at(6));
        assert_eq!(chores.take_due(at(6)), [Chore::ElectUncleanLeaders]);
        let never = Chores::new(ChoreIntervals::default(), start);
        assert_eq!(never.next_due(), None);
    }
}
