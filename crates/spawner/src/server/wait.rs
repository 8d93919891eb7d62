//! Waiting for the next thing to do.

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec};

use super::{IDLE, Server};

/// What there is to do.
pub(super) struct Ready {
    /// Nothing happened for long.
    pub(super) idle: bool,
    pub(super) signals: bool,
    pub(super) listener: bool,
    /// By connection.
    pub(super) connections: Vec<bool>,
    /// Children of which it may be known whether they run their program.
    pub(super) started: Vec<i32>,
    /// Children with output to pass on.
    pub(super) outputs: Vec<i32>,
}

impl Server {
    pub(super) fn wait(&self) -> io::Result<Ready> {
        let mut fds = vec![
            PollFd::new(&self.signals, PollFlags::IN),
            PollFd::new(&self.listener, PollFlags::IN),
        ];
        for connection in &self.connections {
            let interest = if connection.has_output() {
                PollFlags::IN | PollFlags::OUT
            } else {
                PollFlags::IN
            };
            fds.push(PollFd::from_borrowed_fd(connection.as_fd(), interest));
        }
        for starting in self.starting.values() {
            fds.push(PollFd::from_borrowed_fd(starting.done(), PollFlags::IN));
        }
        let mut writers = Vec::new();
        for (pid, kid) in &self.children {
            if let Some(source) = kid.output.source() {
                writers.push(*pid);
                fds.push(PollFd::from_borrowed_fd(source, PollFlags::IN));
            }
        }
        let timeout = Timespec {
            tv_sec: IDLE.as_secs() as i64,
            tv_nsec: 0,
        };
        let count = match rustix::event::poll(&mut fds, Some(&timeout)) {
            Ok(count) => count,
            Err(rustix::io::Errno::INTR) => 1,
            Err(errno) => return Err(errno.into()),
        };
        let ready: Vec<_> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
        let (connections, rest) = ready[2..].split_at(self.connections.len());
        let (started, outputs) = rest.split_at(self.starting.len());
        let started = self.starting.keys().zip(started).filter(|(_, ready)| **ready);
        let outputs = writers.into_iter().zip(outputs).filter(|(_, ready)| **ready);
        Ok(Ready {
            idle: count == 0,
            signals: ready[0],
            listener: ready[1],
            connections: connections.to_vec(),
            started: started.map(|(pid, _)| *pid).collect(),
            outputs: outputs.map(|(pid, _)| pid).collect(),
        })
    }
}
