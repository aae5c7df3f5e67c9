//! The network: listeners, reactors and connections, and nothing that knows what a request means.
//!
//! One reactor is one thread with one epoll loop; a connection lives on one reactor for ever, as
//! one task. A small request therefore costs four system calls (wait, receive, write to the log,
//! send) and wakes no other thread.

mod admission;
mod connection;
mod inbox;
mod listener;
mod outbox;
mod pool;
mod reactor;
mod registry;

pub(crate) use admission::{Admission, ConnectionLimits, ListenerLimits};
pub(crate) use connection::{ConnectionInfo, OtherEnd};
pub(crate) use listener::{BoundListener, ListenerKind, accept_all, bind};
pub use listener::{ListenError, ListenerSettings, SocketSettings};
pub(crate) use outbox::{FileRange, Reply};
pub(crate) use reactor::Reactors;
