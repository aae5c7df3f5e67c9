//! What a log remembers of its producers: duplicates are recognised, gaps refused, open
//! transactions known.

mod entry;
mod snapshot;
mod transactions;

use std::collections::BTreeMap;

use record::BatchHeader;
use types::{Offset, ProducerEpoch, ProducerId, Sequence, TimestampMs};

pub(crate) use entry::{AppendedBatch, ProducerEntry};
pub(crate) use snapshot::{decode, encode};
pub(crate) use transactions::Transactions;

use crate::error::LogError;

/// Who appends, and so how strictly a batch is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A producer: epoch and sequence must fit.
    Client,
    /// A coordinator of this cluster: the epoch must fit, sequences are its own affair.
    Coordinator,
    /// The leader's log, which has judged already.
    Replication,
}

/// What to do with a batch.
#[derive(Debug)]
pub(crate) enum Admission {
    Append,
    /// It is in the log already.
    Duplicate(AppendedBatch),
    /// Its sequences come before those that are remembered: it is in the log before that offset, or
    /// to be refused.
    Earlier {
        before: Offset,
        refusal: LogError,
    },
}

/// An end marker of a transaction, as its control record says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marker {
    pub(crate) is_commit: bool,
    pub(crate) coordinator_epoch: i32,
}

/// A transaction that a marker has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct CompletedTxn {
    pub(crate) producer_id: ProducerId,
    pub(crate) first_offset: Offset,
    /// The marker's.
    pub(crate) last_offset: Offset,
    pub(crate) is_commit: bool,
}

/// A producer as DescribeProducers shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProducerStatus {
    pub producer_id: ProducerId,
    pub epoch: ProducerEpoch,
    pub last_sequence: Sequence,
    pub last_timestamp: TimestampMs,
    /// -1 before the first marker.
    pub coordinator_epoch: i32,
    pub txn_first_offset: Option<Offset>,
}

/// All producers of a log.
#[derive(Debug, Default)]
pub(crate) struct Producers {
    // boxed, for a node of the map has room for eleven entries and most logs have one producer
    entries: BTreeMap<ProducerId, Box<ProducerEntry>>,
    transactions: Transactions,
}

impl Producers {
    pub(crate) fn from_entries(entries: Vec<(ProducerId, ProducerEntry)>) -> Self {
        let mut producers = Self::default();
        for (id, entry) in entries {
            if let Some(first) = entry.txn_first_offset {
                producers.transactions.begin(first, id);
            }
            producers.entries.insert(id, Box::new(entry));
        }
        producers
    }

    pub(crate) const fn transactions(&self) -> &Transactions {
        &self.transactions
    }

    pub(crate) const fn transactions_mut(&mut self) -> &mut Transactions {
        &mut self.transactions
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (ProducerId, &ProducerEntry)> {
        self.entries.iter().map(|(id, entry)| (*id, entry.as_ref()))
    }

    /// Each producer's last data offset, if one is known, and epoch.
    pub(crate) fn last_records(&self) -> Vec<(ProducerId, Option<Offset>, ProducerEpoch)> {
        let last = |entry: &ProducerEntry| entry.last_batch().map(|batch| batch.last_offset);
        self.entries().map(|(id, entry)| (id, last(entry), entry.epoch)).collect()
    }

    pub(crate) fn status(&self) -> Vec<ProducerStatus> {
        self.entries().map(|(id, entry)| entry.status(id)).collect()
    }

    /// Whether nothing is known of a producer.
    pub(crate) fn lack(&self, producer: ProducerId) -> bool {
        !self.entries.contains_key(&producer)
    }

    /// Judges a batch. Changes nothing.
    pub(crate) fn admit(&self, batch: &BatchHeader, origin: Origin) -> Result<Admission, LogError> {
        if !batch.has_producer_id() || origin == Origin::Replication {
            return Ok(Admission::Append);
        }
        let Some(entry) = self.entries.get(&batch.producer_id) else {
            return Ok(Admission::Append);
        };
        if origin == Origin::Client
            && let Some(appended) = entry.find_duplicate(batch)
        {
            return Ok(Admission::Duplicate(appended));
        }
        entry.check_epoch(batch)?;
        if origin != Origin::Client || batch.attributes.is_control() {
            return Ok(Admission::Append);
        }
        match (entry.check_sequence(batch), entry.forgotten_before(batch)) {
            (Ok(()), _) => Ok(Admission::Append),
            (Err(refusal), Some(before)) => Ok(Admission::Earlier { before, refusal }),
            (Err(refusal), None) => Err(refusal),
        }
    }

    /// Judges an end marker. Changes nothing.
    pub(crate) fn admit_marker(&self, batch: &BatchHeader, marker: Marker) -> Result<(), LogError> {
        match self.entries.get(&batch.producer_id) {
            Some(entry) => entry.check_coordinator(batch.producer_id, marker),
            None => Ok(()),
        }
    }

    /// Takes note of a data batch at its final offsets.
    pub(crate) fn apply(&mut self, batch: &BatchHeader) {
        if !batch.has_producer_id() {
            return;
        }
        let entry = self.entries.entry(batch.producer_id).or_default();
        let had_open_txn = entry.txn_first_offset.is_some();
        entry.append(batch);
        if !had_open_txn && let Some(first) = entry.txn_first_offset {
            self.transactions.begin(first, batch.producer_id);
        }
    }

    /// Takes note of an end marker at its final offset; a transaction without records here leaves
    /// no trace.
    pub(crate) fn apply_marker(
        &mut self,
        batch: &BatchHeader,
        marker: Marker,
    ) -> Option<CompletedTxn> {
        let entry = self.entries.entry(batch.producer_id).or_default();
        let first_offset = entry.end_transaction(batch, marker)?;
        let completed = CompletedTxn {
            producer_id: batch.producer_id,
            first_offset,
            last_offset: batch.last_offset(),
            is_commit: marker.is_commit,
        };
        self.transactions.end(&completed);
        Some(completed)
    }

    /// Forgets producers that were silent for `expiration_ms`; open transactions keep theirs.
    pub(crate) fn expire(&mut self, now: TimestampMs, expiration_ms: i64) {
        self.entries.retain(|_, entry| {
            let idle_ms = now.0.saturating_sub(entry.last_timestamp.0);
            entry.txn_first_offset.is_some() || idle_ms < expiration_ms
        });
    }
}
