//! The log directories of this broker together: which of them work, and which one a replica gets.

use super::{LogDirectory, TopicFacts};
use crate::controller::DirectoryNews;
use metadata::image::DIRECTORY_UNASSIGNED;
use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::watch;
use types::DirectoryId;

#[derive(Debug)]
pub(crate) struct Directories {
    /// In the order of `log.dirs`; never empty.
    all: Vec<Arc<LogDirectory>>,
    news: watch::Sender<DirectoryNews>,
    /// Where replicas that are still to come shall be, by AlterReplicaLogDirs.
    preferred: Mutex<HashMap<(Arc<str>, i32), DirectoryId>>,
}

impl Directories {
    /// # Panics
    /// Without a directory.
    pub(super) fn new(all: Vec<Arc<LogDirectory>>) -> Self {
        assert!(!all.is_empty(), "a broker has a log directory");
        let news = watch::Sender::new(DirectoryNews::default());
        for directory in &all {
            let (id, path) = (directory.id, directory.path.display().to_string());
            let news = news.clone();
            directory.on_failure(move |error| {
                tracing::error!(%path, %error, "a log directory has failed: it is out of service");
                news.send_modify(|news| news.offline.push(id));
            });
        }
        Self { all, news, preferred: Mutex::default() }
    }

    /// All of them, in the order of `log.dirs`.
    pub(crate) fn all(&self) -> &[Arc<LogDirectory>] {
        &self.all
    }

    /// Those that work.
    pub(crate) fn online(&self) -> impl Iterator<Item = &Arc<LogDirectory>> {
        self.all.iter().filter(|directory| !directory.is_offline())
    }

    /// Whether one has failed, or could not be used from the start.
    pub(crate) fn has_offline(&self) -> bool {
        self.all.iter().any(|directory| directory.is_offline())
    }

    /// The directory of exactly that path.
    pub(crate) fn at(&self, path: &str) -> Option<&Arc<LogDirectory>> {
        self.all.iter().find(|directory| directory.path == Path::new(path))
    }

    /// What the controller is to be told.
    pub(crate) fn news(&self) -> watch::Receiver<DirectoryNews> {
        self.news.subscribe()
    }

    /// Puts `cordoned.log.dirs` in force.
    pub(crate) fn cordon(&self, paths: &[String]) {
        let is_named = |directory: &&Arc<LogDirectory>| {
            let is_it = |path: &String| path == "*" || directory.path == Path::new(path);
            directory.id != metadata::image::DIRECTORY_LOST && paths.iter().any(is_it)
        };
        let cordoned: Vec<_> = self.all.iter().filter(is_named).map(|d| d.id).collect();
        self.news.send_if_modified(|news| {
            let changes = news.cordoned != cordoned;
            news.cordoned = cordoned;
            changes
        });
    }

    pub(crate) fn is_cordoned(&self, directory: &LogDirectory) -> bool {
        self.news.borrow().cordoned.contains(&directory.id)
    }

    /// Remembers where a replica shall be that this broker does not have yet.
    pub(crate) fn prefer(&self, topic: &Arc<str>, index: i32, directory: &LogDirectory) {
        self.preferred().insert((Arc::clone(topic), index), directory.id);
    }

    /// Where a replica lives: where its folder is; else where an admin wants it; else where the
    /// image says. One whose directory may be among those that failed stays out of service: it
    /// must not begin again with nothing. Any other gets the directory with the fewest.
    pub(super) fn choose(
        &self,
        topic: &TopicFacts,
        index: i32,
        assigned: DirectoryId,
    ) -> Arc<LogDirectory> {
        let preferred = self.preferred().remove(&(Arc::clone(&topic.name), index));
        if let Some(holder) = self.holder(topic, index, assigned) {
            return holder;
        }
        let with = |id| self.online().find(|directory| directory.id == id);
        if let Some(directory) = preferred.and_then(with).or_else(|| with(assigned)) {
            return Arc::clone(directory);
        }
        let lost = self.all.iter().find(|directory| directory.is_offline());
        if let Some(lost) = lost.filter(|_| assigned != DIRECTORY_UNASSIGNED) {
            return Arc::clone(lost);
        }
        let open = self.online().filter(|directory| !self.is_cordoned(directory));
        let emptiest = open.min_by_key(|directory| directory.residents());
        Arc::clone(emptiest.or_else(|| self.online().next()).unwrap_or(&self.all[0]))
    }

    /// The directory with the replica's folder. Two have one where the broker stopped in the last
    /// step of a move, or a directory failed during it: the one that the controller knows counts,
    /// else the one that reaches further; the other's folder is put aside.
    fn holder(
        &self,
        topic: &TopicFacts,
        index: i32,
        assigned: DirectoryId,
    ) -> Option<Arc<LogDirectory>> {
        let holders = self.online().filter(|directory| directory.holds(&topic.name, index));
        let rank = |directory: &&Arc<LogDirectory>| {
            (directory.id == assigned, directory.extent(&topic.name, index))
        };
        let mut holders: Vec<_> = holders.collect();
        if holders.len() > 1 {
            holders.sort_by_cached_key(|directory| std::cmp::Reverse(rank(directory)));
            for twin in holders.drain(1..) {
                tracing::warn!(topic = %topic.name, index, path = %twin.path.display(),
                    "a replica has two folders: this one is put aside");
                if let Err(error) = twin.retire(&topic.name, topic.id, index, 0) {
                    tracing::error!(%error, "the second folder of a replica stays");
                }
            }
        }
        holders.first().map(|directory| Arc::clone(directory))
    }

