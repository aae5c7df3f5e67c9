//! A disk in memory that loses what a crash loses: the tests' way to stop a log at every single
//! write.
//!
//! ```text
//!   live     what this process sees (the page cache)
//!   durable  what a sync made last
//!   pending  the changes between the two, in order; a crash keeps all, none or some, whole or torn
//! ```

use std::collections::BTreeMap;
use std::io;
use std::path::{Component, Path};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use types::TimestampMs;

use super::{Access, Disk, DiskFile, Entry, Space, Stat};

/// A disk in memory; clones are the same disk.
#[derive(Clone, Debug)]
pub struct MemDisk(Arc<Shared>);

/// A file of a [`MemDisk`].
#[derive(Clone, Debug)]
pub struct MemFile {
    disk: MemDisk,
    node: usize,
}

/// What goes wrong from a given write on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outage {
    /// The machine stops half-way through that write; every later call fails.
    Crash,
    /// No room: writes that need some put half of their bytes and fail with `StorageFull`.
    Full,
    /// Every read fails.
    Unreadable,
    /// Every sync fails, and drops what it should have made durable: a later one does not tell.
    Unsyncable,
}

/// What of the un-synced changes is there after a crash.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Survival {
    /// All: only the process died.
    Everything,
    /// None: the power went, and nothing had reached the disk by itself.
    SyncedOnly,
    /// Some writes, whole, torn or garbled; some prefix of each folder's names. The number is the
    /// seed.
    Some(u64),
}

#[derive(Debug)]
struct Shared {
    world: Mutex<World>,
    released: Condvar,
}

#[derive(Debug)]
struct World {
    nodes: Vec<Node>,
    held_back: HeldBack,
    writes: u64,
    outage: Option<(u64, Outage)>,
    crashed: bool,
    time: TimestampMs,
}

/// Files that cannot be opened for a while.
#[derive(Debug, Default)]
struct HeldBack {
    name_part: Option<&'static str>,
    waiting: usize,
}

#[derive(Clone, Debug)]
enum Node {
    File(FileNode),
    Folder(FolderNode),
}

#[derive(Clone, Debug, Default)]
struct FileNode {
    live: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<FileChange>,
    modified: i64,
}

#[derive(Clone, Debug)]
enum FileChange {
    Write { position: usize, bytes: Vec<u8> },
    SetLen(usize),
}

#[derive(Clone, Debug, Default)]
struct FolderNode {
    live: BTreeMap<String, usize>,
    durable: BTreeMap<String, usize>,
    pending: Vec<NameChange>,
}

#[derive(Clone, Debug)]
enum NameChange {
    Link(String, usize),
    Unlink(String),
    Rename(String, String),
}

const ROOT: usize = 0;
const SECTOR_BYTES: usize = 512;

impl Default for MemDisk {
    fn default() -> Self {
        Self::with_nodes(vec![Node::Folder(FolderNode::default())], TimestampMs(0))
    }
}

