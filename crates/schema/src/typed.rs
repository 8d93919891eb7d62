//! What a decoder into Go's types would refuse, and in its words: built-in kinds are read so by kube-apiserver.
//!
//! ```text
//!   json: cannot unmarshal number into Go struct field Container.spec.containers.name of type string
//!                                                      └ the type whose field it is, and where, without indices
//! ```
//!
//! Go's types have the names of the definitions that the schema was compiled with.

use serde_json::Value;

use crate::node::{Id, Kind, Node, Schema};

/// How `metav1.Time` and `metav1.MicroTime` are written, in Go's layout.
const SECONDS: &str = "2006-01-02T15:04:05Z07:00";
const MICROSECONDS: &str = "2006-01-02T15:04:05.000000Z07:00";
const QUANTITY: &str =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";

impl Schema {
    /// The first thing in a value, called `name` as a whole, that its types do not allow. Null stands for absence.
    pub fn undecodable(&self, name: &str, value: &Value) -> Option<String> {
        let name = self.node(self.root).type_name().unwrap_or(name);
        self.refuse(
            self.root,
            value,
            &mut Place {
                owner: name,
                path: Vec::new(),
            },
        )
    }

    fn refuse<'v>(&'v self, id: Id, value: &'v Value, place: &mut Place<'v>) -> Option<String> {
        let node = self.node(id);
        if value.is_null() || node.kind == Kind::Any && node.type_name().is_none() {
            return None;
        }
        if let Some(verdict) = node.special(value) {
            return verdict;
        }
        if !node.kind.admits(value) {
            return Some(place.mismatch(value, &self.go_type(id)));
        }
        match value {
            Value::Object(fields) => fields.iter().find_map(|(key, value)| {
                if let Some(child) = node.properties.get(key) {
                    return place.within(node.type_name(), key, |place| self.refuse(*child, value, place));
                }
                self.refuse(node.additional?, value, place)
            }),
            Value::Array(items) => {
                let child = node.items?;
                items.iter().find_map(|item| self.refuse(child, item, place))
            }
            _ => None,
        }
    }

    /// The Go type that a node stands for.
    fn go_type(&self, id: Id) -> String {
        let node = self.node(id);
        if let Some(definition) = node.definition.as_deref().filter(|_| node.kind == Kind::Object) {
            let mut words = definition.rsplit('.');
            let (kind, package) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
            return format!("{package}.{kind}");
        }
        let of =
            |child: Option<Id>| child.map_or_else(|| "interface {}".to_owned(), |child| self.go_type(child));
        match node.kind {
            Kind::Array => format!("[]{}", of(node.items)),
            Kind::Object => format!("map[string]{}", of(node.additional)),
            Kind::String if node.limits.format == "byte" => "[]uint8".to_owned(),
            Kind::Integer if node.limits.format == "int32" => "int32".to_owned(),
            Kind::Integer => "int64".to_owned(),
            Kind::Number => "float64".to_owned(),
            Kind::Boolean => "bool".to_owned(),
            Kind::String | Kind::Any | Kind::IntOrString => "string".to_owned(),
        }
    }
}

impl Node {
    /// The last word of the definition's name.
    fn type_name(&self) -> Option<&str> {
        self.definition.as_deref()?.rsplit('.').next()
    }

    /// The verdict on a value of a type that reads its text itself.
    fn special(&self, value: &Value) -> Option<Option<String>> {
        let name = self.type_name().unwrap_or_default();
        let text = value.as_str();
        if name == "Quantity" {
            let fine = serde_json::from_value::<meta::Quantity>(value.clone()).is_ok();
            return Some((!fine).then(|| QUANTITY.to_owned()));
        }
        match (self.limits.format.as_str(), text) {
            ("date-time", None) => Some(Some(format!(
                "json: cannot unmarshal {} into Go value of type string",
                go_name(value)
            ))),
            ("date-time", Some(text)) if name == "MicroTime" => Some(time(text, MICROSECONDS)),
            ("date-time", Some(text)) => Some(time(text, SECONDS)),
            ("byte", Some(text)) => {
                Some(base64(text).map(|at| format!("illegal base64 data at input byte {at}")))
            }
            _ => None,
        }
    }
}

/// Where in a value a walk is, as Go says it.
struct Place<'v> {
    /// The type whose field it is.
    owner: &'v str,
    path: Vec<&'v str>,
}

impl<'v> Place<'v> {
    fn within<T>(&mut self, owner: Option<&'v str>, field: &'v str, walk: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.owner;
        self.owner = owner.unwrap_or(before);
        self.path.push(field);
        let found = walk(self);
        self.path.pop();
        self.owner = before;
        found
    }

    fn mismatch(&self, value: &Value, wanted: &str) -> String {
        let (owner, path) = (self.owner, self.path.join("."));
        // A number that is none of the wanted kind is shown.
        let number = matches!(wanted, "int32" | "int64")
            .then_some(value)
            .filter(|value| value.is_number());
        let shown = number.map(|number| format!(" {number}")).unwrap_or_default();
        let name = go_name(value);
        format!("json: cannot unmarshal {name}{shown} into Go struct field {owner}.{path} of type {wanted}")
    }
}

/// What Go calls the type of a value.
pub fn go_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

