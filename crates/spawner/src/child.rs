//! One start: what is prepared in the spawner, and what the child then does with it.
//!
//! [`Child::prepare`] turns a request into C strings, open files and steps; [`Child::run`] is carried out in the
//! child, which shares the spawner's memory (see `sys`): no allocation, no lock, no panic. What goes wrong there is left in
//! [`Child::failure`], which the spawner reads once the child has executed its program or given up.

use std::cell::Cell;
use std::ffi::{CStr, CString};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::Path;
use std::rc::Rc;

use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::mount::{MountFlags, MountPropagationFlags};
use rustix::process::{Gid, Pid, Resource, Rlimit, Signal, Uid};
use rustix::thread::ThreadNameSpaceType;

use crate::layout::{self, Step};
use crate::listings::Listings;
use crate::output::Ends;
use crate::protocol::{Abilities, Failure, Limit, LimitKind, Stage, Start, User};
use crate::sys::{self, Body, InnerStack, Stack, Stacks, Strings, Underway};

/// The kernel's own limit on symbolic directories searched makes no sense of an empty `PATH`; a shell's default does.
const DEFAULT_PATH: &str = "/usr/local/bin:/usr/bin:/bin";

/// A prepared start.
pub(crate) struct Child {
    namespaces: i32,
    maps: Option<Maps>,
    hostname: Option<String>,
    root: Option<Root>,
    join: Option<Join>,
    user: Option<Identity>,
    limits: Vec<Limit>,
    cwd: CString,
    given: Given,
    /// Programs to try in turn, and whether they come from a search of `PATH`.
    candidates: Vec<CString>,
    searched: bool,
    argv: Strings,
    env: Strings,
    /// Stage, step of the root, and error of what failed in the child.
    failed: Cell<Option<(Stage, usize, Errno)>>,
    /// The process that really runs, when it is a sibling of the one cloned first.
    inner: Cell<Option<Pid>>,
}

/// What the spawner gives to a child.
pub(crate) struct Given {
    /// The spawner itself: readable once it has ended.
    pub(crate) spawner: Rc<OwnedFd>,
    /// What the child reads and writes.
    pub(crate) ends: Ends,
    /// How many files it may open.
    pub(crate) open_files: Rlimit,
    /// The control groups that it enters.
    pub(crate) doors: Vec<OwnedFd>,
}

struct Root {
    stage: CString,
    steps: Vec<Step>,
}

struct Join {
    process: OwnedFd,
    namespaces: ThreadNameSpaceType,
}

struct Identity {
    uid: Uid,
    gid: Gid,
    groups: Vec<Gid>,
}

/// What is written to a new user namespace's maps: our own user and group stay what they are.
struct Maps {
    uid: String,
    gid: String,
}

impl Maps {
    fn own() -> Self {
        let (uid, gid) = (
            rustix::process::geteuid().as_raw(),
            rustix::process::getegid().as_raw(),
        );
        Self {
            uid: format!("{uid} {uid} 1"),
            gid: format!("{gid} {gid} 1"),
        }
    }
}

impl Child {
    /// Prepares `start`; `join` is the process whose sandbox it enters, with whether that has one; `machine` is
    /// what was read of the machine's directories.
    pub(crate) fn prepare(
        start: &Start,
        abilities: &Abilities,
        join: Option<(Pid, bool)>,
        given: Given,
        machine: &Listings,
    ) -> Result<Self, Failure> {
        let sandbox = start.sandbox.as_ref().filter(|_| join.is_none());
        if sandbox.is_some() && !abilities.sandbox {
            return Err(failure(Stage::Mount, "/", Errno::PERM));
        }
        let root = sandbox.map(|sandbox| -> Result<_, Failure> {
            let steps = layout::steps(
                (Path::new("/"), machine),
                sandbox,
                &start.cwd,
                abilities.process_ids,
            )?;
            Ok(Root {
                stage: c_string(Stage::Mount, sandbox.stage.as_os_str().as_bytes())?,
                steps,
            })
        });
        let (candidates, searched) = candidates(start)?;
        Ok(Self {
            namespaces: if sandbox.is_some() {
                namespaces(abilities)
            } else {
                0
            },
            maps: sandbox.filter(|_| abilities.user_namespace).map(|_| Maps::own()),
            hostname: sandbox.and_then(|sandbox| sandbox.hostname.clone()),
            root: root.transpose()?,
            join: join.map(|join| Join::open(join, abilities)).transpose()?,
            user: start.user.as_ref().map(Identity::new),
            limits: start.limits.clone(),
            cwd: c_string(Stage::Directory, start.cwd.as_os_str().as_bytes())?,
            given,
            candidates,
            searched,
            argv: strings(&start.argv)?,
            env: strings(&start.env)?,
            failed: Cell::new(None),
            inner: Cell::new(None),
        })
    }

