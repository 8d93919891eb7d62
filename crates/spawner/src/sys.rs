//! The only `unsafe` of the project: the system calls that have no safe wrapper.
//!
//! [`clone_child`] is why this room exists. The child shares the spawner's memory until it executes its program
//! (`CLONE_VM | CLONE_VFORK`, what `posix_spawn` does), so that starting costs the same however large the parent is;
//! the parent is stopped meanwhile. Hence the rule for everything that runs in the child: no allocation, no
//! lock, no panic; only system calls on memory prepared before.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString};
use std::os::fd::{FromRawFd, OwnedFd};
use std::ptr;

use rustix::io::Errno;
use rustix::process::Pid;

const STACK: usize = 64 << 10;

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
    // SAFETY: `clone_inner` passes a body that outlives the child's use of it.
    unsafe { &*body.cast::<B>() }.run()
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
    // SAFETY: all pointers are of live null-terminated strings, the arrays end with null.
    unsafe { libc::execve(program.as_ptr(), argv.pointers.as_ptr(), env.pointers.as_ptr()) };
    last_errno()
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
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_RECURSIVE,
            ptr::from_ref(&attributes),
            size_of::<Attributes>(),
        )
    };
    if result == 0 { Ok(()) } else { Err(last_errno()) }
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