    fn preferred(&self) -> MutexGuard<'_, HashMap<(Arc<str>, i32), DirectoryId>> {
        self.preferred.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::partition::TopicRules;
    use arc_swap::ArcSwap;
    use log::{FileCache, LogConfig, LogDir, WatchedDisk};
    use metadata::image::DIRECTORY_MIGRATING;
    use types::{TopicId, Uuid};

    const ID: TopicId = TopicId::from_random([7; 16]);
    const UNKNOWN: DirectoryId = Uuid([200; 16]);

    fn id(number: u8) -> DirectoryId {
        Uuid([100 + number; 16])
    }

    /// Directories in `root` with the ids 0, 1, 2.
    fn three(root: &Path) -> Directories {
        let open = |number: u8| {
            let path = root.join(number.to_string());
            std::fs::create_dir_all(&path).unwrap();
            let disk = WatchedDisk::new(path.clone());
            let files = LogDir::open(disk, FileCache::new(4), path).unwrap();
            Arc::new(LogDirectory::new(id(number), files).unwrap())
        };
        Directories::new((0..3).map(open).collect())
    }

    fn facts() -> TopicFacts {
        let rules = ArcSwap::from_pointee(TopicRules::default());
        TopicFacts { id: ID, name: "t".into(), rules }
    }

    /// Has a log for `t-0` with so many bytes.
    fn fill(directory: &LogDirectory, bytes: usize) {
        let opening = directory.begin_opening("t", 0).unwrap();
        let log = opening.open_log(ID, LogConfig::default()).unwrap();
        std::fs::write(log.folder().join("00000000000000000000.log"), vec![0; bytes]).unwrap();
    }

    fn fail(directory: &LogDirectory) {
        std::fs::remove_dir_all(&directory.path).unwrap();
        let opening = directory.begin_opening("t", 9).unwrap();
        assert!(opening.open_log(ID, LogConfig::default()).is_err());
        assert!(directory.is_offline());
    }

    #[test]
    fn a_replica_nobody_has_placed_goes_where_the_fewest_are() {
        let root = tempfile::tempdir().unwrap();
        let directories = three(root.path());
        let choose = || directories.choose(&facts(), 0, DIRECTORY_UNASSIGNED).id;
        directories.all()[0].has_come();
        directories.all()[1].has_come();
        assert_eq!(choose(), id(2));
        directories.all()[2].has_come();
        directories.all()[2].has_come();
        assert_eq!(choose(), id(0));
        directories.cordon(&[directories.all()[0].path.display().to_string()]);
        assert_eq!(choose(), id(1));
        assert_eq!(directories.news().borrow().cordoned, [id(0)]);
        directories.cordon(&["*".to_owned()]);
        assert_eq!(choose(), id(0), "the controller has decided that it comes");
    }

    #[test]
    fn a_wish_counts_before_the_image_and_a_folder_before_both() {
        let root = tempfile::tempdir().unwrap();
        let directories = three(root.path());
        let facts = facts();
        assert_eq!(directories.choose(&facts, 0, id(1)).id, id(1));
        directories.prefer(&facts.name, 0, &directories.all()[2]);
        assert_eq!(directories.choose(&facts, 0, id(1)).id, id(2));
        assert_eq!(directories.choose(&facts, 0, id(1)).id, id(1), "a wish is granted once");
        fill(&directories.all()[0], 1);
        directories.prefer(&facts.name, 0, &directories.all()[2]);
        assert_eq!(directories.choose(&facts, 0, id(1)).id, id(0));
    }

    #[test]
    fn what_may_be_in_a_lost_directory_does_not_begin_anew() {
        let root = tempfile::tempdir().unwrap();
        let directories = three(root.path());
        let choose = |assigned| directories.choose(&facts(), 0, assigned);
        assert!(!choose(UNKNOWN).is_offline(), "the directory was replaced by an empty one");
        fail(&directories.all()[1]);
        assert_eq!(directories.news().borrow().offline, [id(1)]);
        for assigned in [id(1), UNKNOWN, DIRECTORY_MIGRATING] {
            assert!(choose(assigned).is_offline(), "{assigned}");
        }
        assert!(!choose(DIRECTORY_UNASSIGNED).is_offline());
        assert_eq!(choose(id(2)).id, id(2));
    }

    #[test]
    fn of_two_folders_the_one_that_the_controller_knows_counts_else_the_longer() {
        for (assigned, expected) in [(id(0), id(0)), (id(2), id(2)), (UNKNOWN, id(2))] {
            let root = tempfile::tempdir().unwrap();
            let directories = three(root.path());
            fill(&directories.all()[0], 100);
            fill(&directories.all()[2], 101);
            assert_eq!(directories.choose(&facts(), 0, assigned).id, expected);
            let holders = directories.all().iter().filter(|directory| directory.holds("t", 0));
            assert_eq!(holders.map(|holder| holder.id).collect::<Vec<_>>(), [expected]);
        }
    }
}
