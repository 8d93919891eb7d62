//! The only `unsafe` of the project: the system calls that have no safe wrapper.
//!
//! Children are why this room exists. A child shares the spawner's memory until it executes its program (`CLONE_VM`, as
//! `posix_spawn` does), so that starting costs the same however large the parent is. Hence the rule for everything that
//! runs in the child: no allocation, no lock, no panic; only system calls on memory prepared before.
//!
//! ```text
//!   clone_child    the parent is stopped meanwhile (CLONE_VFORK)
//!   clone_beside   the parent goes on: what the child uses is out of its reach until the child is done with it
//! ```
//!
//! A child that runs beside its parent shares `errno` with it too, and so must not touch that: its calls are `rustix`'s,
//! which never do, and [`call`].
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, OsStr};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::ptr;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::io::Errno;
use rustix::pipe::PipeFlags;
use rustix::process::Pid;

const STACK: usize = 64 << 10;
/// Bytes of the name of a terminal, which the kernel numbers.
const NAME_MAX: usize = 64;

/// Stacks for children; one is enough for each level of children, as their parents wait for them.
pub(crate) struct Stacks {
    first: Box<[u8]>,
    second: Box<[u8]>,
}

impl Stacks {
    pub(crate) fn new() -> Self {
        Self {
            first: vec![0; STACK].into(),
            second: vec![0; STACK].into(),
        }
    }
}

/// What runs in a child: returns only when it could not execute its program, with an exit code.
pub(crate) trait Body {
    /// In the child.
    fn run(&self) -> i32;
    /// In the child's child, where there is one.
    fn run_inner(&self, stack: &InnerStack) -> i32;
}

/// The stack of a child's child.
pub(crate) struct InnerStack(*mut u8);

struct Call<'a, B> {
    body: &'a B,
    inner: InnerStack,
}

extern "C" fn enter<B: Body>(call: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `clone_child` passes a `Call` that outlives the child's use of it.
    let call = unsafe { &*call.cast::<Call<'_, B>>() };
    restore_signals();
    call.body.run_inner(&call.inner)
}

extern "C" fn enter_inner<B: Body>(body: *mut libc::c_void) -> libc::c_int {
    // SAFETY: `clone_inner` and `clone_beside` pass a body that outlives the child's use of it.
    let body = unsafe { &*body.cast::<B>() };
    restore_signals();
    body.run()
}

/// Starts a child in new namespaces (`CLONE_NEW*` flags) that runs `body`; returns once it executed a program or ended.
pub(crate) fn clone_child<B: Body>(stacks: &mut Stacks, namespaces: i32, body: &B) -> Result<Pid, Errno> {
    let mut call = Call {
        body,
        inner: InnerStack(top(&mut stacks.second)),
    };
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::SIGCHLD | namespaces;
    // SAFETY: the stack is ours, aligned and large enough; `call` lives until the child no longer shares our
    // memory, because CLONE_VFORK stops us until then; the body only makes system calls.
    let pid = unsafe {
        libc::clone(
            enter::<B>,
            top(&mut stacks.first).cast(),
            flags,
            ptr::from_mut(&mut call).cast(),
        )
    };
    pid_or_errno(pid)
}

/// A stack for a child that runs beside this process.
pub(crate) struct Stack(Box<[u8]>);

impl Stack {
    pub(crate) fn new() -> Self {
        Self(vec![0; STACK].into())
    }
}

/// A child on its way to its program. Dropped before [`Underway::finish`] gives something, it leaks what it shares.
pub(crate) struct Underway<B> {
    /// The child's until it is done with them: pointers, as nothing of ours may claim them meanwhile.
    body: *mut B,
    stack: *mut [u8],
    /// At its end once the child has executed its program or ended. Either closes the other end after it has left our
    /// memory.
    done: OwnedFd,
}

impl<B> Underway<B> {
    /// What to wait on: it becomes readable when [`Underway::finish`] has something to give.
    pub(crate) fn done(&self) -> BorrowedFd<'_> {
        self.done.as_fd()
    }

    /// What the child shared, once it is done with it.
    pub(crate) fn finish(self) -> Result<(Box<B>, Stack), Self> {
        let mut done = [PollFd::new(&self.done, PollFlags::IN)];
        match rustix::event::poll(&mut done, Some(&Timespec::default())) {
            // SAFETY: both came out of boxes in `clone_beside`. Nobody but the child had the other end, so it does not
            // share our memory any more; and `self` ends here, so they are taken once.
            Ok(1..) => Ok(unsafe { (Box::from_raw(self.body), Stack(Box::from_raw(self.stack))) }),
            _ => Err(self),
        }
    }
}

