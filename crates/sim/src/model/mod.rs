//! Every order in which a few things can happen to a quorum, by `stateright`, on the real machines:
//! elections and changes of the voters, with messages that arrive in any order or never, timers that end
//! at any time, and crashes. Seeds only sample what is exhausted here within small bounds.
//!
//! States that differ only in moments, dice and the numbers of requests count as one.

mod cluster;
mod node;
mod promises;

use raft::Broken;
use stateright::{Checker, HasDiscoveries, Model, Property};

use cluster::{Action, Bounds, Cluster};
use node::Formatted;
use promises::Promise;

/// Where a model begins, and what must be possible from there.
#[derive(Debug, Clone, Copy)]
enum Story {
    /// Nothing has happened: somebody is elected.
    FirstElection,
    /// Two of three stand for the same epoch: one is elected.
    Rivalry,
    /// A leader is there: another is elected.
    NextElection,
    /// A leader is there, and one voter lacks what is committed: another is elected.
    Behind,
    /// A leader is there and asked to remove both others, who have not heard of it: another is elected.
    TwoRemovals,
    /// A leader is there: who votes changes.
    VoterChange { observers: usize },
}

#[derive(Debug, Clone, Copy)]
struct Quorum {
    story: Story,
    formatted: Formatted,
    bounds: Bounds,
}

impl Model for Quorum {
    type State = Cluster;
    type Action = Action;

    fn init_states(&self) -> Vec<Cluster> {
        vec![match self.story {
            Story::FirstElection => Cluster::fresh(self.formatted, 0, self.bounds),
            Story::Rivalry => Cluster::rivals(self.formatted, self.bounds),
            Story::NextElection => Cluster::led(self.formatted, 0, self.bounds),
            Story::Behind => Cluster::behind(self.formatted, self.bounds),
            Story::TwoRemovals => Cluster::shrunk(self.formatted, self.bounds),
            Story::VoterChange { observers } => {
                Cluster::led(self.formatted, observers, self.bounds)
            }
        }]
    }

    fn actions(&self, state: &Cluster, actions: &mut Vec<Action>) {
        state.actions(actions);
    }

    fn next_state(&self, state: &Cluster, action: Action) -> Option<Cluster> {
        Some(state.after(action))
    }

    fn properties(&self) -> Vec<Property<Self>> {
        fn keeps(state: &Cluster, promise: Promise) -> bool {
            state.breach.as_ref().is_none_or(|breach| breach.promise != promise)
        }
        vec![
            Property::always(ONE_LEADER, |_: &Self, state: &Cluster| {
                keeps(state, Promise::OneLeader)
            }),
            Property::always(COMMITTED, |_: &Self, state: &Cluster| {
                keeps(state, Promise::Committed)
            }),
            Property::sometimes(POSSIBLE, |model: &Self, state: &Cluster| match model.story {
                Story::FirstElection | Story::Rivalry => state.promises.elections() > 0,
                Story::NextElection | Story::Behind | Story::TwoRemovals => {
                    state.promises.elections() > 1
                }
                Story::VoterChange { .. } => state.promises.changes() > 0,
            }),
        ]
    }

    fn within_boundary(&self, state: &Cluster) -> bool {
        state.is_within_bounds()
    }
}

const ONE_LEADER: &str = "one leader an epoch";
const COMMITTED: &str = "what is committed stays";
const POSSIBLE: &str = "what the story is about comes to be";

const NOTHING: Bounds = Bounds {
    timers: 0,
    crashes: 0,
    losses: 0,
    writes: 0,
    changes: 0,
    epoch_max: 3,
    committed_max: usize::MAX,
};

const RIVALRY: Bounds = Bounds { crashes: 1, epoch_max: 1, committed_max: 0, ..NOTHING };
const BEHIND: Bounds = Bounds { timers: 2, epoch_max: 2, ..NOTHING };

/// Fewer states than that are no exploration.
const STATES_MIN: usize = 1_000;

fn quorum(story: Story, voters: usize, bounds: Bounds) -> Quorum {
    Quorum { story, formatted: Formatted { voters, broken: None }, bounds }
}

#[track_caller]
fn holds(model: Quorum) {
    let checker = model.checker().spawn_dfs().join();
    let states = checker.unique_state_count();
    println!("{model:?}: {states} states, up to {} events", checker.max_depth());
    for promise in [ONE_LEADER, COMMITTED] {
        let found = checker.discovery(promise);
        let found = found.map(|path| (path.last_state().breach.clone(), path.into_actions()));
        assert!(found.is_none(), "{promise}: {found:?}");
    }
    checker.assert_any_discovery(POSSIBLE);
    assert!(states >= STATES_MIN, "{states} states: the bounds leave nothing to explore");
}

#[test]
fn every_first_election_is_safe() {
    let bounds = Bounds { timers: 3, crashes: 1, losses: 1, epoch_max: 2, ..NOTHING };
    holds(quorum(Story::FirstElection, 2, bounds));
    holds(quorum(Story::Rivalry, 3, RIVALRY));
}

#[test]
fn every_next_election_is_safe() {
    let bounds = Bounds { timers: 3, crashes: 1, writes: 1, ..NOTHING };
    holds(quorum(Story::NextElection, 2, bounds));
    holds(quorum(Story::Behind, 3, BEHIND));
}

#[test]
fn every_voter_change_is_safe() {
    let bounds = Bounds { timers: 2, crashes: 1, changes: 2, ..NOTHING };
    holds(quorum(Story::VoterChange { observers: 1 }, 1, bounds));
    let bounds = Bounds { timers: 1, changes: 2, ..NOTHING };
    holds(quorum(Story::VoterChange { observers: 1 }, 2, bounds));
    holds(quorum(Story::TwoRemovals, 3, BEHIND));
}

/// The models would notice: each broken rule breaks its promise in some order.
#[test]
fn every_broken_rule_is_found() {
    for (broken, promise, model) in [
        (Broken::OneVote, ONE_LEADER, quorum(Story::Rivalry, 3, RIVALRY)),
        (Broken::PersistVote, ONE_LEADER, quorum(Story::Rivalry, 3, RIVALRY)),
        (Broken::LogUpToDate, COMMITTED, quorum(Story::Behind, 3, BEHIND)),
        (Broken::OneChange, COMMITTED, quorum(Story::TwoRemovals, 3, BEHIND)),
    ] {
        let formatted = Formatted { broken: Some(broken), ..model.formatted };
        let checker = Quorum { formatted, ..model }.checker();
        let checker = checker.finish_when(HasDiscoveries::AnyFailures).spawn_dfs().join();
        let states = checker.unique_state_count();
        let found = checker.discovery(promise);
        let path = found.unwrap_or_else(|| panic!("{broken:?}: not in {states} states"));
        let breach = path.last_state().breach.clone();
        println!("{broken:?}, {states} states: {breach:?} after {:?}", path.into_actions());
    }
}
