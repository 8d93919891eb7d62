//! Shrinking: the smallest script that still breaks the same promise.
//!
//! Delta debugging over the script's parts: its actions, rates of faults, objects and machines, then over the
//! parts of the workflows that are left. Each candidate is run; one that breaks the same promise is kept.

use controller::faults::{Profile as ApiFaults, Rates};
use serde_json::Value;

use crate::problem::Promise;
use crate::script::{Action, Disk, Script};

/// How a script is judged: the promises that it breaks.
pub(crate) type Judge<'a> = &'a dyn Fn(&Script) -> Vec<Promise>;

struct Shrinker<'a> {
    best: Script,
    wanted: Promise,
    judge: Judge<'a>,
    most: u32,
    tried: u32,
}

/// The smallest script that breaks a promise as `script` does, of at most so many that are tried, and how many
/// were. None if the script breaks none.
pub(crate) fn shrink(script: &Script, most: u32, judge: Judge<'_>) -> Option<(Script, u32)> {
    let wanted = *judge(script).first()?;
    let mut shrinker = Shrinker {
        best: script.clone(),
        wanted,
        judge,
        most,
        tried: 0,
    };
    while shrinker.round() {}
    Some((shrinker.best, shrinker.tried))
}

impl Shrinker<'_> {
    /// Tries everything once; whether anything helped.
    fn round(&mut self) -> bool {
        let before = self.best.clone();
        self.actions();
        self.faults();
        self.objects();
        self.workflows();
        self.best != before && !self.is_tired()
    }

    /// Whether as many were tried as may be.
    fn is_tired(&self) -> bool {
        self.tried >= self.most
    }

    /// Keeps a candidate that breaks the same promise.
    fn keeps(&mut self, candidate: Script) -> bool {
        if candidate == self.best || self.is_tired() {
            return false;
        }
        self.tried += 1;
        let keeps = (self.judge)(&candidate).contains(&self.wanted);
        if keeps {
            self.best = candidate;
        }
        keeps
    }

    /// Leaves out actions: large parts first, then smaller ones.
    fn actions(&mut self) {
        let mut size = self.best.actions.len();
        while size > 0 {
            let mut from = 0;
            while from < self.best.actions.len() {
                let mut candidate = self.best.clone();
                let to = (from + size).min(candidate.actions.len());
                candidate.actions.drain(from..to);
                if !self.keeps(candidate) {
                    from += size;
                }
            }
            size /= 2;
        }
        self.earlier();
    }

    /// Lets actions happen at the beginning.
    fn earlier(&mut self) {
        for place in 0..self.best.actions.len() {
            let mut candidate = self.best.clone();
            candidate.actions[place].at = 0;
            candidate.actions.sort_by_key(|timed| timed.at);
            self.keeps(candidate);
        }
    }

    fn faults(&mut self) {
        let mut candidate = self.best.clone();
        candidate.api = ApiFaults::default();
        self.keeps(candidate);
        let kinds: Vec<String> = self.best.api.only.keys().cloned().collect();
        for kind in kinds {
            let mut candidate = self.best.clone();
            candidate.api.only.remove(&kind);
            self.keeps(candidate);
        }
        for clear in RATES {
            let mut candidate = self.best.clone();
            clear(&mut candidate.api.rates);
            candidate.api.only.values_mut().for_each(clear);
            self.keeps(candidate);
        }
        let mut candidate = self.best.clone();
        candidate.disk = Disk::default();
        self.keeps(candidate);
    }

    fn objects(&mut self) {
        for place in (0..self.best.objects.len()).rev() {
            // A lock without a size is an error, not a smaller script.
            if self.best.objects[place]["kind"] == "ConfigMap" {
                continue;
            }
            let mut candidate = self.best.clone();
            candidate.objects.remove(place);
            self.keeps(candidate);
        }
        // A world without any machine is another one.
        for place in (1..self.best.machines.len()).rev() {
            let mut candidate = self.best.clone();
            candidate.machines.remove(place);
            self.keeps(candidate);
        }
    }

    /// Leaves out parts of workflows: elements of lists and fields, outer ones first.
    fn workflows(&mut self) {
        for place in 0..self.best.actions.len() {
            let mut candidate = self.best.clone();
            if let Action::Submit(workflow) = &mut candidate.actions[place].action {
                drop_unused(workflow);
                self.keeps(candidate);
            }
            let mut skip = 0;
            while let Some(candidate) = self.without_part(place, skip) {
                if self.is_tired() {
                    return;
                }
                if !self.keeps(candidate) {
                    skip += 1;
                }
            }
        }
    }

    /// The best script without the part of this number of the workflow that an action submits.
    fn without_part(&self, place: usize, part: usize) -> Option<Script> {
        let mut candidate = self.best.clone();
        let Action::Submit(workflow) = &mut candidate.actions.get_mut(place)?.action else {
            return None;
        };
        let path = paths(&workflow["spec"]).into_iter().nth(part)?;
        remove(&mut workflow["spec"], &path);
        Some(candidate)
    }
}

