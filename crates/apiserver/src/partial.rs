//! Objects of which only part is parsed: what a change cannot touch stays bytes.
//!
//! ```text
//!   {"apiVersion","kind","metadata",   "spec": ...,      "status": {"phase","nodes":{ ... }}}
//!    └ always parsed ────────────────┘ └ untouched: raw ┘ └ raw too where the schema is open: a merge patch is spliced ┘
//! ```
//!
//! | a patch of | leaves raw |
//! | --- | --- |
//! | a built-in kind's status | everything but metadata and status |
//! | a built-in kind's metadata | everything but metadata |
//! | a custom kind | every field about whose inside its schema says nothing |
//!
//! The answers are those of parsing all: raw fields were conformed and checked when they were written, are the same
//! after the change or have nothing to check, and [`Draft`](crate::object::Draft) writes them where they belong.
//! Containers ([`crate::contents`]) are always parsed.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::call::Call;
use crate::registry::Row;
use crate::status::ApiError;

/// Fields that are always parsed.
const PARSED: [&str; 3] = ["apiVersion", "kind", "metadata"];

/// Fields that are text, by name.
pub(crate) type Raw<'b> = BTreeMap<Cow<'b, str>, Cow<'b, str>>;

/// What a request may change, and so what has to be parsed.
#[derive(Clone, Copy)]
pub(crate) enum Scope<'p> {
    /// Anything.
    Whole,
    /// What this patch names: a merge patch, or a strategic one without directives at its root.
    Patch(&'p Map<String, Value>),
}

/// An object, parsed in part.
pub(crate) struct Partial<'b> {
    /// The part that is parsed. Where a custom kind's schema asks for a raw field, an empty object stands for it.
    pub(crate) value: Value,
    pub(crate) raw: Raw<'b>,
}

impl<'p> Scope<'p> {
    /// The scope of a patch.
    pub(crate) fn of(patch: &'p Value) -> Self {
        match patch {
            Value::Object(patch) if !patch.keys().any(|name| name.starts_with('$')) => Self::Patch(patch),
            _ => Self::Whole,
        }
    }

    /// Whether the request leaves alone all that is desired of a built-in kind's object, which then is not parsed.
    pub(crate) fn is_apart_from_desire(self, call: &Call<'_>) -> bool {
        let Self::Patch(patch) = self else { return false };
        let desired = |name: &String| !PARSED.contains(&name.as_str()) && !is_status(&call.row, name);
        !call.row.custom && !is_container(&call.row) && !patch.keys().any(desired)
    }

    /// Whether the field's text, which begins so, need not be parsed.
    fn leaves(self, call: &Call<'_>, name: &str, text: &str) -> bool {
        let Self::Patch(patch) = self else { return false };
        if PARSED.contains(&name) || is_container(&call.row) {
            return false;
        }
        if call.row.custom {
            let opaque = call.row.schema().is_some_and(|schema| schema.is_opaque(name));
            return opaque && text.starts_with('{') && patch.get(name).is_none_or(Value::is_object);
        }
        !patch.contains_key(name) && (is_kept(call, name) || self.is_apart_from_desire(call))
    }
}

fn is_container(row: &Row) -> bool {
    row.is_namespace() || row.is_crd()
}

fn is_status(row: &Row, name: &str) -> bool {
    name == "status" && row.subresources.status
}

/// Whether a request may not change a field: another part's.
pub(crate) fn is_kept(call: &Call<'_>, name: &str) -> bool {
    match call.target.subresource {
        "status" => name != "status" && (name != "metadata" || !call.row.strategy.status_may_change_metadata),
        // What a namespace desires are its finalizers, and they have a path of their own.
        "" if call.row.is_namespace() && name == "spec" => true,
        _ => is_status(&call.row, name),
    }
}

impl<'b> Partial<'b> {
    /// Reads stored bytes.
    pub(crate) fn read(bytes: &'b [u8], call: &Call<'_>, scope: Scope<'_>) -> Result<Self, ApiError> {
        let leaves = |name: &str, text: &str| scope.leaves(call, name, text);
        let mut partial = Self::read_but(bytes, &leaves)?;
        if call.row.custom {
            partial.stand_in();
        }
        Ok(partial)
    }

    /// Reads stored bytes, but for the fields that `leaves` says, given their names and texts.
    pub(crate) fn read_but(bytes: &'b [u8], leaves: &dyn Fn(&str, &str) -> bool) -> Result<Self, ApiError> {
        let mut deserializer = serde_json::Deserializer::from_slice(bytes);
        Reader(leaves)
            .deserialize(&mut deserializer)
            .map_err(ApiError::internal)
    }

    /// What a change has made of `value`, with the raw fields as they are here.
    pub(crate) fn with(&self, mut value: Value, custom: bool) -> Self {
        if let Some(map) = value.as_object_mut() {
            map.retain(|name, _| !self.raw.contains_key(name.as_str()));
        }
        let mut with = Self {
            value,
            raw: self.raw.clone(),
        };
        if custom {
            with.stand_in();
        }
        with
    }

    /// Puts an empty object in the place of each raw field.
    fn stand_in(&mut self) {
        let Some(map) = self.value.as_object_mut() else {
            return;
        };
        for name in self.raw.keys() {
            map.insert(name.to_string(), Value::Object(Map::new()));
        }
    }

    /// Merges a patch into a raw field, and says whether that changed it.
    pub(crate) fn merge(&mut self, name: &str, patch: &Map<String, Value>) -> Result<bool, ApiError> {
        let Some(text) = self.raw.get_mut(name) else {
            return Ok(false);
        };
        let merged = match schema::patch::raw::merge(text, patch) {
            Some(merged) => merged,
            // Not as we write objects: the long way.
            None => {
                let mut value: Value = serde_json::from_str(text).map_err(ApiError::internal)?;
                let patch = Value::Object(patch.clone());
                schema::patch::merge(&mut value, &patch);
                value.to_string()
            }
        };
        let changed = merged != **text;
        *text = Cow::Owned(merged);
        Ok(changed)
    }
}

/// Reads an object, but for the fields that the function says.
struct Reader<'f>(&'f dyn Fn(&str, &str) -> bool);

impl<'de> DeserializeSeed<'de> for Reader<'_> {
    type Value = Partial<'de>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Partial<'de>, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_> {
    type Value = Partial<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Partial<'de>, A::Error> {
        let (mut value, mut raw) = (Map::new(), Raw::new());
        while let Some(name) = fields.next_key::<Cow<'de, str>>()? {
            let text = fields.next_value::<&'de RawValue>()?.get();
            if (self.0)(&name, text) {
                raw.insert(name, Cow::Borrowed(text));
            } else {
                let field = serde_json::from_str(text).map_err(serde::de::Error::custom)?;
                value.insert(name.into_owned(), field);
            }
        }
        Ok(Partial {
            value: Value::Object(value),
            raw,
        })
    }
}
