//! What the state of a pod means for its node: its phase, and what is said of it.
//! Rule: workflow/controller/operator.go, `assessNodeStatus` and `inferFailedReason`.
//!
//! Pure: it knows one pod and its template, and nothing of the machine.

use argo::{NodeStatus, Template, Time};

use crate::contract::{ContainerState, ContainerView, PodView};
use crate::phase::{self, ERROR, FAILED, PENDING, RUNNING, SUCCEEDED};

/// Kubelet's reason for a container of which it lost track.
const UNKNOWN_OUTCOME: &str = "ContainerStatusUnknown";

/// The container whose exit code decides.
const MAIN: &str = "main";

/// The status that a pod's state gives its node; none where it says nothing yet.
pub(super) fn assess(old: &NodeStatus, pod: &PodView, template: &Template) -> Option<NodeStatus> {
    let mut news = old.clone();
    let daemon = template.daemon == Some(true);
    match pod.phase.as_str() {
        "Pending" | "" => {
            PENDING.clone_into(&mut news.phase);
            news.message = pending_reason(pod);
            news.daemoned = None;
        }
        "Succeeded" => {
            let phase = if daemon { FAILED } else { SUCCEEDED };
            phase.clone_into(&mut news.phase);
            news.daemoned = None;
        }
        "Failed" => {
            let (phase, message) = failure(pod, template);
            phase.clone_into(&mut news.phase);
            news.message = message;
            news.daemoned = None;
        }
        "Running" if daemon => {
            if pod.containers.iter().any(|c| !c.ready) {
                return None;
            }
            RUNNING.clone_into(&mut news.phase);
            news.daemoned = Some(true);
        }
        "Running" => RUNNING.clone_into(&mut news.phase),
        other => {
            ERROR.clone_into(&mut news.phase);
            news.message = format!("Unexpected pod phase for {}: {other}", pod.name);
        }
    }
    let cleared = matches!(news.phase.as_str(), RUNNING | SUCCEEDED) && old.phase == PENDING;
    if cleared && news.message == old.message {
        news.message.clear();
    }
    if phase::daemoned(&news) {
        news.pod_ip.clone_from(&pod.ip);
    }
    news.host_node_name.clone_from(&pod.host);
    if news.progress.is_empty() {
        "0/1".clone_into(&mut news.progress);
    }
    if !pod.progress.is_empty() {
        news.progress.clone_from(&pod.progress);
    }
    Some(news)
}

/// The status of a node whose pod has ended and whose report is not in yet: it has run, whether that was seen
/// or not.
pub(super) fn until_reported(old: &NodeStatus, pod: &PodView) -> NodeStatus {
    let mut news = old.clone();
    if old.phase == PENDING {
        RUNNING.clone_into(&mut news.phase);
        news.message.clear();
    }
    news.host_node_name.clone_from(&pod.host);
    news
}

/// Why a pod is pending, in one line.
fn pending_reason(pod: &PodView) -> String {
    let waiting = pod.containers.iter().find_map(|c| match &c.state {
        ContainerState::Waiting { reason, message } => Some((reason, message)),
        _ => None,
    });
    match waiting {
        Some((reason, message)) if message.is_empty() => reason.clone(),
        Some((reason, message)) => format!("{reason}: {message}"),
        None if pod.unschedulable.is_empty() => String::new(),
        None => format!("Unschedulable: {}", pod.unschedulable),
    }
}

fn is_main(template: &Template, name: &str) -> bool {
    match &template.container_set {
        Some(set) => set.containers.iter().any(|c| c.container.name == name),
        None => name == MAIN,
    }
}

/// Phase and message of a pod that failed: its own message, or that of the container that matters most:
/// init containers, then main ones, then sidecars.
fn failure(pod: &PodView, template: &Template) -> (&'static str, String) {
    if !pod.message.is_empty() {
        return (FAILED, pod.message.clone());
    }
    let mut containers: Vec<&ContainerView> = pod.containers.iter().collect();
    containers.sort_by_key(|c| !is_main(template, &c.name));
    let all: Vec<&ContainerView> = pod.init_containers.iter().chain(containers).collect();
    if all.is_empty() {
        let message = format!(
            "can't find failed message for pod {} namespace {}",
            pod.name, pod.namespace
        );
        return (FAILED, message);
    }
    for container in &all {
        if let Some(failure) = container_failure(container, template) {
            return failure;
        }
    }
    let done = |c: &&&ContainerView| is_main(template, &c.name) && exit_of(c) == Some(0);
    if all.iter().any(|c| done(&c)) {
        // Only sidecars that were killed at the end are left.
        return (SUCCEEDED, String::new());
    }
    (
        FAILED,
        "pod failed: neither main nor wait container completed successfully".to_owned(),
    )
}

fn container_failure(container: &ContainerView, template: &Template) -> Option<(&'static str, String)> {
    let name = &container.name;
    match &container.state {
        ContainerState::Waiting { reason, message } => Some((
            ERROR,
            format!("Pod failed before {name} container starts due to {reason}: {message}"),
        )),
        ContainerState::Terminated { exit_code: 0, .. } => None,
        ContainerState::Terminated {
            exit_code,
            reason,
            message,
            ..
        } => {
            let main = is_main(template, name);
            if !main && matches!(exit_code, 137 | 143) {
                return None;
            }
            let mut text = format!("{name}: {reason} (exit code {exit_code})");
            if !message.is_empty() {
                text = format!("{text}: {message}");
            }
            // Nobody knows how it ended: what fails and is retried as a failure must have run to its end.
            let phase = if reason == UNKNOWN_OUTCOME { ERROR } else { FAILED };
            Some((phase, text))
        }
        ContainerState::Unknown | ContainerState::Running { .. } => None,
    }
}

fn exit_of(container: &ContainerView) -> Option<i32> {
    match container.state {
        ContainerState::Terminated { exit_code, .. } => Some(exit_code),
        _ => None,
    }
}

/// The exit code that says how the main containers as a whole ended: that of the one that failed, if any did.
pub(super) fn worst_exit(pod: &PodView, template: &Template) -> Option<i32> {
    let mains = pod.containers.iter().filter(|c| is_main(template, &c.name));
    mains.filter_map(exit_of).max_by_key(|code| i32::from(*code != 0))
}

/// The exit code of the main container.
pub(super) fn exit_code(pod: &PodView) -> Option<i32> {
    pod.containers.iter().find(|c| c.name == MAIN).and_then(exit_of)
}

pub(super) fn latest_finish(pod: &PodView) -> Option<Time> {
    let all = pod.init_containers.iter().chain(&pod.containers);
    all.filter_map(|c| match c.state {
        ContainerState::Terminated { finished, .. } => finished,
        _ => None,
    })
    .max()
}
