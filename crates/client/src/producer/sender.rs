//! The producer's task: takes due batches to their leaders and sees to what comes back.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;
use types::ErrorCode;
use wire::init_producer_id_request::InitProducerIdRequest;
use wire::init_producer_id_response::InitProducerIdResponse;
use wire::produce_response::ProduceResponse;

use super::accumulator::Departure;
use super::delivery::BatchAck;
use super::request::{self, Verdict};
use super::sequences::{Identity, Number, Sequences};
use super::{Shared, State};
use crate::cluster::{ANY_VERSION, Cluster};
use crate::config::Acks;
use crate::net::{Answer, Connection, Lane};
use crate::{Error, Metadata, Result};

/// How often expiry and the age of metadata are looked at when nothing else happens.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Something that a task of ours came back with.
enum Event {
    Answered { departures: Vec<Departure>, result: Result<Answer> },
    Connected { node: i32, result: Result<()> },
    Refreshed,
    Identified(Result<Identity>),
}

/// What the task remembers between rounds.
struct Sender {
    shared: Arc<Shared>,
    tasks: JoinSet<Event>,
    /// `None` until a broker gave one out.
    identity: Option<Identity>,
    identifying: bool,
    refreshing: bool,
    connecting: Vec<i32>,
}

/// Runs until the producer is closed and everything is decided.
pub(super) async fn run(shared: Arc<Shared>) {
    let identity = (!shared.config.idempotence).then_some(Identity::NONE);
    let mut sender = Sender {
        shared,
        tasks: JoinSet::new(),
        identity,
        identifying: false,
        refreshing: false,
        connecting: Vec::new(),
    };
    loop {
        let next = sender.round();
        let shared = Arc::clone(&sender.shared);
        {
            let state = shared.state();
            if state.accumulator.closing && state.accumulator.is_idle() {
                return;
            }
        }
        tokio::select! {
            Some(event) = sender.tasks.join_next() => match event {
                Ok(event) => sender.handle(event),
                Err(error) => tracing::error!(%error, "a task of the producer failed"),
            },
            () = shared.wake.notified() => {}
            () = tokio::time::sleep_until(next) => {}
        }
    }
}

impl Sender {
    /// Sends what is due; returns when to look again.
    fn round(&mut self) -> Instant {
        let now = Instant::now();
        let metadata = self.shared.cluster.metadata();
        self.expire(now);
        self.identify();
        let starved = self.shared.starved.load(Ordering::Acquire) > 0;
        let cluster = Arc::clone(&self.shared.cluster);
        let room = |node| connection(&cluster, node).is_some_and(|c| c.has_room());
        let found = {
            let mut state = self.shared.state();
            state.accumulator.depart(now, self.identity, &metadata, starved, room)
        };
        for (node, departures) in found.by_node {
            self.send(node, departures, &metadata);
        }
        for node in found.unreachable {
            self.connect(node);
        }
        if found.without_leader || self.shared.cluster.is_stale() {
            self.refresh();
        }
        // `next` in the past means that more is ready than one request may hold
        found.next.map_or(now + LOOK_EVERY, |next| next.clamp(now, now + LOOK_EVERY))
    }

    fn send(&mut self, node: i32, mut departures: Vec<Departure>, metadata: &Metadata) {
        for departure in &mut departures {
            departure.batch.close();
        }
        departures.sort_by(|a, b| (&a.topic, a.partition).cmp(&(&b.topic, b.partition)));
        let connection = connection(&self.shared.cluster, node);
        let submitted = match connection {
            Some(connection) => self.submit(&connection, &departures, metadata),
            None => Err(Error::Disconnected { peer: node.to_string(), cause: "closed".into() }),
        };
        let within = self.shared.config.client.request_timeout;
        self.tasks.spawn(async move {
            let result = match submitted {
                Ok(Some(pending)) => pending.wait(within).await,
                Ok(None) => return Event::Answered { departures, result: Err(Error::Closed) },
                Err(error) => Err(error),
            };
            Event::Answered { departures, result }
        });
    }

