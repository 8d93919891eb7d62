//! The devices that a container sees: those that the scheduler recorded for its pod, by `CUDA_VISIBLE_DEVICES`.
//!
//! What is given is what a well-behaved program sees. Processes of one user can open each other's devices, and a part
//! of a device is a promise between pods: neither memory nor time on it is divided by anyone here.

use kinds::k8s::api::core::v1::{Container, Pod};
use meta::devices::{ANNOTATION, Grant};

use crate::environment::Environment;
use crate::start::NoStart;

/// The variable that CUDA reads.
const VARIABLE: &str = "CUDA_VISIBLE_DEVICES";
/// Resources of which one unit is a device, or a part of one.
const RESOURCES: [&str; 2] = ["nvidia.com/gpu", "nvidia.com/gpu.shared"];

/// Shows a container the devices that are its own. What it declares itself comes later, and wins.
pub(crate) fn show(pod: &Pod, container: &Container, env: &mut Environment) -> Result<(), NoStart> {
    let annotations = pod.metadata.annotations.as_ref();
    let Some(text) = annotations.and_then(|annotations| annotations.get(ANNOTATION)) else {
        return Ok(());
    };
    let refused = |error| {
        let sentence = format!("annotation {ANNOTATION}: {text:?} is {error}");
        NoStart::Refused("CreateContainerConfigError", sentence)
    };
    let grant: Grant = text.parse().map_err(refused)?;
    env.set(VARIABLE, own(pod, container, &grant));
    Ok(())
}

/// The container's part. Those that run together divide whole devices in their order, as each asks for; one that runs
/// before them may use theirs. A pod that asks by annotation gives all its containers all it has.
fn own(pod: &Pod, container: &Container, grant: &Grant) -> String {
    let (initial, main) = pod.spec.as_ref().map_or((&[][..], &[][..]), |spec| {
        let initial = spec.init_containers.as_deref().unwrap_or_default();
        (initial, &spec.containers[..])
    });
    if initial.iter().chain(main).all(|one| asked(one) == 0) {
        return grant.visible();
    }
    let beside = initial
        .iter()
        .filter(|one| one.restart_policy.as_deref() == Some("Always"));
    let together: Vec<_> = beside.chain(main).collect();
    let place = together.iter().position(|one| one.name == container.name);
    let earlier = &together[..place.unwrap_or(0)];
    let taken: usize = earlier.iter().map(|one| asked(one)).sum();
    let own = grant.devices().skip(taken).take(asked(container));
    Grant::new(own, grant.share()).map_or_else(String::new, |own| own.visible())
}

/// How many devices a container asks for. Of devices a request is a limit.
fn asked(container: &Container) -> usize {
    let resources = container.resources.as_ref();
    let limits = resources.and_then(|resources| resources.limits.as_ref());
    let amount = |resource: &&str| -> Option<i64> {
        let amount = limits?.get(*resource)?;
        Some(amount.0.parse::<meta::Quantity>().ok()?.as_units())
    };
    let asked: i64 = RESOURCES.iter().filter_map(amount).sum();
    usize::try_from(asked).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn check(grant: &str, spec: &Value, expected: &[(&str, &str)]) {
        let pod = json!({"metadata": {"annotations": {ANNOTATION: grant}}, "spec": spec});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        for (name, expected) in expected {
            let container = crate::environment::find(&pod, name).unwrap();
            let mut env = Environment::default();
            show(&pod, container, &mut env).unwrap();
            assert_eq!(env.get(VARIABLE), Some(*expected), "{name}");
        }
    }

    fn asking(name: &str, devices: u32) -> Value {
        json!({"name": name, "resources": {"limits": {"nvidia.com/gpu": devices.to_string()}}})
    }

    #[test]
    fn containers_divide_whole_devices() {
        let sidecar = json!({
            "name": "s", "restartPolicy": "Always", "resources": {"limits": {"nvidia.com/gpu": "1"}},
        });
        let spec = json!({
            "initContainers": [asking("i", 2), sidecar],
            "containers": [asking("a", 2), {"name": "none"}, asking("b", 1)],
        });
        check(
            "1,3,4,7",
            &spec,
            &[("i", "1,3"), ("s", "1"), ("a", "3,4"), ("none", ""), ("b", "7")],
        );
    }

    #[test]
    fn a_part_is_seen_by_all() {
        let spec = json!({"containers": [{"name": "a"}, {"name": "b"}]});
        check("2:500", &spec, &[("a", "2"), ("b", "2")]);
    }

    #[test]
    fn what_is_no_grant_starts_nothing() {
        let pod = json!({"metadata": {"annotations": {ANNOTATION: "all"}}, "spec": {"containers": [{"name": "a"}]}});
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let container = crate::environment::find(&pod, "a").unwrap();
        let refused = show(&pod, container, &mut Environment::default());
        assert!(matches!(
            refused,
            Err(NoStart::Refused("CreateContainerConfigError", _))
        ));
    }
}