/// What is wrong with a time. Rule: Go's `time.Parse`, which names the piece of the layout that does not fit.
fn time(text: &str, layout: &str) -> Option<String> {
    if meta::time::parse(text).is_some() {
        return None;
    }
    let (rest, piece) = first_misfit(text);
    Some(format!(
        "parsing time \"{text}\" as \"{layout}\": cannot parse \"{rest}\" as \"{piece}\""
    ))
}

/// What is wrong with a time in seconds, in Go's words.
pub fn time_mistake(text: &str) -> String {
    time(text, SECONDS).unwrap_or_default()
}

fn first_misfit(text: &str) -> (&str, &'static str) {
    let pieces = ["2006", "-", "01", "-", "02", "T", "15", ":", "04", ":", "05"];
    let mut rest = text;
    for piece in pieces {
        let digits = piece.starts_with(|c: char| c.is_ascii_digit());
        let fits = match rest.get(..piece.len()) {
            Some(head) if digits => head.bytes().all(|b| b.is_ascii_digit()),
            Some(head) => head == piece,
            None => false,
        };
        if !fits {
            return (rest, piece);
        }
        rest = &rest[piece.len()..];
    }
    let fraction = rest
        .strip_prefix('.')
        .map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    (fraction.unwrap_or(rest), "Z07:00")
}

/// The first byte at which a text is no padded base64. Rule: Go's `base64.StdEncoding`, which passes over line ends.
fn base64(text: &str) -> Option<usize> {
    let digit = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
    let mut bytes = text
        .bytes()
        .enumerate()
        .filter(|(_, b)| !matches!(b, b'\r' | b'\n'));
    let mut taken = 0;
    while let Some((at, b)) = bytes.next() {
        match b {
            b'=' if taken % 4 == 2 => match bytes.next() {
                Some((_, b'=')) => return bytes.next().map(|(at, _)| at),
                Some((at, _)) => return Some(at),
                None => return Some(text.len()),
            },
            b'=' if taken % 4 == 3 => return bytes.next().map(|(at, _)| at),
            b if digit(b) => taken += 1,
            _ => return Some(at),
        }
    }
    (taken % 4 != 0).then(|| text.len() - taken % 4)
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, json};

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "literals read best as values")]
    fn check(value: Value, expected: &str) {
        let definitions = json!({
            "api.core.v1.Pod": {"type": "object", "properties": {
                "spec": {"$ref": "#/components/schemas/api.core.v1.PodSpec"},
                "at": {"type": "string", "format": "date-time"}, "data": {"type": "string", "format": "byte"}}},
            "api.core.v1.PodSpec": {"type": "object", "properties": {
                "containers": {"type": "array", "items": {"$ref": "#/components/schemas/api.core.v1.Container"}},
                "grace": {"type": "integer", "format": "int64"}, "on": {"type": "boolean"},
                "labels": {"type": "object", "additionalProperties": {"type": "string"}}}},
            "api.core.v1.Container": {"type": "object", "properties": {
                "name": {"type": "string"}, "args": {"type": "array", "items": {"type": "string"}}}}});
        let none = Map::new();
        let schema = Schema::compile_with(
            &json!({"$ref": "#/components/schemas/api.core.v1.Pod"}),
            definitions.as_object().unwrap_or(&none),
        );
        let found = schema.unwrap().undecodable("Pod", &value);
        assert_eq!(found.unwrap_or_default(), expected, "{value}");
    }

    #[test]
    fn what_a_typed_decoder_refuses() {
        let field = |what: &str| format!("json: cannot unmarshal {what}");
        check(
            json!({"spec": {"containers": [{"name": "a"}], "grace": 1, "labels": {"a": "b"}, "on": null}}),
            "",
        );
        check(
            json!({"spec": {"containers": "x"}}),
            &field("string into Go struct field PodSpec.spec.containers of type []v1.Container"),
        );
        check(
            json!({"spec": {"containers": [{"name": 5}]}}),
            &field("number into Go struct field Container.spec.containers.name of type string"),
        );
        check(
            json!({"spec": {"containers": [{"args": [true]}]}}),
            &field("bool into Go struct field Container.spec.containers.args of type string"),
        );
        check(
            json!({"spec": {"labels": {"a": 1}}}),
            &field("number into Go struct field PodSpec.spec.labels of type string"),
        );
        check(
            json!({"spec": {"grace": 1.5}}),
            &field("number 1.5 into Go struct field PodSpec.spec.grace of type int64"),
        );
        check(
            json!({"spec": [1]}),
            &field("array into Go struct field Pod.spec of type v1.PodSpec"),
        );
        check(
            json!({"at": "2024-01-01 00:00"}),
            "parsing time \"2024-01-01 00:00\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \" 00:00\" as \"T\"",
        );
        check(json!({"data": "###"}), "illegal base64 data at input byte 0");
    }

    #[test]
    fn base64_as_go_reads_it() {
        for (text, expected) in [
            ("aGVs\nbG8=", None),
            ("", None),
            ("YQ==", None),
            ("abc", Some(0)),
            ("abcdefg", Some(4)),
            ("YQ=", Some(3)),
            ("YQ=x", Some(3)),
            ("aGk=x", Some(4)),
            ("=", Some(0)),
        ] {
            assert_eq!(base64(text), expected, "{text}");
        }
    }
}
