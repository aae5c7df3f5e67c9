//! The promise that a record was written: one shared cell a batch, not one a record.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::{Error, Result};

/// Where a batch came to lie.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BatchAck {
    /// -1 where the broker does not say (acks=0).
    pub base_offset: i64,
    /// The broker's clock where the topic stamps records itself, else -1.
    pub append_time: i64,
}

/// The outcome of one batch, and who waits for it.
#[derive(Default)]
pub(crate) struct Completion(Mutex<State>);

#[derive(Default)]
struct State {
    outcome: Option<Result<BatchAck>>,
    wakers: Vec<Option<Waker>>,
}

impl Completion {
    /// Decides the fate of the batch; later calls change nothing.
    pub(crate) fn complete(&self, outcome: Result<BatchAck>) {
        let wakers = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.outcome.is_some() {
                return;
            }
            state.outcome = Some(outcome);
            std::mem::take(&mut state.wakers)
        };
        wakers.into_iter().flatten().for_each(Waker::wake);
    }
}

/// Where a record came to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordAck {
    pub partition: i32,
    /// `None` with acks=0.
    pub offset: Option<i64>,
    /// Milliseconds since the epoch.
    pub timestamp: i64,
}

/// Becomes ready when the record is acknowledged or given up. Dropping it changes nothing.
pub struct Delivery {
    completion: Arc<Completion>,
    partition: i32,
    index: i64,
    timestamp: i64,
    waker_at: Option<usize>,
}

impl Delivery {
    pub(crate) fn new(
        completion: &Arc<Completion>,
        partition: i32,
        index: i64,
        timestamp: i64,
    ) -> Self {
        let completion = Arc::clone(completion);
        Self { completion, partition, index, timestamp, waker_at: None }
    }

    /// The outcome, if it is there.
    #[must_use]
    pub fn outcome(&self) -> Option<Result<RecordAck>> {
        let state = self.completion.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.outcome.as_ref().map(|outcome| self.read(outcome))
    }

    fn read(&self, outcome: &Result<BatchAck>) -> Result<RecordAck> {
        let ack = outcome.as_ref().map_err(Error::clone)?;
        Ok(RecordAck {
            partition: self.partition,
            offset: (ack.base_offset >= 0).then(|| ack.base_offset + self.index),
            timestamp: if ack.append_time >= 0 { ack.append_time } else { self.timestamp },
        })
    }
}

impl Future for Delivery {
    type Output = Result<RecordAck>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let completion = Arc::clone(&self.completion);
        let mut state = completion.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(self.read(outcome));
        }
        let waker = Some(context.waker().clone());
        match self.waker_at {
            Some(at) => state.wakers[at] = waker,
            None => {
                self.waker_at = Some(state.wakers.len());
                state.wakers.push(waker);
            }
        }
        Poll::Pending
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        let Some(at) = self.waker_at else { return };
        let mut state = self.completion.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waker) = state.wakers.get_mut(at) {
            *waker = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(future)
    }

    #[test]
    fn every_record_of_a_batch_learns_its_own_offset() {
        let completion = Arc::new(Completion::default());
        let (a, b) = (Delivery::new(&completion, 3, 0, 7), Delivery::new(&completion, 3, 9, 8));
        assert_eq!(a.outcome(), None);
        completion.complete(Ok(BatchAck { base_offset: 100, append_time: -1 }));
        completion.complete(Err(Error::Closed));
        let ack = |offset, timestamp| RecordAck { partition: 3, offset: Some(offset), timestamp };
        assert_eq!(block_on(a), Ok(ack(100, 7)));
        assert_eq!(block_on(b), Ok(ack(109, 8)));
    }

    #[test]
    fn waiters_wake_and_the_brokers_clock_wins() {
        let completion = Arc::new(Completion::default());
        let delivery = Delivery::new(&completion, 0, 1, 7);
        let got = block_on(async {
            let deciding = async {
                tokio::task::yield_now().await;
                completion.complete(Ok(BatchAck { base_offset: -1, append_time: 55 }));
            };
            tokio::join!(delivery, deciding).0
        });
        assert_eq!(got, Ok(RecordAck { partition: 0, offset: None, timestamp: 55 }));
    }
}
