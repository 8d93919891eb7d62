//! Pods from beginning to end.

use kinds::k8s::api::core::v1::{ConfigMap, Event, Pod};
use kinds::kube::Api;
use kinds::kube::api::{DeleteParams, Patch, PatchParams};
use kinds::kube::runtime::wait::await_condition;
use serde_json::json;

use crate::rig::{Rig, block_on, kill_spawner, phase, pod, state};
use crate::{Test, observed};

macro_rules! test {
    ($name:ident) => {
        (stringify!($name), || {
            block_on($name());
        })
    };
}

pub(crate) const TESTS: &[Test] = &[
    test!(a_pod_runs_and_is_reported),
    test!(a_running_pod_is_reported_running),
    test!(a_deleted_pod_leaves_nothing),
    test!(without_a_handler_term_ends_where_processes_are_shared),
    test!(files_of_objects_follow_the_objects),
    test!(a_pod_without_command_says_so),
    test!(a_restarted_node_goes_on),
    test!(a_killed_spawner_makes_outcomes_unknown),
    test!(volumes_go_anywhere),
    test!(the_environment_is_clean),
    test!(a_long_name_is_cut_for_the_host),
    test!(limits_hold_a_container_and_all_it_starts),
    test!(a_probe_that_cannot_run_counts_neither_way),
    test!(a_volume_has_its_size),
    test!(a_probe_has_around_it_what_its_container_has),
];

async fn a_pod_runs_and_is_reported() {
    let rig = Rig::new().await;
    rig.run("default", "echo hello; exit 3").await;
    let pod = rig.finished("default").await;
    assert_eq!(
        (phase(&pod), state(&pod).as_str()),
        ("Failed", "terminated 3 Error")
    );
    assert_eq!(rig.log(&pod, "c").await.unwrap(), "hello\n");
}

async fn limits_hold_a_container_and_all_it_starts() {
    let rig = Rig::new().await;
    let mut pod = pod("head -c 100m /dev/zero | tail -c 90m > /dev/null; echo $?");
    pod["spec"]["containers"][0]["resources"] = json!({"limits": {"memory": "24Mi", "cpu": "500m"}});
    rig.create("default", &pod).await;
    let pod = rig.finished("default").await;
    let conditions = serde_json::to_string(&pod.status.as_ref().unwrap().conditions).unwrap();
    let held = rig.abilities().memory_shares && rig.abilities().cpu_shares;
    assert_eq!(
        conditions.contains("plimsoll.dev/LimitsEnforced"),
        !held,
        "{conditions}"
    );
    if rig.abilities().memory_shares {
        assert!(state(&pod).ends_with("OOMKilled"), "{}", state(&pod));
    } else {
        eprintln!("passed over: this machine gives no control groups");
        assert_eq!(state(&pod), "terminated 0 Completed");
    }
}

async fn a_probe_that_cannot_run_counts_neither_way() {
    let rig = Rig::new().await;
    let mut pod = pod("sleep 1000");
    let probe = json!({"exec": {"command": ["no-such-program"]}, "periodSeconds": 1, "failureThreshold": 1});
    pod["spec"]["containers"][0]["livenessProbe"] = probe;
    rig.create("default", &pod).await;
    let errored = "Liveness probe errored and resulted in unknown state: rpc error: code = Unknown desc = failed to exec";
    let is_told = |events: &[Event]| {
        let mut messages = events.iter().filter_map(|event| event.message.as_deref());
        messages.any(|message| message.starts_with(errored))
    };
    let events = rig.events_until("default", is_told).await;
    assert!(is_told(&events), "{events:?}");
    assert!(
        !observed::events(&events)
            .iter()
            .any(|line| line.contains("Killing")),
        "{events:?}"
    );
}

