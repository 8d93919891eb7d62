//! A pod's quality of service class. Rule: `pkg/apis/core/v1/helper/qos`.

use meta::Quantity;
use serde_json::Value;

const COUNTED: [&str; 2] = ["cpu", "memory"];

/// `BestEffort` asks for nothing, `Guaranteed` gets exactly what it asks for, the rest is `Burstable`.
pub(crate) fn class(spec: &Value) -> &'static str {
    let containers = || {
        ["containers", "initContainers"]
            .into_iter()
            .flat_map(|field| spec[field].as_array().into_iter().flatten())
    };
    let asks = |container: &Value| {
        COUNTED.iter().any(|resource| {
            ["requests", "limits"]
                .iter()
                .any(|side| amount(container, side, resource).is_some_and(|a| a != Quantity::ZERO))
        })
    };
    if !containers().any(asks) {
        "BestEffort"
    } else if containers().all(is_exact) {
        "Guaranteed"
    } else {
        "Burstable"
    }
}

fn is_exact(container: &Value) -> bool {
    COUNTED.iter().all(|resource| {
        let limit = amount(container, "limits", resource);
        let request = amount(container, "requests", resource).or(limit);
        limit.is_some_and(|limit| limit != Quantity::ZERO && request == Some(limit))
    })
}

fn amount(container: &Value, side: &str, resource: &str) -> Option<Quantity> {
    let value = &container["resources"][side][resource];
    serde_json::from_value(value.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "literals read best as values")]
    fn check(resources: Value, expected: &str) {
        let spec = json!({"containers": [{"resources": resources}]});
        assert_eq!(class(&spec), expected, "{spec}");
    }

    #[test]
    fn classes() {
        check(json!({}), "BestEffort");
        check(json!({"requests": {"nvidia.com/gpu": "1"}}), "BestEffort");
        check(json!({"requests": {"cpu": "1"}}), "Burstable");
        check(json!({"limits": {"cpu": "1", "memory": "1Gi"}}), "Guaranteed");
        check(
            json!({"requests": {"cpu": "1000m", "memory": "1Gi"}, "limits": {"cpu": 1, "memory": "1024Mi"}}),
            "Guaranteed",
        );
    }
}
