//! Reading for consumers: sessions, what a fetch may read, when it is enough, and pages in memory.

mod followed;
mod plan;
mod session;
mod warm;

pub(crate) use followed::Followed;
pub(crate) use plan::{Budget, Reader, Reading, Want, epoch_error, read};
pub(crate) use session::{FIRST_VERSION_WITH_IDS, Sessions};
pub(crate) use warm::warm;