async fn a_probe_has_around_it_what_its_container_has() {
    let rig = Rig::new().await;
    let mut pod = pod("sleep 1000");
    let container = &mut pod["spec"]["containers"][0];
    container["workingDir"] = "/usr".into();
    container["env"] = json!([{"name": "A", "value": "b"}, {"name": "N", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]);
    let asks = ["sh", "-c", "test \"$A $N $PWD\" = 'b p /usr'"];
    container["readinessProbe"] = json!({"exec": {"command": asks}, "periodSeconds": 1});
    rig.create("default", &pod).await;
    let is_ready = |pod: &Pod| {
        let statuses = pod
            .status
            .iter()
            .flat_map(|status| status.container_statuses.iter().flatten());
        statuses.into_iter().any(|status| status.ready)
    };
    rig.until("default", is_ready).await;
}

async fn a_volume_has_its_size() {
    let rig = Rig::new().await;
    if !rig.has_sandbox() {
        return;
    }
    let mut pod = pod("head -c 100k /dev/zero > /v/f; sleep 1000");
    pod["spec"]["volumes"] = json!([{"name": "v", "emptyDir": {"sizeLimit": "64Ki"}}]);
    pod["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    rig.create("default", &pod).await;
    let pod = rig.finished("default").await;
    let status = pod.status.unwrap();
    assert_eq!(status.reason.as_deref(), Some("Evicted"));
    let message = "Usage of EmptyDir volume \"v\" exceeds the limit \"64Ki\". ";
    assert_eq!(status.message.as_deref(), Some(message));
}

async fn a_running_pod_is_reported_running() {
    let rig = Rig::new().await;
    rig.run("default", "sleep 1000").await;
    let pod = rig.until("default", |pod| phase(pod) == "Running").await;
    assert_eq!(state(&pod), "running");
}

async fn a_deleted_pod_leaves_nothing() {
    let mut rig = Rig::new().await;
    rig.run("default", "sleep 1000").await;
    rig.until("default", |pod| phase(pod) == "Running").await;
    rig.pods("default")
        .delete("p", &DeleteParams::default())
        .await
        .unwrap();
    rig.gone("default").await;
    // A node that starts removes the directories of pods that are gone, and this one has none left to remove.
    rig.stop().await;
    rig.start().await;
    rig.run("default", "true").await;
    rig.finished("default").await;
}

async fn without_a_handler_term_ends_where_processes_are_shared() {
    for (script, expected) in [
        ("echo up; exec sleep 1000", "terminated 143 Error"),
        (
            "trap 'exit 7' TERM; echo up; while :; do sleep 0.05; done",
            "terminated 7 Error",
        ),
    ] {
        let rig = Rig::new().await;
        let mut sharing = pod(script);
        sharing["spec"]["shareProcessNamespace"] = true.into();
        sharing["spec"]["terminationGracePeriodSeconds"] = 3600.into();
        sharing["metadata"]["finalizers"] = json!(["example.com/seen"]);
        rig.create("default", &sharing).await;
        let running = rig.until("default", |pod| phase(pod) == "Running").await;
        while rig.log(&running, "c").await.is_none_or(|log| !log.contains("up")) {
            tokio::task::yield_now().await;
        }
        rig.pods("default")
            .delete("p", &DeleteParams::default())
            .await
            .unwrap();
        let pod = rig.finished("default").await;
        assert_eq!(state(&pod), expected);
    }
}

async fn files_of_objects_follow_the_objects() {
    let rig = Rig::new().await;
    let map = |text: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"a": text}});
    rig.create("default", &map("old")).await;
    let mut reading = pod("until grep -q new /m/a; do sleep 0.02; done; cat /m/a /m/b");
    reading["spec"]["volumes"] = json!([{"name": "m", "configMap": {"name": "m"}}]);
    reading["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "m", "mountPath": "/m"}]);
    rig.create("default", &reading).await;
    rig.until("default", |pod| phase(pod) == "Running").await;
    let maps: Api<ConfigMap> = Api::namespaced(rig.client.clone(), "default");
    let patch = Patch::Merge(json!({"data": {"a": "new\n", "b": "more\n"}}));
    maps.patch("m", &PatchParams::default(), &patch).await.unwrap();
    let pod = rig.finished("default").await;
    assert_eq!(rig.log(&pod, "c").await.unwrap(), "new\nmore\n");
}

