//! One round: workflows are submitted, blows fall, everything ends, the promise is checked, nothing is left.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use serde_json::Value;

use super::api::Api;
use super::chaos::{Chaos, PODS, WORKFLOWS, Weather, names};
use super::ledger::{self, Ledger};
use super::manifest::{MARKER, manifest};
use super::plan::Workflow;
use super::processes::Process;
use super::verdict::{Fate, broken};

/// How long nothing at all may happen before the platform is said to hang.
const PATIENCE: Duration = Duration::from_secs(90);
const LOOK: Duration = Duration::from_millis(100);

/// What a round came to.
pub(crate) struct Outcome {
    pub(crate) weather: Weather,
    pub(crate) workflows: u64,
    pub(crate) starts: u64,
    /// Promises that were not kept.
    pub(crate) broken: Vec<String>,
}

/// Runs round `number`.
pub(crate) fn run(chaos: &mut Chaos<'_>, number: u64) -> Result<Outcome> {
    let weather = Weather::of_round(number);
    let ledger = chaos.folder.join("ledger");
    let _ = std::fs::remove_file(&ledger);
    let count = chaos.random.between(3, 12);
    let workflows: Vec<Workflow> = (0..count)
        .map(|nth| Workflow::random(format!("r{number}w{nth}"), chaos.random))
        .collect();
    chaos.look_after()?;
    storm(chaos, weather, &workflows)?;
    let objects = ends(chaos, &workflows, &ledger)?;
    let written = ledger::read(&ledger)?;
    let broken = verdicts(chaos, weather, &workflows, &objects, &written);
    Ok(Outcome {
        weather,
        workflows: count,
        starts: written.values().map(|pod| pod.starts).sum(),
        broken,
    })
}

/// Submits the workflows while blows fall.
fn storm(chaos: &mut Chaos<'_>, weather: Weather, workflows: &[Workflow]) -> Result<()> {
    let mut there = Vec::new();
    for workflow in workflows {
        submit(chaos, workflow)?;
        there.push(workflow.name.clone());
        if chaos.random.chance(30) {
            chaos.strike(weather, &there)?;
        }
    }
    for _ in 0..chaos.random.between(1, 6) {
        chaos.pause();
        chaos.look_after()?;
        chaos.strike(weather, &there)?;
    }
    Ok(())
}

/// Until it is acknowledged, or found to be there already.
fn submit(chaos: &mut Chaos<'_>, workflow: &Workflow) -> Result<()> {
    let object = manifest(workflow, &chaos.folder.display().to_string());
    let began = Instant::now();
    loop {
        match chaos.api.create(WORKFLOWS, &object) {
            Ok(answer) if [201, 409].contains(&answer.status) => return Ok(()),
            Ok(answer) if answer.status < 500 && answer.status != 429 => {
                bail!("{} is refused: {}", workflow.name, answer.object["message"])
            }
            _ if began.elapsed() > PATIENCE => bail!("{} cannot be submitted", workflow.name),
            _ => thread::sleep(LOOK),
        }
        chaos.look_after()?;
    }
}

/// The workflows once all are over, and no process of theirs is left.
fn ends(chaos: &mut Chaos<'_>, workflows: &[Workflow], ledger: &Path) -> Result<Vec<Value>> {
    let mark = chaos.folder.display().to_string();
    let mut moved = Instant::now();
    let mut before = (0, 0, 0);
    loop {
        chaos.look_after()?;
        let listed = items(chaos.api, WORKFLOWS);
        if let Some(listed) = &listed {
            let over = listed.iter().filter(|workflow| is_over(workflow)).count();
            let running = Process::marked(MARKER, &mark).len();
            if over == listed.len() && running == 0 {
                return Ok(listed.clone());
            }
            let written = std::fs::metadata(ledger).map_or(0, |file| file.len());
            if before != (over, running, written) {
                (before, moved) = ((over, running, written), Instant::now());
            }
        }
        if moved.elapsed() > PATIENCE {
            bail!(
                "nothing happens any more: {}",
                stuck(listed.as_deref(), workflows, &mark)
            );
        }
        let_go(chaos, listed.as_deref().unwrap_or_default());
        thread::sleep(LOOK);
    }
}

/// A workflow may still be held if the platform was down when it was to be let go.
fn let_go(chaos: &Chaos<'_>, listed: &[Value]) {
    for workflow in listed
        .iter()
        .filter(|workflow| workflow["spec"]["suspend"] == true)
    {
        if let Some(name) = workflow["metadata"]["name"].as_str() {
            let patch = serde_json::json!({"spec": {"suspend": null}});
            drop(chaos.api.merge(&format!("{WORKFLOWS}/{name}"), &patch));
        }
    }
}