impl MemDisk {
    /// An empty disk.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many changing calls (writes, syncs, names) there were.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.world().writes
    }

    /// From the `write`th changing call on (0 is the first), `outage` holds.
    pub fn fail_from(&self, write: u64, outage: Outage) {
        self.world().outage = Some((write, outage));
    }

    /// Ends an outage that is no crash.
    pub fn heal(&self) {
        self.world().outage = None;
    }

    /// Whoever opens a file with this in its name waits until [`Self::release`].
    pub fn hold_back(&self, name_part: &'static str) {
        self.world().held_back.name_part = Some(name_part);
    }

    /// Lets all go on that wait.
    pub fn release(&self) {
        self.world().held_back.name_part = None;
        self.0.released.notify_all();
    }

    /// How many wait to open a file.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.world().held_back.waiting
    }

    fn world_where_free(&self, path: &Path) -> MutexGuard<'_, World> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let mut world = self.world();
        world.held_back.waiting += 1;
        while world.held_back.name_part.is_some_and(|part| name.contains(part)) {
            world = self.0.released.wait(world).unwrap_or_else(PoisonError::into_inner);
        }
        world.held_back.waiting -= 1;
        world
    }

    /// The time that later changes stamp on files.
    pub fn set_time(&self, time: TimestampMs) {
        self.world().time = time;
    }

    /// The disk as the next boot finds it.
    #[must_use]
    pub fn survive(&self, survival: Survival) -> Self {
        let world = self.world();
        let mut dice = match survival {
            Survival::Some(seed) => Dice(seed.wrapping_mul(2).wrapping_add(1)),
            Survival::Everything | Survival::SyncedOnly => Dice(1),
        };
        let nodes = world.nodes.iter().map(|node| node.survive(survival, &mut dice)).collect();
        Self::with_nodes(nodes, world.time)
    }

    fn with_nodes(nodes: Vec<Node>, time: TimestampMs) -> Self {
        let held_back = HeldBack::default();
        let world = World { nodes, held_back, writes: 0, outage: None, crashed: false, time };
        Self(Arc::new(Shared { world: Mutex::new(world), released: Condvar::new() }))
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.world.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    fn check_alive(&self) -> io::Result<()> {
        if self.crashed { Err(io::Error::other("the machine has crashed")) } else { Ok(()) }
    }

    fn check_readable(&self) -> io::Result<()> {
        self.check_alive()?;
        match self.outage {
            Some((from, Outage::Unreadable)) if self.writes >= from => {
                Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()))
            }
            _ => Ok(()),
        }
    }

    /// Counts a change; says what goes wrong with it.
    fn begin_change(&mut self) -> io::Result<Option<Outage>> {
        self.check_alive()?;
        let number = self.writes;
        self.writes += 1;
        match self.outage {
            Some((from, outage)) if number >= from => {
                self.crashed = outage == Outage::Crash;
                Ok(Some(outage))
            }
            _ => Ok(None),
        }
    }

    /// A change of names or a sync: it happens or it does not.
    fn begin_whole_change(&mut self, needs_room: bool) -> io::Result<()> {
        match self.begin_change()? {
            None | Some(Outage::Unreadable | Outage::Unsyncable) => Ok(()),
            Some(Outage::Full) if !needs_room => Ok(()),
            Some(Outage::Full) => Err(io::ErrorKind::StorageFull.into()),
            Some(Outage::Crash) => Err(io::Error::other("the machine crashes")),
        }
    }

    fn folder(&mut self, node: usize) -> io::Result<&mut FolderNode> {
        match &mut self.nodes[node] {
            Node::Folder(folder) => Ok(folder),
            Node::File(_) => Err(io::ErrorKind::NotADirectory.into()),
        }
    }

    fn file(&mut self, node: usize) -> io::Result<&mut FileNode> {
        match &mut self.nodes[node] {
            Node::File(file) => Ok(file),
            Node::Folder(_) => Err(io::ErrorKind::IsADirectory.into()),
        }
    }

    fn find(&mut self, path: &Path) -> io::Result<usize> {
        let mut node = ROOT;
        for part in path.components() {
            if let Component::Normal(name) = part {
                let name = name.to_str().ok_or(io::ErrorKind::InvalidInput)?;
                node = *self.folder(node)?.live.get(name).ok_or(io::ErrorKind::NotFound)?;
            }
        }
        Ok(node)
    }

    fn find_parent(&mut self, path: &Path) -> io::Result<(usize, String)> {
        let parent = self.find(path.parent().ok_or(io::ErrorKind::InvalidInput)?)?;
        let name = path.file_name().and_then(|name| name.to_str());
        Ok((parent, name.ok_or(io::ErrorKind::InvalidInput)?.to_owned()))
    }

    fn add(&mut self, parent: usize, name: String, node: Node) -> io::Result<usize> {
        let number = self.nodes.len();
        self.folder(parent)?.change(NameChange::Link(name, number));
        self.nodes.push(node);
        Ok(number)
    }
}

impl Disk for MemDisk {
    type File = MemFile;
    type Lock = ();

