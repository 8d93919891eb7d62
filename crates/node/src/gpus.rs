//! The GPUs that a node offers, described as NVIDIA's device plugin and feature discovery describe them.
//!
//! Which of them a container sees is the scheduler's choice; the node does not look for any.

use serde_json::{Map, Value, json};

/// The resource that counts NVIDIA's devices.
const RESOURCE: &str = "nvidia.com/gpu";

/// GPUs of one model.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Gpus {
    /// How many; they are numbered from 0.
    pub count: u32,
    /// The model as `nvidia.com/gpu.product` names it, such as `NVIDIA-A100-SXM4-80GB`.
    pub product: String,
    /// The family as `nvidia.com/gpu.family` names it, such as `ampere`; empty if it is not known.
    pub family: String,
    /// Memory of each in MiB.
    pub memory: u32,
}

impl Gpus {
    /// The labels of NVIDIA's feature discovery.
    pub(crate) fn labels(&self) -> Vec<(&'static str, String)> {
        let all = [
            ("nvidia.com/gpu.present", "true".to_owned()),
            ("nvidia.com/gpu.count", self.count.to_string()),
            ("nvidia.com/gpu.product", self.product.clone()),
            ("nvidia.com/gpu.family", self.family.clone()),
            ("nvidia.com/gpu.memory", self.memory.to_string()),
            ("nvidia.com/gpu.replicas", "1".to_owned()),
            ("nvidia.com/gpu.sharing-strategy", "none".to_owned()),
        ];
        let known = |(_, value): &(&str, String)| !value.is_empty();
        all.into_iter().filter(known).collect()
    }

    /// Adds them to what a node offers.
    pub(crate) fn offer(&self, resources: &mut Map<String, Value>) {
        resources.insert(RESOURCE.to_owned(), json!(self.count.to_string()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn described_as_feature_discovery_does() {
        let gpus = Gpus {
            count: 8,
            product: "NVIDIA-A100-SXM4-80GB".to_owned(),
            memory: 81_920,
            ..Gpus::default()
        };
        let labels = gpus.labels();
        assert!(labels.contains(&("nvidia.com/gpu.product", "NVIDIA-A100-SXM4-80GB".to_owned())));
        assert!(labels.contains(&("nvidia.com/gpu.count", "8".to_owned())));
        assert!(labels.iter().all(|(key, _)| *key != "nvidia.com/gpu.family"));
        let mut resources = Map::new();
        gpus.offer(&mut resources);
        assert_eq!(resources["nvidia.com/gpu"], "8");
    }
}