fn is_over(workflow: &Value) -> bool {
    let phase = workflow["status"]["phase"].as_str().unwrap_or_default();
    ["Succeeded", "Failed", "Error"].contains(&phase)
}

fn stuck(listed: Option<&[Value]>, workflows: &[Workflow], mark: &str) -> String {
    let Some(listed) = listed else {
        return "the platform does not answer".to_owned();
    };
    let open = listed.iter().filter(|workflow| !is_over(workflow));
    let open: Vec<_> = open.map(|workflow| &workflow["metadata"]["name"]).collect();
    let left = Process::marked(MARKER, mark);
    format!("of {} workflows {open:?} go on, with {left:?}", workflows.len())
}

fn verdicts(
    chaos: &Chaos<'_>,
    weather: Weather,
    workflows: &[Workflow],
    objects: &[Value],
    ledger: &Ledger,
) -> Vec<String> {
    let mut found = Vec::new();
    for workflow in workflows {
        let name = &workflow.name;
        let object = objects.iter().find(|object| object["metadata"]["name"] == **name);
        if object.is_none() && !chaos.deleted.contains(name) {
            found.push(format!("{name}: was acknowledged and is gone"));
        }
        let fate = Fate {
            workflow,
            object,
            weather,
            hurt: chaos.hurt.contains(name) || chaos.deleted.contains(name),
        };
        found.extend(
            broken(&fate, ledger)
                .into_iter()
                .map(|what| format!("{name}: {what}")),
        );
    }
    found
}

/// Deletes all workflows, and waits until nothing is left of them.
pub(crate) fn clear(chaos: &mut Chaos<'_>) -> Result<()> {
    let began = Instant::now();
    loop {
        chaos.look_after()?;
        drop(
            chaos
                .api
                .delete(&format!("{WORKFLOWS}?propagationPolicy=Background")),
        );
        let left: Option<Vec<String>> = [WORKFLOWS, PODS, TASK_RESULTS]
            .iter()
            .map(|path| chaos.api.get(path).ok().map(|answer| names(&answer.object)))
            .collect::<Option<Vec<_>>>()
            .map(|all| all.concat());
        let folders = std::fs::read_dir(pods_of(chaos)).map_or(0, Iterator::count);
        match left {
            Some(left) if left.is_empty() && folders == 0 => return Ok(()),
            left if began.elapsed() > PATIENCE => {
                bail!(
                    "after all workflows are deleted there is left: {left:?}, and {folders} folders of pods"
                )
            }
            _ => thread::sleep(LOOK),
        }
    }
}

const TASK_RESULTS: &str = "/apis/argoproj.io/v1alpha1/namespaces/default/workflowtaskresults";

fn pods_of(chaos: &Chaos<'_>) -> std::path::PathBuf {
    chaos.folder.join("data/node/pods")
}

/// The objects of a list, if the platform answers.
fn items(api: &Api, path: &str) -> Option<Vec<Value>> {
    let answer = api.get(path).ok().filter(|answer| answer.status == 200)?;
    answer.object["items"].as_array().cloned()
}

/// How many objects there are: those that stay, and events.
pub(crate) fn count_objects(api: &Api) -> Option<(u64, u64)> {
    let mut counts = (0, 0);
    for path in lists(api)? {
        let count = items(api, &path)?.len() as u64;
        if path.ends_with("/events") {
            counts.1 += count;
        } else {
            counts.0 += count;
        }
    }
    Some(counts)
}

/// The path of every list that the API has, by its discovery.
fn lists(api: &Api) -> Option<Vec<String>> {
    let groups = api.get("/apis").ok()?.object;
    let groups = groups["groups"].as_array()?;
    let versions = groups
        .iter()
        .filter_map(|group| group["preferredVersion"]["groupVersion"].as_str())
        .map(|version| format!("/apis/{version}"));
    let mut found = Vec::new();
    for version in versions.chain(["/api/v1".to_owned()]) {
        let resources = api.get(&version).ok()?.object;
        for resource in resources["resources"].as_array()? {
            let verbs = resource["verbs"].as_array()?;
            let name = resource["name"].as_str()?;
            if verbs.iter().any(|verb| verb == "list") && !name.contains('/') {
                found.push(format!("{version}/{name}"));
            }
        }
    }
    // Core events are listed under a second group too.
    found.retain(|path| path != "/apis/events.k8s.io/v1/events");
    Some(found)
}
