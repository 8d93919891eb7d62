//! How strategic merge patches treat lists of built-in kinds: Kubernetes' `patchStrategy` and `patchMergeKey` tags.
//!
//! Rule: the struct tags of `k8s.io/api`. Only what is listed here merges; every other list is replaced.

use serde_json::Value;

/// Definition (without its package), field, strategy, key.
const TABLE: &[(&str, &str, &str, &str)] = &[
    ("Container", "env", "merge", "name"),
    ("Container", "ports", "merge", "containerPort"),
    ("Container", "volumeDevices", "merge", "devicePath"),
    ("Container", "volumeMounts", "merge", "mountPath"),
    ("EphemeralContainer", "env", "merge", "name"),
    ("EphemeralContainer", "ports", "merge", "containerPort"),
    ("EphemeralContainer", "volumeDevices", "merge", "devicePath"),
    ("EphemeralContainer", "volumeMounts", "merge", "mountPath"),
    ("NamespaceStatus", "conditions", "merge", "type"),
    ("NodeSpec", "podCIDRs", "merge", ""),
    ("NodeStatus", "addresses", "merge", "type"),
    ("NodeStatus", "conditions", "merge", "type"),
    ("ObjectMeta", "finalizers", "merge", ""),
    ("ObjectMeta", "ownerReferences", "merge", "uid"),
    ("PersistentVolumeClaimStatus", "conditions", "merge", "type"),
    ("PodSpec", "containers", "merge", "name"),
    ("PodSpec", "ephemeralContainers", "merge", "name"),
    ("PodSpec", "hostAliases", "merge", "ip"),
    ("PodSpec", "imagePullSecrets", "merge", "name"),
    ("PodSpec", "initContainers", "merge", "name"),
    ("PodSpec", "resourceClaims", "merge,retainKeys", "name"),
    ("PodSpec", "schedulingGates", "merge", "name"),
    ("PodSpec", "topologySpreadConstraints", "merge", "topologyKey"),
    ("PodSpec", "volumes", "merge,retainKeys", "name"),
    ("PodStatus", "conditions", "merge", "type"),
    ("PodStatus", "hostIPs", "merge", "ip"),
    ("PodStatus", "podIPs", "merge", "ip"),
    ("PodStatus", "resourceClaimStatuses", "merge,retainKeys", "name"),
    ("ServiceAccount", "secrets", "merge", "name"),
    ("ServiceSpec", "ports", "merge", "port"),
    ("ServiceStatus", "conditions", "merge", "type"),
];

/// Adds the extensions to a definition's fields.
pub(crate) fn annotate(name: &str, definition: &mut Value) {
    let kind = name.rsplit('.').next().unwrap_or(name);
    for (_, field, strategy, key) in TABLE.iter().filter(|(owner, ..)| *owner == kind) {
        let Some(field) = definition
            .get_mut("properties")
            .and_then(|fields| fields.get_mut(*field))
        else {
            continue;
        };
        field["x-kubernetes-patch-strategy"] = (*strategy).into();
        if !key.is_empty() {
            field["x-kubernetes-patch-merge-key"] = (*key).into();
        }
    }
}
