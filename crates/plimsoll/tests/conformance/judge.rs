//! Whether a case ended as it does upstream: phase, message, single nodes, and the whole tree.

use serde_json::Value;

use crate::cases::{Case, Ending};
use crate::kept_out::{DIFFERENCES, MADE_UP};
use crate::live::final_phase;
use crate::normal::{differences, normal};

/// What is wrong with the workflows of a case, as they ended.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    /// Their phases, messages and single nodes.
    pub(crate) ending: Vec<String>,
    /// Where their trees differ from those that upstream left.
    pub(crate) tree: Vec<String>,
}

/// Compares the workflows of a case with what is expected.
pub(crate) fn judge(case: &Case, workflows: &[Value]) -> Verdict {
    let phases = workflows.iter().filter_map(ended_wrongly(&case.ending));
    let nodes = case
        .nodes
        .iter()
        .filter_map(|expectation| expectation.problem(workflows));
    Verdict {
        ending: phases.chain(message(case, workflows)).chain(nodes).collect(),
        tree: trees(case, workflows),
    }
}

fn ended_wrongly(ending: &Ending) -> impl Fn(&Value) -> Option<String> {
    move |workflow| {
        let phase = final_phase(workflow);
        let right = match ending {
            Ending::Phase(expected) => phase.as_ref() == Some(expected),
            Ending::Random => phase.is_some(),
            Ending::Waits => phase.is_none(),
        };
        let message = &workflow["status"]["message"];
        (!right).then(|| format!("ends {phase:?} {message}; expected {ending:?}"))
    }
}

fn message(case: &Case, workflows: &[Value]) -> Option<String> {
    let expected = case.message.as_ref()?;
    let mut texts = workflows.iter().flat_map(|workflow| {
        let nodes = workflow["status"]["nodes"].as_object().into_iter().flatten();
        let nodes = nodes.map(|(_, node)| &node["message"]);
        nodes
            .chain([&workflow["status"]["message"]])
            .filter_map(Value::as_str)
    });
    let said = texts.any(|text| expected.fits(text));
    (!said).then(|| format!("nothing says {expected:?}"))
}

/// Where the workflows differ from what upstream left of them; what is listed as different must be.
fn trees(case: &Case, workflows: &[Value]) -> Vec<String> {
    let Some(tree) = case.tree.as_ref().filter(|_| case.ending != Ending::Random) else {
        return Vec::new();
    };
    let varies: Vec<String> = serde_json::from_value(tree["varies"].clone()).unwrap_or_default();
    let trees = tree["workflows"].as_array().unwrap();
    assert_eq!(workflows.len(), trees.len(), "{}", case.name);
    let found = workflows
        .iter()
        .zip(trees)
        .flat_map(|(ours, theirs)| differences(&normal(ours), theirs, &varies));
    let (mut unexpected, mut listed) = (Vec::new(), known(case));
    for line in found {
        match listed.iter().position(|(text, _)| is(&line, text)) {
            Some(at) => listed[at].1 = true,
            None => unexpected.push(line),
        }
    }
    let gone = listed.into_iter().filter(|(_, seen)| !seen);
    unexpected
        .into_iter()
        .chain(gone.map(|(text, _)| format!("no longer differs: {text}")))
        .collect()
}

/// Whether a line is the one listed, in which the ends of names that were made up are left open.
fn is(line: &str, listed: &str) -> bool {
    /// Characters of such an end: `k8s.io/apiserver/pkg/storage/names`.
    const LENGTH: usize = 5;
    let mut rest = Some(line);
    for (index, part) in listed.split(MADE_UP).enumerate() {
        let skip = if index == 0 { 0 } else { LENGTH };
        rest = rest.and_then(|rest| rest.get(skip..)?.strip_prefix(part));
    }
    rest == Some("")
}

/// The differences listed for a case, none seen yet.
fn known(case: &Case) -> Vec<(&'static str, bool)> {
    let of_case = DIFFERENCES.iter().filter(|(name, _, _)| *name == case.name);
    of_case
        .flat_map(|(_, lines, _)| lines.iter().map(|line| (*line, false)))
        .collect()
}
