//! The rows of examples.csv, and the objects that each needs.

use std::path::{Path, PathBuf};

use serde_json::Value;

/// How an example ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Ending {
    /// In this phase.
    Phase(String),
    /// In any: it throws dice.
    Random,
    /// Not at all: it waits for a person.
    Waits,
}

/// One example.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    folder: PathBuf,
    file: String,
    document: usize,
    needs: Vec<String>,
    pub(crate) ending: Ending,
}

/// The examples that a plain process can run.
pub(crate) fn read(folder: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(folder.join("examples.csv")).unwrap();
    let mut rows = rows(&text).into_iter();
    let header = rows.next().unwrap();
    let column = |name: &str| header.iter().position(|title| title == name).unwrap();
    let (file, document, class) = (column("file"), column("doc"), column("local_class"));
    let (ending, needs) = (column("expected_phase"), column("depends_on_files"));
    let plain = rows.filter(|row| row[class].starts_with("P "));
    plain
        .map(|row| Case {
            folder: folder.join("examples"),
            file: row[file].clone(),
            document: row[document].parse().unwrap(),
            needs: row[needs]
                .split(['|', ';'])
                .map(str::trim)
                .filter(|need| !need.is_empty())
                .map(Into::into)
                .collect(),
            ending: match row[ending].as_str() {
                "Random" => Ending::Random,
                "Waits" => Ending::Waits,
                phase => Ending::Phase(phase.to_owned()),
            },
        })
        .collect()
}

impl Case {
    /// Its file, and the document's number where that is not the first.
    pub(crate) fn name(&self) -> String {
        if self.document == 0 {
            self.file.clone()
        } else {
            format!("{}.{}", self.file, self.document)
        }
    }

    /// The objects to create first.
    pub(crate) fn prerequisites(&self) -> Vec<Value> {
        let mut objects = Vec::new();
        for need in &self.needs {
            let file = if need == "(same file)" { &self.file } else { need };
            objects.extend(
                self.documents(file)
                    .into_iter()
                    .filter(|object| object["kind"] != "Workflow"),
            );
        }
        objects
    }

    /// The workflow.
    pub(crate) fn workflow(&self) -> Value {
        self.documents(&self.file).swap_remove(self.document)
    }

    /// Whether how it ends is a matter of chance.
    pub(crate) fn throws_dice(&self) -> bool {
        self.workflow().to_string().contains("random")
    }

    fn documents(&self, file: &str) -> Vec<Value> {
        let text = std::fs::read_to_string(self.folder.join(file)).unwrap();
        serde_saphyr::from_multiple(&text).unwrap()
    }
}

/// Rows of comma-separated values; quoted ones may hold commas, lines and doubled quotes.
fn rows(text: &str) -> Vec<Vec<String>> {
    let (mut rows, mut row, mut field, mut quoted) = (Vec::new(), Vec::new(), String::new(), false);
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' if quoted && chars.next_if_eq(&'"').is_some() => field.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => row.push(std::mem::take(&mut field)),
            '\n' if !quoted => {
                row.push(std::mem::take(&mut field));
                rows.push(std::mem::take(&mut row));
            }
            '\r' if !quoted => {}
            c => field.push(c),
        }
    }
    rows
}
