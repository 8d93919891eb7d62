//! Starting a process: from the request to its program, while the loop goes on.
//!
//! ```text
//!     request --> intent --> clone --+--> executed its program --> Started
//!                                    +--> could not ------------> Ended
//! ```
//!
//! A child takes longer over its root than the loop over everything else, so it does that beside the loop, and several do
//! at once. One that enters another's sandbox is quick, and is waited for.
//!
//! One that enters a control group is waited for too, whatever that costs: where memory runs out in a group the kernel kills
//! all who share the memory of its victim, and that is this process, until the child has executed its program. A child that
//! its parent waits for (`CLONE_VFORK`) is spared.

use std::os::fd::BorrowedFd;
use std::rc::Rc;

use super::{Joined, Kid, Server, never_ran, not_started, now, running};
use crate::cgroup::Group;
use crate::child::{Child, Given};
use crate::journal::{Process, State};
use crate::machine;
use crate::output::Output;
use crate::protocol::{Failure, Key, Message, Request, Running, Share, Stage, Start};
use crate::sys::{Stack, Underway};

/// Stacks kept for the next children.
const SPARE: usize = 8;

/// A child that has not executed its program yet, and what it will be.
pub(super) struct Starting {
    child: Underway<Child>,
    attempt: Attempt,
}

/// What a child will be once it runs its program.
struct Attempt {
    kid: Kid,
    process: Process,
    /// Its program, as asked for.
    subject: String,
    transient: bool,
    /// Signals for the program, in the order in which they came.
    held: Vec<Request>,
}

impl Starting {
    /// What to wait on.
    pub(super) fn done(&self) -> BorrowedFd<'_> {
        self.child.done()
    }

    /// Keeps a signal until the program runs.
    pub(super) fn hold(&mut self, signal: Request) {
        self.attempt.held.push(signal);
    }

    /// As it is listed: to whoever asks it runs, as nothing else may start under its key.
    pub(super) fn listed(&self) -> Option<Running> {
        let Attempt { kid, process, .. } = &self.attempt;
        (!self.attempt.transient).then(|| running(&kid.key, process))
    }
}

/// A child just cloned, and whether it is known to run its program.
enum Cloned {
    Runs(Kid, Process),
    Starts(Starting),
}

impl Server {
    /// Starts a process; what is known at once is the answer, the rest is told to all who listen.
    pub(super) fn start(&mut self, start: &Start) -> Option<Message> {
        if !start.transient {
            match self.table.get(&start.key) {
                Some(State::Running(process)) => return Some(Message::Started(running(&start.key, process))),
                Some(State::Ended(ended)) => return Some(Message::Ended(ended.clone())),
                Some(State::Intended { .. }) => return None,
                None => {}
            }
            if let Err(failure) = self.intend(&start.key) {
                return Some(not_started(&start.key, failure));
            }
        }
        match self.spawn(start) {
            Ok(Cloned::Runs(kid, process)) => Some(self.runs(kid, process, start.transient)),
            Ok(Cloned::Starts(starting)) => {
                self.starting.insert(starting.attempt.process.pid, starting);
                None
            }
            Err(failure) => Some(self.failed(&start.key, failure, start.transient)),
        }
    }

    fn intend(&mut self, key: &Key) -> Result<(), Failure> {
        let written = self.journal.intent(key, &self.boot);
        written.map_err(|error| Failure {
            stage: Stage::Journal,
            subject: "journal".to_owned(),
            errno: error.raw_os_error().unwrap_or(libc::EIO),
        })?;
        let boot = self.boot.clone();
        self.table.insert(key.clone(), State::Intended { boot });
        meta::crash::point("spawner.intended");
        Ok(())
    }

    fn spawn(&mut self, start: &Start) -> Result<Cloned, Failure> {
        let join = start.join.as_ref().map(|key| self.joined(key)).transpose()?;
        if join.is_some() || start.share == Share::default() {
            return self.clone_child(start, join, None);
        }
        let group = self.groups.make(&start.key, &start.share)?;
        match self.clone_child(start, None, Some(&group)) {
            Ok(Cloned::Runs(kid, process)) => {
                let group = Some(group);
                Ok(Cloned::Runs(Kid { group, ..kid }, process))
            }
            failed => {
                self.groups.remove(Some(group));
                failed
            }
        }
    }

