//! `conformance/pods`: what a real kubelet reported of a pod, and what this node reports of it.
//!
//! Every case is run and compared; differences are printed with their field. What a process of this machine cannot be
//! (another machine's programs, cgroups, the scheduler's part) may differ, and is listed with its reason; nothing else may.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::StreamExt;
use kinds::k8s::api::core::v1::Pod;
use kinds::kube::api::DeleteParams;
use serde_json::{Map, Value};

use crate::Test;
use crate::observed;
use crate::rig::{Rig, block_on, phase};

pub(crate) const TESTS: &[Test] = &[("pods_are_reported_as_kubelet_does", || block_on(all()))];

/// Cases at once: most of them wait.
const AT_ONCE: usize = 12;
/// What may differ on any machine, and why.
const MAY_DIFFER: &[(&str, &str)] = &[
    (
        "env-from-prefix",
        "the shell: bash hands on variables whose names it cannot use, busybox's drops them",
    ),
    (
        "node-selector-matches-none",
        "the scheduler's part: the test binds the pod itself",
    ),
    (
        "share-processes",
        "containers of a pod have process ids of their own each",
    ),
];
/// What may differ where the machine lets no control groups be made, and why.
const MAY_DIFFER_WITHOUT_GROUPS: &[(&str, &str)] = &[(
    "oom-killed",
    "a memory limit needs a control group, which this machine does not give",
)];
/// What may differ where the node is not root, and why.
const MAY_DIFFER_AS_USER: &[(&str, &str)] = &[
    ("fs-group", "another user and group"),
    ("run-as-user", "another user"),
    (
        "run-as-non-root-refused",
        "the process would not run as root, so there is nothing to refuse",
    ),
];

async fn all() {
    let folder = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/pods"
    ));
    let cases = cases(folder);
    if cases.is_empty() {
        eprintln!("skipped: {} is not there", folder.display());
        return;
    }
    let rig = Rig::new().await;
    let filter = std::env::var("CASE").unwrap_or_default();
    let chosen = cases.iter().filter(|(name, _)| name.contains(&filter));
    let results: Vec<_> = futures::stream::iter(chosen)
        .map(|(name, path)| {
            let rig = &rig;
            async move { (name, differences(rig, name, path).await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let (agree, differ): (Vec<_>, Vec<_>) = results
        .into_iter()
        .partition(|(_, differences)| differences.is_empty());
    let differ: BTreeMap<_, _> = differ.into_iter().collect();
    for (name, differences) in &differ {
        eprintln!("differs: {name}\n{}", differences.join("\n"));
    }
    eprintln!("{} cases agree, {} differ", agree.len(), differ.len());
    let unexplained: Vec<_> = differ.keys().filter(|name| !may_differ(&rig, name)).collect();
    assert!(!rig.has_sandbox() || unexplained.is_empty(), "{unexplained:?}");
}

/// Whether a difference has a reason, which is then said.
fn may_differ(rig: &Rig, name: &str) -> bool {
    let as_user = if rustix::process::geteuid().is_root() {
        &[]
    } else {
        MAY_DIFFER_AS_USER
    };
    let without_groups = if rig.abilities().memory_shares {
        &[]
    } else {
        MAY_DIFFER_WITHOUT_GROUPS
    };
    let all = MAY_DIFFER.iter().chain(as_user).chain(without_groups);
    let reason = all.into_iter().find(|(known, _)| *known == name);
    if let Some((_, reason)) = reason {
        eprintln!("{name} may differ: {reason}");
    }
    reason.is_some()
}

fn cases(folder: &Path) -> BTreeMap<String, PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let yaml = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ext| ext == "yaml"));
    yaml.map(|path| (path.file_stem().unwrap().to_string_lossy().into_owned(), path))
        .collect()
}

/// Runs a case; the fields in which it differs.
async fn differences(rig: &Rig, name: &str, path: &Path) -> Vec<String> {
    let expected: Map<String, Value> =
        serde_json::from_slice(&std::fs::read(path.with_extension("json")).unwrap()).unwrap();
    let namespace = format!("case-{name}");
    rig.namespace(&namespace).await;
    let text = std::fs::read_to_string(path).unwrap();
    let options = serde_saphyr::options! { strict_booleans: true };
    let objects: Vec<Value> = serde_saphyr::from_multiple_with_options(&text, options).unwrap();
    for object in &objects {
        rig.create(&namespace, object).await;
    }
    let pod = until(rig, &namespace, expected["until"].as_str().unwrap()).await;
    let mut actual = observed::status(&pod);
    let logs = logs(rig, &pod, expected.get("logs")).await;
    actual.insert("logs".to_owned(), logs);
    let wanted = expected
        .get("events")
        .map(|lines| comparable("events", Some(lines), &pod));
    let events = rig.events_until(&namespace, |events| {
        let lines = Value::from(observed::events(events));
        wanted.as_ref() == Some(&comparable("events", Some(&lines), &pod))
    });
    let events = observed::events(&events.await);
    actual.insert("events".to_owned(), events.into());
    rig.pods(&namespace)
        .delete("p", &DeleteParams::default())
        .await
        .ok();
    compare(&expected, &actual, &pod)
}

