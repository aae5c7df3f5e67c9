//! The consumer as a member of a group: joining, giving up and taking over, committing, leaving.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use types::ErrorCode;

use super::assign::PartitionCounts;
use super::heartbeat::{self, Heartbeat, Verdict};
use super::join::{self, Candidate, Joined, Membership};
use super::offsets::{self, Committer};
use super::poll::Event;
use super::positions::OffsetAndMetadata;
use super::{Consumer, Subscription};
use crate::cluster::{Cluster, coordinator};
use crate::config::{AssignorKind, ConsumerConfig};
use crate::net::Lane;
use crate::{Error, Metadata, Result, TopicPartition};

/// Names of topics that patterns match only when asked by their full name.
const INTERNAL_TOPICS: [&str; 3] =
    ["__consumer_offsets", "__transaction_state", "__share_group_state"];

/// Our place in the group.
pub(super) struct Group {
    id: String,
    phase: Phase,
    /// `None` before the first join and after the membership was lost.
    membership: Option<Membership>,
    heartbeat: Option<Heartbeat>,
    /// Why to join again.
    rejoin: Option<&'static str>,
    /// What was subscribed to at the last join.
    joined_topics: BTreeSet<Arc<str>>,
    /// Of the leader: the partition counts behind its last assignment.
    led: Option<PartitionCounts>,
    next_auto_commit: Instant,
    committing: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Out,
    Joining,
    In,
}