/// Starts a child in new namespaces (`CLONE_NEW*` flags) that runs `body` while this process goes on.
pub(crate) fn clone_beside<B: Body>(
    stack: Stack,
    namespaces: i32,
    body: Box<B>,
) -> Result<(Pid, Underway<B>), Errno> {
    let (done, end) = rustix::pipe::pipe_with(PipeFlags::CLOEXEC)?;
    let (body, stack) = (Box::into_raw(body), Box::into_raw(stack.0));
    let underway = Underway { body, stack, done };
    let flags = libc::CLONE_VM | libc::SIGCHLD | namespaces;
    // SAFETY: stack and body are on the heap, and stay untouched there until `end` is closed by the child's execution
    // of a program or its end; the body only makes system calls.
    let pid = unsafe { libc::clone(enter_inner::<B>, top(&mut *stack).cast(), flags, body.cast()) };
    let pid = pid_or_errno(pid);
    // Before another child takes a copy of it. Where there is no child this was the last one, and all is given back.
    drop(end);
    match pid {
        Ok(pid) => Ok((pid, underway)),
        Err(errno) => {
            drop(underway.finish());
            Err(errno)
        }
    }
}

/// From inside a child: starts a sibling (a child of our parent) that runs `body`.
pub(crate) fn clone_inner<B: Body>(stack: &InnerStack, body: &B) -> Result<Pid, Errno> {
    let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_PARENT | libc::SIGCHLD;
    let body = ptr::from_ref(body).cast_mut().cast();
    // SAFETY: as above; the second stack is used by one child at a time, as its parent waits in turn.
    let pid = unsafe { libc::clone(enter_inner::<B>, stack.0.cast(), flags, body) };
    pid_or_errno(pid)
}

fn top(stack: &mut [u8]) -> *mut u8 {
    let end = stack.as_mut_ptr_range().end;
    end.wrapping_sub(end as usize % 16)
}

fn pid_or_errno(pid: i32) -> Result<Pid, Errno> {
    Pid::from_raw(pid).filter(|_| pid > 0).ok_or_else(last_errno)
}

fn last_errno() -> Errno {
    // SAFETY: the location is this thread's own, always valid.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}

/// In the child: default action for what the runtime ignores, and no signal blocked.
fn restore_signals() {
    // SAFETY: plain system calls on a local set; the child has its own table of actions.
    unsafe {
        libc::signal(libc::SIGPIPE, libc::SIG_DFL);
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &none, ptr::null_mut());
    }
}

/// A null-terminated array of C strings, as `execve` wants it.
pub(crate) struct Strings {
    pointers: Vec<*const libc::c_char>,
    _owned: Vec<CString>,
}

impl Strings {
    pub(crate) fn new(strings: Vec<CString>) -> Self {
        let mut pointers: Vec<_> = strings.iter().map(|s| s.as_ptr()).collect();
        pointers.push(ptr::null());
        Self {
            pointers,
            _owned: strings,
        }
    }
}

/// Executes a program in place of this one; returns why it could not.
pub(crate) fn execute(program: &CStr, argv: &Strings, env: &Strings) -> Errno {
    let (argv, env) = (argv.pointers.as_ptr(), env.pointers.as_ptr());
    // SAFETY: all pointers are of live null-terminated strings, the arrays end with null.
    let result = unsafe {
        call(
            libc::SYS_execve,
            [program.as_ptr() as usize, argv as usize, env as usize, 0, 0],
        )
    };
    result.err().unwrap_or(Errno::INVAL)
}

/// A system call that leaves `errno` alone.
///
/// # Safety
/// The arguments are what the system call takes.
unsafe fn call(number: libc::c_long, arguments: [usize; 5]) -> Result<(), Errno> {
    let [a, b, c, d, e] = arguments;
    let result: isize;
    // SAFETY: the registers are those of the kernel's calling convention; nothing else of ours changes.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number as isize => result,
            in("rdi") a, in("rsi") b, in("rdx") c, in("r10") d, in("r8") e,
            lateout("rcx") _, lateout("r11") _,
            options(nostack)
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "svc 0",
            in("x8") number,
            inlateout("x0") a as isize => result,
            in("x1") b, in("x2") c, in("x3") d, in("x4") e,
            options(nostack)
        );
    }
    // Rule: the kernel returns the negated error number, at most 4095.
    match i32::try_from(-result) {
        Ok(errno) if (1..4096).contains(&errno) => Err(Errno::from_raw_os_error(errno)),
        _ => Ok(()),
    }
}

