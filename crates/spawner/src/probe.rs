//! What this machine lets us do, found by doing it: a sandbox is built in which nothing runs.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::rc::Rc;

use rustix::fs::{Mode, OFlags};
use rustix::process::{Resource, WaitId, WaitIdOptions};

use crate::child::{Child, Given};
use crate::listings::Listings;
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
                obstacle: None,
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
    let given = Given {
        spawner: own.clone(),
        output: output.map_err(|errno| Failure {
            stage: Stage::Log,
            subject: "/dev/null".to_owned(),
            errno: errno.raw_os_error(),
        })?,
        open_files: rustix::process::getrlimit(Resource::Nofile),
    };
    let result = Child::prepare(&start, wanted, None, given, &Listings::default())?.start(stacks, NOTHING);
    let _ = rustix::process::waitid(WaitId::All, WaitIdOptions::EXITED);
    match result {
        Err(failure) if failure.stage != Stage::Execute => Err(failure),
        _ => Ok(()),
    }
}
