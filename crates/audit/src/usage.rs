//! What the GPUs were doing: readings of NVIDIA's DCGM exporter, in either form they come in.
//!
//! ```text
//!   the exporter's own page    DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",namespace="a",pod="b"} 97
//!   a Prometheus' answer       {"data": {"result": [{"metric": {...}, "value": [t, "97"]}]}}
//! ```
//!
//! A Prometheus that scrapes the exporter renames the pod's labels (`exported_pod`), its own meaning then the
//! exporter's pod; so those with the prefix count where they are there.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::labels::first;

/// Time with work on the GPU, in percent.
pub const UTILISATION: &str = "DCGM_FI_DEV_GPU_UTIL";
/// Time with work on the GPU, from 0 to 1; the only one of the two for MIG devices.
pub const ACTIVE: &str = "DCGM_FI_PROF_GR_ENGINE_ACTIVE";
/// MiB of the GPU's memory in use.
pub const MEMORY_USED: &str = "DCGM_FI_DEV_FB_USED";
/// MiB of the GPU's memory that are free.
pub const MEMORY_FREE: &str = "DCGM_FI_DEV_FB_FREE";

/// What devices were doing for the pods that held them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Usage {
    /// How it was measured, in words.
    pub source: String,
    devices: BTreeMap<Device, Reading>,
}

/// One device in the hands of one pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Device {
    namespace: String,
    pod: String,
    /// The GPU, and its MIG instance if it is one.
    device: (String, String),
}

/// What one device was doing.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Reading {
    utilisation: Option<f64>,
    active: Option<f64>,
    used: Option<f64>,
    free: Option<f64>,
}

impl Reading {
    /// The part of the time with work on it, from 0 to 1.
    pub(crate) fn busy(&self) -> Option<f64> {
        self.active.or(self.utilisation)
    }

    /// The part of its memory in use, from 0 to 1.
    pub(crate) fn memory(&self) -> Option<f64> {
        let (used, free) = (self.used?, self.free?);
        Some(if used + free > 0.0 {
            used / (used + free)
        } else {
            0.0
        })
    }
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Sample>,
}

#[derive(Deserialize)]
struct Sample {
    metric: BTreeMap<String, String>,
    value: (serde_json::Value, String),
}

impl Usage {
    /// Nothing measured yet, by this means.
    pub fn new(source: impl Into<String>) -> Self {
        Self {
            source: source.into(),
            devices: BTreeMap::new(),
        }
    }

    /// How many devices in the hands of pods were measured.
    pub fn len(&self) -> usize {
        self.devices.len()
    }

    /// Whether no device in the hands of a pod was measured.
    pub fn is_empty(&self) -> bool {
        self.devices.is_empty()
    }

    /// Adds an exporter's page. Lines that are not understood are left out.
    pub fn read_page(&mut self, text: &str) {
        for line in text.lines().filter(|line| line.starts_with("DCGM_")) {
            if let Some((metric, labels, value)) = sample(line) {
                self.add(metric, &labels, value);
            }
        }
    }

    /// Adds a Prometheus' answer to an instant query for `metric`.
    ///
    /// # Errors
    /// It is no such answer.
    pub fn read_answer(&mut self, metric: &str, text: &str) -> Result<(), serde_json::Error> {
        let answer: Answer = serde_json::from_str(text)?;
        for sample in answer.data.result {
            // Functions over time drop the name.
            let name = sample.metric.get("__name__").map_or(metric, String::as_str);
            if let Ok(value) = sample.value.1.parse() {
                self.add(name, &sample.metric, value);
            }
        }
        Ok(())
    }

    fn add(&mut self, metric: &str, labels: &BTreeMap<String, String>, value: f64) {
        let Some(device) = device(labels).filter(|_| value.is_finite()) else {
            return;
        };
        let reading = self.devices.entry(device).or_default();
        match metric {
            UTILISATION => reading.utilisation = Some(value / 100.0),
            ACTIVE => reading.active = Some(value),
            MEMORY_USED => reading.used = Some(value),
            MEMORY_FREE => reading.free = Some(value),
            _ => {}
        }
    }

    /// The readings of the devices that a pod held.
    pub(crate) fn of(&self, namespace: &str, pod: &str) -> impl Iterator<Item = &Reading> {
        let first = Device {
            namespace: namespace.to_owned(),
            pod: pod.to_owned(),
            device: Default::default(),
        };
        let (namespace, pod) = (first.namespace.clone(), first.pod.clone());
        let from = self.devices.range(first..);
        from.take_while(move |(device, _)| device.namespace == namespace && device.pod == pod)
            .map(|(_, reading)| reading)
            .filter(|reading| reading.busy().is_some())
    }
}

