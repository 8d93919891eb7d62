//! A disk in memory that fails as real ones do, from a seed.
//!
//! * Power loss: of each file's writes since its last sync, nothing, everything, a prefix torn at a sector, or
//!   any set of sectors is kept; of the changes of names since the last sync, a prefix (file systems journal
//!   them in order). What was synced is kept.
//! * A failed sync: some writes are forgotten though reads still show them, as the page cache does.
//! * A full disk: writes beyond the capacity fail, writes into reserved space do not.
//!
//! ```text
//!   write ──> cached ──sync──> durable        power loss: durable + some of pending ──> a new disk
//!     └────> pending ──┘
//! ```

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex};

use meta::seeded::Seeded;

use super::{Disk, File};
use crate::sync::lock;

/// What a power failure tears: a disk writes this many bytes wholly or not at all.
const SECTOR: usize = 512;

/// What is to go wrong. Operations are counted from 1; reads and lists are not counted.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The power fails during this operation; all later ones fail too.
    pub power_off_at: Option<u64>,
    /// The sync that is the operation of this number, or the first after it, fails.
    pub fail_sync_at: Option<u64>,
    /// The write that is the operation of this number, or the first after it, fails.
    pub fail_write_at: Option<u64>,
    /// Bytes that fit on the disk.
    pub capacity: Option<u64>,
}

/// A disk in memory. Clones are the same disk.
#[derive(Clone)]
pub struct SimDisk(Arc<Mutex<Platter>>);

/// Names and the files they stand for.
type Names = BTreeMap<String, u64>;

struct Platter {
    random: Random,
    faults: Faults,
    operations: u64,
    off: bool,
    nodes: BTreeMap<u64, Node>,
    nodes_made: u64,
    /// The names now, and before them what they were since the last sync, oldest first.
    names: Names,
    names_before: Vec<Names>,
}

#[derive(Clone, Default)]
struct Node {
    cached: Vec<u8>,
    durable: Vec<u8>,
    pending: Vec<Write>,
    reserved: u64,
}

#[derive(Clone)]
struct Write {
    offset: usize,
    bytes: Vec<u8>,
}

impl SimDisk {
    /// An empty disk without faults, on which `seed` decides what a failure keeps.
    pub fn new(seed: u64) -> Self {
        Self::with(Platter {
            random: Random::new(seed),
            faults: Faults::default(),
            operations: 0,
            off: false,
            nodes: BTreeMap::new(),
            nodes_made: 0,
            names: Names::new(),
            names_before: Vec::new(),
        })
    }

    fn with(platter: Platter) -> Self {
        Self(Arc::new(Mutex::new(platter)))
    }

    /// What is to go wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        lock(&self.0).faults = faults;
    }

    /// Operations so far.
    pub fn operations(&self) -> u64 {
        lock(&self.0).operations
    }

    /// Bytes that files take.
    pub fn used(&self) -> u64 {
        let platter = lock(&self.0);
        let nodes = platter.names.values().filter_map(|id| platter.nodes.get(id));
        nodes.map(Node::space).sum()
    }

    /// Whether the power is off.
    pub fn is_off(&self) -> bool {
        lock(&self.0).off
    }

    /// Refuses every operation from now on, as if the process had been killed: what it has told the disk so
    /// far is there for [`after_kill`](Self::after_kill).
    pub fn freeze(&self) {
        lock(&self.0).off = true;
    }

    /// The disk as it is found after a power failure now. This one is dead from here on.
    pub fn after_power_loss(&self) -> Self {
        let platter = &mut *lock(&self.0);
        platter.off = true;
        let mut random = Random::new(platter.random.next());
        let kept = random.below(platter.names_before.len() as u64 + 1) as usize;
        let names = platter.names_before.get(kept).unwrap_or(&platter.names).clone();
        let survive = |node: &Node| {
            let content = node.after_power_loss(&mut random);
            Node {
                reserved: content.len() as u64,
                cached: content.clone(),
                durable: content,
                pending: Vec::new(),
            }
        };
        let nodes = platter.nodes.values().map(survive).collect::<Vec<_>>();
        Self::with(Platter {
            nodes: platter.nodes.keys().copied().zip(nodes).collect(),
            ..platter.restarted(names, Vec::new())
        })
    }

    /// The disk as it is found after the process was killed now: the machine has kept what it was told. This
    /// one is dead from here on.
    pub fn after_kill(&self) -> Self {
        let platter = &mut *lock(&self.0);
        platter.off = true;
        let (names, before) = (platter.names.clone(), platter.names_before.clone());
        Self::with(Platter {
            nodes: platter.nodes.clone(),
            ..platter.restarted(names, before)
        })
    }

    /// A copy of the disk as [`after_kill`](Self::after_kill) finds it; this one lives on.
    pub fn after_kill_copy(&self) -> Self {
        let copy = self.after_kill();
        lock(&self.0).off = false;
        copy
    }

    /// Changes a byte of a file behind everyone's back: rot. False where there is no such byte.
    pub fn flip(&self, name: &str, offset: usize) -> bool {
        let platter = &mut *lock(&self.0);
        let node = platter.names.get(name).and_then(|id| platter.nodes.get_mut(id));
        let Some(node) = node.filter(|node| offset < node.cached.len()) else {
            return false;
        };
        for content in [&mut node.cached, &mut node.durable] {
            if let Some(byte) = content.get_mut(offset) {
                *byte ^= 0x40;
            }
        }
        true
    }
}

