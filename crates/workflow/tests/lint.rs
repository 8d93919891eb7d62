//! Manifests that the upstream validator accepts or refuses, with the meaning of its error.

#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test"
)]

mod support;

use std::fs;
use std::path::Path;

use serde_json::Value;
use support::{documents, library};
use workflow::validate::{Rules, validate};

/// The fields of a row of comma-separated values.
fn fields(line: &str) -> Vec<String> {
    let mut out = vec![String::new()];
    let mut quoted = false;
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ',' if !quoted => out.push(String::new()),
            c => out.last_mut().unwrap().push(c),
        }
    }
    out
}

#[test]
fn rows_are_judged_as_upstream_judges_them() {
    let shared = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/argo"
    ));
    if !shared.is_dir() {
        eprintln!("skipped: {} is not there", shared.display());
        return;
    }
    let mut all = Vec::new();
    for file in fs::read_dir(shared.join("lint")).unwrap() {
        all.extend(documents(&fs::read_to_string(file.unwrap().path()).unwrap()));
    }
    let library = library(&all);
    let table = fs::read_to_string(shared.join("lint.csv")).unwrap();
    let (mut same, mut total) = (0, 0);
    for line in table.lines().skip(1) {
        let row = fields(line.trim_end());
        let [test, _, manifest, expect, kind, error] = &row[..] else {
            continue;
        };
        // Many tests name their manifest so; the file holds the last one's.
        if manifest == "wf" {
            continue;
        }
        let Ok(text) = fs::read_to_string(shared.join(format!("lint/{manifest}.yaml"))) else {
            continue;
        };
        total += 1;
        let found: Vec<String> = documents(&text)
            .iter()
            .flat_map(|d: &Value| {
                validate(
                    d,
                    &library,
                    Rules {
                        whole: true,
                        submit: true,
                    },
                )
            })
            .map(|p| format!("{} at {}", p.message, p.pointer))
            .collect();
        let error = error.replace("\\\"", "\"");
        let right = match (expect.as_str(), kind.as_str()) {
            ("valid", _) => found.is_empty(),
            (_, "contains" | "exact") => found.iter().any(|f| f.contains(&error)),
            _ => !found.is_empty(),
        };
        if right {
            same += 1;
        } else {
            println!("{test} {manifest}: {expect} {error:?}, found {found:#?}");
        }
    }
    println!("{same} of {total} rows are judged the same");
    assert!(same >= 73, "{same} of {total}, fewer than before");
}
