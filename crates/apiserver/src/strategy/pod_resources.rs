//! What a container may request and be limited to. Rule: `ValidateContainerResourceRequirements`.

use meta::Quantity;
use meta::names::check_qualified;
use serde_json::{Map, Value};

use crate::status::Cause;

/// Resources without a group that containers may name.
const STANDARD: [&str; 3] = ["cpu", "memory", "ephemeral-storage"];

/// Checks the resources of the container at `path`.
pub(super) fn validate(resources: &Value, path: &str, causes: &mut Vec<Cause>) {
    for side in ["limits", "requests"] {
        for (name, value) in entries(&resources[side]) {
            let field = format!("{path}.resources.{side}[{name}]");
            check_name(name, &field, causes);
            check_amount(name, value, &field, causes);
        }
    }
    for (name, request) in entries(&resources["requests"]) {
        let limit = &resources["limits"][name.as_str()];
        check_pair(
            name,
            request,
            limit,
            &format!("{path}.resources.requests"),
            causes,
        );
    }
}

fn entries(map: &Value) -> impl Iterator<Item = (&String, &Value)> {
    map.as_object().into_iter().flat_map(Map::iter)
}

fn is_extended(name: &str) -> bool {
    name.contains('/') && !name.contains("kubernetes.io/")
}

fn check_name(name: &str, field: &str, causes: &mut Vec<Cause>) {
    let mistakes = check_qualified(name);
    if !mistakes.is_empty() {
        causes.extend(
            mistakes
                .iter()
                .map(|why| Cause::invalid(field, &name.into(), why)),
        );
    } else if !name.contains('/') && !STANDARD.contains(&name) && !name.starts_with("hugepages-") {
        for why in [
            "must be a standard resource type or fully qualified",
            "must be a standard resource for containers",
        ] {
            causes.push(Cause::invalid(field, &name.into(), why));
        }
    }
}

fn quantity(value: &Value) -> Option<Quantity> {
    serde_json::from_value(value.clone()).ok()
}

fn check_amount(name: &str, value: &Value, field: &str, causes: &mut Vec<Cause>) {
    let Some(amount) = quantity(value) else { return };
    let text = Value::from(shown(value));
    if amount < Quantity::ZERO {
        causes.push(Cause::invalid(field, &text, "must be greater than or equal to 0"));
    }
    if is_extended(name) && amount.as_millis() % 1000 != 0 {
        causes.push(Cause::invalid(
            field,
            &canonical(amount).into(),
            "must be an integer",
        ));
    }
}

fn check_pair(name: &str, request: &Value, limit: &Value, field: &str, causes: &mut Vec<Cause>) {
    let (Some(asked), Some(most)) = (quantity(request), quantity(limit)) else {
        return;
    };
    let why = if is_extended(name) && asked != most {
        format!("must be equal to {name} limit of {}", canonical(most))
    } else if asked > most {
        format!("must be less than or equal to {name} limit of {}", shown(limit))
    } else {
        return;
    };
    causes.push(Cause::invalid(field, &Value::from(shown(request)), &why));
}

/// A quantity in the form in which Kubernetes writes it.
fn canonical(amount: Quantity) -> String {
    match amount.as_millis() {
        millis if millis % 1000 == 0 => (millis / 1000).to_string(),
        millis => format!("{millis}m"),
    }
}

/// A quantity as it is written.
fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
