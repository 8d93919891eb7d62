//! The spawner's loop: one thread that waits for requests and for the ends of its children.
//!
//! ```text
//!     poll  --- connection readable ---> requests ---> table, journal, clone
//!           --- child wrote -----------> its log
//!           --- child ended -----------> journal, reap, tell every connection
//!           --- nothing for long ------> end, if nothing runs and nobody listens
//! ```
//!
//! It knows keys and processes; not pods, not who listens, not why anything runs.

mod starting;
mod wait;

use std::collections::BTreeMap;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixListener, UnixStream};
use std::rc::Rc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Pid, PidfdFlags, Rlimit, Signal, WaitId, WaitIdOptions};

use crate::cgroup::{Group, Groups};
use crate::connection::Connection;
use crate::journal::{Journal, Process, State};
use crate::listings::Listings;
use crate::output::Output;
use crate::protocol::{Abilities, Ended, Failure, Key, Message, Outcome, Request, Running, Stage, VERSION};
use crate::sys::{self, Stack, Stacks, Wait};
use crate::{machine, probe};
use starting::Starting;

/// A spawner with nothing to do and nobody connected ends after this long.
const IDLE: Duration = Duration::from_secs(30);

/// The spawner's state.
pub(crate) struct Server {
    listener: UnixListener,
    signals: OwnedFd,
    connections: Vec<Connection>,
    abilities: Abilities,
    boot: String,
    journal: Journal,
    /// Attempts that are not acknowledged.
    table: BTreeMap<Key, State>,
    /// Processes without a journal: probes and hooks.
    passing: BTreeMap<Key, Running>,
    children: BTreeMap<i32, Kid>,
    /// Children that have not executed their program yet.
    starting: BTreeMap<i32, Starting>,
    /// For the next such children.
    spare: Vec<Stack>,
    /// How many files a child may open: as many as this process might before it asked for more.
    open_files: Rlimit,
    stacks: Stacks,
    machine: Listings,
    groups: Groups,
    /// This process: readable once it has ended, which a child that is just being made has to know.
    own: Rc<OwnedFd>,
    stop: bool,
}

/// A child of this process.
struct Kid {
    /// Which attempt it is.
    key: Key,
    sandboxed: bool,
    /// Whether it was ended in the place of SIGTERM, which does nothing to the first process of a namespace.
    terminated: bool,
    output: Output,
    /// Where its share is held to, if it has one.
    group: Option<Group>,
}

/// The running process whose sandbox another one enters.
struct Joined {
    pid: Pid,
    sandboxed: bool,
    doors: Vec<OwnedFd>,
}

impl Server {
    /// Takes over from an earlier spawner whose journal this is: what it left running is ended, its outcome unknown.
    pub(crate) fn new(
        listener: UnixListener,
        journal: Journal,
        left: BTreeMap<Key, State>,
    ) -> io::Result<Self> {
        let open_files = machine::open_more_files();
        let signals = sys::signal_descriptor()?;
        listener.set_nonblocking(true)?;
        let mut stacks = Stacks::new();
        let own = rustix::process::pidfd_open(rustix::process::getpid(), PidfdFlags::empty())?;
        let own = Rc::new(own);
        let groups = Groups::open(&machine::directory_id()?);
        let abilities = Abilities {
            memory_shares: groups.memory(),
            cpu_shares: groups.cpu(),
            ..probe::abilities(&mut stacks, &own)
        };
        let mut server = Self {
            listener,
            signals,
            connections: Vec::new(),
            abilities,
            boot: machine::boot_id()?,
            journal,
            table: BTreeMap::new(),
            passing: BTreeMap::new(),
            children: BTreeMap::new(),
            starting: BTreeMap::new(),
            spare: Vec::new(),
            open_files,
            stacks,
            machine: Listings::default(),
            groups,
            own,
            stop: false,
        };
        for (key, state) in left {
            server.inherit(key, state);
        }
        Ok(server)
    }

    fn inherit(&mut self, key: Key, state: State) {
        let (started_at, process) = match state {
            State::Ended(ended) => {
                self.table.insert(key, State::Ended(ended));
                return;
            }
            State::Intended { .. } => (None, None),
            State::Running(process) => (Some(process.started_at), Some(process)),
        };
        if let Some(process) = process.filter(|process| process.boot == self.boot) {
            machine::end(&process);
        }
        self.record(Ended {
            key,
            started_at,
            ended_at: now(),
            outcome: Outcome::Unknown,
            out_of_memory: false,
            output: None,
        });
    }

