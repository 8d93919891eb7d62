//! A pod's line: `READY`, `STATUS` and `RESTARTS` say more than its phase. Rule: `printPod`.

use meta::Timestamp;
use serde_json::Value;

use super::age;

fn list<'v>(pod: &'v Value, field: &str) -> impl Iterator<Item = &'v Value> {
    pod["status"][field].as_array().into_iter().flatten()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// `1/2`: containers that are ready, of all.
pub(super) fn ready(pod: &Value, _: Timestamp) -> Value {
    let total = pod["spec"]["containers"].as_array().map_or(0, Vec::len);
    let ready = list(pod, "containerStatuses");
    let ready = ready.filter(|status| status["ready"] == true && !status["state"]["running"].is_null());
    format!("{}/{total}", ready.count()).into()
}

/// `3 (5m ago)`: how often containers were started again, and when last.
pub(super) fn restarts(pod: &Value, now: Timestamp) -> Value {
    let statuses = || list(pod, "containerStatuses");
    let count: i64 = statuses()
        .filter_map(|status| status["restartCount"].as_i64())
        .sum();
    let last = statuses()
        .filter_map(|status| status["lastState"]["terminated"]["finishedAt"].as_str())
        .max();
    match last {
        Some(last) if count > 0 => format!("{count} ({} ago)", age::since(&last.into(), now)).into(),
        _ => count.to_string().into(),
    }
}

/// The most telling word about the pod.
pub(super) fn status(pod: &Value, _: Timestamp) -> Value {
    let phase = text(&pod["status"]["phase"]);
    let own = match text(&pod["status"]["reason"]) {
        "" => phase.to_owned(),
        reason => reason.to_owned(),
    };
    let reason = initializing(pod).unwrap_or_else(|| from_containers(pod, own));
    if pod["metadata"]["deletionTimestamp"].is_null() || matches!(phase, "Succeeded" | "Failed") {
        reason.into()
    } else if pod["status"]["reason"] == "NodeLost" {
        "Unknown".into()
    } else {
        "Terminating".into()
    }
}

/// `Init:1/2`, or why an init container holds up the pod.
fn initializing(pod: &Value) -> Option<String> {
    let total = pod["spec"]["initContainers"].as_array().map_or(0, Vec::len);
    for (at, status) in list(pod, "initContainerStatuses").enumerate() {
        let state = &status["state"];
        let terminated = &state["terminated"];
        if terminated["exitCode"] == 0 || (!state["running"].is_null() && status["started"] == true) {
            continue;
        }
        if !terminated.is_null() {
            return Some(format!("Init:{}", ended(terminated)));
        }
        return Some(match text(&state["waiting"]["reason"]) {
            "" | "PodInitializing" => format!("Init:{at}/{total}"),
            reason => format!("Init:{reason}"),
        });
    }
    None
}

fn from_containers(pod: &Value, mut reason: String) -> String {
    let mut running = false;
    let statuses: Vec<&Value> = list(pod, "containerStatuses").collect();
    for status in statuses.into_iter().rev() {
        let state = &status["state"];
        let waiting = text(&state["waiting"]["reason"]);
        if !waiting.is_empty() {
            waiting.clone_into(&mut reason);
        } else if !state["terminated"].is_null() {
            reason = ended(&state["terminated"]);
        } else if status["ready"] == true && !state["running"].is_null() {
            running = true;
        }
    }
    if reason == "Completed" && running {
        let ready = list(pod, "conditions").any(|c| c["type"] == "Ready" && c["status"] == "True");
        return if ready { "Running" } else { "NotReady" }.to_owned();
    }
    reason
}

/// How a container ended.
fn ended(terminated: &Value) -> String {
    match (text(&terminated["reason"]), terminated["signal"].as_i64()) {
        ("", Some(signal)) if signal != 0 => format!("Signal:{signal}"),
        ("", _) => format!("ExitCode:{}", terminated["exitCode"]),
        (reason, _) => reason.to_owned(),
    }
}

/// `1/2`: readiness gates that are open, of all.
pub(super) fn readiness_gates(pod: &Value, _: Timestamp) -> Value {
    let gates: Vec<&Value> = pod["spec"]["readinessGates"]
        .as_array()
        .into_iter()
        .flatten()
        .collect();
    if gates.is_empty() {
        return "<none>".into();
    }
    let open = |gate: &&&Value| {
        list(pod, "conditions").any(|c| c["type"] == gate["conditionType"] && c["status"] == "True")
    };
    format!("{}/{}", gates.iter().filter(open).count(), gates.len()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[expect(clippy::needless_pass_by_value, reason = "literals read best as values")]
    fn check(pod: Value, expected: &str) {
        assert_eq!(status(&pod, Timestamp::UNIX_EPOCH), expected, "{pod}");
    }

    #[test]
    fn the_telling_word() {
        let with =
            |state: Value| json!({"status": {"phase": "Running", "containerStatuses": [{"state": state}]}});
        check(json!({"status": {"phase": "Pending"}}), "Pending");
        check(
            with(json!({"waiting": {"reason": "ContainerCreating"}})),
            "ContainerCreating",
        );
        check(
            with(json!({"terminated": {"exitCode": 0, "reason": "Completed"}})),
            "Completed",
        );
        check(with(json!({"terminated": {"exitCode": 3}})), "ExitCode:3");
        check(
            with(json!({"terminated": {"exitCode": 137, "signal": 9}})),
            "Signal:9",
        );
        check(
            json!({"status": {"phase": "Failed", "reason": "Evicted"}}),
            "Evicted",
        );
        check(
            json!({"metadata": {"deletionTimestamp": "t"}, "status": {"phase": "Running"}}),
            "Terminating",
        );
        check(
            json!({"metadata": {"deletionTimestamp": "t"}, "status": {"phase": "Succeeded"}}),
            "Succeeded",
        );
        check(
            json!({"spec": {"initContainers": [{}, {}]}, "status": {"phase": "Pending", "initContainerStatuses": [
                {"state": {"terminated": {"exitCode": 0}}}, {"state": {"running": {}}}]}}),
            "Init:1/2",
        );
        check(
            json!({"spec": {"initContainers": [{}]}, "status": {"phase": "Pending", "initContainerStatuses": [
                {"state": {"terminated": {"exitCode": 1, "reason": "Error"}}}]}}),
            "Init:Error",
        );
    }
}