    /// Starts it, and waits until it has executed its program; on failure says what could not be done.
    pub(crate) fn start(&self, stacks: &mut Stacks, subject: &str) -> Result<Pid, Failure> {
        let pid =
            sys::clone_child(stacks, self.namespaces, self).map_err(|e| failure(Stage::Clone, subject, e))?;
        self.failure(subject)
            .map_or_else(|| Ok(self.inner.get().unwrap_or(pid)), Err)
    }

    /// Starts it beside this process. Not for one that enters another's sandbox, which takes a child of its own.
    pub(crate) fn start_beside(
        self: Box<Self>,
        stack: Stack,
        subject: &str,
    ) -> Result<(Pid, Underway<Self>), Failure> {
        let namespaces = self.namespaces;
        sys::clone_beside(stack, namespaces, self).map_err(|e| failure(Stage::Clone, subject, e))
    }

    /// What could not be done, once it is known.
    pub(crate) fn failure(&self, subject: &str) -> Option<Failure> {
        let (stage, step, errno) = self.failed.get()?;
        Some(Failure {
            stage,
            subject: self.subject(stage, step, subject),
            errno: errno.raw_os_error(),
        })
    }

    fn subject(&self, stage: Stage, step: usize, program: &str) -> String {
        let path = match (stage, self.root.as_ref().and_then(|root| root.steps.get(step))) {
            (Stage::Mount, Some(step)) => step.at(),
            (Stage::Directory, _) => &self.cwd,
            _ => return program.to_owned(),
        };
        path.to_string_lossy().into_owned()
    }

    /// In the child: everything up to the program.
    fn try_run(&self) -> Result<(), (Stage, usize, Errno)> {
        let at = |stage| move |errno| (stage, usize::MAX, errno);
        rustix::process::setsid().map_err(at(Stage::Clone))?;
        self.die_with_parent().map_err(at(Stage::Clone))?;
        self.enter_groups().map_err(at(Stage::Limit))?;
        self.enter_user_namespace().map_err(at(Stage::User))?;
        if let Some(name) = &self.hostname {
            rustix::system::sethostname(name.as_bytes()).map_err(at(Stage::Mount))?;
        }
        self.enter_root()?;
        self.limit().map_err(at(Stage::Limit))?;
        self.redirect().map_err(at(Stage::Log))?;
        self.become_user().map_err(at(Stage::User))?;
        rustix::process::chdir(self.cwd.as_c_str()).map_err(at(Stage::Directory))?;
        Err(self.execute())
    }

    /// The kernel forgets this when credentials change, so it is asked for again then. A parent that died before the
    /// kernel knew of the wish would leave us running for ever: so it is looked for afterwards.
    fn die_with_parent(&self) -> Result<(), Errno> {
        rustix::process::set_parent_process_death_signal(Some(Signal::KILL))?;
        let mut spawner = [PollFd::new(&*self.given.spawner, PollFlags::IN)];
        let ended = rustix::event::poll(&mut spawner, Some(&Timespec::default()))?;
        if ended == 0 { Ok(()) } else { Err(Errno::SRCH) }
    }

    fn enter_groups(&self) -> Result<(), Errno> {
        let mut doors = self.given.doors.iter();
        doors.try_for_each(|door| rustix::io::write(door, b"0").map(drop))
    }

    fn enter_user_namespace(&self) -> Result<(), Errno> {
        let Some(maps) = &self.maps else { return Ok(()) };
        write(c"/proc/self/setgroups", b"deny")?;
        write(c"/proc/self/uid_map", maps.uid.as_bytes())?;
        write(c"/proc/self/gid_map", maps.gid.as_bytes())
    }

