//! Scripts of events, and what kubelet would have done.

use kinds::k8s::api::core::v1::Pod;
use serde_json::{Value, json};

use super::unit::Terminated;
use super::*;

/// A pod under test, with a clock of whole seconds.
struct Script {
    machine: Machine,
    pod: Value,
    now: i64,
    /// What happened and what was decided, a line each.
    lines: Vec<String>,
}

impl Script {
    fn new(spec: &Value) -> Self {
        let pod = json!({"metadata": {"name": "p", "namespace": "ns", "uid": "u"}, "spec": spec});
        let machine = Machine::new(view(&pod), at(0));
        let mut script = Self {
            machine,
            pod,
            now: 0,
            lines: Vec::new(),
        };
        script.step(Event::Tick);
        script.step(Event::SetUp);
        script
    }

    fn step(&mut self, event: Event) -> &mut Self {
        let effects = self.machine.step(event, at(self.now));
        self.lines.extend(
            effects
                .iter()
                .map(|effect| format!("{:>3}s {}", self.now, describe(effect))),
        );
        self
    }

    fn started(&mut self, container: &str) -> &mut Self {
        let attempt = self.unit(container).attempt;
        self.step(Event::Started {
            container: container.into(),
            attempt,
            at: at(self.now),
        })
    }

    fn ended(&mut self, container: &str, exit_code: i32) -> &mut Self {
        let unit = self.unit(container);
        let reason = if exit_code == 0 { "Completed" } else { "Error" };
        let terminated = Terminated {
            exit_code,
            reason: reason.into(),
            message: None,
            started_at: None,
            finished_at: at(self.now),
        };
        let attempt = unit.attempt;
        self.step(Event::Ended {
            container: container.into(),
            attempt,
            terminated,
        })
    }

    fn probed(&mut self, kind: ProbeKind, failure: Option<&str>) -> &mut Self {
        self.step(Event::Probed {
            container: "c".into(),
            kind,
            result: failure.map_or(Probed::Passed, |why| Probed::Failed(why.to_owned())),
        })
    }

    /// Time passes until the machine wants to be woken.
    fn wake(&mut self) -> &mut Self {
        if let Some(wake) = self.machine.wake_at() {
            self.now = wake.as_second();
        }
        self.step(Event::Tick)
    }

    fn delete(&mut self) -> &mut Self {
        self.pod["metadata"]["deletionTimestamp"] = "2026-01-01T00:00:00Z".into();
        self.step(Event::Updated(view(&self.pod.clone())))
    }

    fn unit(&self, container: &str) -> &Unit {
        self.machine
            .units()
            .iter()
            .find(|unit| unit.view.name == container)
            .unwrap()
    }