impl Platter {
    fn restarted(&mut self, names: Names, names_before: Vec<Names>) -> Self {
        Self {
            random: Random::new(self.random.next()),
            faults: Faults::default(),
            operations: 0,
            off: false,
            nodes: BTreeMap::new(),
            nodes_made: self.nodes_made,
            names,
            names_before,
        }
    }

    /// Counts an operation. An error means that the power is off; true that it goes off with this one.
    fn operation(&mut self) -> io::Result<bool> {
        if self.off {
            return Err(power_is_off());
        }
        self.operations += 1;
        self.off = self.faults.power_off_at == Some(self.operations);
        Ok(self.off)
    }

    fn change_names(&mut self, change: impl FnOnce(&mut Names) -> io::Result<()>) -> io::Result<()> {
        let last = self.operation()?;
        let before = self.names.clone();
        change(&mut self.names)?;
        self.names_before.push(before);
        if last { Err(power_is_off()) } else { Ok(()) }
    }

    /// Fails where `bytes` more would not fit.
    fn take_space(&self, bytes: u64) -> io::Result<()> {
        let Some(capacity) = self.faults.capacity else {
            return Ok(());
        };
        let nodes = self.names.values().filter_map(|id| self.nodes.get(id));
        let used: u64 = nodes.map(Node::space).sum();
        if bytes > 0 && used + bytes > capacity {
            return Err(io::ErrorKind::StorageFull.into());
        }
        Ok(())
    }

    fn node(&mut self, id: u64) -> &mut Node {
        self.nodes.entry(id).or_default()
    }
}

impl Node {
    fn space(&self) -> u64 {
        self.reserved.max(self.cached.len() as u64)
    }

    fn write(&mut self, offset: u64, bytes: &[u8]) {
        let write = Write {
            offset: offset as usize,
            bytes: bytes.to_vec(),
        };
        put(&mut self.cached, write.offset, bytes);
        self.pending.push(write);
    }

    fn sync(&mut self) {
        for write in self.pending.drain(..) {
            put(&mut self.durable, write.offset, &write.bytes);
        }
    }

    fn after_power_loss(&self, random: &mut Random) -> Vec<u8> {
        let mut content = self.durable.clone();
        let sectors: Vec<_> = self.pending.iter().flat_map(Write::sectors).collect();
        let prefix = random.below(sectors.len() as u64 + 1) as usize;
        let fate = random.below(4);
        for (index, (offset, bytes)) in sectors.into_iter().enumerate() {
            let kept = match fate {
                0 => false,
                1 => true,
                2 => index < prefix,
                _ => random.below(2) == 0,
            };
            if kept {
                put(&mut content, offset, bytes);
            }
        }
        content
    }
}