/// Refuses writing below the mount at `path`, keeping every other attribute: what a remount cannot do in a user namespace.
pub(crate) fn set_read_only(path: &CStr) -> Result<(), Errno> {
    #[repr(C)]
    struct Attributes {
        set: u64,
        clear: u64,
        propagation: u64,
        user_namespace: u64,
    }
    const MOUNT_ATTR_RDONLY: u64 = 1;
    let attributes = Attributes {
        set: MOUNT_ATTR_RDONLY,
        clear: 0,
        propagation: 0,
        user_namespace: 0,
    };
    // SAFETY: `mount_setattr` reads the path and a structure of the size given.
    unsafe {
        call(
            libc::SYS_mount_setattr,
            [
                libc::AT_FDCWD as usize,
                path.as_ptr() as usize,
                libc::AT_RECURSIVE as usize,
                ptr::from_ref(&attributes) as usize,
                size_of::<Attributes>(),
            ],
        )
    }
}

/// Blocks the signals that the spawner waits for, and returns a descriptor that tells of them.
pub(crate) fn signal_descriptor() -> Result<OwnedFd, Errno> {
    // SAFETY: a local set, and a descriptor that nobody else owns.
    unsafe {
        let mut set: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        for signal in [libc::SIGCHLD, libc::SIGINT, libc::SIGHUP, libc::SIGPIPE] {
            libc::sigaddset(&mut set, signal);
        }
        libc::sigprocmask(libc::SIG_BLOCK, &set, ptr::null_mut());
        let fd = libc::signalfd(-1, &set, libc::SFD_NONBLOCK | libc::SFD_CLOEXEC);
        if fd < 0 {
            Err(last_errno())
        } else {
            Ok(OwnedFd::from_raw_fd(fd))
        }
    }
}

/// How a child ended, as `waitid` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wait {
    Exited(i32),
    Signalled(i32),
}

/// A child that ended and is not reaped, if there is one.
pub(crate) fn ended_child() -> Option<(Pid, Wait)> {
    // SAFETY: `waitid` fills the structure; its fields are read only when it says that a child ended.
    unsafe {
        let mut info: libc::siginfo_t = std::mem::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        if libc::waitid(libc::P_ALL, 0, &mut info, options) != 0 {
            return None;
        }
        let pid = Pid::from_raw(info.si_pid())?;
        let status = info.si_status();
        Some((
            pid,
            if info.si_code == libc::CLD_EXITED {
                Wait::Exited(status)
            } else {
                Wait::Signalled(status)
            },
        ))
    }
}

/// A new pseudo-terminal: the end of whoever types, and the name of the other one.
pub fn open_terminal() -> std::io::Result<(OwnedFd, PathBuf)> {
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC | libc::O_NONBLOCK;
    // SAFETY: a system call on numbers.
    let fd = unsafe { libc::posix_openpt(flags) };
    if fd < 0 {
        return Err(std::io::Error::last_os_error());
    }
    // SAFETY: the descriptor is new, and nobody else owns it.
    let master = unsafe { OwnedFd::from_raw_fd(fd) };
    let mut name = [0_u8; NAME_MAX];
    // SAFETY: the descriptor is open, and the buffer as long as is said.
    let result = unsafe {
        let fd = master.as_raw_fd();
        match (libc::grantpt(fd), libc::unlockpt(fd)) {
            (0, 0) => libc::ptsname_r(fd, name.as_mut_ptr().cast(), name.len()),
            _ => return Err(std::io::Error::last_os_error()),
        }
    };
    let name = CStr::from_bytes_until_nul(&name).ok().filter(|_| result == 0);
    let name = name.ok_or_else(|| std::io::Error::from_raw_os_error(result))?;
    Ok((master, PathBuf::from(OsStr::from_bytes(name.to_bytes()))))
}

/// Which side of [`fork`] this is.
pub(crate) enum Side {
    Parent,
    Child,
}

/// Splits this process in two. Only for a process with one thread.
pub(crate) fn fork() -> Result<Side, Errno> {
    // SAFETY: there is one thread, so the child may do anything.
    match unsafe { libc::fork() } {
        0 => Ok(Side::Child),
        pid => pid_or_errno(pid).map(|_| Side::Parent),
    }
}