    fn open(&self, path: &Path, access: Access) -> io::Result<MemFile> {
        let mut world = self.world_where_free(path);
        world.check_alive()?;
        let found = world.find(path);
        let node = match (found, access) {
            (Ok(node), Access::Replace) => {
                world.begin_whole_change(false)?;
                world.file(node)?.change(FileChange::SetLen(0));
                node
            }
            (Err(error), Access::Create | Access::Replace)
                if error.kind() == io::ErrorKind::NotFound =>
            {
                let (parent, name) = world.find_parent(path)?;
                world.begin_whole_change(true)?;
                let modified = world.time.0;
                let file = FileNode { modified, ..FileNode::default() };
                world.add(parent, name, Node::File(file))?
            }
            (found, _) => found?,
        };
        world.file(node)?;
        drop(world);
        Ok(MemFile { disk: self.clone(), node })
    }

    fn list(&self, folder: &Path) -> io::Result<Vec<Entry>> {
        let mut world = self.world();
        world.check_readable()?;
        let node = world.find(folder)?;
        let names = world.folder(node)?.live.clone();
        let entry = |(name, node): (String, usize)| {
            let is_folder = matches!(world.nodes[node], Node::Folder(_));
            Entry { name, is_folder }
        };
        Ok(names.into_iter().map(entry).collect())
    }

    fn stat(&self, path: &Path) -> io::Result<Stat> {
        let mut world = self.world();
        world.check_readable()?;
        let node = world.find(path)?;
        let file = world.file(node)?;
        Ok(Stat { bytes: file.live.len() as u64, modified: TimestampMs(file.modified) })
    }

    fn create_folder(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        let (parent, name) = world.find_parent(path)?;
        if world.folder(parent)?.live.contains_key(&name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        world.begin_whole_change(true)?;
        world.add(parent, name, Node::Folder(FolderNode::default()))?;
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let mut world = self.world();
        world.find(from)?;
        let (parent, name) = world.find_parent(from)?;
        let (parent_after, name_after) = world.find_parent(to)?;
        if parent != parent_after {
            return Err(io::ErrorKind::CrossesDevices.into());
        }
        world.begin_whole_change(false)?;
        world.folder(parent)?.change(NameChange::Rename(name, name_after));
        Ok(())
    }

    fn remove_file(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        let node = world.find(path)?;
        world.file(node)?;
        let (parent, name) = world.find_parent(path)?;
        world.begin_whole_change(false)?;
        world.folder(parent)?.change(NameChange::Unlink(name));
        Ok(())
    }

    fn remove_folder(&self, path: &Path) -> io::Result<()> {
        let mut world = self.world();
        let node = world.find(path)?;
        world.folder(node)?;
        let (parent, name) = world.find_parent(path)?;
        world.begin_whole_change(false)?;
        world.folder(parent)?.change(NameChange::Unlink(name));
        Ok(())
    }

    fn sync_dir(&self, folder: &Path) -> io::Result<()> {
        let mut world = self.world();
        let node = world.find(folder)?;
        world.folder(node)?;
        world.begin_whole_change(false)?;
        world.nodes[node].sync();
        Ok(())
    }

    fn sync_volume(&self, _lock: &()) -> io::Result<()> {
        let mut world = self.world();
        world.begin_whole_change(false)?;
        world.nodes.iter_mut().for_each(Node::sync);
        Ok(())
    }

    fn lock(&self, path: &Path) -> io::Result<()> {
        self.open(path, Access::Create).map(drop)
    }

    fn space(&self, _path: &Path) -> io::Result<Space> {
        let mut world = self.world();
        let mut used = 0;
        for node in &mut world.nodes {
            if let Node::File(file) = node {
                used += file.live.len() as u64;
            }
        }
        let total_bytes = 1 << 40;
        Ok(Space { total_bytes, usable_bytes: total_bytes - used })
    }
}

impl DiskFile for MemFile {
    fn read_at(&self, buffer: &mut [u8], position: u64) -> io::Result<usize> {
        let mut world = self.disk.world();
        world.check_readable()?;
        let live = &world.file(self.node)?.live;
        let start = index(position)?.min(live.len());
        let bytes = buffer.len().min(live.len() - start);
        buffer[..bytes].copy_from_slice(&live[start..start + bytes]);
        Ok(bytes)
    }

