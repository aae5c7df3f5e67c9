//! The three indexes of a segment: offset to position, time to offset, and the aborted
//! transactions.

mod entries;
mod offset;
mod time;
mod txn;

pub(crate) use entries::Place;
pub(crate) use offset::{OffsetIndex, relative};
pub(crate) use time::{TimeIndex, TimePoint};
pub use txn::AbortedTxn;
pub(crate) use txn::TxnIndex;
