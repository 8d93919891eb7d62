//! The labels that say what a machine is: its pool, how it is paid for, its GPUs. Tables, one row a dialect.

use crate::cluster::Labels;

/// The pool of a machine; the first label that is there counts.
pub(crate) const POOLS: [&str; 10] = [
    "karpenter.sh/nodepool",
    "karpenter.sh/provisioner-name",
    "eks.amazonaws.com/nodegroup",
    "alpha.eksctl.io/nodegroup-name",
    "cloud.google.com/gke-nodepool",
    "kubernetes.azure.com/agentpool",
    "agentpool",
    "kops.k8s.io/instancegroup",
    "doks.digitalocean.com/node-pool",
    "node-pool",
];

/// The machine type in the provider's words.
pub(crate) const INSTANCE_TYPES: [&str; 2] = [
    "node.kubernetes.io/instance-type",
    "beta.kubernetes.io/instance-type",
];

/// The model of the machine's GPUs. NVIDIA's feature discovery knows it best.
const MODELS: [&str; 5] = [
    "nvidia.com/gpu.product",
    "amd.com/gpu.product-name",
    "cloud.google.com/gke-accelerator",
    "karpenter.k8s.aws/instance-gpu-name",
    "k8s.amazonaws.com/accelerator",
];

/// How a machine is paid for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capacity {
    /// It may be taken away at any time, and costs less.
    Spot,
    /// By the hour, at the full price.
    OnDemand,
    /// Reserved or owned, or nothing says.
    Other,
}

/// The labels whose value says so. Sources: the providers' and Karpenter's documentation of node labels.
const CAPACITIES: [(&str, &str, Capacity); 9] = [
    ("karpenter.sh/capacity-type", "spot", Capacity::Spot),
    ("karpenter.sh/capacity-type", "on-demand", Capacity::OnDemand),
    ("eks.amazonaws.com/capacityType", "SPOT", Capacity::Spot),
    ("eks.amazonaws.com/capacityType", "ON_DEMAND", Capacity::OnDemand),
    ("cloud.google.com/gke-spot", "true", Capacity::Spot),
    ("cloud.google.com/gke-preemptible", "true", Capacity::Spot),
    ("kubernetes.azure.com/scalesetpriority", "spot", Capacity::Spot),
    (
        "kubernetes.azure.com/scalesetpriority",
        "regular",
        Capacity::OnDemand,
    ),
    ("node.kubernetes.io/lifecycle", "spot", Capacity::Spot),
];

/// The labels of pools of providers that mark only their spot machines.
const UNMARKED_ON_DEMAND: [&str; 2] = ["cloud.google.com/gke-nodepool", "kubernetes.azure.com/agentpool"];

/// The first of `keys` that is there and not empty.
pub(crate) fn first<'a>(labels: &'a Labels, keys: &[&str]) -> Option<&'a str> {
    let values = keys.iter().filter_map(|key| labels.get(*key));
    values.map(String::as_str).find(|value| !value.is_empty())
}

/// How the machine is paid for.
pub(crate) fn capacity(labels: &Labels) -> Capacity {
    let marked = CAPACITIES
        .iter()
        .find(|(key, value, _)| labels.get(*key).is_some_and(|found| found == value));
    match marked {
        Some((_, _, capacity)) => *capacity,
        None if first(labels, &UNMARKED_ON_DEMAND).is_some() => Capacity::OnDemand,
        None => Capacity::Other,
    }
}

/// The model of the machine's GPUs, without what NVIDIA's feature discovery adds for sharing and MIG.
pub(crate) fn model(labels: &Labels) -> Option<&str> {
    let product = first(labels, &MODELS)?;
    let product = product.strip_suffix("-SHARED").unwrap_or(product);
    Some(product.split("-MIG-").next().unwrap_or(product))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(pairs: &[(&str, &str)]) -> Labels {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
            .collect()
    }

    #[test]
    fn providers_say_how_a_machine_is_paid_for() {
        let check =
            |pairs: &[(&str, &str)], expected| assert_eq!(capacity(&labels(pairs)), expected, "{pairs:?}");
        check(&[], Capacity::Other);
        check(&[("karpenter.sh/capacity-type", "reserved")], Capacity::Other);
        check(&[("karpenter.sh/capacity-type", "spot")], Capacity::Spot);
        check(
            &[("eks.amazonaws.com/capacityType", "ON_DEMAND")],
            Capacity::OnDemand,
        );
        check(&[("cloud.google.com/gke-nodepool", "a")], Capacity::OnDemand);
        check(
            &[
                ("cloud.google.com/gke-nodepool", "a"),
                ("cloud.google.com/gke-spot", "true"),
            ],
            Capacity::Spot,
        );
        check(&[("kubernetes.azure.com/agentpool", "a")], Capacity::OnDemand);
    }

    #[test]
    fn models_are_those_of_the_device() {
        let check = |value: &str, expected| {
            assert_eq!(model(&labels(&[("nvidia.com/gpu.product", value)])), expected);
        };
        check("Tesla-T4", Some("Tesla-T4"));
        check("Tesla-T4-SHARED", Some("Tesla-T4"));
        check("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", Some("NVIDIA-A100-SXM4-40GB"));
        check(
            "NVIDIA-A100-SXM4-40GB-MIG-1g.5gb-SHARED",
            Some("NVIDIA-A100-SXM4-40GB"),
        );
        check("", None);
    }
}
