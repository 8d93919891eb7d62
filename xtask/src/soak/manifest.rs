//! A random workflow in Argo's language.
//!
//! Each step writes `start POD NUMBER VALUE` before its work and `end POD NUMBER CODE` after it, each by one append, into
//! the ledger: whoever asks it later needs to trust nothing of the platform.

use serde_json::{Value, json};

use super::plan::{Act, Part, Step, Way, Workflow};

/// What marks the processes of steps in their environment.
pub(crate) const MARKER: &str = "PLIMSOLL_SOAK_STEP";
/// What a step hands on.
pub(crate) const TOKEN: &str = "token";
/// Work longer than any round, which ends when asked to: the first process of a container ignores SIGTERM unless it
/// says otherwise.
const ENDLESS: &str = "trap 'exit 143' TERM; sleep 600 & wait $!; exit 1";
/// A process that is asked to end before it could say how is not waited for long.
const GRACE: &str = "{\"terminationGracePeriodSeconds\": 2}";
/// Where steps that mount it see the ledger's folder.
const MOUNTED: &str = "/soak";
/// The deadline of a workflow that is to be late, in seconds.
const LATE_SECONDS: u32 = 3;

/// The manifest of `workflow`, whose steps write into the file `ledger` of `folder`.
pub(crate) fn manifest(workflow: &Workflow, folder: &str) -> Value {
    let mut writer = Writer {
        templates: Vec::new(),
        ledger: format!("{}/ledger", if workflow.mounts { MOUNTED } else { folder }),
        folder: folder.to_owned(),
        mounts: workflow.mounts,
    };
    let mut main = writer.part(&workflow.part);
    if let Some(id) = workflow.late {
        let last = writer.container(id, "-", ENDLESS, &json!({}));
        let first = called(
            "first",
            &main,
            json!({"continueOn": {"failed": true, "error": true}}),
        );
        main = writer.template(json!({"steps": [[first], [called("last", &last, json!({}))]]}));
    }
    let mut spec = json!({"entrypoint": main, "podSpecPatch": GRACE, "podGC": workflow.pod_gc.map(|strategy| json!({"strategy": strategy}))});
    if let Some(id) = workflow.on_exit {
        spec["onExit"] = json!(writer.container(id, "{{workflow.status}}", "true", &json!({})));
    }
    if let Some(limit) = workflow.parallelism {
        spec["parallelism"] = json!(limit);
    }
    if workflow.late.is_some() {
        spec["activeDeadlineSeconds"] = json!(LATE_SECONDS);
    }
    if workflow.mounts {
        spec["volumes"] = json!([{"name": "soak", "hostPath": {"path": folder}}]);
    }
    spec["templates"] = Value::Array(writer.templates);
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "Workflow",
        "metadata": {"name": workflow.name},
        "spec": spec,
    })
}

/// Templates as they come to be; every method gives the name of the one that it added.
struct Writer {
    templates: Vec<Value>,
    ledger: String,
    folder: String,
    mounts: bool,
}

impl Writer {
    fn template(&mut self, mut template: Value) -> String {
        let name = format!("t{}", self.templates.len());
        template["name"] = json!(name);
        self.templates.push(template);
        name
    }

    fn part(&mut self, part: &Part) -> String {
        match part {
            Part::Step(step) => self.step(step),
            Part::Fan { step, count } => {
                let step = self.step(step);
                self.template(json!({"steps": [[called("fan", &step, json!({"withSequence": {"count": count.to_string()}}))]]}))
            }
            Part::Relay { from, to, way } => self.relay(*from, *to, *way),
            Part::Gather { from, count, to } => self.gather(*from, *count, *to),
            Part::Daemon { daemon, beside } => {
                let daemon = self.container(*daemon, "-", ENDLESS, &json!({"daemon": true}));
                let beside = self.step(beside);
                self.template(json!({"steps": [[called("daemon", &daemon, json!({}))], [called("beside", &beside, json!({}))]]}))
            }
            Part::Pause => self.template(json!({"suspend": {"duration": "1"}})),
            Part::Steps(groups) => self.steps(groups),
            Part::Dag(tasks) => self.dag(tasks),
        }
    }

    fn step(&mut self, step: &Step) -> String {
        let pause = format!("sleep 0.{:03}", step.millis);
        match &step.act {
            Act::Exit(code) => self.container(step.id, "-", &format!("{pause}; exit {code}"), &json!({})),
            Act::Flaky { fails, limit } => {
                let script = format!("{pause}; test {{{{retries}}}} -ge {fails}");
                let rest = json!({"retryStrategy": {"limit": limit.to_string()}});
                self.container(step.id, "-", &script, &rest)
            }
            Act::Overdue => {
                let rest = json!({"activeDeadlineSeconds": 1});
                self.container(step.id, "-", ENDLESS, &rest)
            }
        }
    }

