//! The values an expression computes with, shaped after the Go types that expr-lang sees.
//!
//! The language is dynamically typed over Go values, and some of Go's distinctions can be observed: an
//! `int` is not an `int64` when it is passed to a function, a nil slice is `null` in JSON while an empty one
//! is `[]`, and a `map[any]any` cannot be written as JSON at all. Those distinctions are kept; others are not.

use std::collections::BTreeMap;
use std::sync::Arc;

use meta::time::SignedDuration;

use super::function::Function;

/// A value of the expression language. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub enum Value {
    /// `nil`.
    #[default]
    Nil,
    /// `bool`.
    Bool(bool),
    /// Go's `int`.
    Int(i64),
    /// Go's `uint8`: an element of a string or of `[]byte`.
    Byte(u8),
    /// Go's `int64`, which sprig's arithmetic answers.
    Int64(i64),
    /// Go's `float64`; every number that comes from JSON is one.
    Float(f64),
    /// A string.
    String(Arc<str>),
    /// `[]byte`, from `b"..."` literals.
    Bytes(Arc<[u8]>),
    /// A slice.
    Array(Array),
    /// A map.
    Map(Map),
    /// `time.Time`.
    Time(Box<jiff::Zoned>),
    /// `time.Duration`.
    Duration(SignedDuration),
    /// `*time.Location`.
    Location(jiff::tz::TimeZone),
    /// A semantic version, from `sprig.semver`.
    Version(Arc<crate::sprig::Version>),
    /// A function of the environment, such as `jsonpath` or `sprig.trim`.
    Function(&'static Function),
    /// A method of a time or a duration, bound to it.
    Method(Arc<(Value, &'static Function)>),
}

/// The element type of a Go slice, as far as it can be observed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Elem {
    /// `[]any`.
    Any,
    /// `[]int`, made by ranges.
    Int,
    /// `[]float64`.
    Float,
    /// `[]string`, made by `split` and much of sprig.
    String,
    /// `[2]any`, one entry of `toPairs`.
    Pair,
    /// `[][2]any`, the result of `toPairs`.
    Pairs,
    /// `[][]any`, the result of `sprig.chunk`.
    Lists,
}

/// A slice: its items and the element type Go would give it.
#[derive(Clone, Debug)]
pub struct Array {
    /// `None` is Go's nil slice.
    items: Option<Arc<Vec<Value>>>,
    /// The element type.
    pub elem: Elem,
}

impl Array {
    /// An `[]any`.
    pub fn new(items: Vec<Value>) -> Self {
        Self::of(Elem::Any, items)
    }

    /// A slice with a given element type.
    pub fn of(elem: Elem, items: Vec<Value>) -> Self {
        Self {
            items: Some(Arc::new(items)),
            elem,
        }
    }

    /// Go's nil `[]any`.
    pub fn nil() -> Self {
        Self {
            items: None,
            elem: Elem::Any,
        }
    }

    /// Whether this is Go's nil slice.
    pub fn is_nil(&self) -> bool {
        self.items.is_none()
    }

    /// The items.
    pub fn items(&self) -> &[Value] {
        self.items.as_deref().map_or(&[], Vec::as_slice)
    }
}

/// The Go type of a map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapKind {
    /// `map[string]any`.
    StringAny,
    /// `map[string]string`, the result of `sprig.split`.
    StringString,
    /// `map[any]any`, the result of `fromPairs`.
    AnyAny,
    /// `map[any][]any`, the result of `groupBy`.
    Groups,
    /// `map[int]struct{}` or `map[string]struct{}`: what a list of constants right of `in` becomes.
    Set(Elem),
}

/// A map, ordered by key so that whatever lists it answers the same way each time.
#[derive(Clone, Debug)]
pub struct Map {
    entries: Arc<BTreeMap<Key, Value>>,
    /// The Go type.
    pub kind: MapKind,
}

impl Map {
    /// A map of a given kind.
    pub fn of(kind: MapKind, entries: BTreeMap<Key, Value>) -> Self {
        Self {
            entries: Arc::new(entries),
            kind,
        }
    }

    /// The entries, in the order of their keys.
    pub fn entries(&self) -> &BTreeMap<Key, Value> {
        &self.entries
    }

    /// The value under a string key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.entries.get(&Key::String(key.into()))
    }

    /// A copy of the entries to change, or the entries themselves where nobody else holds them.
    pub fn into_entries(self) -> BTreeMap<Key, Value> {
        Arc::unwrap_or_clone(self.entries)
    }
}

impl FromIterator<(Arc<str>, Value)> for Map {
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(entries: I) -> Self {
        let entries = entries.into_iter().map(|(key, value)| (Key::String(key), value));
        Self::of(MapKind::StringAny, entries.collect())
    }
}

/// A key of a map. Only `map[any]...` has keys that are not strings.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// `nil`.
    Nil,
    /// A `bool`.
    Bool(bool),
    /// An `int`.
    Int(i64),
    /// An `int64`.
    Int64(i64),
    /// A `uint8`.
    Byte(u8),
    /// A `float64`.
    Float(OrderedFloat),
    /// A string.
    String(Arc<str>),
    /// A `time.Duration` in nanoseconds.
    Duration(i128),
    /// A `time.Time` in nanoseconds since the epoch.
    Time(i128),
    /// A `[2]any`.
    Pair(Box<(Key, Key)>),
}

