//! Upstream's end-to-end tests: the rows of e2e.csv that submit workflows, alone or after creating templates.

use std::path::Path;

use serde_json::Value;

use crate::cases::{Case, Ending, Message, documents, named, tree};
use crate::csv::{self, Row};
use crate::nodes;

/// What a row may do to be a case of ours.
const ACTIONS: [&str; 3] = [
    "SubmitWorkflow",
    "CreateWorkflowTemplates",
    "CreateClusterWorkflowTemplates",
];

/// The rows that do nothing but create and submit.
pub(crate) fn read(folder: &Path) -> Vec<Case> {
    let rows = csv::read(&folder.join("e2e.csv"));
    let submits = |row: &&Row| {
        let actions = row.list("actions", &['>']);
        actions.iter().all(|action| ACTIONS.contains(&action.as_str()))
    };
    rows.iter().filter(submits).map(|row| case(folder, row)).collect()
}

fn case(folder: &Path, row: &Row) -> Case {
    let name = format!("{}.{}", row.get("suite"), row.get("test").replace('/', "_"));
    let (workflows, others): (Vec<Value>, Vec<Value>) = row
        .list("manifests", &[';'])
        .iter()
        .filter_map(|manifest| manifest.split_once(':'))
        .flat_map(|(kind, file)| of_kind(documents(&folder.join("e2e").join(file)), kind))
        .partition(|document| document["kind"] == "Workflow");
    Case {
        others,
        workflows: workflows.into_iter().map(named).collect(),
        ending: Ending::Phase(row.get("expected_phase").to_owned()),
        message: message(row.get("expected_message")),
        nodes: nodes::read(row.get("node_expectations")),
        tree: tree(folder, "e2e", &name),
        name,
    }
}

/// Documents as the upstream tests read them: they know the kind, whatever the file says.
fn of_kind(mut documents: Vec<Value>, kind: &str) -> Vec<Value> {
    for document in &mut documents {
        document["apiVersion"] = "argoproj.io/v1alpha1".into();
        document["kind"] = kind.into();
    }
    documents
}

fn message(text: &str) -> Option<Message> {
    let (how, text) = text.split_once(':')?;
    Some(match how {
        "Equal" => Message::Is(text.to_owned()),
        "Contains" => Message::Contains(text.to_owned()),
        _ => panic!("a message expected in a way not known: {how}"),
    })
}