impl Group {
    pub(super) fn new(id: String) -> Self {
        Self {
            id,
            phase: Phase::Out,
            membership: None,
            heartbeat: None,
            rejoin: Some("initial join"),
            joined_topics: BTreeSet::new(),
            led: None,
            next_auto_commit: Instant::now(),
            committing: false,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// As whom to commit: as a member, or as nobody where partitions were assigned by hand.
    pub(super) fn committer(&self, config: &ConsumerConfig) -> Committer {
        let member = self.membership.as_ref();
        Committer {
            group: self.id.clone(),
            member_id: member.map(|m| m.member_id.clone()).unwrap_or_default(),
            generation: member.map_or(-1, |m| m.generation),
            instance_id: config.group_instance_id.clone().filter(|_| member.is_some()),
        }
    }
}

impl Consumer {
    /// The subscription changed: the group must hear of it.
    pub(super) fn resubscribed(&mut self) {
        if let Some(group) = &mut self.group {
            group.rejoin = Some("the subscription changed");
        }
    }

    /// Reacts to new metadata: topics that a pattern matches came or went, partitions were added.
    pub(super) fn note_topics(&mut self, metadata: &Metadata) {
        let wanted = self.wanted_topics();
        let Some(group) = self.group.as_mut().filter(|group| group.phase == Phase::In) else {
            return;
        };
        if wanted.is_some_and(|wanted| wanted != group.joined_topics) {
            group.rejoin = Some("the topics that the subscription matches changed");
        }
        let grown = group.led.as_ref().is_some_and(|led| {
            led.iter().any(|(topic, count)| {
                metadata.topic(topic).is_some_and(|now| now.partition_count() != *count)
            })
        });
        if grown {
            group.rejoin = Some("cached metadata has changed");
        }
    }

    /// The topics to subscribe to, as far as is known; `None` without a subscription.
    fn wanted_topics(&self) -> Option<BTreeSet<Arc<str>>> {
        match &self.subscription {
            Subscription::Nothing | Subscription::Manual => None,
            Subscription::Topics(topics) => Some(topics.clone()),
            Subscription::Pattern(matches) => {
                let metadata = self.cluster.metadata();
                let usable = metadata
                    .topics()
                    .filter(|t| t.error.is_none() && !INTERNAL_TOPICS.contains(&&*t.name))
                    .map(|topic| &topic.name);
                Some(usable.filter(|name| matches(name)).cloned().collect())
            }
        }
    }

    /// One step of group life: hear the heartbeat, join if need be, commit if due.
    pub(super) async fn tend_group(&mut self) -> Result<()> {
        if let Some(heartbeat) = self.group.as_ref().and_then(|group| group.heartbeat.as_ref()) {
            heartbeat.polled();
            self.hear(heartbeat.verdict())?;
        }
        let Some(wanted) = self.wanted_topics() else {
            self.auto_commit();
            return Ok(());
        };
        let pattern_unknown =
            matches!(self.subscription, Subscription::Pattern(_)) && self.metadata_generation == 0;
        let Some(group) = &mut self.group else { return Ok(()) };
        if group.phase == Phase::Joining || pattern_unknown {
            return Ok(());
        }
        let Some(reason) = group.rejoin.take() else {
            self.auto_commit();
            return Ok(());
        };
        self.prepare_to_join().await;
        self.spawn_join(wanted, reason);
        Ok(())
    }

    fn hear(&mut self, verdict: Verdict) -> Result<()> {
        let Some(group) = &mut self.group else { return Ok(()) };
        match verdict {
            Verdict::Fine => return Ok(()),
            Verdict::Rebalance => {
                group.rejoin = group.rejoin.or(Some("group is already rebalancing"))
            }
            Verdict::Lost | Verdict::PolledTooLate => {
                group.membership = None;
                group.phase = Phase::Out;
                group.rejoin = Some("the membership was lost");
                self.lose_partitions();
            }
            Verdict::Fenced => {
                group.heartbeat = None;
                let cause = "another consumer has the same group.instance.id".to_owned();
                return Err(Error::NotInGroup { cause });
            }
        }
        if let Some(group) = &mut self.group {
            group.heartbeat = None;
        }
        Ok(())
    }

    fn lose_partitions(&mut self) {
        let lost: Vec<_> = self.positions.partitions().into_iter().collect();
        if !lost.is_empty() {
            self.listener.on_lost(&lost);
            let placing = self.first_placing();
            self.positions.assign(&BTreeSet::new(), placing);
        }
    }

    /// Cooperative members keep reading while they join (KIP-429).
    fn is_cooperative(&self) -> bool {
        self.config.assignors.iter().all(|kind| *kind == AssignorKind::CooperativeSticky)
    }

    async fn prepare_to_join(&mut self) {
        if self.is_cooperative() {
            return;
        }
        self.commit_before_revocation().await;
        let revoked: Vec<_> = self.positions.partitions().into_iter().collect();
        self.previously_owned.clone_from(&revoked);
        if self.group.as_ref().is_some_and(|group| group.phase == Phase::In) {
            self.listener.on_revoked(&revoked);
        }
        let placing = self.first_placing();
        self.positions.assign(&BTreeSet::new(), placing);
    }

    async fn commit_before_revocation(&mut self) {
        let consumed = self.positions.consumed();
        let Some(group) = self.group.as_ref().filter(|group| group.membership.is_some()) else {
            return;
        };
        if !self.config.enable_auto_commit || consumed.is_empty() {
            return;
        }
        let committer = group.committer(&self.config);
        let within = self.config.client.request_timeout;
        if let Err(error) = commit(&self.cluster, &committer, &consumed, within).await {
            tracing::warn!(%error, "offsets could not be committed before the rebalance");
        }
    }

    fn spawn_join(&mut self, wanted: BTreeSet<Arc<str>>, reason: &'static str) {
        let owned = if self.is_cooperative() {
            self.positions.partitions().into_iter().collect()
        } else {
            self.previously_owned.clone()
        };
        let Some(group) = &mut self.group else { return };
        group.phase = Phase::Joining;
        group.joined_topics.clone_from(&wanted);
        let member = group.membership.as_ref();
        let candidate = Candidate {
            config: Arc::clone(&self.config),
            group: group.id.clone(),
            member_id: member.map(|m| m.member_id.clone()).unwrap_or_default(),
            generation: member.map_or(-1, |m| m.generation),
            topics: wanted,
            owned,
            reason,
        };
        group.heartbeat = None;
        let (cluster, config) = (Arc::clone(&self.cluster), Arc::clone(&self.config));
        let wake = Arc::clone(&self.wake);
        self.tasks.spawn(async move {
            let group = candidate.group.clone();
            let joined = join::join(&cluster, candidate).await.map(|mut joined| {
                let membership = joined.membership.clone();
                // it must beat even if the application takes its time to poll
                let beats = Heartbeat::start(cluster, config, group, membership, wake);
                joined.heartbeat = Some(beats);
                joined
            });
            Event::Joined(joined)
        });
    }

    pub(super) fn joined(&mut self, result: Result<Joined>) -> Result<()> {
        let Some(group) = &mut self.group else { return Ok(()) };
        let joined = match result {
            Ok(joined) => joined,
            Err(error) => {
                group.phase = Phase::Out;
                group.membership = None;
                group.rejoin = Some("the last join failed");
                return Err(error);
            }
        };
        group.phase = Phase::In;
        group.membership = Some(joined.membership);
        group.heartbeat = joined.heartbeat;
        group.led = joined.led;
        group.next_auto_commit = Instant::now() + self.config.auto_commit_interval;
        let cooperative = joined.kind == AssignorKind::CooperativeSticky && self.is_cooperative();
        self.take_over(joined.partitions, cooperative);
        Ok(())
    }

    fn take_over(&mut self, partitions: BTreeSet<TopicPartition>, cooperative: bool) {
        for partition in &partitions {
            self.cluster.want(&partition.topic);
        }
        let owned = self.positions.partitions();
        let revoked: Vec<_> = owned.difference(&partitions).cloned().collect();
        if cooperative && !revoked.is_empty() {
            self.spawn_commit();
            self.listener.on_revoked(&revoked);
            if let Some(group) = &mut self.group {
                group.rejoin = Some("need to revoke partitions and re-join");
            }
        }
        let added: Vec<_> = partitions.difference(&owned).cloned().collect();
        let placing = self.first_placing();
        self.positions.assign(&partitions, placing);
        self.listener.on_assigned(&added);
    }

    fn auto_commit(&mut self) {
        let due = self
            .group
            .as_ref()
            .is_some_and(|group| !group.committing && Instant::now() >= group.next_auto_commit);
        if due && self.config.enable_auto_commit {
            self.spawn_commit();
        }
    }

    pub(super) fn spawn_commit(&mut self) {
        let consumed = self.positions.consumed();
        let Some(group) = &mut self.group else { return };
        group.next_auto_commit = Instant::now() + self.config.auto_commit_interval;
        if consumed.is_empty() || consumed == self.last_committed {
            return;
        }
        self.last_committed.clone_from(&consumed);
        group.committing = true;
        let committer = group.committer(&self.config);
        let (cluster, within) = (Arc::clone(&self.cluster), self.config.client.request_timeout);
        self.tasks.spawn(async move {
            Event::Committed(commit(&cluster, &committer, &consumed, within).await)
        });
    }

    pub(super) fn committed_in_background(&mut self, result: &Result<()>) {
        if let Some(group) = &mut self.group {
            group.committing = false;
        }
        if let Err(error) = result {
            self.last_committed.clear();
            tracing::warn!(%error, "offsets could not be committed in the background");
        }
    }

    /// Commits if that is automatic, then leaves unless membership is static.
    pub(super) async fn leave_group(&mut self) -> Result<()> {
        if self.config.enable_auto_commit && self.group.is_some() {
            let consumed = self.positions.consumed();
            if !consumed.is_empty() && consumed != self.last_committed {
                self.commit_offsets(consumed).await?;
            }
        }
        let revoked: Vec<_> = self.positions.partitions().into_iter().collect();
        let Some(group) = &mut self.group else { return Ok(()) };
        group.heartbeat = None;
        let Some(mut membership) = group.membership.take() else { return Ok(()) };
        self.listener.on_revoked(&revoked);
        if self.config.group_instance_id.is_some() || !self.config.leave_group_on_close {
            return Ok(());
        }
        let reason = "the consumer is being closed";
        let cluster = &self.cluster;
        let mut failures = 0;
        loop {
            let left = heartbeat::leave(cluster, &self.config, &group.id, &membership, reason);
            let error = match left.await {
                Err(error) if has_moved(&error) || is_unreachable(&error) => error,
                // a request whose answer was lost was carried out
                Err(error) if failures > 0 && error.code() == ErrorCode::UnknownMemberId => {
                    return Ok(());
                }
                done => return done,
            };
            tokio::time::sleep(cluster.backoff(failures)).await;
            failures += 1;
            match coordinator::find(cluster, &group.id).await {
                Ok(found) => membership.coordinator = found,
                // there is nobody left to tell
                Err(none) if is_unreachable(&none) && is_unreachable(&error) => return Err(error),
                Err(_) => {}
            }
        }
    }
}

/// Whether the broker that was asked is gone; another one may be in its place.
fn is_unreachable(error: &Error) -> bool {
    error.code() == ErrorCode::NetworkException
}

/// Whether another broker coordinates the group, or will in a moment.
fn has_moved(error: &Error) -> bool {
    matches!(
        error.code(),
        ErrorCode::NotCoordinator
            | ErrorCode::CoordinatorNotAvailable
            | ErrorCode::CoordinatorLoadInProgress
            // the one that was the coordinator is in the metadata no more
            | ErrorCode::BrokerNotAvailable
    )
}

/// What a group committed, from whoever coordinates it.
pub(super) async fn committed(
    cluster: &Cluster,
    group: &str,
    partitions: &[TopicPartition],
) -> Result<BTreeMap<TopicPartition, OffsetAndMetadata>> {
    let within = cluster.config().default_api_timeout;
    let deadline = Instant::now() + within;
    let mut failures = 0;
    loop {
        let asked = async {
            let node = coordinator::find(cluster, group).await?;
            offsets::committed(cluster, node, group, Some(partitions), Lane::Group).await
        };
        match asked.await {
            Err(error) if error.is_retriable() && Instant::now() < deadline => {
                cluster.note(&error);
                tokio::time::sleep(cluster.backoff(failures)).await;
                failures += 1;
            }
            done => return done,
        }
    }
}

/// Commits until it works, fails for good, or `within` is over.
pub(super) async fn commit(
    cluster: &Cluster,
    committer: &Committer,
    offsets: &BTreeMap<TopicPartition, OffsetAndMetadata>,
    within: Duration,
) -> Result<()> {
    let deadline = Instant::now() + within;
    let mut failures = 0;
    loop {
        let committing = async {
            let node = coordinator::find(cluster, &committer.group).await?;
            let verdicts = offsets::commit(cluster, node, committer, offsets, Lane::Group).await?;
            verdicts.into_values().find(Result::is_err).unwrap_or(Ok(()))
        };
        match committing.await {
            Err(error)
                if (error.is_retriable() || error.code() == ErrorCode::UnknownTopicOrPartition)
                    && Instant::now() < deadline =>
            {
                cluster.note(&error);
                tokio::time::sleep(cluster.backoff(failures)).await;
                failures += 1;
            }
            done => return done,
        }
    }
}
