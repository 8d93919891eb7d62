//! What the spawner reads from `/proc`, and how it signals.

use std::io;
use std::os::unix::fs::MetadataExt;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::process::{Pid, PidfdFlags, Resource, Rlimit, Signal};

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

/// What tells this process's directory from every other one of this machine.
pub(crate) fn directory_id() -> io::Result<String> {
    let found = std::fs::metadata(".")?;
    Ok(format!("{:x}-{:x}", found.dev(), found.ino()))
}

/// How much later than asked for a process may have started, in clock ticks: a second.
const LATE: u64 = 100;
/// Nanoseconds of a clock tick; Linux shows 100 ticks a second to programs on every architecture we know.
const TICK: i64 = 10_000_000;

/// The time since boot in clock ticks, as the start times of processes are counted.
pub(crate) fn ticks() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Boottime);
    u64::try_from((time.tv_sec * 1_000_000_000 + time.tv_nsec) / TICK).unwrap_or(0)
}

/// When a process started, in clock ticks since boot: with its number this names it.
fn start_ticks(pid: i32) -> Option<u64> {
    // The second field, the program's name in parentheses, may hold anything; `starttime` is the 22nd.
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    stat.rsplit_once(')')?
        .1
        .split_ascii_whitespace()
        .nth(19)?
        .parse()
        .ok()
}

/// Lets this process open as many files as it may, as every child costs two of them; what was so far comes back.
pub(crate) fn open_more_files() -> Rlimit {
    let before = rustix::process::getrlimit(Resource::Nofile);
    let wanted = Rlimit {
        current: before.maximum,
        maximum: before.maximum,
    };
    // What is refused here shows as a start that fails.
    let _ = rustix::process::setrlimit(Resource::Nofile, wanted);
    before
}

/// Signals a process; `all`: and its process group. A process that is gone is no error.
pub(crate) fn kill(pid: i32, signal: Signal, all: bool) {
    let Some(pid) = Pid::from_raw(pid) else { return };
    if all {
        let _ = rustix::process::kill_process_group(pid, signal);
    }
    let _ = rustix::process::kill_process(pid, signal);
}

/// Whether a signal would do to a process what the system does by default: it neither handles nor ignores it.
pub(crate) fn is_default(pid: i32, signal: Signal) -> bool {
    let Ok(status) = std::fs::read_to_string(format!("/proc/{pid}/status")) else {
        return false;
    };
    let is_set = |field: &str| {
        let mask = status.lines().find_map(|line| line.strip_prefix(field));
        let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
        mask.is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
    };
    !is_set("SigCgt:") && !is_set("SigIgn:")
}

/// Ends a process of an earlier spawner, if it is still the same one.
pub(crate) fn end(process: &Process) {
    let Some(pid) = Pid::from_raw(process.pid) else {
        return;
    };
    let Ok(handle) = rustix::process::pidfd_open(pid, PidfdFlags::empty()) else {
        return;
    };
    let same =
        start_ticks(process.pid).is_some_and(|at| (process.ticks..=process.ticks + LATE).contains(&at));
    if !same {
        return;
    }
    kill(process.pid, Signal::KILL, true);
    let mut gone = [PollFd::new(&handle, PollFlags::IN)];
    let _ = rustix::event::poll(&mut gone, Some(&END));
}