    /// `None` if no answer will come (acks=0): then the batches are done with.
    fn submit(
        &mut self,
        connection: &Arc<Connection>,
        departures: &[Departure],
        metadata: &Metadata,
    ) -> Result<Option<crate::net::Pending>> {
        let cap = request::version_cap(metadata, departures);
        let version = connection.versions().pick::<wire::ProduceRequest<'_>>(cap)?;
        let request = request::encode(&self.shared.config, metadata, departures);
        if self.shared.config.acks == Acks::None {
            connection.submit_unanswered(&request, version)?;
            for departure in departures {
                departure.batch.complete(Ok(BatchAck { base_offset: -1, append_time: -1 }));
            }
            return Ok(None);
        }
        let full = || Error::Disconnected { peer: "broker".into(), cause: "no room".into() };
        connection.try_submit(&request, version)?.ok_or_else(full).map(Some)
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Answered { departures, result } => self.answered(departures, result),
            Event::Connected { node, result } => {
                self.connecting.retain(|other| *other != node);
                if let Err(error) = result {
                    self.shared.cluster.note(&error);
                }
            }
            Event::Refreshed => self.refreshing = false,
            Event::Identified(result) => {
                self.identifying = false;
                match result {
                    Ok(identity) => self.identity = Some(identity),
                    Err(error) if error.is_retriable() => {}
                    Err(error) => self.fail_all(&error),
                }
            }
        }
    }

    fn answered(&mut self, departures: Vec<Departure>, result: Result<Answer>) {
        let metadata = self.shared.cluster.metadata();
        let decoded = result.as_ref().map_err(Error::clone).and_then(|answer| {
            let response: ProduceResponse<'_> = answer.decode()?;
            Ok(response)
        });
        for departure in departures {
            let Departure { topic, partition, .. } = &departure;
            let verdict = match &decoded {
                Ok(response) => request::verdict(response, &metadata, topic, *partition),
                Err(error) => Verdict { outcome: Err(error.clone()), hint: None },
            };
            self.settle(departure, verdict);
        }
        self.shared.progress.notify_waiters();
    }

    /// Decides what becomes of a batch that came back.
    fn settle(&mut self, departure: Departure, verdict: Verdict) {
        let Departure { topic, partition, batch } = departure;
        let shared = Arc::clone(&self.shared);
        let mut state = shared.state();
        let accumulator = &mut state.accumulator;
        let error = match verdict.outcome {
            Ok(ack) => {
                if let (Some(number), Some(sequences)) =
                    (batch.number(), accumulator.sequences(&topic, partition))
                {
                    sequences.ack(number, batch.record_count());
                }
                accumulator.finished(&topic, partition, batch.id);
                drop(state);
                return self.release(&batch, Ok(ack));
            }
            Err(error) => error,
        };
        if let Some(hint) = &verdict.hint {
            shared.cluster.apply_hint(&topic, hint);
        }
        shared.cluster.note(&error);
        let now = Instant::now();
        let batch = match is_too_large(&error) {
            false => batch,
            true => match accumulator.split(&topic, partition, batch, now) {
                Ok(()) => return tracing::debug!(%topic, partition, "a batch goes on as two"),
                Err(single) => *single,
            },
        };
        let sequences = accumulator.sequences(&topic, partition);
        let turn = turn(&error, batch.number(), sequences.as_deref());
        let in_time = batch.created + shared.config.delivery_timeout > now
            && batch.attempts() < shared.config.retries;
        if matches!(turn, Turn::AgainRenumbered | Turn::FailAndRenumber) {
            accumulator.restart(&topic, partition);
        }
        let mut batch = batch;
        if in_time && matches!(turn, Turn::Again | Turn::AgainRenumbered) {
            tracing::debug!(%topic, partition, %error, "a batch will be sent again");
            batch.failed_attempt(now + shared.cluster.backoff(batch.attempts()));
            accumulator.requeue(&topic, partition, batch);
        } else {
            if batch.number().is_some() {
                accumulator.restart(&topic, partition);
            }
            accumulator.finished(&topic, partition, batch.id);
            drop(state);
            self.release(&batch, Err(error));
        }
    }

    fn release(&self, batch: &super::batch::Batch, outcome: Result<BatchAck>) {
        self.shared.room.add_permits(batch.reserved);
        batch.complete(outcome);
    }

    fn expire(&mut self, now: Instant) {
        let expired = self.shared.state().accumulator.expired(now);
        if expired.is_empty() {
            return;
        }
        let after = self.shared.config.delivery_timeout;
        for Departure { topic, partition, batch } in expired {
            let what = format!("{} records for {topic}-{partition}", batch.record_count());
            self.release(&batch, Err(Error::timeout(what, after)));
        }
        self.shared.progress.notify_waiters();
    }

    fn fail_all(&mut self, error: &Error) {
        let batches = {
            let mut state = self.shared.state();
            let State { accumulator, failed, .. } = &mut *state;
            *failed = Some(error.clone());
            accumulator.drain()
        };
        for batch in &batches {
            self.release(batch, Err(error.clone()));
        }
        self.shared.progress.notify_waiters();
    }

    /// Sees to it that there is an identity, and the next one where a broker lost track.
    fn identify(&mut self) {
        if self.identifying || !self.shared.config.idempotence {
            return;
        }
        if let Some(identity) = self.identity {
            if !self.shared.state().accumulator.wants_restart(identity) {
                return;
            }
            self.identity = identity.bumped();
        } else if self.shared.state().accumulator.is_idle() {
            return;
        }
        if self.identity.is_none() {
            self.identifying = true;
            let cluster = Arc::clone(&self.shared.cluster);
            self.tasks.spawn(async move { Event::Identified(identify(&cluster).await) });
        }
    }

    fn connect(&mut self, node: i32) {
        let busy = connection(&self.shared.cluster, node).is_some();
        if busy || self.connecting.contains(&node) {
            return;
        }
        self.connecting.push(node);
        let cluster = Arc::clone(&self.shared.cluster);
        self.tasks.spawn(async move {
            let result = cluster.connection(node, Lane::Data).await.map(drop);
            Event::Connected { node, result }
        });
    }

    fn refresh(&mut self) {
        if self.refreshing {
            return;
        }
        self.refreshing = true;
        let cluster = Arc::clone(&self.shared.cluster);
        self.tasks.spawn(async move {
            if cluster.refresh().await.is_err() {
                cluster.mark_stale();
                tokio::time::sleep(cluster.backoff(0)).await;
            }
            Event::Refreshed
        });
    }
}

