//! From OpenAPI v3 JSON to a [`Schema`].
//!
//! `$ref`s are looked up by their last segment among the definitions given. What this version does not enforce
//! (CEL rules, formats it does not know) is let through, never refused.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::node::{Bound, Id, Kind, Limits, Merge, Node, Range, Schema, Unique};

impl Schema {
    /// Compiles a schema without references.
    pub fn compile(schema: &Value) -> Result<Self, String> {
        Self::compile_with(schema, &Map::new())
    }

    /// Compiles a schema whose `$ref`s name `definitions`.
    pub fn compile_with(schema: &Value, definitions: &Map<String, Value>) -> Result<Self, String> {
        let mut compiler = Compiler {
            definitions,
            nodes: Vec::new(),
            done: BTreeMap::new(),
            likenesses: BTreeMap::new(),
        };
        let root = compiler.node(schema)?;
        compiler.liken();
        Ok(Self {
            nodes: compiler.nodes,
            root,
        })
    }
}

struct Compiler<'d> {
    definitions: &'d Map<String, Value>,
    nodes: Vec<Node>,
    /// Definitions that have a node already, finished or not.
    done: BTreeMap<&'d str, Id>,
    /// Nodes that are as another says, but for what they say themselves. Completed last, since a definition may
    /// be referred to before it is finished.
    likenesses: BTreeMap<Id, Id>,
}

impl<'d> Compiler<'d> {
    fn node(&mut self, schema: &Value) -> Result<Id, String> {
        if let Some((name, around)) = reference(schema) {
            let target = self.definition(name)?;
            return self.with_annotations(target, around);
        }
        if let Some(only) = only_alternative(schema) {
            let target = self.node(only)?;
            return self.with_annotations(target, schema);
        }
        let id = self.reserve();
        self.fill(id, schema)?;
        Ok(id)
    }

    fn reserve(&mut self) -> Id {
        self.nodes.push(Node::default());
        self.nodes.len() - 1
    }

    fn definition(&mut self, name: &str) -> Result<Id, String> {
        if let Some(id) = self.done.get(name) {
            return Ok(*id);
        }
        let Some((name, schema)) = self.definitions.get_key_value(name) else {
            return Err(format!("no definition of {name}"));
        };
        let id = self.reserve();
        self.done.insert(name, id);
        self.fill(id, schema)?;
        self.nodes[id].definition = Some(name.as_str().into());
        Ok(id)
    }

    /// A reference that says more than the name has a node of its own.
    fn with_annotations(&mut self, target: Id, around: &Value) -> Result<Id, String> {
        let node = Node {
            nullable: is_nullable(around),
            default: around.get("default").filter(|d| !d.is_null()).cloned(),
            merge: merge_of(around),
            ..Node::default()
        };
        if !node.nullable && node.default.is_none() && node.merge == Merge::default() {
            return Ok(target);
        }
        let id = self.reserve();
        self.nodes[id] = node;
        self.likenesses.insert(id, target);
        Ok(id)
    }

    /// Completes the nodes that are as another says.
    fn liken(&mut self) {
        for id in self.likenesses.keys() {
            let said = std::mem::take(&mut self.nodes[*id]);
            let mut node = self.nodes[self.original(*id)].clone();
            node.nullable |= said.nullable;
            node.default = said.default.or(node.default);
            if said.merge != Merge::default() {
                node.merge = said.merge;
            }
            self.nodes[*id] = node;
        }
    }

    /// Where likenesses lead from a node; in a circle of them, anywhere.
    fn original(&self, id: Id) -> Id {
        let mut at = id;
        for _ in 0..self.likenesses.len() {
            match self.likenesses.get(&at) {
                Some(next) => at = *next,
                None => break,
            }
        }
        at
    }

    fn fill(&mut self, id: Id, schema: &Value) -> Result<(), String> {
        if let Some((name, _)) = reference(schema) {
            // A definition that is only another name.
            let target = self.definition(name)?;
            self.likenesses.insert(id, target);
            return Ok(());
        }
        let mut node = Node {
            kind: kind_of(schema)?,
            nullable: is_nullable(schema),
            open: schema["x-kubernetes-preserve-unknown-fields"] == true,
            embedded: schema["x-kubernetes-embedded-resource"] == true,
            required: strings(&schema["required"]),
            default: schema.get("default").filter(|d| !d.is_null()).cloned(),
            limits: limits_of(schema)?,
            merge: merge_of(schema),
            ..Node::default()
        };
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            node.properties.insert(name.clone(), self.node(property)?);
        }
        match &schema["additionalProperties"] {
            Value::Bool(true) => node.open = true,
            Value::Object(map) if map.is_empty() => node.open = true,
            additional @ Value::Object(_) => node.additional = Some(self.node(additional)?),
            _ => {}
        }
        if schema["items"].is_object() {
            node.items = Some(self.node(&schema["items"])?);
        }
        node.all_of = self.list(&schema["allOf"])?;
        (node.any_of, node.one_of) = (self.list(&schema["anyOf"])?, self.list(&schema["oneOf"])?);
        if let Some(constants) = constants(schema) {
            node.limits.allowed = constants;
            node.one_of.clear();
        }
        if schema["not"].is_object() {
            node.not = Some(self.node(&schema["not"])?);
        }
        self.nodes[id] = node;
        Ok(())
    }

    fn list(&mut self, schemas: &Value) -> Result<Vec<Id>, String> {
        schemas
            .as_array()
            .into_iter()
            .flatten()
            .filter(|schema| !is_null(schema))
            .map(|schema| self.node(schema))
            .collect()
    }
}

