//! The promise that a record was written: one shared cell a batch, not one a record.

use std::future::Future;
use std::ops::Range;
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

/// The outcome of one batch as it was filled, and who waits for it. Where it had to be split, its
/// parts have outcomes of their own.
#[derive(Default)]
pub(crate) struct Completion(Mutex<State>);

#[derive(Default)]
struct State {
    /// By the indexes of the records.
    outcomes: Vec<(Range<i64>, Result<BatchAck>)>,
    wakers: Vec<Option<Waker>>,
}

impl Completion {
    /// Decides the fate of these records; later calls change nothing.
    pub(crate) fn complete(&self, records: Range<i64>, outcome: Result<BatchAck>) {
        let wakers: Vec<Waker> = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if state.outcome_of(records.start).is_some() {
                return;
            }
            state.outcomes.push((records, outcome));
            // who waits for another part leaves its waker again
            state.wakers.iter_mut().filter_map(Option::take).collect()
        };
        wakers.into_iter().for_each(Waker::wake);
    }
}

impl State {
    /// The first record that shares the outcome of the one at `index`, and that outcome.
    fn outcome_of(&self, index: i64) -> Option<(i64, &Result<BatchAck>)> {
        let (records, outcome) = self.outcomes.iter().find(|(own, _)| own.contains(&index))?;
        Some((records.start, outcome))
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
        self.read(&state)
    }

    fn read(&self, state: &State) -> Option<Result<RecordAck>> {
        let (first, outcome) = state.outcome_of(self.index)?;
        Some(outcome.as_ref().map_err(Error::clone).map(|ack| RecordAck {
            partition: self.partition,
            offset: (ack.base_offset >= 0).then(|| ack.base_offset + self.index - first),
            timestamp: if ack.append_time >= 0 { ack.append_time } else { self.timestamp },
        }))
    }
}

impl Future for Delivery {
    type Output = Result<RecordAck>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let completion = Arc::clone(&self.completion);
        let mut state = completion.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(outcome) = self.read(&state) {
            return Poll::Ready(outcome);
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
        completion.complete(0..10, Ok(BatchAck { base_offset: 100, append_time: -1 }));
        completion.complete(0..10, Err(Error::Closed));
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
                completion.complete(0..2, Ok(BatchAck { base_offset: -1, append_time: 55 }));
            };
            tokio::join!(delivery, deciding).0
        });
        assert_eq!(got, Ok(RecordAck { partition: 0, offset: None, timestamp: 55 }));
    }

    #[test]
    fn parts_of_a_batch_are_decided_one_by_one() {
        let completion = Arc::new(Completion::default());
        let front = Delivery::new(&completion, 0, 4, 7);
        let back = Delivery::new(&completion, 0, 6, 7);
        let (front, back) = block_on(async {
            let deciding = async {
                tokio::task::yield_now().await;
                completion.complete(0..5, Err(Error::Closed));
                tokio::task::yield_now().await;
                completion.complete(5..9, Ok(BatchAck { base_offset: 30, append_time: -1 }));
            };
            let (front, back, ()) = tokio::join!(front, back, deciding);
            (front, back)
        });
        assert_eq!(front, Err(Error::Closed));
        assert_eq!(back.map(|ack| ack.offset), Ok(Some(31)));
    }
}
