//! Decisions of the machine in Kafka's terms, one table an area; histories are the simulator's matter.

mod change;
mod elect;
mod follow;
mod hostile;
mod lead;
mod node;
