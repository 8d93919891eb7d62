//! Tables of comma-separated values, each row by the titles of the first.

use std::collections::BTreeMap;
use std::path::Path;

/// One row: its fields by their titles.
#[derive(Debug, Clone)]
pub(crate) struct Row(BTreeMap<String, String>);

impl Row {
    /// The field under a title that the table has.
    pub(crate) fn get(&self, title: &str) -> &str {
        &self.0[title]
    }

    /// The parts of a field that one of `separators` parts.
    pub(crate) fn list(&self, title: &str, separators: &[char]) -> Vec<String> {
        let parts = self.get(title).split(separators).map(str::trim);
        parts.filter(|part| !part.is_empty()).map(Into::into).collect()
    }
}

/// All rows of a file.
pub(crate) fn read(file: &Path) -> Vec<Row> {
    let mut rows = rows(&std::fs::read_to_string(file).unwrap()).into_iter();
    let titles = rows.next().unwrap();
    rows.map(|row| Row(titles.iter().cloned().zip(row).collect()))
        .collect()
}

/// The fields of each row; quoted ones may hold commas, lines and doubled quotes.
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
