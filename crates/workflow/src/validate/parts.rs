//! The less common parts of specs and templates: metrics, container sets, volumes, pod resources, clean-up.

use std::collections::BTreeSet;

use argo::Template;
use argo::core::ResourceRequirements;
use argo::policy::{Metrics, Prometheus};

use super::template::RESERVED;
use super::{Check, suggest};

/// When pods may be deleted.
const POD_GC: [&str; 4] = [
    "OnPodCompletion",
    "OnPodSuccess",
    "OnWorkflowCompletion",
    "OnWorkflowSuccess",
];
/// What a whole pod may be given.
const POD_RESOURCES: [&str; 3] = ["cpu", "memory", "hugepages-"];
/// The longest name of a workflow: it becomes a label of its pods.
const MAX_NAME: usize = 63;

impl Check<'_> {
    /// The settings of a whole workflow.
    pub(super) fn settings(&mut self) {
        let name = self
            .object
            .pointer("/metadata/name")
            .and_then(serde_json::Value::as_str)
            .unwrap_or_default();
        if name.len() > MAX_NAME && self.runs {
            let message = format!(
                "workflow name \"{name}\" must not be more than {MAX_NAME} characters long (currently {})",
                name.len()
            );
            self.problem("/metadata/name".to_owned(), message, "give it a shorter name");
        }
        let base = self.base;
        let strategy = self
            .spec
            .pod_gc
            .as_ref()
            .map(|gc| gc.strategy.as_str())
            .unwrap_or_default();
        if !strategy.is_empty() && !POD_GC.contains(&strategy) {
            let message = format!("podGC.strategy unknown strategy '{strategy}'");
            self.problem(
                format!("{base}/podGC/strategy"),
                message,
                suggest(strategy, &POD_GC),
            );
        }
        if let Some(metrics) = &self.spec.metrics {
            self.metrics("spec", metrics, &format!("{base}/metrics"));
        }
        if let Some(resources) = &self.spec.pod_resources {
            self.pod_resources("spec", resources, &format!("{base}/podResources"));
        }
    }

    /// The less common parts of a template.
    pub(super) fn parts(&mut self, template: &Template, pointer: &str) {
        let label = format!("templates.{}", template.name);
        if let Some(metrics) = &template.metrics {
            self.metrics(&label, metrics, &format!("{pointer}/metrics"));
        }
        if let Some(resources) = &template.pod_resources {
            self.pod_resources(&label, resources, &format!("{pointer}/podResources"));
        }
        self.container_set(template, pointer);
        self.mounts(template, pointer);
    }

    fn metrics(&mut self, label: &str, metrics: &Metrics, pointer: &str) {
        for (at, metric) in metrics.prometheus.iter().enumerate() {
            let pointer = format!("{pointer}/prometheus/{at}");
            let bad =
                |text: &str| text.is_empty() || !text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if bad(&metric.name) {
                let message = format!(
                    "{label} metric name '{}' is invalid. Metric names must contain alphanumeric characters or '_'",
                    metric.name
                );
                self.problem(format!("{pointer}/name"), message, "give it another name");
            }
            for (nth, key) in metric
                .labels
                .iter()
                .enumerate()
                .filter(|(_, found)| bad(&found.key))
            {
                let message = format!(
                    "metric label '{}' is invalid: keys may only contain alphanumeric characters or '_'",
                    key.key
                );
                self.problem(
                    format!("{pointer}/labels/{nth}/key"),
                    message,
                    "give it another name",
                );
            }
            if let Some(field) = missing_value(metric) {
                let message = format!("{label} metric '{}' error: missing {field}", metric.name);
                self.problem(
                    format!("{pointer}/{}", field.replace('.', "/")),
                    message,
                    "say what is measured",
                );
            }
        }
    }

    fn pod_resources(&mut self, label: &str, resources: &ResourceRequirements, pointer: &str) {
        if resources.0.contains_key("claims") {
            let message = format!("{label}.podResources.claims is not supported");
            self.problem(format!("{pointer}/claims"), message, "leave it out");
        }
        for kind in ["limits", "requests"] {
            let amounts = resources.0.get(kind).and_then(serde_json::Value::as_object);
            for name in amounts.into_iter().flatten().map(|(name, _)| name) {
                if !POD_RESOURCES
                    .iter()
                    .any(|known| name == known || known.ends_with('-') && name.starts_with(known))
                {
                    let message =
                        format!("{label}.podResources: \"{name}\" is not a valid pod-level resource");
                    let place = format!("{pointer}/{kind}/{}", name.replace('~', "~0").replace('/', "~1"));
                    self.problem(place, message, "give it to the container that uses it");
                }
            }
        }
    }

    fn container_set(&mut self, template: &Template, pointer: &str) {
        let Some(set) = &template.container_set else {
            return;
        };
        let names: Vec<&str> = set
            .containers
            .iter()
            .map(|node| node.container.name.as_str())
            .collect();
        let base = format!("{pointer}/containerSet/containers");
        self.unique(&base, "container", names.iter().copied());
        for (at, node) in set.containers.iter().enumerate() {
            let name = &node.container.name;
            if RESERVED.contains(&name.as_str()) {
                let message = format!(
                    "templates.{}.containerSet.containers: '{name}' is a reserved Argo container name",
                    template.name
                );
                self.problem(format!("{base}/{at}/name"), message, "give it another name");
            }
            for (nth, need) in node
                .dependencies
                .iter()
                .enumerate()
                .filter(|(_, need)| !names.contains(&need.as_str()))
            {
                let message = format!(
                    "templates.{}.containerSet.containers.{name} dependency '{need}' not defined",
                    template.name
                );
                self.problem(
                    format!("{base}/{at}/dependencies/{nth}"),
                    message,
                    suggest(need, &names),
                );
            }
        }
    }

    /// An artifact cannot lie where a volume is mounted.
    fn mounts(&mut self, template: &Template, pointer: &str) {
        let script = template.script.as_ref().map(|script| &script.container);
        let Some(container) = template.container.as_deref().or(script) else {
            return;
        };
        let mounts: BTreeSet<&str> = container
            .volume_mounts
            .iter()
            .filter_map(|mount| mount.text("mountPath"))
            .collect();
        for (at, artifact) in template.inputs.artifacts.iter().enumerate() {
            if mounts.contains(artifact.path.as_str()) {
                let message = format!("templates.{}: '{}' already mounted", template.name, artifact.path);
                self.problem(
                    format!("{pointer}/inputs/artifacts/{at}/path"),
                    message,
                    "give the artifact another path",
                );
            }
        }
    }
}

/// The value that a metric lacks.
fn missing_value(metric: &Prometheus) -> Option<&'static str> {
    let empty = |value: Option<&str>| value.is_some_and(str::is_empty);
    if empty(metric.gauge.as_ref().map(|gauge| gauge.value.as_str())) {
        return Some("gauge.value");
    }
    if empty(metric.counter.as_ref().map(|counter| counter.value.as_str())) {
        return Some("counter.value");
    }
    empty(
        metric
            .histogram
            .as_ref()
            .map(|histogram| histogram.value.as_str()),
    )
    .then_some("histogram.value")
}
