//! Executing a template: each action starts from the document, a range from each of its items.

use std::borrow::Cow;

use serde_json::Value as Json;

use super::compare::compare;
use super::{Node, Slice};

/// Something that was selected: a part of the document, or a value that the template made.
pub(super) type Item<'a> = Cow<'a, Json>;

/// How many items may be looked at, so that nested descents end.
const MAX_STEPS: usize = 5_000_000;

type Found<'a> = Vec<Item<'a>>;

/// What went wrong, and what was selected so far: an `exists` filter looks at the latter.
struct Failure<'a> {
    message: String,
    found: Found<'a>,
}

type Evaluated<'a> = Result<Found<'a>, Failure<'a>>;

/// What each part of a template selects.
pub(super) fn find<'a>(
    nodes: &'a [Node],
    document: &'a Json,
    lenient: bool,
) -> Result<Vec<Found<'a>>, String> {
    let mut walker = Walker {
        lenient,
        begin: 0,
        inside: 0,
        end: 0,
        last_end: 0,
        steps: 0,
    };
    walker.template(nodes, 0, &Cow::Borrowed(document))
}

struct Walker {
    lenient: bool,
    /// Ranges that have begun and are not being looped over yet.
    begin: usize,
    /// Ranges being looped over.
    inside: usize,
    /// Ends that have been met.
    end: usize,
    /// Where the last end was.
    last_end: usize,
    steps: usize,
}

fn fail<'a, T>(message: impl Into<String>, found: Found<'a>) -> Result<T, Failure<'a>> {
    Err(Failure {
        message: message.into(),
        found,
    })
}

impl Walker {
    /// The parts of a template from `start` on, up to the end of the range that we are in.
    fn template<'a>(
        &mut self,
        nodes: &'a [Node],
        start: usize,
        data: &Item<'a>,
    ) -> Result<Vec<Found<'a>>, String> {
        let mut results = Vec::new();
        let mut at = start;
        while let Some(node) = nodes.get(at) {
            let found = self
                .walk(vec![data.clone()], node)
                .map_err(|failure| failure.message)?;
            if self.end > 0 && self.end <= self.inside {
                self.end -= 1;
                self.last_end = at;
                break;
            }
            if self.begin > 0 {
                self.begin -= 1;
                self.inside += 1;
                if found.is_empty() {
                    // The end of the range has to be found all the same.
                    self.template(nodes, at + 1, &Cow::Owned(Json::Null))?;
                }
                for item in found {
                    results.extend(self.template(nodes, at + 1, &item)?);
                }
                self.inside -= 1;
                if self.last_end > at {
                    at = self.last_end;
                }
            } else {
                results.push(found);
            }
            at += 1;
        }
        Ok(results)
    }

    fn work<'a>(&mut self, items: usize) -> Result<(), Failure<'a>> {
        self.steps = self.steps.saturating_add(items + 1);
        if self.steps > MAX_STEPS {
            return fail("the template selects too much", Vec::new());
        }
        Ok(())
    }

    fn walk<'a>(&mut self, input: Found<'a>, node: &'a Node) -> Evaluated<'a> {
        self.work(input.len())?;
        let constant = |value: Json| Ok(vec![Cow::Owned(value); input.len()]);
        match node {
            Node::Action(nodes) => self.list(input, nodes),
            Node::Text(text) => Ok(vec![Cow::Owned(text.as_str().into())]),
            Node::Int(value) => constant((*value).into()),
            Node::Float(value) => constant((*value).into()),
            Node::Bool(value) => constant((*value).into()),
            Node::Field(name) => self.field(&input, name),
            Node::Slice(slice) => self.slice(input, *slice),
            Node::Filter {
                left,
                operator,
                right,
            } => self.filter(&input, left, operator, right),
            Node::Wildcard => Ok(input.iter().flat_map(children).collect()),
            Node::Recursive => {
                let mut found = Vec::new();
                self.recursive(&input, &mut found)?;
                Ok(found)
            }
            Node::Union(members) => self.union(&input, members),
            Node::Word(word) => self.word(input, word),
        }
    }

    fn list<'a>(&mut self, input: Found<'a>, nodes: &'a [Node]) -> Evaluated<'a> {
        nodes.iter().try_fold(input, |found, node| self.walk(found, node))
    }

    fn word<'a>(&mut self, input: Found<'a>, word: &str) -> Evaluated<'a> {
        match word {
            "range" => {
                self.begin += 1;
                Ok(input)
            }
            "end" if self.inside > 0 => {
                self.end += 1;
                Ok(Vec::new())
            }
            "end" => fail("not in range, nothing to end", Vec::new()),
            _ => fail(format!("unrecognized identifier {word}"), input),
        }
    }

    fn field<'a>(&self, input: &Found<'a>, name: &str) -> Evaluated<'a> {
        let found: Found<'a> = input.iter().filter_map(|item| member(item, name)).collect();
        if found.is_empty() && !input.is_empty() && !self.lenient {
            return fail(format!("{name} is not found"), found);
        }
        Ok(found)
    }

    fn slice<'a>(&mut self, input: Found<'a>, slice: Slice) -> Evaluated<'a> {
        let mut found = Vec::new();
        for item in &input {
            let items = match item.as_ref() {
                Json::Null => continue,
                Json::Array(_) => children(item),
                other => return fail(format!("{} is not array or slice", go_type(other)), input),
            };
            match part(items.len(), slice) {
                Ok(None) => return Ok(found),
                Ok(Some((range, step))) => {
                    found.extend(items.into_iter().take(range.end).skip(range.start).step_by(step));
                }
                Err(message) => return fail(message, input),
            }
            self.work(found.len())?;
        }
        Ok(found)
    }

    fn union<'a>(&mut self, input: &Found<'a>, members: &'a [Vec<Node>]) -> Evaluated<'a> {
        let mut found = Vec::new();
        for member in members {
            match self.list(input.clone(), member) {
                Ok(items) => found.extend(items),
                Err(failure) => return fail(failure.message, input.clone()),
            }
        }
        Ok(found)
    }

    /// Everything below that has something below it, each before what is in it.
    fn recursive<'a>(&mut self, input: &[Item<'a>], found: &mut Found<'a>) -> Result<(), Failure<'a>> {
        for item in input {
            let below = children(item);
            self.work(below.len())?;
            if !below.is_empty() {
                found.push(item.clone());
                self.recursive(&below, found)?;
            }
        }
        Ok(())
    }

    fn filter<'a>(
        &mut self,
        input: &Found<'a>,
        left: &'a [Node],
        operator: &str,
        right: &'a [Node],
    ) -> Evaluated<'a> {
        let mut found = Vec::new();
        for list in input {
            if !list.is_array() {
                let shown = super::print::text(list);
                return fail(
                    format!("{shown} is not array or slice and cannot be filtered"),
                    input.clone(),
                );
            }
            for item in children(list) {
                let lefts = self.list(vec![item.clone()], left);
                if operator == "exists" {
                    let lefts = lefts.unwrap_or_else(|failure| failure.found);
                    found.extend((!lefts.is_empty()).then_some(item));
                    continue;
                }
                let lefts = match lefts {
                    Ok(lefts) => lefts,
                    Err(failure) => return fail(failure.message, input.clone()),
                };
                match self.passes(&item, &lefts, operator, right) {
                    Ok(passes) => found.extend(passes.then_some(item)),
                    Err(message) => return fail(message, input.clone()),
                }
            }
        }
        Ok(found)
    }

    fn passes<'a>(
        &mut self,
        item: &Item<'a>,
        lefts: &[Item<'a>],
        operator: &str,
        right: &'a [Node],
    ) -> Result<bool, String> {
        let one = "can only compare one element at a time";
        let left = match lefts {
            [] => return Ok(false),
            [left] => left,
            _ => return Err(one.to_owned()),
        };
        let rights = self
            .list(vec![item.clone()], right)
            .map_err(|failure| failure.message)?;
        match rights.as_slice() {
            [] => Ok(false),
            [right] => compare(left, operator, right),
            _ => Err(one.to_owned()),
        }
    }
}

