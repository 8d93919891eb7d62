//! What this machine lets us do, found by doing it: a sandbox is built in which nothing runs.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, WaitId, WaitIdOptions};

use crate::child::{Child, Given};
use crate::listings::Listings;
use crate::output::Ends;
use crate::protocol::{Abilities, Failure, Sandbox, Stage, Start};
use crate::sys::Stacks;

/// Tries the ways to a sandbox, best first.
pub(crate) fn abilities(stacks: &mut Stacks, own: &Rc<OwnedFd>) -> Abilities {
    let root = rustix::process::geteuid().is_root();
    let mut first = None;
    for process_ids in [true, false] {
        for user_namespace in if root { [false, true] } else { [true, true] } {
            let wanted = Abilities {
                sandbox: true,
                user_namespace,
                process_ids,
                other_users: root && !user_namespace,
                ..Abilities::default()
            };
            match attempt(&wanted, stacks, own) {
                Ok(()) => return wanted,
                Err(failure) => drop(first.get_or_insert(failure)),
            }
        }
    }
    let obstacle = first.map(|failure| {
        format!("processes cannot have their own view of the file system on this machine ({failure})")
    });
    Abilities {
        other_users: root,
        obstacle,
        ..Abilities::default()
    }
}

/// Builds a sandbox and executes a program that cannot exist in it: getting that far is success.
fn attempt(wanted: &Abilities, stacks: &mut Stacks, own: &Rc<OwnedFd>) -> Result<(), Failure> {
    const NOTHING: &str = "/dev/null/nothing";
    let start = Start {
        argv: vec![NOTHING.to_owned()],
        cwd: PathBuf::from("/"),
        sandbox: Some(Sandbox {
            stage: std::env::current_dir().unwrap_or_default().join("stage"),
            ..Sandbox::default()
        }),
        ..Start::default()
    };
    let output = rustix::fs::open(c"/dev/null", OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty());
    let ends = output.map_err(std::io::Error::from).and_then(Ends::writing_to);
    let given = Given {
        spawner: own.clone(),
        ends: ends.map_err(|error| Failure {
            stage: Stage::Log,
            subject: "/dev/null".to_owned(),
            errno: error.raw_os_error().unwrap_or(libc::EIO),
        })?,
        open_files: rustix::process::getrlimit(Resource::Nofile),
        doors: Vec::new(),
    };
    let result = Child::prepare(&start, wanted, None, given, &Listings::default())?.start(stacks, NOTHING);
    let _ = rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED);
    match result {
        Err(failure) if failure.stage != Stage::Execute => Err(failure),
        _ => Ok(()),
    }
}