    fn write_at(&self, head: &[u8], body: &[u8], position: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        let trouble = world.begin_change()?;
        let mut bytes = [head, body].concat();
        let position = index(position)?;
        let modified = world.time.0;
        let file = world.file(self.node)?;
        let needs_room = position + bytes.len() > file.live.len();
        let torn = match trouble {
            None | Some(Outage::Unreadable | Outage::Unsyncable) => None,
            Some(Outage::Full) if !needs_room => None,
            Some(Outage::Full) => Some(io::ErrorKind::StorageFull.into()),
            Some(Outage::Crash) => Some(io::Error::other("the machine crashes")),
        };
        if torn.is_some() {
            bytes.truncate(bytes.len() / 2);
        }
        file.modified = modified;
        file.change(FileChange::Write { position, bytes });
        torn.map_or(Ok(()), Err)
    }

    fn set_len(&self, bytes: u64) -> io::Result<()> {
        let mut world = self.disk.world();
        let bytes = index(bytes)?;
        let needs_room = bytes > world.file(self.node)?.live.len();
        world.begin_whole_change(needs_room)?;
        world.file(self.node)?.change(FileChange::SetLen(bytes));
        Ok(())
    }

    fn bytes(&self) -> io::Result<u64> {
        let mut world = self.disk.world();
        world.check_readable()?;
        Ok(world.file(self.node)?.live.len() as u64)
    }

    fn sync(&self) -> io::Result<()> {
        let mut world = self.disk.world();
        let trouble = world.begin_change()?;
        let file = world.file(self.node)?;
        match trouble {
            Some(Outage::Crash) => return Err(io::Error::other("the machine crashes")),
            Some(Outage::Unsyncable) => {
                file.pending.clear();
                return Err(io::Error::from_raw_os_error(rustix::io::Errno::IO.raw_os_error()));
            }
            None | Some(Outage::Full | Outage::Unreadable) => file.sync(),
        }
        Ok(())
    }
}

impl Node {
    fn sync(&mut self) {
        match self {
            Self::File(file) => file.sync(),
            Self::Folder(folder) => {
                folder.durable = folder.live.clone();
                folder.pending.clear();
            }
        }
    }

    fn survive(&self, survival: Survival, dice: &mut Dice) -> Self {
        match self {
            Self::File(file) => Self::File(file.survive(survival, dice)),
            Self::Folder(folder) => Self::Folder(folder.survive(survival, dice)),
        }
    }
}

impl FileNode {
    fn sync(&mut self) {
        for change in self.pending.drain(..) {
            change.apply(&mut self.durable);
        }
    }

    fn change(&mut self, change: FileChange) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    fn survive(&self, survival: Survival, dice: &mut Dice) -> Self {
        let contents = match survival {
            Survival::Everything => self.live.clone(),
            Survival::SyncedOnly => self.durable.clone(),
            Survival::Some(_) => {
                let mut contents = self.durable.clone();
                for change in &self.pending {
                    change.apply_perhaps(&mut contents, dice);
                }
                contents
            }
        };
        let modified = self.modified;
        Self { live: contents.clone(), durable: contents, pending: Vec::new(), modified }
    }
}

impl FileChange {
    fn apply(&self, contents: &mut Vec<u8>) {
        match self {
            Self::SetLen(bytes) => contents.resize(*bytes, 0),
            Self::Write { position, bytes } => put(contents, *position, bytes),
        }
    }

    /// A write is there, is not, stops anywhere, or has grown the file without its bytes.
    fn apply_perhaps(&self, contents: &mut Vec<u8>, dice: &mut Dice) {
        match (self, dice.roll(5)) {
            (_, 0 | 1) => self.apply(contents),
            (Self::SetLen(_), _) | (_, 2) => {}
            (Self::Write { position, bytes }, 3) => {
                put(contents, *position, &bytes[..dice.roll(bytes.len() + 1)]);
            }
            (Self::Write { position, bytes }, _) => {
                let mut garbled = bytes.clone();
                let from = dice.roll(bytes.len() + 1);
                let to = bytes.len().min(from + SECTOR_BYTES);
                garbled[from..to].fill(0);
                put(contents, *position, &garbled);
            }
        }
    }
}

impl FolderNode {
    fn change(&mut self, change: NameChange) {
        change.apply(&mut self.live);
        self.pending.push(change);
    }

