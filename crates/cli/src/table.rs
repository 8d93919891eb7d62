//! Tables as kubectl prints them: headings in capitals, columns three blanks apart, no lines.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::Value;

/// The blanks between columns.
const GAP: usize = 3;
/// The most rows of a parameter's table that are shown.
const MAX_ROWS: usize = 100;
/// The widest cell of a parameter's table.
const MAX_CELL: usize = 32;

/// Rows under headings.
#[derive(Clone, Debug, Default)]
pub struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table with these headings.
    #[must_use]
    pub fn new<'a>(headings: impl IntoIterator<Item = &'a str>) -> Self {
        let headings = headings.into_iter().map(str::to_owned).collect();
        Self { rows: vec![headings] }
    }

    /// A table without headings.
    #[must_use]
    pub fn bare() -> Self {
        Self::default()
    }

    /// Adds a row.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        self.rows.push(cells.into_iter().collect());
    }

    /// The table as text, a line for each row, each line after `indent` blanks.
    #[must_use]
    pub fn render(&self, indent: usize) -> String {
        let widths = self.widths();
        let mut text = String::new();
        for row in &self.rows {
            let mut line = " ".repeat(indent);
            for (cell, width) in row.iter().zip(&widths) {
                let pad = (width + GAP).saturating_sub(cells(cell));
                line.push_str(cell);
                line.push_str(&" ".repeat(pad));
            }
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }

    fn widths(&self) -> Vec<usize> {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let width = |column: usize| {
            self.rows
                .iter()
                .filter_map(|row| Some(cells(row.get(column)?)))
                .max()
        };
        (0..columns).map(|column| width(column).unwrap_or(0)).collect()
    }
}

/// Cells that the text takes, without its escape codes.
fn cells(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().chars().count()
}

/// A JSON object whose keys are in the order in which they were written: columns are read in that order.
struct Row(Vec<(String, Value)>);

impl Row {
    fn get(&self, key: &str) -> Option<&Value> {
        self.0
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value)
    }
}

impl<'de> Deserialize<'de> for Row {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields)
    }
}

struct Fields;

impl<'de> Visitor<'de> for Fields {
    type Value = Row;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Row, A::Error> {
        let mut fields = Vec::new();
        while let Some(field) = map.next_entry()? {
            fields.push(field);
        }
        Ok(Row(fields))
    }
}

/// The table that a JSON list of objects stands for: a column for each key, in the order in which keys
/// appear. None if the text is anything else.
#[must_use]
pub fn of_json(text: &str) -> Option<Table> {
    let rows: Vec<Row> = serde_json::from_str(text).ok()?;
    let mut keys: Vec<&String> = Vec::new();
    for (key, _) in rows.iter().flat_map(|row| &row.0) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    if keys.is_empty() {
        return None;
    }
    let mut table = Table::default();
    table.row(keys.iter().map(|key| key.to_uppercase()));
    for row in rows.iter().take(MAX_ROWS) {
        table.row(keys.iter().map(|key| row.get(key).map(cell).unwrap_or_default()));
    }
    if rows.len() > MAX_ROWS {
        table.row([format!("… {} more", rows.len() - MAX_ROWS)]);
    }
    Some(table)
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    if text.chars().count() <= MAX_CELL {
        return text;
    }
    text.chars().take(MAX_CELL - 1).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_list_of_objects_becomes_a_table() {
        let text = r#"[{"name": "m1", "rate": 0.1}, {"name": "m2", "rate": 0.05, "note": "best\nso far"}, {"rate": null}]"#;
        expect![[r#"
            NAME   RATE   NOTE
            m1     0.1
            m2     0.05   best so far

        "#]]
        .assert_eq(&of_json(text).expect("a table").render(0));
    }

    #[test]
    fn anything_else_does_not() {
        for text in ["", "[]", "[{}]", "{}", "[1]", "text", "[[{}]]"] {
            assert!(of_json(text).is_none(), "{text}");
        }
    }
}