    fn enter_root(&self) -> Result<(), (Stage, usize, Errno)> {
        let Some(root) = &self.root else { return Ok(()) };
        let at = |errno| (Stage::Mount, usize::MAX, errno);
        let apart = MountPropagationFlags::DOWNSTREAM | MountPropagationFlags::REC;
        rustix::mount::mount_change(c"/", apart).map_err(at)?;
        for (index, step) in root.steps.iter().enumerate() {
            step.carry_out().map_err(|errno| (Stage::Mount, index, errno))?;
        }
        // Over the machine's root and into it, as an initial file system goes. A `pivot_root` looks at every process of
        // the machine, and taking the old root away waits for all processors.
        rustix::process::chdir(root.stage.as_c_str()).map_err(at)?;
        rustix::mount::mount_move(c".", c"/").map_err(at)?;
        rustix::process::chroot(c".").map_err(at)
    }

    fn limit(&self) -> Result<(), Errno> {
        rustix::process::setrlimit(Resource::Nofile, self.given.open_files)?;
        for limit in &self.limits {
            let resource = match limit.kind {
                LimitKind::OpenFiles => Resource::Nofile,
                LimitKind::CoreSize => Resource::Core,
            };
            rustix::process::setrlimit(
                resource,
                Rlimit {
                    current: Some(limit.value),
                    maximum: Some(limit.value),
                },
            )?;
        }
        Ok(())
    }

    fn redirect(&self) -> Result<(), Errno> {
        let ends = &self.given.ends;
        if ends.terminal {
            rustix::process::ioctl_tiocsctty(&ends.stdin)?;
        }
        rustix::stdio::dup2_stdin(&ends.stdin)?;
        rustix::stdio::dup2_stdout(&ends.stdout)?;
        rustix::stdio::dup2_stderr(ends.stderr.as_ref().unwrap_or(&ends.stdout))
    }

    fn become_user(&self) -> Result<(), Errno> {
        let Some(user) = &self.user else { return Ok(()) };
        rustix::thread::set_thread_groups(&user.groups)?;
        rustix::thread::set_thread_res_gid(user.gid, user.gid, user.gid)?;
        rustix::thread::set_thread_res_uid(user.uid, user.uid, user.uid)?;
        self.die_with_parent()
    }

    fn execute(&self) -> (Stage, usize, Errno) {
        let mut last = Errno::NOENT;
        for program in &self.candidates {
            last = sys::execute(program, &self.argv, &self.env);
            let go_on = matches!(last, Errno::NOENT | Errno::NOTDIR | Errno::ACCESS);
            if !(self.searched && go_on) {
                return (Stage::Execute, usize::MAX, last);
            }
        }
        (Stage::Lookup, usize::MAX, last)
    }
}

/// The exit code of a child that could not execute its program; nobody sees it.
const GAVE_UP: i32 = 127;

impl Body for Child {
    fn run(&self) -> i32 {
        if let Err(failed) = self.try_run() {
            self.failed.set(Some(failed));
        }
        GAVE_UP
    }

    /// Entering process ids takes effect for children only: hence a child of the child.
    fn run_inner(&self, stack: &InnerStack) -> i32 {
        let Some(join) = &self.join else { return self.run() };
        let entered = rustix::thread::move_into_thread_name_spaces(join.process.as_fd(), join.namespaces)
            .and_then(|()| sys::clone_inner(stack, self));
        match entered {
            Ok(pid) => self.inner.set(Some(pid)),
            Err(errno) => self.failed.set(Some((Stage::Join, usize::MAX, errno))),
        }
        GAVE_UP
    }
}

impl Join {
    fn open((pid, sandboxed): (Pid, bool), abilities: &Abilities) -> Result<Self, Failure> {
        let process = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty())
            .map_err(|e| failure(Stage::Join, &pid.as_raw_pid().to_string(), e))?;
        let mut namespaces = ThreadNameSpaceType::MOUNT | ThreadNameSpaceType::HOST_NAME_AND_NIS_DOMAIN_NAME;
        namespaces.set(ThreadNameSpaceType::USER, abilities.user_namespace);
        namespaces.set(ThreadNameSpaceType::PROCESS_ID, abilities.process_ids);
        Ok(Self {
            process,
            namespaces: if sandboxed {
                namespaces
            } else {
                ThreadNameSpaceType::empty()
            },
        })
    }
}

