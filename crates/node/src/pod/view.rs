//! What the pod machine sees of a pod: a projection, taken once per update.

use kinds::k8s::api::core::v1::{Container, Pod, Probe};
use meta::Timestamp;

/// `spec.restartPolicy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RestartPolicy {
    /// Restart whatever ended.
    Always,
    /// Restart what ended with another code than 0.
    OnFailure,
    /// Restart nothing.
    Never,
}

/// A pod, as far as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PodView {
    /// `metadata.uid`.
    pub uid: String,
    /// `metadata.namespace`.
    pub namespace: String,
    /// `metadata.name`.
    pub name: String,
    /// `spec.restartPolicy`.
    pub restart_policy: RestartPolicy,
    /// Seconds between asking a container to end and ending it.
    pub grace: i64,
    /// `spec.activeDeadlineSeconds`.
    pub active_deadline: Option<i64>,
    /// Whether the pod is being deleted.
    pub deleted: bool,
    /// `spec.initContainers`.
    pub init: Vec<ContainerView>,
    /// `spec.containers`.
    pub main: Vec<ContainerView>,
}

/// A container, as far as decisions need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ContainerView {
    /// Its name.
    pub name: String,
    /// Its image reference.
    pub image: String,
    /// An init container that goes on running (`restartPolicy: Always`).
    pub sidecar: bool,
    /// Whether something is run before it is asked to end.
    pub pre_stop: bool,
    /// Whether something is run once it has started.
    pub post_start: bool,
    /// Its probes.
    pub probes: Vec<ProbeView>,
}

/// What a probe decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProbeKind {
    /// Whether the container has started; the others wait for it.
    Startup,
    /// Whether it must be restarted.
    Liveness,
    /// Whether it is ready.
    Readiness,
}

/// When a probe runs and what counts; seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeView {
    /// What it decides.
    pub kind: ProbeKind,
    /// Seconds from the container's start to the first run.
    pub delay: i64,
    /// Seconds from one run to the next.
    pub period: i64,
    /// Failures in a row that count as failed.
    pub failures: i32,
    /// Successes in a row that count as succeeded.
    pub successes: i32,
}

/// kubelet's default of `terminationGracePeriodSeconds`.
const GRACE: i64 = 30;

impl PodView {
    /// The projection of `pod`; a pod without uid or spec is none.
    pub fn new(pod: &Pod) -> Option<Self> {
        let (meta, spec) = (&pod.metadata, pod.spec.as_ref()?);
        let grace = meta
            .deletion_grace_period_seconds
            .or(spec.termination_grace_period_seconds);
        Some(Self {
            uid: meta.uid.clone()?,
            namespace: meta.namespace.clone()?,
            name: meta.name.clone()?,
            restart_policy: restart_policy(spec.restart_policy.as_deref()),
            grace: grace.unwrap_or(GRACE).max(0),
            active_deadline: spec.active_deadline_seconds,
            deleted: meta.deletion_timestamp.is_some(),
            init: spec
                .init_containers
                .iter()
                .flatten()
                .map(ContainerView::new)
                .collect(),
            main: spec.containers.iter().map(ContainerView::new).collect(),
        })
    }
}

fn restart_policy(text: Option<&str>) -> RestartPolicy {
    match text {
        Some("Never") => RestartPolicy::Never,
        Some("OnFailure") => RestartPolicy::OnFailure,
        _ => RestartPolicy::Always,
    }
}

impl ContainerView {
    fn new(container: &Container) -> Self {
        let lifecycle = container.lifecycle.as_ref();
        let probes = [
            (ProbeKind::Startup, &container.startup_probe),
            (ProbeKind::Liveness, &container.liveness_probe),
            (ProbeKind::Readiness, &container.readiness_probe),
        ];
        Self {
            name: container.name.clone(),
            image: container.image.clone().unwrap_or_default(),
            sidecar: container.restart_policy.as_deref() == Some("Always"),
            pre_stop: lifecycle.is_some_and(|hooks| hooks.pre_stop.is_some()),
            post_start: lifecycle.is_some_and(|hooks| hooks.post_start.is_some()),
            probes: probes
                .iter()
                .filter_map(|(kind, probe)| Some(ProbeView::new(*kind, probe.as_ref()?)))
                .collect(),
        }
    }

    /// Whether it has a probe of this kind.
    pub fn has_probe(&self, kind: ProbeKind) -> bool {
        self.probes.iter().any(|probe| probe.kind == kind)
    }
}

impl ProbeView {
    fn new(kind: ProbeKind, probe: &Probe) -> Self {
        let or = |value: Option<i32>, default: i32| value.filter(|value| *value > 0).unwrap_or(default);
        Self {
            kind,
            delay: i64::from(or(probe.initial_delay_seconds, 0)),
            period: i64::from(or(probe.period_seconds, 10)),
            failures: or(probe.failure_threshold, 3),
            successes: or(probe.success_threshold, 1),
        }
    }
}

/// `time` moved by whole seconds, or as it is at the end of time.
pub(crate) fn after(time: Timestamp, seconds: i64) -> Timestamp {
    time.checked_add(jiff::SignedDuration::from_secs(seconds))
        .unwrap_or(time)
}