    /// The template of a pod: `value` goes into the ledger with its start, `script` runs in a shell of its own. What is
    /// endless writes no end: whoever ends it cannot be relied on to let it.
    fn container(&mut self, id: u32, value: &str, script: &str, rest: &Value) -> String {
        let ledger = &self.ledger;
        let work = if script == ENDLESS {
            script.to_owned()
        } else {
            format!("({script}); code=$?; echo \"end $POD {id} $code\" >> {ledger}; exit $code")
        };
        let whole = format!("echo \"start $POD {id} {value}\" >> {ledger}; {work}");
        let mut container = json!({
            "image": "busybox",
            "command": ["sh", "-c", whole],
            "env": [
                {"name": "POD", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                {"name": MARKER, "value": self.folder},
            ],
        });
        if self.mounts {
            container["volumeMounts"] = json!([{"name": "soak", "mountPath": MOUNTED}]);
        }
        let mut template = rest.clone();
        template["container"] = container;
        self.template(template)
    }

    fn relay(&mut self, from: u32, to: u32, way: Way) -> String {
        let (source, value, script) = match way {
            Way::Parameter => (
                json!({"outputs": {"parameters": [{"name": "v", "valueFrom": {"path": "/tmp/v"}}]}}),
                "{{inputs.parameters.v}}",
                format!("printf {TOKEN}-{from} > /tmp/v"),
            ),
            Way::Result => (
                json!({}),
                "{{inputs.parameters.v}}",
                format!("echo {TOKEN}-{from}"),
            ),
            Way::Artifact => (
                json!({"outputs": {"artifacts": [{"name": "v", "path": "/tmp/v"}]}}),
                "$(cat /tmp/in)",
                format!("printf {TOKEN}-{from} > /tmp/v"),
            ),
        };
        let source = self.container(from, "-", &script, &source);
        let (inputs, arguments) = match way {
            Way::Artifact => (
                json!({"artifacts": [{"name": "v", "path": "/tmp/in"}]}),
                json!({"artifacts": [{"name": "v", "from": "{{steps.from.outputs.artifacts.v}}"}]}),
            ),
            Way::Parameter => handed("{{steps.from.outputs.parameters.v}}"),
            Way::Result => handed("{{steps.from.outputs.result}}"),
        };
        let target = self.container(to, value, "true", &json!({"inputs": inputs}));
        let steps = json!([
            [called("from", &source, json!({}))],
            [called("to", &target, json!({"arguments": arguments}))],
        ]);
        self.template(json!({"steps": steps}))
    }

    fn gather(&mut self, from: u32, count: u64, to: u32) -> String {
        let outputs = json!({
            "inputs": {"parameters": [{"name": "n"}]},
            "outputs": {"parameters": [{"name": "v", "valueFrom": {"path": "/tmp/v"}}]},
        });
        let script = format!("printf {TOKEN}-{from}-{{{{inputs.parameters.n}}}} > /tmp/v");
        let source = self.container(from, "-", &script, &outputs);
        let (inputs, arguments) = handed("{{steps.from.outputs.parameters.v}}");
        // Quotes and commas of the list would need care in a shell.
        let value = "$(printf %s '{{inputs.parameters.v}}' | tr -cd 'a-z0-9,-')";
        let target = self.container(to, value, "true", &json!({"inputs": inputs}));
        let item = json!({"parameters": [{"name": "n", "value": "{{item}}"}]});
        let fan = json!({"withSequence": {"count": count.to_string()}, "arguments": item});
        let steps = json!([
            [called("from", &source, fan)],
            [called("to", &target, json!({"arguments": arguments}))],
        ]);
        self.template(json!({"steps": steps}))
    }

    fn steps(&mut self, groups: &[Vec<(Part, bool)>]) -> String {
        let mut all = Vec::new();
        for (nth, group) in groups.iter().enumerate() {
            let mut calls = Vec::new();
            for (at, (part, passed_over)) in group.iter().enumerate() {
                let template = self.part(part);
                let rest = json!({"continueOn": {"failed": passed_over, "error": passed_over}});
                calls.push(called(&format!("s{nth}-{at}"), &template, rest));
            }
            all.push(Value::Array(calls));
        }
        self.template(json!({"steps": all}))
    }

    fn dag(&mut self, tasks: &[(Part, Vec<usize>)]) -> String {
        let mut all = Vec::new();
        for (at, (part, after)) in tasks.iter().enumerate() {
            let template = self.part(part);
            let after: Vec<_> = after.iter().map(|before| format!("d{before}")).collect();
            all.push(called(
                &format!("d{at}"),
                &template,
                json!({"dependencies": after}),
            ));
        }
        self.template(json!({"dag": {"tasks": all}}))
    }
}

/// What a step takes and is given when a parameter `v` is handed on.
fn handed(from: &str) -> (Value, Value) {
    (
        json!({"parameters": [{"name": "v"}]}),
        json!({"parameters": [{"name": "v", "value": from}]}),
    )
}

/// The value that the step `from` hands on, as its receiver writes it into the ledger.
pub(crate) fn token(from: u32) -> String {
    format!("{TOKEN}-{from}")
}

/// The values that `count` steps numbered `from` hand on together.
pub(crate) fn tokens(from: u32, count: u64) -> String {
    let all: Vec<_> = (0..count).map(|n| format!("{TOKEN}-{from}-{n}")).collect();
    all.join(",")
}

/// A call of `template` in steps or as a task, with what else it says.
fn called(name: &str, template: &str, mut rest: Value) -> Value {
    rest["name"] = json!(name);
    rest["template"] = json!(template);
    rest
}