fn member<'a>(item: &Item<'a>, name: &str) -> Option<Item<'a>> {
    match item {
        Cow::Borrowed(json) => json.as_object()?.get(name).map(Cow::Borrowed),
        Cow::Owned(json) => json.as_object()?.get(name).cloned().map(Cow::Owned),
    }
}

/// The values in a map or a list, and the bytes of a text.
fn children<'a>(item: &Item<'a>) -> Found<'a> {
    match item {
        Cow::Borrowed(Json::Array(items)) => items.iter().map(Cow::Borrowed).collect(),
        Cow::Borrowed(Json::Object(fields)) => fields.values().map(Cow::Borrowed).collect(),
        Cow::Owned(Json::Array(items)) => items.iter().cloned().map(Cow::Owned).collect(),
        Cow::Owned(Json::Object(fields)) => fields.values().cloned().map(Cow::Owned).collect(),
        other => match other.as_ref() {
            Json::String(text) => text.bytes().map(|byte| Cow::Owned(byte.into())).collect(),
            _ => Vec::new(),
        },
    }
}

/// The range and step that a slice means for a list of this length; none where it asks for nothing.
fn part(length: usize, slice: Slice) -> Result<Option<(std::ops::Range<usize>, usize)>, String> {
    let length = i64::try_from(length).unwrap_or(i64::MAX);
    let written = slice.from.unwrap_or(0);
    let from = if written < 0 { written + length } else { written };
    let mut to = match slice.to {
        None if slice.single => written + 1,
        None => length,
        Some(to) => to,
    };
    if to < 0 || (to == 0 && slice.single) {
        to += length;
    }
    if from == to {
        return Ok(None);
    }
    let outside = |index: i64| format!("array index out of bounds: index {index}, length {length}");
    let start = usize::try_from(from)
        .ok()
        .filter(|_| from < length)
        .ok_or_else(|| outside(from))?;
    let end = usize::try_from(to)
        .ok()
        .filter(|_| to <= length)
        .ok_or_else(|| outside(to - 1))?;
    if start > end {
        return Err(format!("starting index {from} is greater than ending index {to}"));
    }
    match slice.step {
        None => Ok(Some((start..end, 1))),
        Some(step) => match usize::try_from(step) {
            Ok(step) if step > 0 => Ok(Some((start..end, step))),
            _ => Err("step must be > 0".to_owned()),
        },
    }
}

/// The type that Go has for a JSON value.
fn go_type(value: &Json) -> &'static str {
    match value {
        Json::Null => "nil",
        Json::Bool(_) => "bool",
        Json::Number(number) if number.is_f64() => "float64",
        Json::Number(_) => "int64",
        Json::String(_) => "string",
        Json::Array(_) => "[]interface {}",
        Json::Object(_) => "map[string]interface {}",
    }
}
