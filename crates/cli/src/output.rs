//! Objects on stdout in the form that `-o` asks for.

use kinds::kube::api::DynamicObject;
use serde_json::{Value, json};

use crate::context::Context;
use crate::error::{CommandError, Result};
use crate::objects;

/// How objects are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// JSON: the object, or a List of several.
    Json,
    /// YAML: the object, or a List of several.
    Yaml,
    /// The name only.
    Name,
}

/// How rows of objects are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ListFormat {
    /// With more columns.
    Wide,
    /// JSON: a List.
    Json,
    /// YAML: a List.
    Yaml,
    /// The names only.
    Name,
}

/// Prints the objects: one as itself, any other number as a List.
///
/// # Errors
/// stdout cannot be written.
pub fn print(context: &Context, format: Format, objects: &[DynamicObject]) -> Result<()> {
    let values: Vec<Value> = objects.iter().map(value).collect::<Result<_>>()?;
    match (format, values.as_slice()) {
        (Format::Name, _) => names(context, objects),
        (_, [one]) => document(context, format, one),
        (_, several) => document(context, format, &list(several)),
    }
}

/// Prints the objects as a List, however many there are.
///
/// # Errors
/// stdout cannot be written.
pub fn print_list(context: &Context, format: Format, objects: &[DynamicObject]) -> Result<()> {
    let values: Vec<Value> = objects.iter().map(value).collect::<Result<_>>()?;
    match format {
        Format::Name => names(context, objects),
        _ => document(context, format, &list(&values)),
    }
}

fn names(context: &Context, objects: &[DynamicObject]) -> Result<()> {
    objects.iter().try_for_each(|object| {
        context.ui.print(&format!(
            "{}\n",
            object.metadata.name.as_deref().unwrap_or_default()
        ))
    })
}

fn list(items: &[Value]) -> Value {
    json!({"apiVersion": "v1", "kind": "List", "metadata": {}, "items": items})
}

fn value(object: &DynamicObject) -> Result<Value> {
    serde_json::to_value(object).map_err(|error| {
        let name = object.metadata.name.as_deref().unwrap_or_default();
        CommandError::failed(format!("cannot show `{name}`")).because(&error)
    })
}

fn document(context: &Context, format: Format, value: &Value) -> Result<()> {
    let text = match format {
        Format::Yaml => serde_saphyr::to_string(value).map_err(|error| {
            CommandError::failed(format!("cannot show {}", objects::title(value))).because(&error)
        })?,
        // A tree of JSON values always has a JSON form.
        Format::Json | Format::Name => format!("{value:#}\n"),
    };
    context.ui.print(&text)
}