async fn a_pod_without_command_says_so() {
    let rig = Rig::new().await;
    let mut object = pod("");
    object["spec"]["containers"][0] = json!({"name": "c", "image": "registry/app:1"});
    rig.create("default", &object).await;
    let pod = rig.finished("default").await;
    assert_eq!(state(&pod), "terminated 128 StartError");
    let status = serde_json::to_string(&pod.status).unwrap();
    assert!(
        status.contains("no command specified") && status.contains("registry/app:1"),
        "{status}"
    );
}

async fn a_restarted_node_goes_on() {
    let mut rig = Rig::new().await;
    rig.run("default", "echo start; read line < /go; echo $line")
        .await;
    let mut object = pod("echo start; while [ ! -e /v/go ]; do sleep 0.05; done; echo end");
    let dir = rig.dir.path().join("shared");
    std::fs::create_dir(&dir).unwrap();
    if !rig.has_sandbox() {
        return;
    }
    object["spec"]["volumes"] = json!([{"name": "v", "hostPath": {"path": dir}}]);
    object["spec"]["containers"][0]["volumeMounts"] = json!([{"name": "v", "mountPath": "/v"}]);
    rig.namespace("other").await;
    rig.create("other", &object).await;
    rig.until("other", |pod| phase(pod) == "Running").await;
    rig.stop().await;
    std::fs::write(dir.join("go"), "").unwrap();
    rig.start().await;
    let pod = rig.finished("other").await;
    assert_eq!(state(&pod), "terminated 0 Completed");
    assert_eq!(rig.log(&pod, "c").await.unwrap(), "start\nend\n");
}

async fn a_killed_spawner_makes_outcomes_unknown() {
    let rig = Rig::new().await;
    rig.run("default", "sleep 1000").await;
    rig.until("default", |pod| phase(pod) == "Running").await;
    kill_spawner(&rig.dir.path().join("node"));
    let pod = rig.finished("default").await;
    assert_eq!(state(&pod), "terminated 137 ContainerStatusUnknown");
}

async fn volumes_go_anywhere() {
    let rig = Rig::new().await;
    if !rig.has_sandbox() {
        return;
    }
    let map =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "m"}, "data": {"k": "value"}});
    rig.create("default", &map).await;
    let mut object = pod("cat /no/where/k; echo; cat /var/run/one; echo x > /out/sub/y; ls /out/sub");
    object["spec"]["volumes"] = json!([
        {"name": "m", "configMap": {"name": "m"}},
        {"name": "e", "emptyDir": {}},
    ]);
    object["spec"]["containers"][0]["volumeMounts"] = json!([
        {"name": "m", "mountPath": "/no/where"},
        {"name": "m", "mountPath": "/var/run/one", "subPath": "k"},
        {"name": "e", "mountPath": "/out/sub", "subPath": "deep/er"},
    ]);
    rig.create("default", &object).await;
    let pod = rig.finished("default").await;
    assert_eq!(rig.log(&pod, "c").await.unwrap(), "value\nvaluey\n");
    assert_eq!(phase(&pod), "Succeeded");
}

async fn the_environment_is_clean() {
    let rig = Rig::new().await;
    rig.run("default", "exec env").await;
    let pod = rig.finished("default").await;
    let log = rig.log(&pod, "c").await.unwrap();
    let mut names: Vec<_> = log
        .lines()
        .filter_map(|line| line.split_once('='))
        .map(|(name, _)| name)
        .collect();
    names.retain(|name| !matches!(*name, "PWD" | "OLDPWD" | "SHLVL" | "_"));
    names.sort_unstable();
    assert_eq!(names, ["HOME", "HOSTNAME", "PATH"]);
}

async fn a_long_name_is_cut_for_the_host() {
    let rig = Rig::new().await;
    let mut object = pod("hostname");
    let name = "a".repeat(200);
    object["metadata"]["name"] = name.as_str().into();
    rig.create("default", &object).await;
    let finished = |pod: Option<&Pod>| pod.is_some_and(|pod| matches!(phase(pod), "Succeeded" | "Failed"));
    let pod = await_condition(rig.pods("default"), &name, finished)
        .await
        .unwrap()
        .unwrap();
    let log = rig.log(&pod, "c").await.unwrap();
    assert!(!rig.has_sandbox() || log.trim() == "a".repeat(63), "{log}");
}