/// Waits for the moment at which the case was read.
async fn until(rig: &Rig, namespace: &str, until: &str) -> Pod {
    let (kind, argument) = until.split_once(':').unwrap_or((until, ""));
    match kind {
        "after" => {
            // The real cluster was read so many seconds after; what it had come to by then, we have too.
            tokio::time::sleep(Duration::from_secs(argument.parse().unwrap())).await;
            rig.pods(namespace).get("p").await.unwrap()
        }
        "restarts" => restarts(rig, namespace, argument.parse().unwrap(), false).await,
        "init-restarts" => restarts(rig, namespace, argument.parse().unwrap(), true).await,
        "deleted" => {
            rig.until(namespace, has_run).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
            rig.pods(namespace)
                .delete("p", &DeleteParams::default())
                .await
                .unwrap();
            rig.until(namespace, |pod| matches!(phase(pod), "Succeeded" | "Failed"))
                .await
        }
        _ => rig.finished(namespace).await,
    }
}

fn has_run(pod: &Pod) -> bool {
    let status = serde_json::to_string(&pod.status).unwrap();
    status.contains("\"running\":{") || status.contains("\"terminated\":{")
}

async fn restarts(rig: &Rig, namespace: &str, count: i32, init: bool) -> Pod {
    rig.until(namespace, |pod| {
        let status = pod.status.clone().unwrap_or_default();
        let statuses = if init {
            status.init_container_statuses
        } else {
            status.container_statuses
        };
        let first = statuses.and_then(|statuses| statuses.into_iter().next());
        first.is_some_and(|first| {
            first.restart_count >= count && first.state.is_some_and(|s| s.waiting.is_none())
        })
    })
    .await
}

async fn logs(rig: &Rig, pod: &Pod, expected: Option<&Value>) -> Value {
    let mut logs = Map::new();
    for (name, wanted) in expected.and_then(Value::as_object).into_iter().flatten() {
        let container = name
            .strip_suffix(".previous")
            .map_or((name.as_str(), false), |name| (name, true));
        let wanted = shown(wanted.as_str().unwrap_or_default(), pod);
        // A process that runs may not have come to write yet.
        let log = rig
            .log_until(pod, container, |log| shown(log, pod) == wanted)
            .await;
        logs.insert(name.clone(), log.unwrap_or_default().into());
    }
    logs.into()
}

fn compare(expected: &Map<String, Value>, actual: &Map<String, Value>, pod: &Pod) -> Vec<String> {
    let varies = expected
        .get("varies")
        .and_then(Value::as_array)
        .cloned()
        .unwrap_or_default();
    let ignored = |field: &str| {
        ["case", "until", "act", "varies"].contains(&field) || varies.iter().any(|v| v == field)
    };
    let fields: std::collections::BTreeSet<_> = expected.keys().chain(actual.keys()).collect();
    let mut out = Vec::new();
    for field in fields.into_iter().filter(|field| !ignored(field)) {
        let wanted = comparable(field, expected.get(field), pod);
        let found = comparable(field, actual.get(field), pod);
        if wanted != found {
            out.push(format!("  {field}\n    kubelet: {wanted}\n    node:    {found}"));
        }
    }
    out
}

fn comparable(field: &str, value: Option<&Value>, pod: &Pod) -> Value {
    let empty = if field == "events" {
        Value::Array(Vec::new())
    } else {
        Value::Object(Map::new())
    };
    let value = value.cloned().unwrap_or(empty);
    match value {
        Value::Array(lines) if field == "events" => {
            let lines = lines
                .iter()
                .filter_map(Value::as_str)
                .filter(|line| !observed::is_runtime(line));
            lines
                .map(|line| Value::from(observed::normal(line, pod)))
                .collect()
        }
        Value::Object(logs) if field == "logs" => {
            let shown = |log: &Value| shown(log.as_str().unwrap_or_default(), pod);
            let shown = logs.iter().map(|(name, log)| (name.clone(), shown(log).into()));
            shown.collect::<Map<_, _>>().into()
        }
        other => serde_json::from_str(&observed::normal(&other.to_string(), pod)).unwrap(),
    }
}

/// A log in the form that is compared.
fn shown(log: &str, pod: &Pod) -> String {
    observed::normal(&shell(log), pod)
}

/// A log without the shell's own complaints, which each shell words differently.
fn shell(log: &str) -> String {
    log.split_inclusive('\n')
        .filter(|line| !line.starts_with("sh: "))
        .collect()
}