    fn clone_child(
        &mut self,
        start: &Start,
        join: Option<Joined>,
        group: Option<&Group>,
    ) -> Result<Cloned, Failure> {
        let sandboxed = join
            .as_ref()
            .map_or(start.sandbox.is_some(), |join| join.sandboxed);
        let waits = join.is_some() || group.is_some();
        let (join, doors) = match (join, group) {
            (Some(join), _) => (Some((join.pid, join.sandboxed)), join.doors),
            (None, group) => (None, group.map(Group::doors).transpose()?.unwrap_or_default()),
        };
        let (output, ends) = Output::open(&start.output, start.user.as_ref())?;
        let given = Given {
            spawner: Rc::clone(&self.own),
            ends,
            open_files: self.open_files,
            doors,
        };
        let child = Child::prepare(start, &self.abilities, join, given, &self.machine)?;
        let subject = start.argv.first().map_or("", String::as_str);
        let mut process = Process {
            pid: 0,
            ticks: machine::ticks(),
            started_at: now(),
            boot: self.boot.clone(),
        };
        let kid = Kid {
            key: start.key.clone(),
            sandboxed,
            terminated: false,
            output,
            group: None,
        };
        if waits {
            process.pid = child.start(&mut self.stacks, subject)?.as_raw_pid();
            return Ok(Cloned::Runs(kid, process));
        }
        let stack = self.spare.pop().unwrap_or_else(Stack::new);
        let (pid, child) = Box::new(child).start_beside(stack, subject)?;
        process.pid = pid.as_raw_pid();
        let attempt = Attempt {
            kid,
            process,
            subject: subject.to_owned(),
            transient: start.transient,
            held: Vec::new(),
        };
        Ok(Cloned::Starts(Starting { child, attempt }))
    }

    /// Takes note of what became of a child that was starting, if that is known.
    pub(super) fn settle(&mut self, pid: i32) {
        let Some(Starting { child, attempt }) = self.starting.remove(&pid) else {
            return;
        };
        match child.finish() {
            Err(child) => {
                self.starting.insert(pid, Starting { child, attempt });
            }
            Ok((child, stack)) => {
                if self.spare.len() < SPARE {
                    self.spare.push(stack);
                }
                let failure = child.failure(&attempt.subject);
                self.started(attempt, failure);
            }
        }
    }

    /// Tells what became of a child, and passes on what was held for it.
    fn started(&mut self, attempt: Attempt, failure: Option<Failure>) {
        let message = match failure {
            None => self.runs(attempt.kid, attempt.process, attempt.transient),
            Some(failure) => self.failed(&attempt.kid.key, failure, attempt.transient),
        };
        self.tell(&message);
        for signal in attempt.held {
            self.signal(signal);
        }
    }

    /// The process that starts under this key.
    pub(super) fn starting(&mut self, key: &Key) -> Option<&mut Starting> {
        self.starting
            .values_mut()
            .find(|starting| starting.attempt.kid.key == *key)
    }

    fn runs(&mut self, kid: Kid, process: Process, transient: bool) -> Message {
        let key = kid.key.clone();
        self.children.insert(process.pid, kid);
        let running = running(&key, &process);
        if transient {
            self.passing.insert(key, running.clone());
            return Message::Started(running);
        }
        meta::crash::point("spawner.cloned");
        // A journal that cannot be written now only costs the number of the process after our own death.
        drop(self.journal.started(&key, &process));
        meta::crash::point("spawner.started");
        self.table.insert(key, State::Running(process));
        Message::Started(running)
    }

    fn failed(&mut self, key: &Key, failure: Failure, transient: bool) -> Message {
        if transient {
            return not_started(key, failure);
        }
        let ended = never_ran(key, failure);
        self.record(ended.clone());
        Message::Ended(ended)
    }
}
