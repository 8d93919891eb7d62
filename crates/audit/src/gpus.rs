//! GPUs as machines offer them and as pods ask for them.
//!
//! ```text
//!   whole        nvidia.com/gpu, amd.com/gpu                      one unit is one GPU
//!   time-sliced  nvidia.com/gpu[.shared], label gpu.replicas=N    one unit is 1/N
//!   MIG          nvidia.com/mig-3g.20gb, or nvidia.com/gpu where  one unit is its compute slices
//!                the product label names the only profile         over all of the model's
//!   fractions    annotations gpu-fraction, gpu-memory (Run:ai,    a part of one GPU, which a
//!                KAI), label runai-gpu-group                      reservation pod may hold for them
//! ```

use crate::amount::Gpus;
use crate::cluster::{Labels, Pod};
use crate::labels;

/// The resource of NVIDIA's whole GPUs.
pub(crate) const NVIDIA: &str = "nvidia.com/gpu";
/// Resources of which one unit is a device, or a share of one that is sliced in time.
const DEVICES: [&str; 5] = [
    NVIDIA,
    "nvidia.com/gpu.shared",
    "amd.com/gpu",
    "gpu.intel.com/i915",
    "gpu.intel.com/xe",
];
/// What comes before a MIG profile's name.
const MIG: &str = "nvidia.com/mig-";
/// The label of pods that share one GPU, and of the pod that holds it for them.
const GROUP: &str = "runai-gpu-group";

/// Whether amounts of this resource are GPUs.
pub(crate) fn is_gpu(resource: &str) -> bool {
    DEVICES.contains(&resource) || resource.starts_with(MIG)
}

/// What one unit of `resource` is on a machine with these labels.
pub(crate) fn unit(resource: &str, labels: &Labels) -> Gpus {
    let replicas = number(labels, "nvidia.com/gpu.replicas").filter(|replicas| *replicas > 1);
    let profile = match resource.strip_prefix(MIG) {
        Some(profile) => Some(profile.trim_end_matches(".shared")),
        None => only_profile(labels),
    };
    let device = profile.map_or(Gpus::whole(1), |profile| slice(profile, labels));
    // A resource renamed for sharing is shared, whatever others on the machine are.
    let shared = !resource.starts_with(MIG) || resource.ends_with(".shared");
    device.of(1, replicas.filter(|_| shared).unwrap_or(1))
}

/// The profile that all of the machine's GPUs are cut into: strategy `single` of NVIDIA's feature discovery.
fn only_profile(labels: &Labels) -> Option<&str> {
    let product = labels.get("nvidia.com/gpu.product")?;
    let (_, profile) = product.split_once("-MIG-")?;
    Some(profile.trim_end_matches("-SHARED"))
}

/// A MIG profile as a part of its GPU: `3g.20gb` has three of seven compute slices, of an A30 three of four.
fn slice(profile: &str, labels: &Labels) -> Gpus {
    let slices = profile
        .split_once('g')
        .and_then(|(slices, _)| slices.parse().ok());
    let all = if labels::model(labels).is_some_and(|model| model.contains("A30")) {
        4
    } else {
        7
    };
    slices.map_or(Gpus::ZERO, |slices| Gpus::part(slices, all))
}

/// A label that is a number.
pub(crate) fn number(labels: &Labels, key: &str) -> Option<i64> {
    labels.get(key)?.parse().ok()
}

/// A part of one GPU, or of several, asked for by annotation.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Fraction {
    /// How much of each.
    pub(crate) part: Part,
    /// Of how many.
    pub(crate) devices: i64,
}

/// How much of a GPU.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Part {
    /// A part of it.
    Share(Gpus),
    /// So many MiB of its memory.
    Memory(i64),
}

impl Fraction {
    /// What the pod's annotations ask for. Rule: KAI's documentation of GPU sharing.
    pub(crate) fn of(pod: &Pod) -> Option<Self> {
        let annotations = &pod.metadata.annotations;
        let share = annotations
            .get("gpu-fraction")
            .and_then(|text| text.parse::<f64>().ok());
        let share = share.filter(|share| *share > 0.0 && *share <= 1.0).map(|share| {
            // A float beyond the bounds of an integer cannot come here.
            Part::Share(Gpus::part((share * 1e6).round() as i64, 1_000_000))
        });
        let memory = || {
            number(annotations, "gpu-memory")
                .filter(|memory| *memory > 0)
                .map(Part::Memory)
        };
        let devices = number(annotations, "gpu-fraction-num-devices").filter(|devices| *devices > 0);
        Some(Self {
            part: share.or_else(memory)?,
            devices: devices.unwrap_or(1),
        })
    }

