//! Comma-separated values whose first line names the columns; no quotes, as the traces have none.

use std::path::{Path, PathBuf};

use super::text::{Error, read};

/// A file's rows.
pub(super) struct Table {
    path: PathBuf,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

/// One row.
pub(super) struct Row<'a> {
    table: &'a Table,
    index: usize,
}

impl Table {
    pub(super) fn read(path: &Path) -> Result<Self, Error> {
        let text = read(path)?;
        let mut lines = text
            .lines()
            .map(|line| line.split(',').map(str::to_owned).collect());
        Ok(Self {
            path: path.to_owned(),
            columns: lines.next().unwrap_or_default(),
            rows: lines.collect(),
        })
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        (0..self.rows.len()).map(|index| Row { table: self, index })
    }
}

impl Row<'_> {
    /// The value in a column, nothing if there is no such column.
    pub(super) fn text(&self, column: &str) -> &str {
        let place = self.table.columns.iter().position(|name| name == column);
        let cell = place.and_then(|place| self.table.rows[self.index].get(place));
        cell.map_or("", String::as_str)
    }

    /// The number in a column.
    pub(super) fn number<T: TryFrom<i64>>(&self, column: &str) -> Result<T, Error> {
        let text = self.text(column);
        let number = text.parse::<i64>().ok().and_then(|n| T::try_from(n).ok());
        number.ok_or_else(|| self.wrong(format!("{column} is {text:?}, which is no such number")))
    }

    /// Says what is wrong with this row.
    pub(super) fn wrong(&self, what: String) -> Error {
        Error::Format {
            path: self.table.path.clone(),
            line: self.index + 2,
            what,
        }
    }
}
