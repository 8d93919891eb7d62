//! What containers may take: their limits as the spawner is asked to hold them, and what is said where it cannot.

use kinds::k8s::api::core::v1::{Container, Pod};
use meta::Quantity;
use serde_json::{Value, json};
use spawner::protocol::{Abilities, Share};

/// The condition of a pod whose limits are not held.
const CONDITION: &str = "plimsoll.dev/LimitsEnforced";
/// The resources that limits are held for, where the machine lets us.
const MEMORY: &str = "memory";
const CPU: &str = "cpu";

/// The share of a container, as far as this machine can hold it to one.
pub(crate) fn share(container: &Container, abilities: &Abilities) -> Share {
    let held = |ability: bool, name: &str| limit(container, name).filter(|_| ability);
    let bytes = held(abilities.memory_shares, MEMORY).map(|quantity| quantity.as_millis() / 1000);
    let millis = held(abilities.cpu_shares, CPU).map(Quantity::as_millis);
    Share {
        memory: bytes.and_then(|bytes| u64::try_from(bytes).ok()),
        cpu_millis: millis.and_then(|millis| u64::try_from(millis).ok()),
    }
}

/// A limit that is set; one of 0 is none, as to a container runtime.
fn limit(container: &Container, name: &str) -> Option<Quantity> {
    let limits = container.resources.as_ref()?.limits.as_ref()?;
    let quantity: Quantity = limits.get(name)?.0.parse().ok()?;
    (quantity.as_millis() > 0).then_some(quantity)
}

/// Says in a pod's status which of its limits this machine cannot hold it to.
pub(crate) fn say(status: &mut Value, pod: &Pod, abilities: &Abilities) {
    let Some(message) = unheld(pod, abilities) else {
        return;
    };
    let since = status["startTime"].clone();
    if let Some(conditions) = status["conditions"].as_array_mut() {
        conditions.push(json!({
            "type": CONDITION, "status": "False", "reason": "NoControlGroups", "message": message,
            "lastProbeTime": null, "lastTransitionTime": since,
        }));
    }
}

fn unheld(pod: &Pod, abilities: &Abilities) -> Option<String> {
    let spec = pod.spec.as_ref()?;
    let containers = || spec.init_containers.iter().flatten().chain(&spec.containers);
    let able = [(abilities.memory_shares, MEMORY), (abilities.cpu_shares, CPU)];
    let unheld = able
        .iter()
        .filter(|(able, name)| !able && containers().any(|container| limit(container, name).is_some()));
    let names: Vec<_> = unheld.map(|(_, name)| *name).collect();
    (!names.is_empty()).then(|| {
        format!(
            "this machine gives no control groups for {}: such limits are not enforced",
            names.join(" and ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(limits: &Value) -> Pod {
        let spec = json!({"containers": [{"name": "c", "resources": {"limits": limits}}]});
        serde_json::from_value(json!({ "spec": spec })).unwrap()
    }

    fn check(
        limits: &Value,
        (memory_shares, cpu_shares): (bool, bool),
        share: (Option<u64>, Option<u64>),
        said: &str,
    ) {
        let abilities = Abilities {
            memory_shares,
            cpu_shares,
            ..Abilities::default()
        };
        let pod = pod(limits);
        let (memory, cpu_millis) = share;
        let found = super::share(&pod.spec.as_ref().unwrap().containers[0], &abilities);
        assert_eq!(found, Share { memory, cpu_millis }, "{limits}");
        let mut status = json!({"startTime": "2026-01-01T00:00:00Z", "conditions": []});
        say(&mut status, &pod, &abilities);
        let message = status["conditions"][0]["message"].as_str().unwrap_or_default();
        assert_eq!(
            message
                .split(" for ")
                .nth(1)
                .and_then(|m| m.split(':').next())
                .unwrap_or(""),
            said
        );
    }

    #[test]
    fn limits_are_held_or_said_not_to_be() {
        let both = json!({"memory": "24Mi", "cpu": "1500m"});
        check(&both, (true, true), (Some(24 << 20), Some(1500)), "");
        check(&both, (true, false), (Some(24 << 20), None), "cpu");
        check(&both, (false, false), (None, None), "memory and cpu");
        check(
            &json!({"memory": "0", "nvidia.com/gpu": "1"}),
            (false, false),
            (None, None),
            "",
        );
        check(&json!({"cpu": "0.1"}), (false, true), (None, Some(100)), "");
    }
}
