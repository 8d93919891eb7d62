//! What the spawner reads from `/proc`, and how it signals.

use std::io;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Signal};

use crate::journal::Process;

/// How long the end of a killed process is awaited: it is only late when stuck in the kernel.
const END: Timespec = Timespec {
    tv_sec: 5,
    tv_nsec: 0,
};

/// The kernel's identifier of this boot.
pub(crate) fn boot_id() -> io::Result<String> {
    Ok(std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?
        .trim()
        .to_owned())
}

/// When a process started, in clock ticks since boot: with its number this names it uniquely.
pub(crate) fn start_ticks(pid: i32) -> Option<u64> {
    // The second field, the program's name in parentheses, may hold anything; `starttime` is the 22nd.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(19)?
        .parse()
        .ok()
}

/// Signals a process; `all`: and its process group. A process that is gone is no error.
pub(crate) fn kill(pid: i32, signal: Signal, all: bool) {
    let Some(pid) = Pid::from_raw(pid) else { return };
    if all {
        let _ = rustix::process::kill_process_group(pid, signal);
    }
    let _ = rustix::process::kill_process(pid, signal);
}

/// Ends a process of an earlier spawner, if it is still the same one.
pub(crate) fn end(process: &Process) {
    let Some(pid) = Pid::from_raw(process.pid) else {
        return;
    };
    let Ok(handle) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    if process.ticks != 0 && start_ticks(process.pid) != Some(process.ticks) {
        return;
    }
    kill(process.pid, Signal::KILL, true);
    let mut gone = [PollFd::new(&handle, PollFlags::IN)];
    let _ = rustix::event::poll(&mut gone, Some(&END));
}
