//! Sockets to brokers: one pipelined connection each, versions negotiated, everything bounded.

mod connection;
mod frame;
mod pool;
mod versions;

pub(crate) use connection::{Connection, Pending};
pub use frame::Answer;
pub(crate) use pool::{Lane, Pool};
pub use versions::{VersionRange, VersionTable};