    /// What it is of each GPU with so many MiB of memory. Memory of a GPU whose size is unknown counts as all of it.
    pub(crate) fn share(&self, memory: Option<i64>) -> Gpus {
        match self.part {
            Part::Share(share) => share,
            Part::Memory(asked) => {
                memory.map_or(Gpus::whole(1), |all| Gpus::part(asked, all).min(Gpus::whole(1)))
            }
        }
    }

    /// As people say it.
    pub(crate) fn describe(&self) -> String {
        let part = match &self.part {
            Part::Share(share) => format!("{share} GPU"),
            Part::Memory(memory) => format!("{memory} MiB of a GPU"),
        };
        if self.devices > 1 {
            format!("{} × {part}", self.devices)
        } else {
            part
        }
    }
}

/// The group of pods that share a GPU with this one, or for which this one holds a GPU.
pub(crate) fn group(pod: &Pod) -> Option<&str> {
    pod.metadata.labels.get(GROUP).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(product: &str, replicas: &str) -> Labels {
        let pairs = [
            ("nvidia.com/gpu.product", product),
            ("nvidia.com/gpu.replicas", replicas),
        ];
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn a_unit_is_a_part_of_a_gpu() {
        let check = |resource: &str, product: &str, replicas: &str, expected: Gpus| {
            assert_eq!(
                unit(resource, &labels(product, replicas)),
                expected,
                "{resource} {product} {replicas}"
            );
        };
        check("nvidia.com/gpu", "Tesla-T4", "1", Gpus::whole(1));
        check("nvidia.com/gpu", "Tesla-T4-SHARED", "4", Gpus::part(1, 4));
        check("nvidia.com/gpu.shared", "Tesla-T4", "10", Gpus::part(1, 10));
        check(
            "nvidia.com/gpu",
            "NVIDIA-A100-SXM4-40GB-MIG-3g.20gb",
            "1",
            Gpus::part(3, 7),
        );
        check(
            "nvidia.com/mig-1g.5gb",
            "NVIDIA-A100-SXM4-40GB",
            "1",
            Gpus::part(1, 7),
        );
        check(
            "nvidia.com/mig-1g.10gb.me",
            "NVIDIA-H100-80GB-HBM3",
            "1",
            Gpus::part(1, 7),
        );
        check("nvidia.com/mig-2g.12gb", "NVIDIA-A30", "1", Gpus::part(2, 4));
        check(
            "nvidia.com/mig-1g.5gb",
            "NVIDIA-A100-SXM4-40GB",
            "3",
            Gpus::part(1, 7),
        );
        check(
            "nvidia.com/mig-1g.5gb.shared",
            "NVIDIA-A100-SXM4-40GB",
            "2",
            Gpus::part(1, 7).of(1, 2),
        );
        check("nvidia.com/mig-what", "NVIDIA-A100-SXM4-40GB", "1", Gpus::ZERO);
        check("amd.com/gpu", "", "", Gpus::whole(1));
    }

    fn fraction(annotations: &str) -> Option<Fraction> {
        let pod = format!(r#"{{"metadata":{{"annotations":{annotations}}}}}"#);
        Fraction::of(&serde_json::from_str(&pod).unwrap())
    }

    #[test]
    fn fractions_come_by_annotation() {
        let check = |annotations: &str, expected: &str| {
            let found = fraction(annotations).map(|fraction| fraction.describe());
            assert_eq!(found.unwrap_or_default(), expected, "{annotations}");
        };
        check(r#"{"gpu-fraction":"0.5"}"#, "0.5 GPU");
        check(
            r#"{"gpu-fraction":"0.25","gpu-fraction-num-devices":"2"}"#,
            "2 × 0.25 GPU",
        );
        check(r#"{"gpu-memory":"2000"}"#, "2000 MiB of a GPU");
        for nonsense in [
            r#"{"gpu-fraction":"2"}"#,
            r#"{"gpu-fraction":"NaN"}"#,
            r#"{"gpu-memory":"-1"}"#,
            "null",
        ] {
            check(nonsense, "");
        }
    }

    #[test]
    fn memory_is_a_part_of_the_gpu_it_is_on() {
        let memory = fraction(r#"{"gpu-memory":"4096"}"#).unwrap();
        assert_eq!(memory.share(Some(16384)), Gpus::part(1, 4));
        assert_eq!(memory.share(Some(1024)), Gpus::whole(1));
        assert_eq!(memory.share(None), Gpus::whole(1));
    }
}
