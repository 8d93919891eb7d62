//! Which steps build the root of a sandbox: the machine's own directories, with mounts laid over them anywhere.
//!
//! ```text
//!     machine /            sandbox /                     (mount /data/in)
//!       usr  ------------>   usr            bound
//!       bin -> usr/bin       bin -> usr/bin copied
//!       dev                  dev            a few devices of the machine's
//!       proc, tmp            proc, tmp      its own
//!       data                 data           opened up: a fresh directory,
//!         raw ----------->     raw          whose old children are bound
//!                              in           and whose new child is the mount point
//! ```
//!
//! A mount path that exists needs nothing; one that does not has its nearest existing ancestors opened up, so the
//! machine itself is never written to. This only reads directories; the steps are carried out elsewhere.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::CString;
use std::fs::FileType;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileTypeExt;
use std::path::{Component, Path, PathBuf};

use crate::listings::{Listing, Listings};
use crate::protocol::{Failure, Sandbox, Stage};

/// One step of building a root, on absolute paths of the machine.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Mount an empty file system, of which no bind mount takes a copy.
    Tmpfs { at: CString },
    /// Make a directory, open to all where `shared`; there may be one already.
    Directory { at: CString, shared: bool },
    /// Make an empty file to mount on; there may be one already.
    File { at: CString },
    /// Make a symbolic link.
    Link { to: CString, at: CString },
    /// Bind a file or directory, with everything mounted below it.
    Bind { from: CString, at: CString },
    /// Refuse writing below a mount.
    ReadOnly { at: CString },
    /// Mount the process file system of the sandbox's own process ids.
    Proc { at: CString },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
}

/// Links followed before a path counts as a loop, as in the kernel.
const LINKS_MAX: usize = 40;
/// Devices of the machine that a sandbox sees, where they exist: names, and prefixes of names.
const DEVICES: [&str; 6] = ["null", "zero", "full", "random", "urandom", "tty"];
const DEVICE_PREFIXES: [&str; 6] = ["nvidia", "dri", "kfd", "infiniband", "fuse", "kvm"];
const DEVICE_LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    ("ptmx", "pts/ptmx"),
];

/// The steps that build `sandbox` over the machine seen at `machine` (`/`, but in tests) and read through its listings, with
/// `cwd` in it.
/// `own_proc`: whether the sandbox has process ids of its own.
pub(crate) fn steps(
    (machine, listings): (&Path, &Listings),
    sandbox: &Sandbox,
    cwd: &Path,
    own_proc: bool,
) -> Result<Vec<Step>, Failure> {
    let mut layout = Layout {
        machine,
        listings,
        stage: &sandbox.stage,
        opened: BTreeSet::from([PathBuf::from("/")]),
        made: BTreeMap::new(),
        placed: Vec::new(),
        steps: Vec::new(),
    };
    layout.place(sandbox, cwd)?;
    layout.root()?;
    layout.own(own_proc)?;
    layout.mounts(cwd)?;
    Ok(layout.steps)
}

struct Placed {
    source: PathBuf,
    target: PathBuf,
    kind: Kind,
    read_only: bool,
}

struct Layout<'a> {
    machine: &'a Path,
    listings: &'a Listings,
    stage: &'a Path,
    /// Directories of the machine that are made afresh, their children bound.
    opened: BTreeSet<PathBuf>,
    /// Paths that the machine lacks, or has as something else.
    made: BTreeMap<PathBuf, Kind>,
    placed: Vec<Placed>,
    steps: Vec<Step>,
}

