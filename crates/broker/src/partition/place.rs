//! Where a replica lives, where the cluster believes that it lives, and where it is moving to.

use super::LogDirectory;
use super::future::FutureReplica;
use arc_swap::ArcSwap;
use metadata::image::{DIRECTORY_MIGRATING, DIRECTORY_UNASSIGNED};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use types::DirectoryId;

#[derive(Debug)]
pub(super) struct Place {
    directory: ArcSwap<LogDirectory>,
    /// What the image says.
    assigned: Mutex<DirectoryId>,
    future: Mutex<Option<Arc<FutureReplica>>>,
}

impl Place {
    pub(super) fn new(directory: Arc<LogDirectory>) -> Self {
        directory.has_come();
        Self {
            directory: ArcSwap::new(directory),
            assigned: Mutex::new(DIRECTORY_UNASSIGNED),
            future: Mutex::default(),
        }
    }

    pub(super) fn directory(&self) -> Arc<LogDirectory> {
        self.directory.load_full()
    }

    pub(super) fn move_to(&self, directory: Arc<LogDirectory>) {
        directory.has_come();
        self.directory.swap(directory).has_gone();
    }

    pub(super) fn set_assigned(&self, directory: DirectoryId) {
        *self.assigned.lock().unwrap_or_else(PoisonError::into_inner) = directory;
    }

    fn assigned(&self) -> DirectoryId {
        *self.assigned.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the controller knows of that directory, or keeps no directories at all.
    pub(super) fn is_agreed(&self, directory: DirectoryId) -> bool {
        [directory, DIRECTORY_MIGRATING].contains(&self.assigned())
    }

    /// The directory that the controller is to be told of: a move ends when it knows.
    pub(super) fn untold(&self) -> Option<DirectoryId> {
        let future = self.future().clone().filter(|future| future.is_complete());
        let directory = future.map_or_else(|| self.directory(), |f| Arc::clone(&f.directory));
        let is_untold = !directory.is_offline() && !self.is_agreed(directory.id);
        is_untold.then_some(directory.id)
    }

    pub(super) fn future(&self) -> MutexGuard<'_, Option<Arc<FutureReplica>>> {
        self.future.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.directory().has_gone();
    }
}