impl Identity {
    fn new(user: &User) -> Self {
        Self {
            uid: Uid::from_raw(user.uid),
            gid: Gid::from_raw(user.gid),
            groups: user.groups.iter().map(|group| Gid::from_raw(*group)).collect(),
        }
    }
}

impl Step {
    /// In the child.
    fn carry_out(&self) -> Result<(), Errno> {
        match self {
            Self::Tmpfs { at } => {
                let flags = MountFlags::NOSUID | MountFlags::NODEV;
                rustix::mount::mount(c"tmpfs", at.as_c_str(), c"tmpfs", flags, c"mode=755")?;
                rustix::mount::mount_change(at.as_c_str(), MountPropagationFlags::UNBINDABLE)
            }
            Self::Directory { at, shared } => make_directory(at, *shared),
            Self::File { at } => make_file(at),
            Self::Link { to, at } => rustix::fs::symlink(to.as_c_str(), at.as_c_str()),
            Self::Bind { from, at } => rustix::mount::mount_bind_recursive(from.as_c_str(), at.as_c_str()),
            Self::ReadOnly { at } => sys::set_read_only(at),
            Self::Proc { at } => {
                let flags = MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
                rustix::mount::mount(c"proc", at.as_c_str(), c"proc", flags, None)
            }
        }
    }

    fn at(&self) -> &CStr {
        match self {
            Self::Tmpfs { at } | Self::Directory { at, .. } | Self::File { at } | Self::Link { at, .. } => at,
            Self::Bind { at, .. } | Self::ReadOnly { at } | Self::Proc { at } => at,
        }
    }
}

/// A file that is there stays untouched: it may be a program that runs.
fn make_file(at: &CStr) -> Result<(), Errno> {
    let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::CLOEXEC;
    match rustix::fs::open(at, flags, Mode::from_raw_mode(0o644)) {
        Err(Errno::EXIST) => Ok(()),
        result => result.map(drop),
    }
}

/// The mode is set apart from the making, because of the umask.
fn make_directory(at: &CStr, shared: bool) -> Result<(), Errno> {
    let mode = Mode::from_raw_mode(if shared { 0o1777 } else { 0o755 });
    match rustix::fs::mkdir(at, mode) {
        Ok(()) if shared => rustix::fs::chmod(at, mode),
        Err(Errno::EXIST) => Ok(()),
        result => result,
    }
}

fn write(path: &CStr, bytes: &[u8]) -> Result<(), Errno> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    rustix::io::write(&file, bytes).map(drop)
}

fn namespaces(abilities: &Abilities) -> i32 {
    let mut flags = libc::CLONE_NEWNS | libc::CLONE_NEWUTS;
    if abilities.process_ids {
        flags |= libc::CLONE_NEWPID;
    }
    if abilities.user_namespace {
        flags |= libc::CLONE_NEWUSER;
    }
    flags
}

fn candidates(start: &Start) -> Result<(Vec<CString>, bool), Failure> {
    let program = start.argv.first().map_or("", String::as_str);
    if program.is_empty() {
        return Err(failure(Stage::Lookup, program, Errno::NOENT));
    }
    if program.contains('/') {
        return Ok((vec![c_string(Stage::Execute, program.as_bytes())?], false));
    }
    let path = start
        .env
        .iter()
        .rev()
        .find_map(|entry| entry.strip_prefix("PATH="))
        .unwrap_or(DEFAULT_PATH);
    let found: Result<Vec<_>, _> = std::env::split_paths(path)
        .filter(|directory| !directory.as_os_str().is_empty())
        .map(|directory| {
            c_string(
                Stage::Lookup,
                &directory.join(program).into_os_string().into_vec(),
            )
        })
        .collect();
    Ok((found?, true))
}

fn strings(texts: &[String]) -> Result<Strings, Failure> {
    let owned: Result<Vec<_>, _> = texts
        .iter()
        .map(|text| c_string(Stage::Execute, text.as_bytes()))
        .collect();
    Ok(Strings::new(owned?))
}

fn c_string(stage: Stage, bytes: &[u8]) -> Result<CString, Failure> {
    CString::new(bytes).map_err(|_| failure(stage, &String::from_utf8_lossy(bytes), Errno::INVAL))
}

fn failure(stage: Stage, subject: &str, errno: Errno) -> Failure {
    Failure {
        stage,
        subject: subject.to_owned(),
        errno: errno.raw_os_error(),
    }
}