impl Layout<'_> {
    /// Decides where every mount goes and what has to be opened up for it.
    fn place(&mut self, sandbox: &Sandbox, cwd: &Path) -> Result<(), Failure> {
        for mount in &sandbox.mounts {
            let kind = kind_of(&mount.source).map_err(|e| failure(&mount.source, &e))?;
            let target = self.resolve(&mount.target)?;
            self.placed.push(Placed {
                source: mount.source.clone(),
                target,
                kind,
                read_only: mount.read_only,
            });
        }
        self.placed
            .sort_by_key(|placed| placed.target.components().count());
        let targets: Vec<_> = self.placed.iter().map(|p| (p.target.clone(), p.kind)).collect();
        for (target, kind) in targets {
            self.open_for(&target, kind);
        }
        let cwd = self.resolve(cwd)?;
        if self.placed.iter().all(|p| !cwd.starts_with(&p.target)) {
            self.open_for(&cwd, Kind::Directory);
        }
        Ok(())
    }

    /// Makes sure that there is something of `kind` at `target`, unless a mount above it decides that.
    fn open_for(&mut self, target: &Path, kind: Kind) {
        let nested = self
            .placed
            .iter()
            .any(|p| p.target != target && target.starts_with(&p.target));
        let own = target.starts_with("/dev") || target.starts_with("/tmp");
        let there = !own && kind_of(&self.on_machine(target)).is_ok_and(|found| found == kind);
        if nested || there || target.parent().is_none() || target == Path::new("/tmp") {
            return;
        }
        for ancestor in target.ancestors().skip(1) {
            if is_own(ancestor) {
                break;
            }
            match kind_of(&self.on_machine(ancestor)) {
                Ok(Kind::Directory) if !ancestor.starts_with("/dev") && !ancestor.starts_with("/tmp") => {
                    self.opened.insert(ancestor.to_owned());
                }
                _ => drop(self.made.insert(ancestor.to_owned(), Kind::Directory)),
            }
        }
        self.made.insert(target.to_owned(), kind);
    }

    /// The machine's directories, as far as the sandbox shows them.
    fn root(&mut self) -> Result<(), Failure> {
        let at = self.staged(Path::new("/"))?;
        self.steps.push(Step::Tmpfs { at });
        for directory in self.opened.clone() {
            if directory.parent().is_some() {
                self.directory(&directory, false)?;
            }
            for (child, kind) in self.children(&directory)?.iter() {
                let child = directory.join(child);
                if !(is_own(&child) || self.opened.contains(&child) || self.made.contains_key(&child)) {
                    self.copy(&child, *kind)?;
                }
            }
        }
        Ok(())
    }

    fn copy(&mut self, path: &Path, kind: FileType) -> Result<(), Failure> {
        let from = self.on_machine(path);
        if kind.is_symlink() {
            let to = std::fs::read_link(&from).map_err(|e| failure(&from, &e))?;
            let (to, at) = (c_string(&to)?, self.staged(path)?);
            self.steps.push(Step::Link { to, at });
            return Ok(());
        }
        self.point(
            path,
            if kind.is_dir() {
                Kind::Directory
            } else {
                Kind::File
            },
        )?;
        self.bind(&from, path)
    }

    /// `/proc`, `/tmp` and `/dev`, and what the machine lacks.
    fn own(&mut self, own_proc: bool) -> Result<(), Failure> {
        self.directory(Path::new("/proc"), false)?;
        if own_proc {
            let at = self.staged(Path::new("/proc"))?;
            self.steps.push(Step::Proc { at });
        } else {
            self.bind(&self.on_machine(Path::new("/proc")), Path::new("/proc"))?;
        }
        self.directory(Path::new("/tmp"), true)?;
        self.devices()?;
        for (path, kind) in std::mem::take(&mut self.made) {
            self.point(&path, kind)?;
        }
        Ok(())
    }

    fn devices(&mut self) -> Result<(), Failure> {
        let dev = Path::new("/dev");
        self.directory(dev, false)?;
        self.directory(&dev.join("shm"), true)?;
        for (name, kind) in self.children(dev)?.iter() {
            let text = name.to_str().unwrap_or_default();
            let wanted =
                DEVICES.contains(&text) || DEVICE_PREFIXES.iter().any(|prefix| text.starts_with(prefix));
            if wanted && (kind.is_char_device() || kind.is_dir()) || text == "pts" {
                self.copy(&dev.join(name), *kind)?;
            }
        }
        for (name, to) in DEVICE_LINKS {
            let (to, at) = (c_string(Path::new(to))?, self.staged(&dev.join(name))?);
            self.steps.push(Step::Link { to, at });
        }
        Ok(())
    }

    /// The mounts, outer ones first; an inner one's mount point is made inside the outer one.
    fn mounts(&mut self, cwd: &Path) -> Result<(), Failure> {
        let placed = std::mem::take(&mut self.placed);
        for (index, mount) in placed.iter().enumerate() {
            if let Some(outer) = outermost(&placed[..index], &mount.target) {
                self.path_below(&outer.target, &mount.target, mount.kind)?;
            }
            self.bind(&mount.source, &mount.target)?;
            if mount.read_only {
                let at = self.staged(&mount.target)?;
                self.steps.push(Step::ReadOnly { at });
            }
        }
        let cwd = self.resolve(cwd)?;
        if let Some(outer) = outermost(&placed, &cwd).filter(|outer| !outer.read_only) {
            self.path_below(&outer.target, &cwd, Kind::Directory)?;
        }
        Ok(())
    }

    fn path_below(&mut self, outer: &Path, path: &Path, kind: Kind) -> Result<(), Failure> {
        let mut between: Vec<_> = path.ancestors().skip(1).take_while(|a| *a != outer).collect();
        between.reverse();
        for directory in between {
            self.directory(directory, false)?;
        }
        if path == outer {
            Ok(())
        } else {
            self.point(path, kind)
        }
    }

    fn point(&mut self, path: &Path, kind: Kind) -> Result<(), Failure> {
        match kind {
            Kind::Directory => self.directory(path, false),
            Kind::File => {
                let at = self.staged(path)?;
                self.steps.push(Step::File { at });
                Ok(())
            }
        }
    }

    fn directory(&mut self, path: &Path, shared: bool) -> Result<(), Failure> {
        let at = self.staged(path)?;
        self.steps.push(Step::Directory { at, shared });
        Ok(())
    }

    fn bind(&mut self, from: &Path, path: &Path) -> Result<(), Failure> {
        let (from, at) = (c_string(from)?, self.staged(path)?);
        self.steps.push(Step::Bind { from, at });
        Ok(())
    }

    fn children(&self, directory: &Path) -> Result<Listing, Failure> {
        let directory = self.on_machine(directory);
        self.listings
            .read(&directory)
            .map_err(|e| failure(&directory, &e))
    }

    fn staged(&self, path: &Path) -> Result<CString, Failure> {
        c_string(&self.stage.join(path.strip_prefix("/").unwrap_or(path)))
    }

    fn on_machine(&self, path: &Path) -> PathBuf {
        self.machine.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// `path` with the machine's symbolic links followed, as far as it exists.
    fn resolve(&self, path: &Path) -> Result<PathBuf, Failure> {
        let mut todo: VecDeque<_> = parts(path).into();
        let (mut done, mut links) = (PathBuf::from("/"), 0);
        while let Some(part) = todo.pop_front() {
            if part == ".." {
                done.pop();
                continue;
            }
            let Ok(link) = std::fs::read_link(self.on_machine(&done.join(&part))) else {
                done.push(part);
                continue;
            };
            links += 1;
            if links > LINKS_MAX {
                return Err(Failure {
                    stage: Stage::Mount,
                    subject: path.display().to_string(),
                    errno: libc::ELOOP,
                });
            }
            if link.is_absolute() {
                done = PathBuf::from("/");
            }
            for part in parts(&link).into_iter().rev() {
                todo.push_front(part);
            }
        }
        Ok(done)
    }
}

