//! One line of the result.

use std::collections::BTreeMap;

use serde::Serialize;

/// What a case came to. What does not apply is absent.
#[derive(Default, Serialize)]
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) workflows: usize,
    /// Steps of all workflows together.
    pub(crate) steps: usize,
    pub(crate) steps_per_second: f64,
    /// Pods a second of the bare loop: all at once, or one after the other where steps are.
    pub(crate) bare_per_second: f64,
    pub(crate) ratio_to_bare: f64,
    /// Median time from one step's pod to the next one's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) step_ms: Option<f64>,
    /// Median time from the creation of a bare pod to its success.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) bare_ms: Option<f64>,
    /// The controller's writes, as it counts them.
    pub(crate) writes_per_step: f64,
    /// Everyone's writes but those of leases, as the API server counts them.
    pub(crate) everyones_writes_per_step: f64,
    /// The same for each pod of the bare loop.
    pub(crate) bare_writes_per_pod: f64,
    /// What everyone's writes were, each for a step; those that make up less than a hundredth are left out.
    pub(crate) everyones: BTreeMap<String, f64>,
    /// User and system time of the controller.
    pub(crate) cpu_ms_per_step: f64,
    /// The same of the control plane's programs and of kwok.
    pub(crate) cluster_cpu_ms_per_step: BTreeMap<String, f64>,
    /// The same for each pod of the bare loop.
    pub(crate) bare_cluster_cpu_ms_per_pod: BTreeMap<String, f64>,
    /// The controller's peak memory.
    pub(crate) mib: f64,
    /// The largest object that holds a part of the workflow, in KiB of JSON.
    pub(crate) largest_object_kib: f64,
}

/// To three places.
pub(crate) fn round(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// The middle one; none of none.
pub(crate) fn median(mut numbers: Vec<f64>) -> Option<f64> {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied()
}
