//! Connections by broker and purpose, opened when first needed and again after they broke.

use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::Instant;

use super::Connection;
use super::connection::Silence;
use crate::config::ClientConfig;
use crate::random::backoff;
use crate::{Error, Result};

/// What a connection is for. A broker serves one request of a connection at a time, so what may
/// block there (a fetch that waits for data, a join that waits for members) has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Lane {
    /// Metadata and administration.
    Control,
    /// Produce and fetch.
    Data,
    /// The group protocol.
    Group,
}

/// One address in one lane. The lock is held while connecting: who comes second waits and shares.
#[derive(Default)]
struct Slot {
    connection: Option<Arc<Connection>>,
    failures: u32,
    not_before: Option<Instant>,
}

type SlotKey = (String, Lane);

/// All connections of one client.
pub(crate) struct Pool {
    config: Arc<ClientConfig>,
    slots: Mutex<HashMap<SlotKey, Arc<tokio::sync::Mutex<Slot>>>>,
    /// By address.
    silences: Mutex<HashMap<String, Silence>>,
}

/// Brokers come and go: with more addresses than these, those that nobody uses are forgotten.
const ADDRESSES_KEPT: usize = 64;

impl Pool {
    pub(crate) fn new(config: Arc<ClientConfig>) -> Self {
        Self { config, slots: Mutex::default(), silences: Mutex::default() }
    }

    /// An open connection to `address`; waits out the backoff after earlier failures.
    pub(crate) async fn get(&self, address: &str, lane: Lane) -> Result<Arc<Connection>> {
        let slot = self.slot(address, lane);
        let mut slot = slot.lock().await;
        if let Some(open) = slot.connection.as_ref().filter(|c| c.is_open()) {
            return Ok(Arc::clone(open));
        }
        slot.connection = None;
        if let Some(not_before) = slot.not_before.take() {
            tokio::time::sleep_until(not_before).await;
        }
        match Connection::open(address, &self.config, &self.silence(address)).await {
            Ok(connection) => {
                slot.failures = 0;
                slot.connection = Some(Arc::clone(&connection));
                Ok(connection)
            }
            Err(error) => {
                let (first, most) =
                    (self.config.reconnect_backoff, self.config.reconnect_backoff_max);
                slot.not_before = Some(Instant::now() + backoff(slot.failures, first, most));
                slot.failures += 1;
                tracing::debug!(address, %error, "no connection");
                Err(error)
            }
        }
    }

    /// The connection to `address` if it is open and nobody is opening it right now.
    pub(crate) fn get_open(&self, address: &str, lane: Lane) -> Option<Arc<Connection>> {
        let slot = self.slot(address, lane);
        let slot = slot.try_lock().ok()?;
        slot.connection.as_ref().filter(|c| c.is_open()).map(Arc::clone)
    }

    /// The first of `addresses` that can be reached, each tried once.
    pub(crate) async fn get_any(&self, addresses: &[String]) -> Result<Arc<Connection>> {
        let mut last = None;
        for address in addresses {
            match self.get(address, Lane::Control).await {
                Ok(connection) => return Ok(connection),
                Err(error) => last = Some(Box::new(error)),
            }
        }
        let last = last.unwrap_or_else(|| Box::new(Error::invalid("bootstrap.servers is empty")));
        Err(Error::NoBrokers { tried: addresses.join(","), last })
    }

    /// Whether the last that was asked there got no answer in time: others are asked first.
    pub(crate) fn is_silent(&self, address: &str) -> bool {
        self.silence(address).load(Ordering::Relaxed)
    }

    fn silence(&self, address: &str) -> Silence {
        let mut silences = self.silences.lock().unwrap_or_else(PoisonError::into_inner);
        if silences.len() > ADDRESSES_KEPT {
            silences.retain(|_, silence| Arc::strong_count(silence) > 1);
        }
        Arc::clone(silences.entry(address.to_owned()).or_default())
    }

    fn slot(&self, address: &str, lane: Lane) -> Arc<tokio::sync::Mutex<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        if slots.len() > ADDRESSES_KEPT {
            slots.retain(|_, slot| match slot.try_lock() {
                Ok(idle) => idle.connection.as_ref().is_some_and(|c| c.is_open()),
                Err(_) => true,
            });
        }
        Arc::clone(slots.entry((address.to_owned(), lane)).or_default())
    }
}
