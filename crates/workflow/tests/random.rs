//! Any order of events, any event twice, a crash at any point: the workflow comes to the same end.
//!
//! Events of a seeded world are delivered in random order, some of them twice; at random moments the machine
//! dies, in the middle of what it wants done, and is rebuilt from what is stored.

#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test")]

mod support;

use serde_json::{Value, json};
use support::normal::{normal, value_differences};
use support::{Outcome, World, documents, library};
use workflow::Machine;
use workflow::contract::{Config, Event};

/// A small generator of random numbers (xorshift); the seed is all there is to a run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % bound.max(1) as u64).unwrap()
    }

    fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// Pods end by what their nodes are called: `bad` fails, `shaky(0)` fails once, `list` gives a list.
fn outcome(node: &str) -> Outcome {
    let name = node.rsplit('.').next().unwrap_or(node);
    let fails = name.starts_with("bad") || name.starts_with("shaky") && name.ends_with("(0)");
    let result = if name.starts_with("list") { "[1,2,3]" } else { "7" };
    Outcome {
        exit_code: i32::from(fails),
        outputs: Some(json!({
            "result": result,
            "parameters": [{"name": "out", "value": format!("of {}", name.split(['(', ')']).nth(1).unwrap_or("it"))}],
        })),
        ..Outcome::default()
    }
}

fn world(manifest: &str) -> World {
    let documents = documents(manifest);
    let mut workflow = documents[0].clone();
    workflow["metadata"] = json!({"name": "wf", "namespace": "NAMESPACE"});
    World::new(
        workflow,
        library(&documents[1..]),
        Config::default(),
        Box::new(outcome),
    )
}

