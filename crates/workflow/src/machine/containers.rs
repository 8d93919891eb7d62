//! Container sets: one pod, and a node for each of its containers.
//! Rule: workflow/controller/container_set_template.go, and `assessNodeStatus` in operator.go.

use argo::template::ContainerNode;
use argo::{NodeStatus, Template};

use super::nodes::Ix;
use super::{Machine, mark, whole_seconds};
use crate::contract::{ContainerState, ContainerView, PodView};
use crate::names;
use crate::phase::{self, ERROR, FAILED, PENDING, RUNNING, SUCCEEDED, kind};

impl Machine {
    /// The nodes of a container set's containers: made once its pod is there, and told what the pod says.
    pub(super) fn assess_containers(&mut self, ix: Ix, pod: &PodView, template: &Template) {
        let Some(set) = &template.container_set else {
            return;
        };
        self.make_containers(ix, &set.containers);
        for container in &pod.containers {
            let name = format!("{}.{}", self.nodes.status(ix).name, container.name);
            let Some(node) = self.nodes.find(&names::node_id(self.name(), &name)) else {
                continue;
            };
            let Some((phase, message)) = state_of(container, &pod.phase) else {
                continue;
            };
            if self.phase(node) != phase {
                self.apply(node, |status, now| mark(status, now, phase, message.as_deref()));
            }
        }
    }

    fn make_containers(&mut self, ix: Ix, containers: &[ContainerNode]) {
        let of = |name: &str, m: &Self| {
            let full = format!("{}.{name}", m.nodes.status(ix).name);
            (names::node_id(m.name(), &full), full)
        };
        for container in containers {
            let (id, name) = of(&container.container.name, self);
            if self.nodes.find(&id).is_none() {
                let status = self.container_status(ix, id, name, &container.container.name);
                self.nodes.insert(status);
            }
        }
        for container in containers {
            let Some(node) = self.nodes.find(&of(&container.container.name, self).0) else {
                continue;
            };
            if container.dependencies.is_empty() {
                self.nodes.link(ix, node);
            }
            for dependency in &container.dependencies {
                if let Some(before) = self.nodes.find(&of(dependency, self).0) {
                    self.nodes.link(before, node);
                }
            }
        }
    }

    fn container_status(&self, ix: Ix, id: String, name: String, display_name: &str) -> NodeStatus {
        let pod = self.nodes.status(ix);
        NodeStatus {
            id,
            name,
            display_name: display_name.to_owned(),
            r#type: kind::CONTAINER.to_owned(),
            template_name: pod.template_name.clone(),
            template_ref: pod.template_ref.clone(),
            template_scope: pod.template_scope.clone(),
            phase: PENDING.to_owned(),
            boundary_id: pod.id.clone(),
            node_flag: pod.node_flag.clone(),
            started_at: Some(whole_seconds(self.now)),
            progress: "0/1".to_owned(),
            ..NodeStatus::default()
        }
    }

    /// Containers that are not over end with their pod.
    pub(super) fn end_containers(&mut self, ix: Ix, phase: &str, message: &str) {
        let id = self.nodes.status(ix).id.clone();
        let mut open = self.children(ix);
        while let Some(node) = open.pop() {
            let status = self.nodes.status(node);
            if status.r#type != kind::CONTAINER || status.boundary_id != id {
                continue;
            }
            if !phase::over(&status.phase) {
                self.mark(node, phase, message);
            }
            open.extend(self.children(node));
        }
    }
}

/// What a container's state means for its node; none where it says nothing yet.
fn state_of(container: &ContainerView, pod_phase: &str) -> Option<(&'static str, Option<String>)> {
    let name = &container.name;
    match &container.state {
        ContainerState::Terminated { exit_code: 0, .. } => Some((SUCCEEDED, None)),
        ContainerState::Terminated {
            exit_code,
            reason,
            message,
            ..
        } => {
            let phase = if *exit_code == argo::exec::EXECUTOR_FAILED {
                ERROR
            } else {
                FAILED
            };
            let said = format!("{name}: {reason} (exit code {exit_code}): {message}");
            Some((phase, Some(said)))
        }
        _ if pod_phase == FAILED => Some((FAILED, Some("Pod Failed whilst container running".to_owned()))),
        ContainerState::Waiting { .. } => Some((PENDING, None)),
        ContainerState::Running { .. } => Some((RUNNING, None)),
        ContainerState::Unknown => None,
    }
}
