//! Comma-separated values whose first line names the columns; no quotes, as the traces have none.

use std::path::{Path, PathBuf};

use meta::Timestamp;

use crate::text::{Error, read};

/// A file's rows.
pub(crate) struct Table {
    path: PathBuf,
    columns: Vec<String>,
    /// Each with its line, from 1. Blank lines are none.
    rows: Vec<(usize, Vec<String>)>,
}

/// One row.
pub(crate) struct Row<'a> {
    table: &'a Table,
    index: usize,
}

impl Table {
    pub(crate) fn read(path: &Path) -> Result<Self, Error> {
        let text = read(path)?;
        let cells = |line: &str| line.split(',').map(str::to_owned).collect();
        let mut lines = text.lines();
        let columns = lines.next().map(cells).unwrap_or_default();
        let rows = lines.zip(2..).filter(|(line, _)| !line.trim().is_empty());
        let table = Self {
            path: path.to_owned(),
            columns,
            rows: rows.map(|(line, number)| (number, cells(line))).collect(),
        };
        let columns = table.columns.len();
        let torn = table.rows().find(|row| row.cells().len() != columns);
        if let Some(row) = torn {
            return Err(row.wrong(format!("not the {columns} values that the first line names")));
        }
        Ok(table)
    }

    /// Whether there is such a column.
    pub(crate) fn has(&self, column: &str) -> bool {
        self.columns.iter().any(|name| name == column)
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows.len()).map(|index| Row { table: self, index })
    }
}

impl Row<'_> {
    fn cells(&self) -> &[String] {
        &self.table.rows[self.index].1
    }

    /// The value in a column, nothing if there is no such column.
    pub(crate) fn text(&self, column: &str) -> &str {
        let place = self.table.columns.iter().position(|name| name == column);
        let cell = place.and_then(|place| self.cells().get(place));
        cell.map_or("", String::as_str)
    }

    /// The number in a column.
    pub(crate) fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, Error> {
        let text = self.text(column);
        let number = text.parse::<i64>().ok().and_then(|n| T::try_from(n).ok());
        number.ok_or_else(|| self.wrong(format!("{column} is {text:?}, which is no such number")))
    }

    /// The number in a column, or `otherwise` if there is none.
    pub(crate) fn number_or<T: TryFrom<i64>>(&self, column: &str, otherwise: T) -> Result<T, Error> {
        match self.text(column) {
            "" => Ok(otherwise),
            _ => self.number(column),
        }
    }

    /// The seconds in the first of these columns that is filled: a number, or a date and time.
    pub(crate) fn seconds(&self, columns: &[&str]) -> Result<f64, Error> {
        let filled = columns.iter().find(|column| !self.text(column).is_empty());
        let Some(column) = filled else {
            return Err(self.wrong(format!("nothing in {}", columns.join(" or "))));
        };
        let text = self.text(column);
        let seconds = text
            .parse()
            .ok()
            .or_else(|| time(text))
            .filter(|seconds: &f64| seconds.is_finite());
        seconds.ok_or_else(|| {
            self.wrong(format!(
                "{column} is {text:?}, which is neither seconds nor a time"
            ))
        })
    }

    /// Says what is wrong with this row.
    pub(crate) fn wrong(&self, what: String) -> Error {
        Error::Format {
            path: self.table.path.clone(),
            line: self.table.rows[self.index].0,
            what,
        }
    }
}

/// Seconds of a time as RFC 3339 has it; without a zone it is UTC, and a space may stand for the `T`.
fn time(text: &str) -> Option<f64> {
    let text = text.replacen(' ', "T", 1);
    let time: Timestamp = text.parse().or_else(|_| format!("{text}Z").parse()).ok()?;
    Some(time.as_duration().as_secs_f64())
}
