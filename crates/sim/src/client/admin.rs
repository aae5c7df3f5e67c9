//! The administrator: one command after the other, each until it has an outcome.

use std::collections::VecDeque;

use types::ErrorCode;

use crate::env::{Checked, Env, Place};
use crate::message::{Command, Outcome, Reply, Request};
use crate::shadow::Shadow;

const REQUEST_MS: i64 = 900;
const RETRY_MS: i64 = 120;
/// Some commands can only be refused while the cluster is unwell.
const TRIES_MAX: u32 = 60;

type Check = Box<dyn Fn(&Shadow, ErrorCode) -> Checked>;

/// A command, and what must hold of the cluster once it has this outcome.
pub struct Job {
    /// What is done where it is not refused.
    pub what: &'static str,
    pub command: Command,
    pub check: Check,
    /// Refusals that say: later.
    pub retries: fn(ErrorCode) -> bool,
}

impl std::fmt::Debug for Job {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.command.fmt(f)
    }
}

pub struct Admin {
    pub place: Place,
    jobs: VecDeque<Job>,
    asked: Option<(u64, i64)>,
    retry_at: i64,
    tries: u32,
}

impl Admin {
    pub fn new(place: Place) -> Self {
        Self { place, jobs: VecDeque::new(), asked: None, retry_at: 0, tries: 0 }
    }

    pub fn add(&mut self, job: Job) {
        self.jobs.push_back(job);
    }

    pub fn lack(&self) -> Option<String> {
        self.jobs.front().map(|job| format!("{job:?} has no outcome"))
    }

    pub fn tick(&mut self, env: &mut Env) -> i64 {
        let Some(job) = self.jobs.front() else { return env.now + 500 };
        if let Some((_, until)) = self.asked.filter(|(_, until)| *until > env.now) {
            return until;
        }
        if self.retry_at > env.now {
            return self.retry_at;
        }
        let controllers: Vec<Place> = env.shape.controllers().collect();
        let to = controllers[env.below(controllers.len())];
        let request = Request::Control(Box::new(job.command.clone()));
        let number = env.ask(self.place, to, 0, request);
        let until = env.now + REQUEST_MS;
        self.asked = Some((number, until));
        until
    }

    pub fn receive(&mut self, env: &mut Env, number: u64, reply: Option<Reply>) -> Checked {
        if self.asked.is_none_or(|(asked, _)| asked != number) {
            return Ok(());
        }
        self.asked = None;
        self.retry_at = env.now + RETRY_MS;
        let Some(Reply::Control(Outcome::Admin(code))) = reply else { return Ok(()) };
        let Some(job) = self.jobs.front() else { return Ok(()) };
        env.narrate(|| format!("admin: {code:?} for {job:?}"));
        self.tries += 1;
        if (job.retries)(code) && self.tries < TRIES_MAX {
            return Ok(());
        }
        self.tries = 0;
        env.shadow.visit(if code == ErrorCode::None { job.what } else { "refuses an admin" });
        let checked = (job.check)(&env.shadow, code);
        self.jobs.pop_front();
        checked
    }
}