impl Key {
    /// The value that this key was made of.
    pub fn to_value(&self) -> Value {
        match self {
            Self::Nil => Value::Nil,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Int64(value) => Value::Int64(*value),
            Self::Byte(value) => Value::Byte(*value),
            Self::Float(value) => Value::Float(value.0),
            Self::String(value) => Value::String(value.clone()),
            Self::Duration(nanos) => Value::Duration(SignedDuration::from_nanos(
                i64::try_from(*nanos).unwrap_or(i64::MAX),
            )),
            Self::Time(nanos) => jiff::Timestamp::from_nanosecond(*nanos).map_or(Value::Nil, |time| {
                Value::Time(Box::new(time.to_zoned(jiff::tz::TimeZone::UTC)))
            }),
            Self::Pair(pair) => {
                Value::Array(Array::of(Elem::Pair, vec![pair.0.to_value(), pair.1.to_value()]))
            }
        }
    }
}

/// A float with the total order of its bits, so that it can be a key.
#[derive(Clone, Copy, Debug)]
pub struct OrderedFloat(pub f64);

impl PartialEq for OrderedFloat {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}
impl Eq for OrderedFloat {}
impl PartialOrd for OrderedFloat {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for OrderedFloat {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Zero has one key, whatever its sign.
        (self.0 + 0.0).total_cmp(&(other.0 + 0.0))
    }
}

impl Value {
    /// A string value.
    pub fn string(text: impl Into<Arc<str>>) -> Self {
        Self::String(text.into())
    }

    /// An `[]any`.
    pub fn array(items: Vec<Self>) -> Self {
        Self::Array(Array::new(items))
    }

    /// An `[]string`.
    pub fn strings<S: Into<Arc<str>>>(items: impl IntoIterator<Item = S>) -> Self {
        let items = items.into_iter().map(Self::string).collect();
        Self::Array(Array::of(Elem::String, items))
    }

    /// Whether Go would call this nil: `nil` itself, or a nil slice.
    pub fn is_nil(&self) -> bool {
        match self {
            Self::Nil => true,
            Self::Array(array) => array.is_nil(),
            _ => false,
        }
    }

    /// The text of a string.
    pub fn as_str(&self) -> Option<&str> {
        match self {
            Self::String(text) => Some(text),
            _ => None,
        }
    }

    /// This value as the key of a map, or `None` where Go cannot hash it.
    pub fn to_key(&self) -> Option<Key> {
        Some(match self {
            Self::Nil => Key::Nil,
            Self::Bool(value) => Key::Bool(*value),
            Self::Int(value) => Key::Int(*value),
            Self::Int64(value) => Key::Int64(*value),
            Self::Byte(value) => Key::Byte(*value),
            Self::Float(value) => Key::Float(OrderedFloat(*value)),
            Self::String(value) => Key::String(value.clone()),
            Self::Duration(value) => Key::Duration(value.as_nanos()),
            Self::Time(value) => Key::Time(value.timestamp().as_nanosecond()),
            Self::Array(array) if array.elem == Elem::Pair => match array.items() {
                [first, second] => Key::Pair(Box::new((first.to_key()?, second.to_key()?))),
                _ => return None,
            },
            Self::Array(_)
            | Self::Bytes(_)
            | Self::Map(_)
            | Self::Location(_)
            | Self::Version(_)
            | Self::Function(_)
            | Self::Method(_) => return None,
        })
    }

    /// What Go's `%T` prints for the type.
    pub fn go_type(&self) -> &'static str {
        match self {
            Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Byte(_) => "uint8",
            Self::Float(_) => "float64",
            Self::String(_) => "string",
            Self::Bytes(_) => "[]uint8",
            Self::Array(array) => match array.elem {
                Elem::Any => "[]interface {}",
                Elem::Int => "[]int",
                Elem::Float => "[]float64",
                Elem::String => "[]string",
                Elem::Pair => "[2]interface {}",
                Elem::Pairs => "[][2]interface {}",
                Elem::Lists => "[][]interface {}",
            },
            Self::Map(map) => match map.kind {
                MapKind::StringAny => "map[string]interface {}",
                MapKind::StringString => "map[string]string",
                MapKind::AnyAny => "map[interface {}]interface {}",
                MapKind::Groups => "map[interface {}][]interface {}",
                MapKind::Set(Elem::Int) => "map[int]struct {}",
                MapKind::Set(_) => "map[string]struct {}",
            },
            Self::Time(_) => "time.Time",
            Self::Duration(_) => "time.Duration",
            Self::Location(_) => "*time.Location",
            Self::Version(_) => "*semver.Version",
            Self::Function(_) | Self::Method(_) => "func",
        }
    }
}

impl From<&serde_json::Value> for Value {
    /// Reads JSON as Go's `encoding/json` does into an `any`: every number is a `float64`.
    fn from(json: &serde_json::Value) -> Self {
        match json {
            serde_json::Value::Null => Self::Nil,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(value) => Self::Float(value.as_f64().unwrap_or(f64::NAN)),
            serde_json::Value::String(value) => Self::string(value.as_str()),
            serde_json::Value::Array(items) => Self::array(items.iter().map(Self::from).collect()),
            serde_json::Value::Object(fields) => Self::Map(
                fields
                    .iter()
                    .map(|(key, value)| (Arc::from(key.as_str()), Self::from(value)))
                    .collect(),
            ),
        }
    }
}

impl From<serde_json::Value> for Value {
    fn from(json: serde_json::Value) -> Self {
        Self::from(&json)
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::string(text)
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::string(text)
    }
}

impl From<Arc<str>> for Value {
    fn from(text: Arc<str>) -> Self {
        Self::String(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Self::Float(value)
    }
}