/// Whether the sandbox has its own of this, whatever the machine has.
fn is_own(path: &Path) -> bool {
    ["/dev", "/proc", "/tmp"].iter().any(|own| path == Path::new(own))
}

/// The innermost of the mounts that `path` lies in.
fn outermost<'a>(placed: &'a [Placed], path: &Path) -> Option<&'a Placed> {
    placed.iter().rev().find(|p| path.starts_with(&p.target))
}

fn parts(path: &Path) -> Vec<std::ffi::OsString> {
    path.components()
        .filter(|part| matches!(part, Component::Normal(_) | Component::ParentDir))
        .map(|part| part.as_os_str().to_owned())
        .collect()
}

fn kind_of(path: &Path) -> io::Result<Kind> {
    let directory = std::fs::metadata(path)?.is_dir();
    Ok(if directory { Kind::Directory } else { Kind::File })
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    let errno = error.raw_os_error().unwrap_or(libc::EIO);
    Failure {
        stage: Stage::Mount,
        subject: path.display().to_string(),
        errno,
    }
}

fn c_string(path: &Path) -> Result<CString, Failure> {
    CString::new(path.as_os_str().as_bytes()).map_err(|_| Failure {
        stage: Stage::Mount,
        subject: path.display().to_string(),
        errno: libc::EINVAL,
    })
}

#[cfg(test)]
mod tests;