    fn survive(&self, survival: Survival, dice: &mut Dice) -> Self {
        let names = match survival {
            Survival::Everything => self.live.clone(),
            Survival::SyncedOnly => self.durable.clone(),
            Survival::Some(_) => {
                let mut names = self.durable.clone();
                let kept = dice.roll(self.pending.len() + 1);
                self.pending[..kept].iter().for_each(|change| change.apply(&mut names));
                names
            }
        };
        Self { live: names.clone(), durable: names, pending: Vec::new() }
    }
}

impl NameChange {
    fn apply(&self, names: &mut BTreeMap<String, usize>) {
        match self {
            Self::Link(name, node) => {
                names.insert(name.clone(), *node);
            }
            Self::Unlink(name) => {
                names.remove(name);
            }
            Self::Rename(from, to) => {
                if let Some(node) = names.remove(from) {
                    names.insert(to.clone(), node);
                }
            }
        }
    }
}

/// A small deterministic source of choices (a 64-bit linear congruence, high bits used).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963);
        usize::try_from(self.0 >> 33).map_or(0, |number| number % sides.max(1))
    }
}

fn put(contents: &mut Vec<u8>, position: usize, bytes: &[u8]) {
    let end = position + bytes.len();
    if contents.len() < end {
        contents.resize(end, 0);
    }
    contents[position..end].copy_from_slice(bytes);
}

fn index(position: u64) -> io::Result<usize> {
    usize::try_from(position).map_err(|_| io::ErrorKind::InvalidInput.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contents(disk: &MemDisk, path: &str) -> Option<Vec<u8>> {
        super::super::read_whole(disk, Path::new(path), 1 << 20).ok()
    }

    #[test]
    fn power_loss_keeps_what_was_synced_under_a_synced_name() {
        let disk = MemDisk::new();
        let file = disk.open(Path::new("/a"), Access::Create).unwrap();
        file.write_at(b"one", b"", 0).unwrap();
        file.sync().unwrap();
        assert_eq!(contents(&disk.survive(Survival::SyncedOnly), "/a"), None);
        disk.sync_dir(Path::new("/")).unwrap();
        file.write_at(b"two", b"", 3).unwrap();
        assert_eq!(contents(&disk.survive(Survival::SyncedOnly), "/a"), Some(b"one".to_vec()));
        assert_eq!(contents(&disk.survive(Survival::Everything), "/a"), Some(b"onetwo".to_vec()));
    }

    #[test]
    fn a_crash_tears_the_write_that_it_meets() {
        let disk = MemDisk::new();
        let file = disk.open(Path::new("/a"), Access::Create).unwrap();
        disk.fail_from(1, Outage::Crash);
        assert!(file.write_at(b"abcd", b"", 0).is_err());
        assert!(file.bytes().is_err());
        assert_eq!(contents(&disk.survive(Survival::Everything), "/a"), Some(b"ab".to_vec()));
    }

    #[test]
    fn a_full_disk_still_overwrites_and_removes() {
        let disk = MemDisk::new();
        let file = disk.open(Path::new("/a"), Access::Create).unwrap();
        file.write_at(b"abcd", b"", 0).unwrap();
        disk.fail_from(0, Outage::Full);
        let error = file.write_at(b"efgh", b"", 4).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::StorageFull);
        file.set_len(4).unwrap();
        file.write_at(b"ABCD", b"", 0).unwrap();
        disk.remove_file(Path::new("/a")).unwrap();
        disk.heal();
        disk.open(Path::new("/b"), Access::Create).unwrap().write_at(b"x", b"", 0).unwrap();
    }
}