    /// Everything so far, and the status in short.
    fn check(&mut self, expected: &expect_test::Expect) {
        let status = self.machine.status("127.0.0.1", at(self.now));
        expected.assert_eq(&format!("{}\n{}\n", self.lines.join("\n"), summary(&status)));
    }
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn view(pod: &Value) -> PodView {
    let pod: Pod = serde_json::from_value(pod.clone()).unwrap();
    PodView::new(&pod).unwrap()
}

pub(super) fn describe(effect: &Effect) -> String {
    match effect {
        Effect::SetUp => "set up".into(),
        Effect::Start { container, attempt } => format!("start {container}/{attempt}"),
        Effect::Signal {
            container,
            kill: false,
            ..
        } => format!("term {container}"),
        Effect::Signal {
            container,
            kill: true,
            ..
        } => format!("kill {container}"),
        Effect::RunHook { container, hook } => format!("{hook:?} {container}"),
        Effect::RunProbe { container, kind } => format!("probe {container} {kind:?}"),
        Effect::Tell { reason, message, .. } => format!("event {reason}: {message}"),
    }
}

pub(super) fn summary(status: &Value) -> String {
    let mut lines = vec![format!("= {}", status["phase"].as_str().unwrap())];
    let lists = ["initContainerStatuses", "containerStatuses"];
    for container in lists
        .iter()
        .flat_map(|list| status[list].as_array().into_iter().flatten())
    {
        let (state, detail) = container["state"].as_object().unwrap().iter().next().unwrap();
        let reason = detail["reason"].as_str().unwrap_or_default();
        let ready = if container["ready"] == true { " ready" } else { "" };
        let last = &container["lastState"]["terminated"]["exitCode"];
        let name = container["name"].as_str().unwrap();
        let count = &container["restartCount"];
        lines.push(format!("{name} {state} {reason} {count} last {last}{ready}").replace("  ", " "));
    }
    for condition in status["conditions"].as_array().unwrap() {
        let text = |field: &str| condition[field].as_str().unwrap_or_default().to_owned();
        if text("type") != "PodScheduled" {
            lines.push(
                format!("{}={} {}", text("type"), text("status"), text("reason"))
                    .trim()
                    .to_owned(),
            );
        }
    }
    lines.join("\n")
}

pub(super) fn simple(policy: &str) -> Value {
    json!({"restartPolicy": policy, "terminationGracePeriodSeconds": 3, "containers": [{"name": "c"}]})
}

#[test]
fn a_container_that_ends_well_ends_its_pod() {
    Script::new(&simple("Never"))
        .started("c")
        .ended("c", 0)
        .check(&expect_test::expect![[r#"
          0s set up
          0s start c/0
        = Succeeded
        c terminated Completed 0 last null
        PodReadyToStartContainers=False
        Initialized=True PodCompleted
        Ready=False PodCompleted
        ContainersReady=False PodCompleted
    "#]]);
}

#[test]
fn restarts_are_delayed_ever_longer() {
    let mut script = Script::new(&simple("Always"));
    for _ in 0..3 {
        script.started("c").ended("c", 1).wake();
    }
    script.started("c").ended("c", 1).check(&expect_test::expect![[r#"
          0s set up
          0s start c/0
          0s start c/1
          0s event BackOff: Back-off restarting failed container c in pod p_ns(u)
         10s start c/2
         10s event BackOff: Back-off restarting failed container c in pod p_ns(u)
         30s start c/3
         30s event BackOff: Back-off restarting failed container c in pod p_ns(u)
        = Running
        c waiting CrashLoopBackOff 3 last 1
        PodReadyToStartContainers=True
        Initialized=True
        Ready=False ContainersNotReady
        ContainersReady=False ContainersNotReady
    "#]]);
}

#[test]
fn init_containers_run_in_order_and_may_fail_the_pod() {
    let spec = json!({
        "restartPolicy": "Never",
        "initContainers": [{"name": "i1"}, {"name": "i2"}],
        "containers": [{"name": "c"}],
    });
    let mut script = Script::new(&spec);
    script.started("i1").ended("i1", 0).started("i2").ended("i2", 4);
    script.check(&expect_test::expect![[r#"
          0s set up
          0s start i1/0
          0s start i2/0
        = Failed
        i1 terminated Completed 0 last null ready
        i2 terminated Error 0 last null
        c waiting PodInitializing 0 last null
        PodReadyToStartContainers=False
        Initialized=False ContainersNotInitialized
        Ready=False PodFailed
        ContainersReady=False PodFailed
    "#]]);
}

#[test]
fn a_sidecar_lives_as_long_as_the_main_containers() {
    let spec = json!({
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 3,
        "initContainers": [{"name": "s", "restartPolicy": "Always"}],
        "containers": [{"name": "c"}],
    });
    let mut script = Script::new(&spec);
    script
        .started("s")
        .started("c")
        .ended("c", 0)
        .wake()
        .ended("s", 137);
    script.check(&expect_test::expect![[r#"
          0s set up
          0s start s/0
          0s start c/0
          0s event Killing: Stopping container s
          0s term s
          3s kill s
        = Succeeded
        s terminated Error 0 last null
        c terminated Completed 0 last null
        PodReadyToStartContainers=False
        Initialized=True PodCompleted
        Ready=False PodCompleted
        ContainersReady=False PodCompleted
    "#]]);
}

#[test]
fn a_deleted_pod_is_asked_then_forced_to_end() {
    let mut script = Script::new(&simple("Always"));
    script.started("c").delete().wake().ended("c", 137);
    assert!(script.machine.is_over());
    script.check(&expect_test::expect![[r#"
          0s set up
          0s start c/0
          0s event Killing: Stopping container c
          0s term c
          3s kill c
        = Failed
        c terminated Error 0 last null
        PodReadyToStartContainers=False
        Initialized=True
        Ready=False PodFailed
        ContainersReady=False PodFailed
    "#]]);
}

#[test]
fn a_hook_runs_before_the_container_is_asked() {
    let mut spec = simple("Never");
    spec["containers"][0]["lifecycle"] = json!({"preStop": {"exec": {"command": ["true"]}}});
    let mut script = Script::new(&spec);
    script.started("c").delete();
    script.now = 1;
    script.step(Event::HookEnded {
        container: "c".into(),
        hook: Hook::PreStop,
        ok: true,
    });
    script.check(&expect_test::expect![[r#"
          0s set up
          0s start c/0
          0s event Killing: Stopping container c
          0s PreStop c
          1s term c
        = Running
        c running 0 last null ready
        PodReadyToStartContainers=True
        Initialized=True
        Ready=True
        ContainersReady=True
    "#]]);
}

#[test]
fn a_pod_has_its_deadline() {
    let mut spec = simple("Never");
    spec["activeDeadlineSeconds"] = 5.into();
    let mut script = Script::new(&spec);
    script.started("c").wake().ended("c", 143);
    let status = script.machine.status("127.0.0.1", at(6));
    assert_eq!(
        (status["reason"].as_str(), status["message"].as_str()),
        (Some("DeadlineExceeded"), Some(text::DEADLINE))
    );
    script.check(&expect_test::expect![[r#"
          0s set up
          0s start c/0
          5s event DeadlineExceeded: Pod was active on the node longer than the specified deadline
          5s event Killing: Stopping container c
          5s term c
        = Failed
        c terminated Error 0 last null
        PodReadyToStartContainers=False
        Initialized=True
        Ready=False PodFailed
        ContainersReady=False PodFailed
    "#]]);
}

#[test]
fn a_pod_that_takes_too_much_is_evicted() {
    let mut script = Script::new(&simple("Always"));
    script.started("c");
    let message = "too much".to_owned();
    script.step(Event::Evicted { message }).wake().ended("c", 137);
    let status = script.machine.status("127.0.0.1", at(script.now));
    assert_eq!(
        (&status["phase"], &status["reason"], &status["message"]),
        (&json!("Failed"), &json!("Evicted"), &json!("too much"))
    );
    script.check(&expect_test::expect![[r#"
          0s set up
          0s start c/0
          0s event Evicted: too much
          0s event Killing: Stopping container c
          0s term c
          1s kill c
        = Failed
        c terminated Error 0 last null
        PodReadyToStartContainers=False
        Initialized=True
        Ready=False PodFailed
        ContainersReady=False PodFailed
    "#]]);
}

#[test]
fn probes_decide_readiness_and_restarts() {
    let mut spec = simple("Always");
    let exec = json!({"exec": {"command": ["true"]}, "periodSeconds": 1, "failureThreshold": 2});
    for probe in ["readinessProbe", "livenessProbe"] {
        spec["containers"][0][probe] = exec.clone();
    }
    let mut script = Script::new(&spec);
    script.started("c");
    assert!(!script.unit("c").ready);
    script
        .probed(ProbeKind::Readiness, None)
        .probed(ProbeKind::Liveness, Some("bad"));
    assert!(script.unit("c").ready);
    script
        .wake()
        .probed(ProbeKind::Liveness, Some("bad"))
        .ended("c", 0);
    script.check(&expect_test::expect![[r#"
          0s set up
          0s start c/0
          0s probe c Liveness
          0s probe c Readiness
          0s event Unhealthy: Liveness probe failed: bad
          1s probe c Liveness
          1s probe c Readiness
          1s event Unhealthy: Liveness probe failed: bad
          1s event Killing: Container c failed liveness probe, will be restarted
          1s term c
          1s start c/1
        = Running
        c waiting ContainerCreating 1 last 0
        PodReadyToStartContainers=True
        Initialized=True
        Ready=False ContainersNotReady
        ContainersReady=False ContainersNotReady
    "#]]);
}

#[test]
fn what_cannot_start_is_tried_again() {
    let mut script = Script::new(&simple("Never"));
    let refused = Event::Refused {
        container: "c".into(),
        reason: "CreateContainerConfigError".into(),
        message: "secret \"s\" not found".into(),
    };
    script.step(refused).wake().check(&expect_test::expect![[r#"
          0s set up
          0s start c/0
          0s event Failed: Error: secret "s" not found
          5s start c/0
        = Pending
        c waiting ContainerCreating 0 last null
        PodReadyToStartContainers=True
        Initialized=True
        Ready=False ContainersNotReady
        ContainersReady=False ContainersNotReady
    "#]]);
}
