//! What happens to a cluster: one file an operation, with how it is drawn, what it does, what it is
//! expected to do to the shadow, and what is checked then.

mod add_broker;
mod add_voter;
mod ambush;
mod change_feature;
mod crash;
mod create_topic;
mod cut;
mod delete_topic;
mod directory_dies;
mod disk_full;
pub mod elect_leaders;
mod isolate;
mod lose_power;
mod mend;
mod pause;
mod produce;
mod reassign;
mod remove_broker;
mod remove_voter;
mod slow_disk;
mod snapshot;
mod split;
mod stop;

use metadata::Seeded;

use crate::client::{Admin, Job, Kind};
use crate::env::{Checked, Place};
use crate::plan::Draws;
use crate::shape::Shape;
use crate::world::World;

pub struct Operation {
    pub name: &'static str,
    /// How often it comes, beside the others.
    pub weight: fn(&Shape) -> usize,
    pub perform: fn(&mut World, Draws) -> Checked,
}

impl std::fmt::Debug for Operation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name)
    }
}

static ALL: &[Operation] = &[
    add_broker::OPERATION,
    add_voter::OPERATION,
    ambush::OPERATION,
    create_topic::OPERATION,
    crash::OPERATION,
    cut::OPERATION,
    delete_topic::OPERATION,
    directory_dies::OPERATION,
    disk_full::OPERATION,
    change_feature::OPERATION,
    elect_leaders::OPERATION,
    isolate::OPERATION,
    lose_power::OPERATION,
    mend::OPERATION,
    pause::OPERATION,
    produce::OPERATION,
    reassign::OPERATION,
    remove_broker::OPERATION,
    remove_voter::OPERATION,
    slow_disk::OPERATION,
    snapshot::OPERATION,
    split::OPERATION,
    stop::OPERATION,
];

/// The topics that histories are about.
pub const TOPICS: [&str; 3] = ["events", "orders", "audit"];

/// The draw that means the topic of the groups: greater than any that chance brings.
pub const FOR_GROUPS: usize = 10_000;

pub fn named(name: &str) -> Option<&'static Operation> {
    ALL.iter().find(|operation| operation.name == name)
}

pub fn draw(shape: &Shape, chance: &mut Seeded) -> &'static Operation {
    let weights = ALL.iter().map(|operation| (operation.weight)(shape));
    let mut left = chance.index_below(weights.clone().sum());
    for (operation, weight) in ALL.iter().zip(weights) {
        if left < weight {
            return operation;
        }
        left -= weight;
    }
    &ALL[0]
}

/// What every history begins with: the group's topic, another, and records in it.
pub fn opening() -> impl Iterator<Item = (&'static Operation, Draws)> {
    let create = named("create_topic").into_iter();
    let produce = named("produce").into_iter();
    let topics = create
        .flat_map(|operation| [(operation, [FOR_GROUPS, 0, 0, 0]), (operation, [0, 1, 2, 0])]);
    topics.chain(produce.map(|operation| (operation, [0, 0, 3, 0])))
}

impl World {
    /// A node that some draw means.
    pub fn node(&self, draw: usize) -> Place {
        draw % self.nodes.len()
    }

    pub fn admin(&mut self) -> &mut Admin {
        let admin = self.clients.iter_mut().find_map(|client| match &mut client.kind {
            Kind::Admin(admin) => Some(admin),
            Kind::Producer(_) | Kind::Consumer(_) | Kind::Member(_) => None,
        });
        admin.expect("every world has one")
    }

    /// Gives the administrator something to do.
    pub fn wish(&mut self, job: Job) -> Checked {
        self.admin().add(job);
        Ok(())
    }

    /// The controller that leads, as one of them sees it.
    pub fn leading_controller(&self) -> Option<Place> {
        let leads =
            |process: &crate::process::Process| process.raft.role() == raft::RoleKind::Leader;
        self.nodes.iter().position(|node| node.up().is_some_and(leads))
    }
}