fn random_run(manifest: &str, seed: u64) -> World {
    let mut dice = Dice(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    let mut world = world(manifest);
    for _ in 0..20_000 {
        if dice.chance(4) {
            crash(&mut world);
        }
        if !world.queue.is_empty() && dice.chance(60) {
            deliver(&mut world, &mut dice);
        } else if !world.advance(|n| dice.below(n)) {
            if world.queue.is_empty() && !world.sleep() {
                return world;
            }
            if !world.queue.is_empty() {
                deliver(&mut world, &mut dice);
            }
        }
    }
    panic!("seed {seed}: no end");
}

/// Hands over one event that is under way, perhaps not the oldest, perhaps twice. Of one object, later states
/// come later: an informer's order.
fn deliver(world: &mut World, dice: &mut Dice) {
    let at = dice.below(world.queue.len());
    let same = |a: &Event, b: &Event| match (a, b) {
        (Event::Pod(a), Event::Pod(b)) => a.name == b.name,
        (Event::TaskResult(a), Event::TaskResult(b)) => a.node_id == b.node_id,
        (Event::Lock { holder: a, .. }, Event::Lock { holder: b, .. }) => a == b,
        _ => false,
    };
    let chosen = world.queue[at].clone();
    let first = world.queue.iter().position(|e| same(e, &chosen)).unwrap_or(at);
    let event = world.queue.remove(first);
    let twice = dice.chance(10).then(|| event.clone());
    let keep = dice.below(6);
    observe(world, event, keep);
    if let Some(event) = twice {
        observe(world, event, 99);
    }
}

/// Takes note of an event; of what follows only so much is done before a crash, if there is more.
fn observe(world: &mut World, event: Event, keep: usize) {
    world.machine.observe(event, world.now);
    let effects = world.machine.effects(world.now);
    let cut = effects.len() > keep && keep < 3;
    for effect in effects.into_iter().take(if cut { keep } else { usize::MAX }) {
        world.perform(effect);
    }
    if cut {
        crash(world);
    }
}

/// The machine dies and is rebuilt from what is stored; what was under way is seen with the stored objects.
fn crash(world: &mut World) {
    world.queue.clear();
    world.reset_desk();
    world.machine = Machine::rebuild(world.inputs(), world.now);
    world.carry_out();
}

/// Random runs of each workflow.
const SEEDS: u64 = 20;

/// What must be the same whatever happened: all but times and the order of lists.
fn essence(world: &World) -> Value {
    normal(&world.workflow)
}

fn check(manifest: &str, phase: &str) {
    let mut straight = world(manifest);
    straight.run();
    assert_eq!(straight.phase(), phase, "{:#}", straight.workflow["status"]);
    let expected = essence(&straight);
    for seed in 1..=SEEDS {
        let world = random_run(manifest, seed);
        let differences = value_differences("", &expected, &essence(&world));
        assert!(differences.is_empty(), "seed {seed}:\n{}", differences.join("\n"));
        let held = |p: &Value| {
            p["metadata"]["finalizers"]
                .as_array()
                .is_some_and(|f| !f.is_empty())
        };
        let held: Vec<&String> = world
            .pods
            .iter()
            .filter(|(_, p)| held(p))
            .map(|(n, _)| n)
            .collect();
        assert!(held.is_empty(), "seed {seed}: pods are still held: {held:?}");
        let mut created = world.created.clone();
        created.sort();
        let all = created.len();
        created.dedup();
        assert_eq!(all, created.len(), "seed {seed}: a pod was created twice");
    }
}

const TEMPLATES: &str = "
  - name: work
    container: {image: i, command: [c]}
  - name: script
    outputs: {parameters: [{name: out, valueFrom: {path: /o}}]}
    script: {image: i, command: [c], source: s}
  - name: take
    inputs: {parameters: [{name: p}]}
    container: {image: i, command: [c], args: ['{{inputs.parameters.p}}']}
";

fn manifest(spec: &str) -> String {
    format!(
        "kind: Workflow\nspec:\n  entrypoint: main\n{spec}\n{}",
        TEMPLATES.trim_start_matches('\n')
    )
}

#[test]
fn steps_and_loops() {
    let spec = "
  onExit: work
  templates:
  - name: main
    steps:
    - - {name: list, template: script}
    - - {name: each, template: script, withParam: '{{steps.list.outputs.result}}'}
      - {name: bad, template: work, continueOn: {failed: true}}
    - - {name: sum, template: take, arguments: {parameters: [{name: p, value: '{{steps.each.outputs.parameters}}'}]}}
      - {name: never, template: work, when: '{{steps.bad.status}} == Succeeded'}";
    check(&manifest(spec), "Succeeded");
}

#[test]
fn nodes_that_move_into_chunks_and_back() {
    let text = "x".repeat(3000);
    let spec = format!(
        "
  parallelism: 9
  templates:
  - name: main
    dag:
      tasks:
      - {{name: each, template: nested, withSequence: {{count: '12'}}, arguments: {{parameters: [{{name: p, value: '{{{{item}}}} {text}'}}]}}}}
      - {{name: after, template: work, depends: each}}
  - name: nested
    inputs: {{parameters: [{{name: p}}]}}
    steps:
    - - {{name: take, template: take, arguments: {{parameters: [{{name: p, value: '{{{{inputs.parameters.p}}}}'}}]}}}}
    - - {{name: shaky, template: again}}
  - name: again
    retryStrategy: {{limit: '2'}}
    container: {{image: i, command: [c]}}"
    );
    check(&manifest(&spec), "Succeeded");
}

#[test]
fn dags_with_conditions() {
    let spec = "
  templates:
  - name: main
    dag:
      tasks:
      - {name: a, template: script}
      - {name: bad, template: work}
      - {name: after, template: work, depends: bad.Failed && a}
      - {name: omitted, template: work, depends: bad.Succeeded}
      - {name: each, template: script, depends: a, withItems: [1, 2, 3]}
      - {name: sum, template: take, depends: each, arguments: {parameters: [{name: p, value: '{{tasks.each.outputs.parameters}}'}]}}
      - {name: inner, template: inner, depends: after}
  - name: inner
    dag:
      tasks: [{name: first, template: work}, {name: second, template: work, depends: first}]";
    check(&manifest(spec), "Failed");
}

#[test]
fn retries_with_backoff() {
    let spec = "
  templates:
  - name: main
    steps:
    - - {name: shaky, template: again}
      - {name: fine, template: again}
    - - {name: bad, template: again, continueOn: {failed: true}}
    - - {name: nested, template: both}
  - name: again
    retryStrategy: {limit: 2, backoff: {duration: 5s, factor: 2}}
    container: {image: i, command: [c]}
  - name: both
    retryStrategy: {limit: 1}
    steps: [[{name: one, template: work}, {name: two, template: script}]]";
    check(&manifest(spec), "Succeeded");
}

#[test]
fn limits_on_parallelism() {
    let spec = "
  parallelism: 3
  templates:
  - name: main
    parallelism: 2
    dag:
      tasks:
      - {name: each, template: script, withSequence: {count: 7}}
      - {name: more, template: inner, withItems: [a, b, c]}
      - {name: last, template: work, depends: each && more}
  - name: inner
    parallelism: 1
    steps: [[{name: one, template: work}, {name: two, template: script}], [{name: three, template: work}]]";
    check(&manifest(spec), "Succeeded");
}

#[test]
fn hooks_exits_and_waits() {
    let spec = "
  hooks:
    exit: {template: work}
    running: {template: work, expression: workflow.status == \"Running\"}
  templates:
  - name: main
    steps:
    - - name: one
        template: script
        hooks:
          exit: {template: take, arguments: {parameters: [{name: p, value: '{{steps.one.outputs.parameters.out}}'}]}}
    - - {name: wait, template: wait}
    - - {name: two, template: work, onExit: work}
  - name: wait
    suspend: {duration: 30s}";
    check(&manifest(spec), "Succeeded");
}

#[test]
fn failing_fast_in_steps() {
    let spec = "
  templates:
  - name: main
    steps: [[{name: bad, template: work}], [{name: never, template: work}]]";
    check(&manifest(spec), "Failed");
}

#[test]
fn locks_within_a_workflow() {
    let spec = "
  templates:
  - name: main
    steps:
    - - {name: one, template: alone, withItems: [1, 2, 3, 4]}
      - {name: two, template: pairs, withItems: [1, 2, 3]}
  - name: alone
    synchronization: {mutexes: [{name: door}]}
    container: {image: i, command: [c]}
  - name: pairs
    synchronization: {mutexes: [{name: door}, {name: window}]}
    retryStrategy: {limit: 1}
    container: {image: i, command: [c]}";
    check(&manifest(spec), "Succeeded");
    let mut world = world(&manifest(spec));
    let mut most = 0;
    for _ in 0..500 {
        let running = world
            .pods
            .values()
            .filter(|p| p["status"]["phase"] == "Running" || p["status"]["phase"] == "Pending");
        most = most.max(running.count());
        if !world.queue.is_empty() {
            world.deliver(0);
        } else if !world.advance(|_| 0) {
            break;
        }
    }
    assert_eq!((world.phase(), most), ("Succeeded", 1));
}