/// The device and its pod; none while no pod holds it.
fn device(labels: &BTreeMap<String, String>) -> Option<Device> {
    let label = |keys: &[&str]| first(labels, keys).map(str::to_owned);
    let instance = label(&["GPU_I_ID"]).unwrap_or_default();
    Some(Device {
        namespace: label(&["exported_namespace", "namespace", "pod_namespace"])?,
        pod: label(&["exported_pod", "pod", "pod_name"])?,
        device: (label(&["UUID", "uuid", "gpu"])?, instance),
    })
}

/// A line of the exposition format: name, labels, value.
fn sample(line: &str) -> Option<(&str, BTreeMap<String, String>, f64)> {
    let (metric, rest) = line.split_once('{')?;
    let (labels, rest) = self::labels(rest)?;
    let value = rest.split_whitespace().next()?.parse().ok()?;
    Some((metric.trim(), labels, value))
}

/// Labels up to the closing brace, and what follows it.
fn labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (key, after) = rest.split_once("=\"")?;
        let (value, after) = quoted(after)?;
        labels.insert(key.trim().to_owned(), value);
        rest = after;
    }
}

/// A quoted value up to its closing quote, and what follows it.
fn quoted(text: &str) -> Option<(String, &str)> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => return Some((value, &text[at + 1..])),
            '\\' => match chars.next()?.1 {
                'n' => value.push('\n'),
                escaped => value.push(escaped),
            },
            c => value.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = r#"# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).
# TYPE DCGM_FI_DEV_GPU_UTIL gauge
DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-0",modelName="Tesla T4",container="c",namespace="a",pod="one"} 50
DCGM_FI_DEV_GPU_UTIL{gpu="1",UUID="GPU-1",modelName="A \"quoted\" name",namespace="a",pod="one"} 0
DCGM_FI_DEV_FB_USED{gpu="1",UUID="GPU-1",namespace="a",pod="one"} 1024
DCGM_FI_DEV_FB_FREE{gpu="1",UUID="GPU-1",namespace="a",pod="one"} 3072
DCGM_FI_DEV_GPU_UTIL{gpu="2",UUID="GPU-2",namespace="a",pod="one-more"} 1.5e1
DCGM_FI_DEV_GPU_UTIL{gpu="3",UUID="GPU-3",namespace="",pod=""} 0
DCGM_FI_DEV_GPU_UTIL{gpu="4",UUID="GPU-4",namespace="a",pod="broken"
DCGM_FI_DEV_GPU_UTIL{gpu="4",UUID="GPU-4",namespace="a",pod="broken"} NaN
"#;

    fn busy(usage: &Usage, pod: &str) -> Vec<f64> {
        usage.of("a", pod).filter_map(Reading::busy).collect()
    }

    #[test]
    fn a_page_is_read() {
        let mut usage = Usage::new("a page");
        usage.read_page(PAGE);
        assert_eq!(usage.len(), 3);
        assert_eq!(busy(&usage, "one"), [0.5, 0.0]);
        assert_eq!(busy(&usage, "one-more"), [0.15]);
        assert_eq!(busy(&usage, "broken"), [] as [f64; 0]);
        assert_eq!(usage.of("a", "one").nth(1).and_then(Reading::memory), Some(0.25));
    }

    #[test]
    fn an_answer_is_read() {
        let mut usage = Usage::new("an answer");
        let text = r#"{"status":"success","data":{"resultType":"vector","result":[
            {"metric":{"UUID":"GPU-0","exported_namespace":"a","exported_pod":"one","namespace":"gpu-operator","pod":"exporter"},"value":[1795500000.1,"0.75"]},
            {"metric":{"__name__":"DCGM_FI_DEV_GPU_UTIL","UUID":"GPU-1","namespace":"a","pod":"two"},"value":[1795500000.1,"20"]}]}}"#;
        usage.read_answer(ACTIVE, text).unwrap();
        assert_eq!(busy(&usage, "one"), [0.75]);
        assert_eq!(busy(&usage, "two"), [0.2]);
        assert!(usage.read_answer(ACTIVE, "{}").is_err());
    }
}