impl Write {
    /// The parts of the write that are kept or lost as a whole.
    fn sectors(&self) -> impl Iterator<Item = (usize, &[u8])> {
        let head = (SECTOR - self.offset % SECTOR).min(self.bytes.len());
        let (first, rest) = self.bytes.split_at(head);
        let rest = rest.chunks(SECTOR).enumerate();
        let rest = rest.map(move |(index, bytes)| (self.offset + head + index * SECTOR, bytes));
        std::iter::once((self.offset, first)).chain(rest)
    }
}

fn put(content: &mut Vec<u8>, offset: usize, bytes: &[u8]) {
    let end = offset + bytes.len();
    if content.len() < end {
        content.resize(end, 0);
    }
    content[offset..end].copy_from_slice(bytes);
}

impl Disk for SimDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        Ok(lock(&self.0).names.keys().cloned().collect())
    }

    fn read(&self, name: &str) -> io::Result<Vec<u8>> {
        let platter = &mut *lock(&self.0);
        let id = *platter.names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(platter.node(id).cached.clone())
    }

    fn create(&self, name: &str) -> io::Result<Box<dyn File>> {
        let platter = &mut *lock(&self.0);
        platter.nodes_made += 1;
        let id = platter.nodes_made;
        platter.nodes.insert(id, Node::default());
        platter.change_names(|names| {
            names.insert(name.to_owned(), id);
            Ok(())
        })?;
        Ok(Box::new(SimFile {
            disk: self.clone(),
            id,
        }))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn File>> {
        let id = *lock(&self.0).names.get(name).ok_or(io::ErrorKind::NotFound)?;
        Ok(Box::new(SimFile {
            disk: self.clone(),
            id,
        }))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        lock(&self.0).change_names(|names| {
            let id = names.remove(from).ok_or(io::ErrorKind::NotFound)?;
            names.insert(to.to_owned(), id);
            Ok(())
        })
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        lock(&self.0).change_names(|names| {
            names.remove(name).ok_or(io::ErrorKind::NotFound)?;
            Ok(())
        })
    }

    fn sync_names(&self) -> io::Result<()> {
        let platter = &mut *lock(&self.0);
        if platter.operation()? {
            return Err(power_is_off());
        }
        platter.names_before.clear();
        Ok(())
    }
}

struct SimFile {
    disk: SimDisk,
    id: u64,
}

impl File for SimFile {
    fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        let platter = &mut *lock(&self.disk.0);
        if platter.operation()? {
            return Err(power_is_off());
        }
        let space = platter.node(self.id).space();
        platter.take_space(bytes.saturating_sub(space))?;
        let node = platter.node(self.id);
        node.reserved = node.reserved.max(bytes);
        Ok(())
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let platter = &mut *lock(&self.disk.0);
        let last = platter.operation()?;
        if due(&mut platter.faults.fail_write_at, platter.operations) {
            return Err(io::Error::other("the disk failed to write"));
        }
        let space = platter.node(self.id).space();
        platter.take_space((offset + bytes.len() as u64).saturating_sub(space))?;
        platter.node(self.id).write(offset, bytes);
        if last { Err(power_is_off()) } else { Ok(()) }
    }

    fn sync(&mut self) -> io::Result<()> {
        let platter = &mut *lock(&self.disk.0);
        if platter.operation()? {
            return Err(power_is_off());
        }
        if due(&mut platter.faults.fail_sync_at, platter.operations) {
            let mut random = Random::new(platter.random.next());
            let pending = &mut platter.node(self.id).pending;
            pending.retain(|_| random.below(2) == 0);
            return Err(io::Error::other("the disk failed to sync"));
        }
        platter.node(self.id).sync();
        Ok(())
    }
}

/// Whether a fault is due, which it is once.
fn due(at: &mut Option<u64>, operations: u64) -> bool {
    at.take_if(|at| *at <= operations).is_some()
}

fn power_is_off() -> io::Error {
    io::Error::other("the power is off")
}

/// Chooses what is lost.
struct Random(Seeded);

impl Random {
    fn new(seed: u64) -> Self {
        Self(Seeded::new(seed))
    }

    fn next(&mut self) -> u64 {
        self.0.next()
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
