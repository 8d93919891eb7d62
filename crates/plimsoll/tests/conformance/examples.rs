//! Argo's own examples: the rows of examples.csv that processes of one machine can run.

use std::path::Path;

use serde_json::Value;

use crate::cases::{Case, Ending, documents, named, tree};
use crate::csv::{self, Row};

/// The examples of the classes "plain process", "private folders" and "Kubernetes API".
pub(crate) fn read(folder: &Path) -> Vec<Case> {
    let rows = csv::read(&folder.join("examples.csv"));
    rows.iter()
        .filter(|row| row.get("local_class").starts_with(['P', 'F', 'K']))
        .map(|row| case(folder, row))
        .collect()
}

fn case(folder: &Path, row: &Row) -> Case {
    let (file, number) = (row.get("file"), row.get("doc").parse::<usize>().unwrap());
    let name = match number {
        0 => file.to_owned(),
        number => format!("{file}.{number}"),
    };
    let workflow = documents(&folder.join("examples").join(file)).swap_remove(number);
    Case {
        others: others(folder, row),
        workflows: vec![named(workflow)],
        ending: match row.get("expected_phase") {
            "Random" => Ending::Random,
            "Waits" => Ending::Waits,
            phase => Ending::Phase(phase.to_owned()),
        },
        message: None,
        nodes: Vec::new(),
        tree: tree(folder, "examples", &name),
        name,
    }
}

/// What it refers to, in the files that it depends on.
fn others(folder: &Path, row: &Row) -> Vec<Value> {
    let mut objects = Vec::new();
    for need in row.list("depends_on_files", &['|', ';']) {
        let file = if need == "(same file)" {
            row.get("file")
        } else {
            &need
        };
        let documents = documents(&folder.join("examples").join(file));
        objects.extend(
            documents
                .into_iter()
                .filter(|object| object["kind"] != "Workflow"),
        );
    }
    objects
}
