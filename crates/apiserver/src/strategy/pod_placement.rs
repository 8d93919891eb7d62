//! Where a pod may go: its node selector, tolerations and node affinity. Rule: `ValidateTolerations`, `ValidateNodeSelector`.

use meta::names::{check_label_value, check_qualified};
use serde_json::{Map, Value};

use super::pod_checks::one_of;
use crate::status::Cause;

/// Checks what a pod says of its place.
pub(super) fn validate(spec: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (key, value) in spec["nodeSelector"].as_object().into_iter().flat_map(Map::iter) {
        causes.extend(
            check_qualified(key)
                .iter()
                .map(|why| Cause::invalid("spec.nodeSelector", &key.as_str().into(), why)),
        );
        if let Err(why) = check_label_value(value.as_str().unwrap_or_default()) {
            causes.push(Cause::invalid("spec.nodeSelector", value, &why));
        }
    }
    for (at, toleration) in spec["tolerations"].as_array().into_iter().flatten().enumerate() {
        check_toleration(toleration, &format!("spec.tolerations[{at}]"), &mut causes);
    }
    let required = &spec["affinity"]["nodeAffinity"]["requiredDuringSchedulingIgnoredDuringExecution"];
    if required["nodeSelectorTerms"]
        .as_array()
        .is_some_and(Vec::is_empty)
    {
        let field =
            "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms";
        causes.push(Cause::required(
            field,
            "must have at least one node selector term",
        ));
    }
    causes
}

fn check_toleration(toleration: &Value, path: &str, causes: &mut Vec<Cause>) {
    let text = |field: &str| toleration[field].as_str().unwrap_or_default();
    let (key, operator, effect) = (text("key"), text("operator"), text("effect"));
    let operator_field = format!("{path}.operator");
    if !key.is_empty() {
        let field = format!("{path}.key");
        causes.extend(
            check_qualified(key)
                .iter()
                .map(|why| Cause::invalid(field.clone(), &key.into(), why)),
        );
    } else if operator != "Exists" {
        let why =
            "operator must be Exists when `key` is empty, which means \"match all values and all keys\"";
        causes.push(Cause::invalid(operator_field.clone(), &operator.into(), why));
    }
    if !toleration["tolerationSeconds"].is_null() && effect != "NoExecute" {
        let why = "effect must be 'NoExecute' when `tolerationSeconds` is set";
        causes.push(Cause::invalid(format!("{path}.effect"), &effect.into(), why));
    }
    match operator {
        "" | "Equal" => {
            if let Err(why) = check_label_value(text("value")) {
                causes.push(Cause::invalid(operator_field, &toleration["value"], &why));
            }
        }
        "Exists" if text("value").is_empty() => {}
        "Exists" => {
            let why = "value must be empty when `operator` is 'Exists'";
            causes.push(Cause::invalid(operator_field, &toleration["value"], why));
        }
        _ => one_of(
            toleration,
            &format!("{path}."),
            "operator",
            &["Equal", "Exists"],
            causes,
        ),
    }
    if !effect.is_empty() {
        let effects = ["NoSchedule", "PreferNoSchedule", "NoExecute"];
        one_of(toleration, &format!("{path}."), "effect", &effects, causes);
    }
}
