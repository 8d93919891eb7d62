//! kubelet's words, which people and programs know.

use spawner::protocol::{Failure, Stage};

use super::unit::Unit;
use super::view::{PodView, ProbeKind};
use super::{Effect, Probed, tell};

/// Reason of a container that could not be started.
pub const START_ERROR: &str = "StartError";
/// Reason of a container in which something was killed for want of memory.
pub const OUT_OF_MEMORY: &str = "OOMKilled";
/// Reason of a pod that took more of the node than it may.
pub const EVICTED: &str = "Evicted";
/// Reason of a container whose end nobody saw.
pub const UNKNOWN: &str = "ContainerStatusUnknown";
/// Message of the same.
pub const UNKNOWN_MESSAGE: &str = "The container could not be located when the pod was terminated";
/// Message of a pod that was active for too long.
pub const DEADLINE: &str = "Pod was active on the node longer than the specified deadline";

/// A pod as kubelet names it in messages.
pub fn pod(view: &PodView) -> String {
    format!("{}_{}({})", view.name, view.namespace, view.uid)
}

/// A duration of whole seconds as Go prints it: `10s`, `1m20s`, `5m0s`.
pub fn seconds(seconds: i64) -> String {
    match (seconds / 60, seconds % 60) {
        (0, rest) => format!("{rest}s"),
        (minutes, rest) => format!("{minutes}m{rest}s"),
    }
}

/// A probe's name at the beginning of a sentence.
pub fn probe(kind: ProbeKind) -> &'static str {
    match kind {
        ProbeKind::Startup => "Startup",
        ProbeKind::Liveness => "Liveness",
        ProbeKind::Readiness => "Readiness",
    }
}

/// What is told of a probe that did not succeed.
pub(super) fn probed(kind: ProbeKind, result: Probed) -> Option<String> {
    let probe = probe(kind);
    match result {
        Probed::Passed => None,
        Probed::Failed(why) => Some(format!("{probe} probe failed: {why}")),
        Probed::Errored(why) => Some(format!(
            "{probe} probe errored and resulted in unknown state: {why}"
        )),
    }
}

/// Why a container is stopped after a probe failed.
pub fn unhealthy(unit: &Unit, kind: ProbeKind, never_restarts: bool) -> String {
    let name = &unit.view.name;
    if never_restarts {
        return format!("Stopping container {name}");
    }
    format!(
        "Container {name} failed {} probe, will be restarted",
        probe(kind).to_lowercase()
    )
}

/// What is told of a container that cannot be started for now.
pub(super) fn refusal(reason: &str, message: &str) -> Vec<Effect> {
    if reason == "InvalidImageName" {
        let inspected = tell(true, "InspectFailed", message.to_owned());
        return vec![inspected, tell(true, "Failed", format!("Error: {reason}"))];
    }
    vec![tell(true, "Failed", format!("Error: {message}"))]
}

/// Why a program could not be started, in the words of a container runtime; ours where it has none.
pub fn start_failure(failure: &Failure) -> String {
    runtime_words(failure).map_or_else(
        || failure.to_string(),
        |why| {
            format!(
                "failed to create containerd task: failed to create shim task: OCI runtime create failed: runc create \
                 failed: unable to start container process: {why}: unknown"
            )
        },
    )
}

/// Why a program could not be started in a container that runs, in the same words. `pod` is the pod's uid: the id of what
/// did not start has as many digits as a runtime's.
pub fn exec_failure(failure: &Failure, pod: &str) -> String {
    let id = pod.replace('-', "").repeat(2);
    let why = runtime_words(failure).map_or_else(
        || failure.to_string(),
        |why| {
            format!("OCI runtime exec failed: exec failed: unable to start container process: {why}: unknown")
        },
    );
    format!("failed to exec in container: failed to start exec {id:?}: {why}")
}

fn runtime_words(failure: &Failure) -> Option<String> {
    let program = format!("exec: {:?}", failure.subject);
    let why = match (failure.stage, failure.errno) {
        (Stage::Lookup, _) => format!("{program}: executable file not found in $PATH"),
        (Stage::Execute, libc_errno::NOT_FOUND) => {
            format!("{program}: stat {}: no such file or directory", failure.subject)
        }
        (Stage::Execute, libc_errno::NOT_PERMITTED) => format!("{program}: permission denied"),
        (Stage::Execute, libc_errno::NO_FORMAT) => format!("{program}: exec format error"),
        (Stage::Directory, libc_errno::NOT_FOUND) => {
            format!(
                "chdir to cwd ({:?}) set in config.json failed: no such file or directory",
                failure.subject
            )
        }
        _ => return None,
    };
    Some(why)
}

/// The error numbers that have words of their own.
mod libc_errno {
    pub(super) const NOT_FOUND: i32 = 2;
    pub(super) const NO_FORMAT: i32 = 8;
    pub(super) const NOT_PERMITTED: i32 = 13;
}