/// What becomes of a batch that failed.
enum Turn {
    Again,
    AgainRenumbered,
    Fail,
    FailAndRenumber,
}

/// Whether less at once may be taken.
fn is_too_large(error: &Error) -> bool {
    let Error::Broker { code, .. } = error else { return false };
    matches!(code, ErrorCode::MessageTooLarge | ErrorCode::RecordListTooLarge)
}

/// Decides by the error, and by what the broker must have accepted before. A broker that lost track
/// has not written the batch: under the next epoch it may, and nothing comes twice (KIP-360).
fn turn(error: &Error, number: Option<Number>, sequences: Option<&Sequences>) -> Turn {
    let lost_track =
        matches!(error.code(), ErrorCode::OutOfOrderSequenceNumber | ErrorCode::UnknownProducerId);
    match (number, sequences) {
        // an earlier batch was refused first: this one only has to wait for it
        (Some(number), Some(sequences)) if lost_track && !sequences.is_next(number) => Turn::Again,
        (Some(_), Some(_)) if lost_track => Turn::AgainRenumbered,
        _ if error.is_retriable() => Turn::Again,
        (Some(_), _) => Turn::FailAndRenumber,
        (None, _) => Turn::Fail,
    }
}

fn connection(cluster: &Cluster, node: i32) -> Option<Arc<Connection>> {
    cluster.open_connection(node, Lane::Data)
}

async fn identify(cluster: &Cluster) -> Result<Identity> {
    let request = InitProducerIdRequest {
        transactional_id: None,
        transaction_timeout_ms: i32::MAX,
        ..Default::default()
    };
    let asked = cluster.call_any(&request, ANY_VERSION).await.and_then(|answer| {
        let response: InitProducerIdResponse = answer.decode()?;
        Error::check(response.error_code)?;
        let (id, epoch) = (response.producer_id.into(), response.producer_epoch.into());
        Ok(Identity { id, epoch })
    });
    if let Err(error) = &asked {
        tracing::debug!(%error, "no producer id");
        tokio::time::sleep(cluster.backoff(0)).await;
    }
    asked
}
