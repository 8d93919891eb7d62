//! Workflows too large for one object: bounded while they run, rebuilt from what is stored at any moment, and
//! where Argo looks for them at the end.

#![allow(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeSet;

use argo::Workflow;
use serde_json::{Value, json};
use support::{Outcome, World};
use workflow::contract::{Config, Library};
use workflow::layout::{CHUNK_MAX, INLINE_MAX, Manifest, OBJECT_MAX, hydrate, manifest};

/// Steps all at once, each with an input of so many bytes.
fn fan_out(count: usize, parallelism: usize, bytes: usize) -> Value {
    json!({"entrypoint": "main", "parallelism": parallelism, "templates": [
        {"name": "main", "steps": [[{
            "name": "all", "template": "work", "withSequence": {"count": count.to_string()},
            "arguments": {"parameters": [{"name": "text", "value": format!("{{{{item}}}} {}", "x".repeat(bytes))}]},
        }]]},
        {"name": "work", "inputs": {"parameters": [{"name": "text"}]}, "container": {"image": "i", "command": ["c"]}},
    ]})
}

fn world(spec: &Value) -> World {
    let workflow = json!({"kind": "Workflow", "metadata": {"name": "wf", "namespace": "n"}, "spec": spec});
    let script = Box::new(|_: &str| Outcome::default());
    let mut world = World::new(workflow, Library::default(), Config::default(), script);
    world.check_rebuild = false;
    world
}

/// Runs to the end; looks at what is stored after every so many events.
fn run(spec: &Value, look: usize) -> World {
    let mut world = world(spec);
    for turn in 0.. {
        if turn % look == 0 {
            world.compare();
            check_bounds(&world);
        }
        if !world.queue.is_empty() {
            world.deliver(0);
        } else if !world.advance(|_| 0) {
            break;
        }
    }
    world.compare();
    assert_eq!(world.phase(), "Succeeded");
    world
}

fn stored(world: &World) -> Workflow {
    serde_json::from_value(world.workflow.clone()).unwrap()
}

fn check_bounds(world: &World) {
    let inline = world.workflow["status"]["nodes"].to_string().len();
    assert!(
        inline < INLINE_MAX * 5 / 4,
        "{inline} bytes of nodes in the Workflow"
    );
    for (name, chunk) in &world.chunks {
        let bytes = chunk.to_string().len();
        assert!(bytes < CHUNK_MAX * 5 / 4, "{bytes} bytes in {name}");
    }
    let named: BTreeSet<String> = manifest(&stored(world).status)
        .unwrap()
        .numbers()
        .map(|n| workflow::layout::chunk_name("UID", n))
        .collect();
    assert_eq!(
        named,
        world.chunks.keys().cloned().collect(),
        "chunks are there if they count"
    );
}

/// What is stored tells of every node of the machine all that it knows.
fn check_whole(world: &World) {
    let mut stored = stored(world);
    hydrate(&mut stored, world.inputs().chunks).unwrap();
    let nodes = world.machine.nodes();
    let expected = nodes.map(|node| (node.id.clone(), node.clone())).collect();
    assert!(stored.status.nodes == expected);
}

#[test]
fn a_fan_out_with_long_lists_ends_where_argo_looks() {
    let world = run(&fan_out(700, 40, 100), 97);
    check_whole(&world);
    assert!(world.chunks.is_empty());
    let status = stored(&world).status;
    assert_eq!(status.offload_node_status_version, "");
    assert_eq!(status.nodes["wf"].outbound_nodes.len(), 700);
}

#[test]
fn more_than_fits_is_compressed_at_the_end() {
    let world = run(&fan_out(320, 320, 4000), 211);
    check_whole(&world);
    let status = stored(&world).status;
    assert!(world.chunks.is_empty() && status.nodes.is_empty());
    assert!(!status.compressed_nodes.is_empty());
    assert!(world.workflow.to_string().len() <= OBJECT_MAX);
}

#[test]
fn a_workflow_that_goes_on_after_its_end_has_its_nodes_in_chunks_again() {
    let mut world = run(&fan_out(320, 320, 4000), 1000);
    // As `retry` leaves it: one pod is to run again.
    let mut again = stored(&world);
    hydrate(&mut again, vec![]).unwrap();
    let pod = again
        .status
        .nodes
        .values()
        .find(|n| n.r#type == "Pod")
        .unwrap()
        .id
        .clone();
    let group = again
        .status
        .nodes
        .values()
        .find(|n| n.r#type == "StepGroup")
        .unwrap()
        .id
        .clone();
    again.status.nodes.remove(&pod);
    for id in ["wf", &group] {
        let node = again.status.nodes.get_mut(id).unwrap();
        node.phase = "Running".to_owned();
        node.finished_at = None;
        node.outbound_nodes.clear();
    }
    again.status.phase = "Running".to_owned();
    again.status.finished_at = None;
    workflow::layout::dehydrate(&mut again, 1000).unwrap();
    assert!(!again.status.compressed_nodes.is_empty());
    world.workflow = serde_json::to_value(again).unwrap();
    world.pods.clear();
    world.machine = workflow::Machine::rebuild(world.inputs(), world.now);
    world.carry_out();
    check_bounds(&world);
    assert!(!world.chunks.is_empty());
    world.run();
    assert_eq!(world.phase(), "Succeeded");
    check_whole(&world);
}

#[test]
fn nodes_that_cannot_be_read_end_the_workflow_and_nothing_runs_again() {
    let mut world = world(&fan_out(2, 2, 1));
    world.workflow["status"]["offloadNodeStatusVersion"] = "fnv:123".into();
    assert!(Manifest::of("fnv:123").is_err());
    world.machine = workflow::Machine::rebuild(world.inputs(), world.now);
    world.created.clear();
    world.carry_out();
    assert_eq!(world.phase(), "Error");
    assert!(world.created.is_empty());
    assert_eq!(world.workflow["status"]["offloadNodeStatusVersion"], "fnv:123");
}
