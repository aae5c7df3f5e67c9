//! Makes a failing history small: operations go as long as it still fails without them.

use crate::env::{Mutation, Violation};
use crate::plan::Plan;
use crate::world::{History, World};

/// Histories that the search may cost.
const TRIES_MAX: usize = 600;

/// Runs a plan. An assertion of a core is a violation too.
pub fn attempt(plan: &Plan, mutation: Option<Mutation>) -> Result<History, Violation> {
    let plan = plan.clone();
    let run = std::panic::AssertUnwindSafe(|| World::new(plan, mutation).run());
    std::panic::catch_unwind(run).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("a core gives up: {}", text.unwrap_or_default()))
    })
}

/// What went wrong, if anything did.
pub fn fails(plan: &Plan, mutation: Option<Mutation>) -> Option<Violation> {
    attempt(plan, mutation).err()
}

/// Drops halves, quarters, and at last single operations, as long as what is left fails.
pub fn shrink(plan: &Plan, mutation: Option<Mutation>) -> Plan {
    let Some(kind) = fails(plan, mutation).map(|violation| is_stuck(&violation)) else {
        return plan.clone();
    };
    let mut small = plan.clone();
    let mut tries = 0;
    let mut size = small.steps.len().div_ceil(2);
    while size > 0 {
        let mut from = 0;
        while from < small.steps.len() && tries < TRIES_MAX {
            let mut without = small.clone();
            let to = (from + size).min(without.steps.len());
            let mut at = 0;
            without.steps.retain(|step| {
                at += 1;
                step.is_opening() || !(from + 1..=to).contains(&at)
            });
            if without.steps.len() == small.steps.len() {
                from += size;
                continue;
            }
            tries += 1;
            if fails(&without, mutation).is_some_and(|violation| is_stuck(&violation) == kind) {
                small = without;
            } else {
                from += size;
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    small
}

/// Not to recover is another fault than to break a promise.
fn is_stuck(violation: &str) -> bool {
    violation.contains("no recovery")
}
