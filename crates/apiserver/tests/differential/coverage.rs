//! How many of the recorded shapes of requests the scenarios cover.

use std::collections::BTreeSet;
use std::path::Path;

/// Of a hundred recorded shapes, so many are to be covered.
const COVERED_MIN: usize = 90;

/// Prints the coverage; says what is not covered if that is too much.
pub(crate) fn check(file: &Path, seen: &BTreeSet<String>) -> String {
    let recorded = std::fs::read_to_string(file).unwrap();
    let recorded: BTreeSet<&str> = recorded.lines().filter(|line| !line.starts_with('#')).collect();
    let missing: Vec<&str> = recorded
        .iter()
        .copied()
        .filter(|shape| !seen.contains(*shape))
        .collect();
    let covered = recorded.len() - missing.len();
    eprintln!(
        "{covered} of {} recorded shapes are covered, {} more are compared",
        recorded.len(),
        seen.len() - covered
    );
    for shape in &missing {
        eprintln!("not covered: {shape}");
    }
    if covered * 100 >= COVERED_MIN * recorded.len() {
        return String::new();
    }
    format!(
        "{covered} of {} recorded shapes are covered: fewer than {COVERED_MIN} %\n",
        recorded.len()
    )
}