/// Leaves out the templates that nothing calls, and those that only they call.
fn drop_unused(workflow: &mut Value) {
    loop {
        let text = workflow["spec"].to_string();
        let Some(templates) = workflow["spec"]["templates"].as_array_mut() else {
            return;
        };
        let before = templates.len();
        templates.retain(|template| {
            let name = template["name"].to_string();
            let calls = ["template", "entrypoint", "onExit"];
            calls
                .iter()
                .any(|call| text.contains(&format!("\"{call}\":{name}")))
        });
        if templates.len() == before {
            return;
        }
    }
}

/// Each rate, cleared.
const RATES: [fn(&mut Rates); 9] = [
    |rates| rates.throttled = 0,
    |rates| rates.broken = 0,
    |rates| rates.conflicts = 0,
    |rates| rates.lost_answers = 0,
    |rates| rates.unanswered = 0,
    |rates| rates.lag_ms = 0,
    |rates| rates.watch_lag_ms = 0,
    |rates| rates.dropped_watches = 0,
    |rates| rates.too_old = 0,
];

/// Fields without which a part of a workflow is none.
const NEEDED: [&str; 16] = [
    "name",
    "template",
    "entrypoint",
    "templates",
    "image",
    "command",
    "args",
    "container",
    "script",
    "steps",
    "dag",
    "tasks",
    "semaphores",
    "mutexes",
    "configMapKeyRef",
    "key",
];

/// The paths of the parts that may be left out, outer ones first.
fn paths(value: &Value) -> Vec<Vec<String>> {
    let (mut found, mut level) = (Vec::new(), vec![(Vec::new(), value)]);
    while !level.is_empty() {
        let mut next = Vec::new();
        for (path, value) in level {
            for (key, child) in children(value) {
                let path: Vec<String> = path.iter().cloned().chain([key.clone()]).collect();
                if !NEEDED.contains(&key.as_str()) {
                    found.push(path.clone());
                }
                next.push((path, child));
            }
        }
        level = next;
    }
    found
}

fn children(value: &Value) -> Vec<(String, &Value)> {
    match value {
        Value::Object(map) => map.iter().map(|(key, child)| (key.clone(), child)).collect(),
        Value::Array(list) => {
            let numbered = list.iter().enumerate();
            numbered
                .map(|(index, child)| (index.to_string(), child))
                .collect()
        }
        _ => Vec::new(),
    }
}

fn remove(value: &mut Value, path: &[String]) {
    let Some((last, before)) = path.split_last() else {
        return;
    };
    let parent = before.iter().try_fold(value, |value, key| match value {
        Value::Object(map) => map.get_mut(key),
        Value::Array(list) => list.get_mut(key.parse::<usize>().ok()?),
        _ => None,
    });
    match parent {
        Some(Value::Object(map)) => drop(map.remove(last)),
        Some(Value::Array(list)) => {
            // Steps without a step and dags without a task are other things, not smaller ones.
            let removable = |index: &usize| *index < list.len() && list.len() > 1;
            if let Some(index) = last.parse().ok().filter(removable) {
                list.remove(index);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::script::Timed;

    #[test]
    fn what_does_not_matter_is_left_out() {
        let submit = |name: &str| {
            Action::Submit(json!({"metadata": {"name": name}, "spec": {
                "entrypoint": "a", "onExit": "b", "templates": [{"name": "a"}, {"name": "b"}]}}))
        };
        let timed = |at, action| Timed { at, action };
        let script = Script {
            api: ApiFaults::rough(),
            actions: vec![
                timed(1, submit("one")),
                timed(2, Action::DropWatches),
                timed(3, submit("two")),
                timed(4, Action::FailSync),
            ],
            ..Script::default()
        };
        // It matters that watches drop, that the answer to a write may be lost, and that `two` is submitted
        // with a template `b`.
        let judge = |script: &Script| {
            let workflow = script
                .workflows()
                .find(|w| w["metadata"]["name"] == "two")
                .map(ToString::to_string);
            let drops = script.actions.iter().any(|t| t.action == Action::DropWatches);
            let breaks = drops
                && script.api.rates.lost_answers > 0
                && workflow.is_some_and(|w| w.contains(r#"{"name":"b"}"#));
            if breaks { vec![Promise::Ends] } else { Vec::new() }
        };
        let (shrunk, _) = shrink(&script, 1000, &judge).unwrap();
        let small = json!({"metadata": {"name": "two"},
            "spec": {"entrypoint": "a", "templates": [{"name": "b"}]}});
        let expected = [timed(0, Action::DropWatches), timed(0, Action::Submit(small))];
        assert_eq!(shrunk.actions, expected);
        let rates = Rates {
            lost_answers: Rates::ROUGH.lost_answers,
            ..Rates::default()
        };
        assert_eq!(shrunk.api.rates, rates);
    }
}