/// `{"type": "null"}`: an alternative that says no more than `nullable`.
fn is_null(schema: &Value) -> bool {
    schema["type"] == "null"
}

/// Whether `null` is allowed, in any of the ways to say it.
fn is_nullable(schema: &Value) -> bool {
    let alternatives = ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|key| schema[key].as_array())
        .flatten();
    schema["nullable"] == true
        || type_list(schema).any(|t| t == "null")
        || alternatives.into_iter().any(is_null)
}

/// The one alternative beside `null`: `{anyOf: [X, {type: null}]}` is X or null.
fn only_alternative(schema: &Value) -> Option<&Value> {
    let mut others = schema["anyOf"]
        .as_array()?
        .iter()
        .filter(|alternative| !is_null(alternative));
    let only = others.next()?;
    (others.next().is_none() && is_nullable(schema) && schema.get("properties").is_none()).then_some(only)
}

/// The values of a choice of constants, each of which may have a description of its own.
fn constants(schema: &Value) -> Option<Vec<Value>> {
    let alternatives = schema["oneOf"]
        .as_array()?
        .iter()
        .filter(|alternative| !is_null(alternative));
    let values = |alternative: &Value| match (alternative.get("const"), alternative["enum"].as_array()) {
        (Some(value), _) => Some(vec![value.clone()]),
        (None, values) => values.cloned(),
    };
    let all: Option<Vec<_>> = alternatives.map(values).collect();
    all.map(|all| all.concat())
}

/// The definition a schema refers to, and the schema around the reference: `{$ref}` or `{allOf: [{$ref}], ...}`.
fn reference(schema: &Value) -> Option<(&str, &Value)> {
    let direct = schema.get("$ref");
    let wrapped = || match schema.get("allOf")?.as_array()?.as_slice() {
        [only] if schema.get("properties").is_none() => only.get("$ref"),
        _ => None,
    };
    let target = direct.or_else(wrapped)?.as_str()?;
    Some((target.rsplit('/').next().unwrap_or(target), schema))
}

fn type_list(schema: &Value) -> impl Iterator<Item = &str> {
    let many = schema["type"].as_array().into_iter().flatten();
    many.chain(std::iter::once(&schema["type"]))
        .filter_map(Value::as_str)
}

fn kind_of(schema: &Value) -> Result<Kind, String> {
    if schema["x-kubernetes-int-or-string"] == true || schema["format"] == "int-or-string" {
        return Ok(Kind::IntOrString);
    }
    let names: Vec<&str> = type_list(schema).filter(|name| *name != "null").collect();
    Ok(match names.as_slice() {
        [] if schema["properties"].is_object() => Kind::Object,
        [] => Kind::Any,
        ["object"] => Kind::Object,
        ["array"] => Kind::Array,
        ["string"] => Kind::String,
        ["integer"] => Kind::Integer,
        ["number"] => Kind::Number,
        ["boolean"] => Kind::Boolean,
        ["integer", "string"] | ["string", "integer"] => Kind::IntOrString,
        [_, _, ..] => Kind::Any,
        [other] => return Err(format!("unknown type \"{other}\"")),
    })
}

fn limits_of(schema: &Value) -> Result<Limits, String> {
    let number = |field: &str| schema[field].as_u64();
    // The exclusive bound is a flag in OpenAPI v3 and a number in JSON Schema 2020.
    let bound = |field: &str, exclusive: &str| {
        let number = schema[exclusive].as_number();
        number.or(schema[field].as_number()).map(|value| Bound {
            value: value.clone(),
            exclusive: number.is_some() || schema[exclusive] == true,
        })
    };
    let pattern = schema["pattern"].as_str().map(|text| {
        // Go's \z is the same here; other differences of RE2 do not occur in practice.
        regex::Regex::new(text).map_err(|error| format!("pattern {text:?}: {error}"))
    });
    Ok(Limits {
        allowed: match (schema.get("const"), schema["enum"].as_array()) {
            (Some(value), _) => vec![value.clone()],
            (None, values) => values.cloned().unwrap_or_default(),
        },
        minimum: bound("minimum", "exclusiveMinimum"),
        maximum: bound("maximum", "exclusiveMaximum"),
        multiple_of: schema["multipleOf"].as_number().cloned(),
        length: Range {
            min: number("minLength"),
            max: number("maxLength"),
        },
        items: Range {
            min: number("minItems"),
            max: number("maxItems"),
        },
        properties: Range {
            min: number("minProperties"),
            max: number("maxProperties"),
        },
        pattern: pattern.transpose()?,
        unique: unique_of(schema),
        format: schema["format"].as_str().unwrap_or_default().to_owned(),
    })
}

fn unique_of(schema: &Value) -> Option<Unique> {
    match schema["x-kubernetes-list-type"].as_str() {
        Some("set") => Some(Unique::Value),
        Some("map") => Some(Unique::Keys(strings(&schema["x-kubernetes-list-map-keys"]))),
        _ => (schema["uniqueItems"] == true).then_some(Unique::Value),
    }
}

fn merge_of(schema: &Value) -> Merge {
    let strategy = schema["x-kubernetes-patch-strategy"].as_str().unwrap_or_default();
    let has = |word: &str| strategy.split(',').any(|part| part == word);
    Merge {
        list: has("merge"),
        replace: has("replace"),
        key: schema["x-kubernetes-patch-merge-key"].as_str().map(str::to_owned),
        retain_keys: has("retainKeys"),
    }
}

fn strings(list: &Value) -> Vec<String> {
    let words = list.as_array().into_iter().flatten();
    words.filter_map(Value::as_str).map(str::to_owned).collect()
}