    /// Serves until told to stop or idle for long.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        while !self.stop {
            let ready = self.wait()?;
            if ready.idle && self.is_idle() && self.connections.is_empty() {
                break;
            }
            for pid in &ready.outputs {
                if let Some(kid) = self.children.get_mut(pid) {
                    kid.output.drain();
                }
            }
            for pid in ready.started {
                self.settle(pid);
            }
            if ready.signals {
                drain(&self.signals);
                self.reap();
            }
            if ready.listener {
                self.accept();
            }
            self.serve(&ready.connections);
            self.flush();
        }
        if self.is_idle() {
            self.groups.close();
        }
        self.journal.flush()
    }

    fn is_idle(&self) -> bool {
        self.running().is_empty() && self.passing.is_empty() && self.starting.is_empty()
    }

    fn accept(&mut self) {
        while let Ok((stream, _)) = self.listener.accept() {
            self.connect(stream);
        }
    }

    fn connect(&mut self, stream: UnixStream) {
        if let Ok(connection) = Connection::new(stream) {
            self.connections.push(connection);
        }
    }

    fn serve(&mut self, ready: &[bool]) {
        for (index, _) in ready.iter().enumerate().filter(|(_, ready)| **ready) {
            for request in self.connections[index].receive() {
                let answer = self.answer(request);
                self.connections[index].send(answer.as_ref());
            }
        }
    }

    fn flush(&mut self) {
        for connection in &mut self.connections {
            connection.flush();
        }
        self.connections.retain(|connection| !connection.is_closed());
        if self.connections.is_empty() {
            for running in self.passing.values() {
                machine::kill(running.pid, Signal::KILL, true);
            }
        }
    }

    fn answer(&mut self, request: Request) -> Option<Message> {
        match request {
            Request::Hello { version: VERSION } => Some(Message::Welcome {
                version: VERSION,
                abilities: self.abilities.clone(),
                boot: self.boot.clone(),
                pid: rustix::process::getpid().as_raw_pid(),
            }),
            Request::Hello { version } => Some(Message::Refused {
                reason: format!("this spawner speaks version {VERSION} of its protocol, not {version}"),
            }),
            Request::Start(start) => self.start(&start),
            Request::Signal { .. } | Request::Terminate { .. } => {
                self.signal(request);
                None
            }
            Request::List => Some(self.listing()),
            Request::Acknowledge { keys } => {
                self.acknowledge(&keys);
                None
            }
            Request::ShutdownIfIdle => self.shut_down(),
        }
    }

    fn joined(&self, key: &Key) -> Result<Joined, Failure> {
        let pid = match self.table.get(key) {
            Some(State::Running(process)) => Pid::from_raw(process.pid),
            _ => None,
        };
        let pid = pid.ok_or_else(|| Failure {
            stage: Stage::Join,
            subject: key.to_string(),
            errno: libc::ESRCH,
        })?;
        let kid = self.children.get(&pid.as_raw_pid());
        let group = kid.and_then(|kid| kid.group.as_ref());
        Ok(Joined {
            pid,
            sandboxed: kid.is_some_and(|kid| kid.sandboxed),
            doors: group.map(Group::doors).transpose()?.unwrap_or_default(),
        })
    }

    /// Passes on a signal, which is meant for a program: one that is early is held until the program is there. On its way
    /// there a child dies of what the program handles, or, as the first of its namespace, does not hear it.
    fn signal(&mut self, request: Request) {
        let (Request::Signal { key, .. } | Request::Terminate { key }) = &request else {
            return;
        };
        if let Some(starting) = self.starting(key) {
            starting.hold(request);
            return;
        }
        let Some(pid) = self.pid(key) else { return };
        match request {
            Request::Signal { signal, all, .. } => {
                if let Some(signal) = Signal::from_named_raw(signal) {
                    machine::kill(pid, signal, all);
                }
            }
            _ => self.terminate(pid),
        }
    }

    /// SIGTERM, which ends a process that says nothing of it even where it is the first of its namespace: the system
    /// would let it live.
    fn terminate(&mut self, pid: i32) {
        match self.children.get_mut(&pid) {
            Some(kid) if kid.sandboxed && machine::is_default(pid, Signal::TERM) => {
                kid.terminated = true;
                machine::kill(pid, Signal::KILL, false);
            }
            _ => machine::kill(pid, Signal::TERM, false),
        }
    }

    fn pid(&self, key: &Key) -> Option<i32> {
        match self.table.get(key) {
            Some(State::Running(process)) => Some(process.pid),
            _ => self.passing.get(key).map(|running| running.pid),
        }
    }

    /// Every child that ended: written down, then reaped, then told.
    fn reap(&mut self) {
        while let Some((pid, wait)) = sys::ended_child() {
            self.settle(pid.as_raw_pid());
            let child = self.children.remove(&pid.as_raw_pid());
            if child.is_some() {
                // What the process left behind ends with it, as a container's would.
                machine::kill(pid.as_raw_pid(), Signal::KILL, true);
            }
            let ended = child.and_then(|kid| self.ended(kid, wait));
            if let Some(ended) = &ended
                && !self.passing.contains_key(&ended.key)
            {
                self.record(ended.clone());
            }
            meta::crash::point("spawner.ended");
            let _ = rustix::process::waitid(WaitId::Pid(pid), WaitIdOptions::EXITED);
            self.groups.sweep();
            if let Some(ended) = ended {
                self.passing.remove(&ended.key);
                self.tell(&Message::Ended(ended));
            }
        }
    }

    fn ended(&mut self, kid: Kid, wait: Wait) -> Option<Ended> {
        let (key, output) = (kid.key, kid.output.finish());
        let out_of_memory = kid.group.as_ref().is_some_and(Group::ran_out_of_memory);
        self.groups.remove(kid.group);
        let started_at = match (self.table.get(&key), self.passing.get(&key)) {
            (_, Some(running)) => running.started_at,
            (Some(State::Running(process)), None) => process.started_at,
            _ => return None,
        };
        let outcome = match wait {
            Wait::Exited(code) => Outcome::Exited { code },
            Wait::Signalled(_) if kid.terminated => Outcome::Signalled {
                signal: Signal::TERM.as_raw(),
            },
            Wait::Signalled(signal) => Outcome::Signalled { signal },
        };
        Some(Ended {
            key,
            started_at: Some(started_at),
            ended_at: now(),
            outcome,
            out_of_memory,
            output,
        })
    }

    /// Keeps an outcome until it is acknowledged. When the journal cannot be written, memory must do.
    fn record(&mut self, ended: Ended) {
        drop(self.journal.ended(&ended));
        self.table.insert(ended.key.clone(), State::Ended(ended));
    }

    fn tell(&mut self, message: &Message) {
        for connection in self
            .connections
            .iter_mut()
            .filter(|connection| connection.is_greeted())
        {
            connection.send(Some(message));
        }
    }

    fn acknowledge(&mut self, keys: &[Key]) {
        for key in keys {
            if matches!(self.table.get(key), Some(State::Ended(_))) {
                self.table.remove(key);
                drop(self.journal.acknowledged(key, &self.table));
            }
        }
    }

    fn running(&self) -> Vec<Running> {
        let running = |(key, state): (&Key, &State)| match state {
            State::Running(process) => Some(running(key, process)),
            _ => None,
        };
        self.table.iter().filter_map(running).collect()
    }

    fn listing(&self) -> Message {
        let ended = self.table.values().filter_map(|state| match state {
            State::Ended(ended) => Some(ended.clone()),
            _ => None,
        });
        let mut running = self.running();
        running.extend(self.starting.values().filter_map(Starting::listed));
        Message::Listing {
            running,
            ended: ended.collect(),
        }
    }

    fn shut_down(&mut self) -> Option<Message> {
        let running = self.running().len() + self.starting.len();
        self.stop = running == 0;
        (running > 0).then_some(Message::Busy { running })
    }
}

fn running(key: &Key, process: &Process) -> Running {
    Running {
        key: key.clone(),
        pid: process.pid,
        started_at: process.started_at,
    }
}

fn not_started(key: &Key, failure: Failure) -> Message {
    Message::Ended(never_ran(key, failure))
}

fn never_ran(key: &Key, failure: Failure) -> Ended {
    Ended {
        key: key.clone(),
        started_at: None,
        ended_at: now(),
        outcome: Outcome::NotStarted(failure),
        out_of_memory: false,
        output: None,
    }
}

/// Nanoseconds since 1970.
fn now() -> i64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as i64)
}

fn drain(signals: &OwnedFd) {
    let mut buffer = [0_u8; 1024];
    while rustix::io::read(signals, &mut buffer).is_ok_and(|length| length == buffer.len()) {}
}
