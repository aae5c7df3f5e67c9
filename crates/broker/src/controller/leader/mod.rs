//! What the active controller does for brokers: it lets them in and watches over them.

mod brokers;
mod departed;
#[cfg(test)]
mod tests;

pub(super) use departed::{Departed, Lookout};
