//! `retryStrategy.affinity.nodeAntiAffinity`: retries keep off machines on which attempts failed.
//! Rule: workflow/util/retry, `AddHostnamesToAffinity`.

use serde_json::{Value, json};

/// The label that names a machine.
const HOSTNAME: &str = "kubernetes.io/hostname";

/// Adds the machines to what the pod keeps off already.
pub(super) fn keep_off(spec: &mut Value, hosts: &[String]) {
    if hosts.is_empty() {
        return;
    }
    let required = &mut spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    let terms = list(&mut required["nodeSelectorTerms"]);
    let wanted = || json!({ "key": HOSTNAME, "operator": "NotIn", "values": hosts });
    if terms.is_empty() {
        terms.push(json!({ "matchExpressions": [wanted()] }));
        return;
    }
    for term in terms.iter_mut() {
        let expressions = list(&mut term["matchExpressions"]);
        let same = |e: &&mut Value| e["key"] == HOSTNAME && e["operator"] == "NotIn";
        if let Some(known) = expressions.iter_mut().find(same) {
            let values = list(&mut known["values"]);
            let new: Vec<Value> = hosts
                .iter()
                .map(|h| json!(h))
                .filter(|h| !values.contains(h))
                .collect();
            values.extend(new);
            return;
        }
        if expressions.is_empty() {
            expressions.push(wanted());
            return;
        }
    }
    list(&mut terms[0]["matchExpressions"]).push(wanted());
}

/// A value as a list, made one if it is none.
fn list(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = json!([]);
    }
    match value {
        Value::Array(list) => list,
        _ => unreachable!("just made a list"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(terms: &Value, expected: &Value) {
        let mut spec = json!({"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}}});
        keep_off(&mut spec, &["a".to_owned(), "b".to_owned()]);
        let found = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_is_there_stays() {
        let ours = json!({"key": HOSTNAME, "operator": "NotIn", "values": ["a", "b"]});
        let zone = json!({"key": "zone", "operator": "In", "values": ["z"]});
        check(&json!([]), &json!([{"matchExpressions": [ours]}]));
        check(
            &json!([{"matchExpressions": [zone]}]),
            &json!([{"matchExpressions": [zone, ours]}]),
        );
        check(
            &json!([{"matchExpressions": [{"key": HOSTNAME, "operator": "NotIn", "values": ["b", "c"]}]}]),
            &json!([{"matchExpressions": [{"key": HOSTNAME, "operator": "NotIn", "values": ["b", "c", "a"]}]}]),
        );
    }
}
