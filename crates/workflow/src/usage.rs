//! What a pod used, as Argo reckons it: what its containers asked for, times how long they ran.
//! Rule: util/resource/duration.go and summary.go.

use std::collections::BTreeMap;

use meta::Quantity;

use crate::view::{ContainerState, ContainerView, PodView};

/// What a container that asks for nothing counts as.
const DEFAULTS: [(&str, &str); 2] = [("cpu", "100m"), ("memory", "100Mi")];

/// Seconds of each resource: of one CPU, of 100 MiB of memory, of 10 GiB of storage, of one of anything else.
pub(crate) fn of_pod(pod: &PodView) -> BTreeMap<String, i64> {
    let mut sums = BTreeMap::new();
    for container in pod.init_containers.iter().chain(&pod.containers) {
        let age = age(container);
        let asked = pod.requests.get(&container.name);
        let defaults = DEFAULTS
            .into_iter()
            .filter(|(name, _)| asked.is_none_or(|a| !a.contains_key(*name)));
        let asked = asked.into_iter().flatten().map(|(k, v)| (k.as_str(), v.as_str()));
        for (resource, quantity) in defaults.chain(asked) {
            let Ok(quantity) = quantity.parse::<Quantity>() else {
                continue;
            };
            let seconds = quantity.as_millis().saturating_mul(age) / unit(resource).as_millis();
            *sums.entry(resource.to_owned()).or_default() += seconds;
        }
    }
    sums
}

/// Whole seconds that a container ran.
fn age(container: &ContainerView) -> i64 {
    match container.state {
        ContainerState::Terminated {
            started: Some(started),
            finished: Some(finished),
            ..
        } => finished.0.duration_since(started.0).as_secs().max(0),
        _ => 0,
    }
}

fn unit(resource: &str) -> Quantity {
    const MIB: i64 = 1024 * 1024;
    match resource {
        "memory" => Quantity::units(100 * MIB),
        "storage" | "ephemeral-storage" => Quantity::units(10 * 1024 * MIB),
        _ => Quantity::units(1),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(requests: &serde_json::Value, expected: &serde_json::Value) {
        let ran = json!({"terminated": {"exitCode": 0, "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:30Z"}});
        let pod = json!({
            "spec": {"containers": [{"name": "main", "resources": requests}]},
            "status": {"containerStatuses": [{"name": "main", "state": ran}]},
        });
        let pod: PodView = serde_json::from_value(pod).unwrap();
        assert_eq!(json!(of_pod(&pod)), *expected, "{requests}");
    }

    #[test]
    fn seconds_of_resources() {
        check(&json!({}), &json!({"cpu": 3, "memory": 30}));
        check(
            &json!({"requests": {"cpu": "2", "nvidia.com/gpu": "4"}, "limits": {"cpu": "8", "memory": "1Gi"}}),
            &json!({"cpu": 60, "memory": 307, "nvidia.com/gpu": 120}),
        );
    }
}
