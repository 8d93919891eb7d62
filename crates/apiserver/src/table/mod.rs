//! Tables for people: what `kubectl get` prints, made by the server (`meta.k8s.io/v1` Table).
//!
//! Rule: `pkg/printers/internalversion` for built-in kinds, `additionalPrinterColumns` for custom ones.

mod age;
mod cells;
pub(crate) mod columns;
mod jsonpath;
mod pod;

use std::sync::Arc;

use meta::Timestamp;
use meta::host::Host;
use serde_json::{Value, json};

use crate::object::meta as meta_field;
use crate::registry::{Columns, Row};

/// A column of a built-in kind.
pub(crate) struct Column {
    /// Heading, as `Ready`.
    pub(crate) name: &'static str,
    /// The type of its cells, as `string`.
    pub(crate) format: &'static str,
    /// 0 is always shown, 1 with `-o wide`.
    pub(crate) priority: u8,
    /// What is in it.
    pub(crate) cell: Cell,
}

/// What a cell shows.
pub(crate) enum Cell {
    /// The object's name.
    Name,
    /// Time since it was created.
    Age,
    /// The text at a path, or `<none>`.
    Path(&'static [&'static str]),
    /// The text at a path, or nothing.
    Text(&'static [&'static str]),
    /// The text at a path, or `<unknown>`.
    Known(&'static [&'static str]),
    /// Anything else.
    Made(fn(&Value, Timestamp) -> Value),
}

/// Prints objects of one kind.
pub(crate) struct Printer {
    row: Arc<Row>,
    include: Include,
    host: Host,
}

/// What rows carry beside their cells.
#[derive(Clone, Copy)]
enum Include {
    Nothing,
    Metadata,
    Object,
}

impl Printer {
    /// A printer for `row`; `include` is the parameter `includeObject`.
    pub(crate) fn new(row: &Arc<Row>, include: Option<&str>, host: Host) -> Self {
        let include = match include {
            Some("None") => Include::Nothing,
            Some("Object") => Include::Object,
            _ => Include::Metadata,
        };
        Self {
            row: Arc::clone(row),
            include,
            host,
        }
    }

    /// A table of one object.
    pub(crate) fn one(&self, object: &Value) -> Value {
        let revision = meta_field(object, "resourceVersion");
        self.table(std::slice::from_ref(object), revision)
    }

    /// A table of a list at a revision.
    pub(crate) fn many(&self, objects: &[Value], revision: u64) -> Value {
        self.table(objects, &revision.to_string())
    }

    /// A table without rows.
    pub(crate) fn none(&self) -> Value {
        self.table(&[], "")
    }

    fn table(&self, objects: &[Value], revision: &str) -> Value {
        let now = self.host.now();
        let rows: Vec<Value> = objects.iter().map(|object| self.row(object, now)).collect();
        json!({
            "kind": "Table", "apiVersion": "meta.k8s.io/v1", "metadata": {"resourceVersion": revision},
            "columnDefinitions": self.definitions(), "rows": rows,
        })
    }

    fn row(&self, object: &Value, now: Timestamp) -> Value {
        let cells = match &self.row.columns {
            Columns::Builtin(columns) => columns.iter().map(|column| column.cell.of(object, now)).collect(),
            Columns::Custom(columns) => std::iter::once(Cell::Name.of(object, now))
                .chain(columns.iter().map(|column| cells::custom(column, object, now)))
                .collect(),
            Columns::Age => vec![Cell::Name.of(object, now), Cell::Age.of(object, now)],
        };
        let object = match self.include {
            Include::Nothing => Value::Null,
            Include::Object => object.clone(),
            Include::Metadata => json!({
                "kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"],
            }),
        };
        json!({"cells": Value::Array(cells), "object": object})
    }

    fn definitions(&self) -> Vec<Value> {
        match &self.row.columns {
            Columns::Builtin(columns) => columns
                .iter()
                .map(|column| definition(column.name, column.format, column.priority))
                .collect(),
            Columns::Custom(columns) => std::iter::once(definition("Name", "string", 0))
                .chain(columns.iter().map(custom_definition))
                .collect(),
            Columns::Age => {
                let age = if self.row.custom { "date" } else { "string" };
                vec![definition("Name", "string", 0), definition("Age", age, 0)]
            }
        }
    }
}

fn at<'v>(object: &'v Value, path: &[&str]) -> &'v Value {
    path.iter().fold(object, |value, key| &value[*key])
}

fn definition(name: &str, kind: &str, priority: u8) -> Value {
    let format = if name == "Name" { "name" } else { "" };
    json!({"name": name, "type": kind, "format": format, "description": "", "priority": priority})
}

fn custom_definition(column: &Value) -> Value {
    let text = |field: &str| column[field].as_str().unwrap_or_default();
    json!({
        "name": column["name"], "type": column["type"], "format": text("format"),
        "description": text("description"), "priority": column["priority"].as_i64().unwrap_or(0),
    })
}

impl Cell {
    fn of(&self, object: &Value, now: Timestamp) -> Value {
        match self {
            Self::Name => object["metadata"]["name"].clone(),
            Self::Age => age::since(&object["metadata"]["creationTimestamp"], now).into(),
            Self::Path(path) => cells::or_none(at(object, path)),
            Self::Text(path) => at(object, path).as_str().unwrap_or_default().into(),
            Self::Known(path) => match at(object, path).as_str().unwrap_or_default() {
                "" => "<unknown>".into(),
                text => text.into(),
            },
            Self::Made(make) => make(object, now),
        }
    }
}
