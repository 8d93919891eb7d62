//! What the checker knows about a value before it exists: Go's type, and the items of a list where known.
//!
//! expr-lang calls this a *nature*. It has two unknowns: a value of no known type, and one whose Go type is
//! `interface{}`; they behave alike but for assignability, on which conditionals and `??` depend.

use std::sync::Arc;

use super::function::Function;
use super::value::{Array, Elem, Map, MapKind, Value};

/// A Go type, as far as the language can tell types apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoType {
    /// Nothing is known.
    Unknown,
    /// `interface{}`.
    Any,
    /// The type of `nil`.
    Nil,
    /// `bool`.
    Bool,
    /// `int`.
    Int,
    /// `int64`.
    Int64,
    /// `uint8`, an element of `[]byte`.
    Uint8,
    /// `float64`.
    Float,
    /// `string`.
    String,
    /// `[]byte`.
    Bytes,
    /// `[]any`.
    Anys,
    /// `[]int`.
    Ints,
    /// `[]float64`.
    Floats,
    /// `[]string`.
    Strings,
    /// `[2]any`.
    Pair,
    /// `[][2]any`.
    Pairs,
    /// `[][]any`.
    Lists,
    /// `map[string]any`.
    StringAny,
    /// `map[string]string`.
    StringString,
    /// `map[any]any`.
    AnyAny,
    /// `map[any][]any`.
    Groups,
    /// `map[string]struct{}` or `map[int]struct{}`.
    Set,
    /// `time.Time`.
    Time,
    /// `time.Duration`.
    Duration,
    /// `*time.Location`.
    Location,
    /// `*semver.Version`.
    Version,
    /// A function.
    Func,
}

/// A type, with the nature of a list's items where more is known than Go's type says.
#[derive(Clone, Debug)]
pub(crate) struct Nature {
    pub(crate) go: GoType,
    /// The nature of a list's items, or of a predicate's result.
    pub(crate) of: Option<Arc<Nature>>,
    /// The function of the environment that this is.
    pub(crate) function: Option<&'static Function>,
}

impl From<GoType> for Nature {
    fn from(go: GoType) -> Self {
        Self {
            go,
            of: None,
            function: None,
        }
    }
}

impl Nature {
    pub(crate) const UNKNOWN: Self = Self {
        go: GoType::Unknown,
        of: None,
        function: None,
    };

    pub(crate) fn of_value(value: &Value) -> Self {
        let mut nature = Self::from(go_type(value));
        if let Value::Function(function) = value {
            nature.function = Some(function);
        }
        nature
    }

    /// An `[]any` whose items are known to be of a nature.
    pub(crate) fn array_of(item: Self) -> Self {
        Self {
            of: Some(Arc::new(item)),
            ..Self::from(GoType::Anys)
        }
    }

    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.go, GoType::Unknown | GoType::Any)
    }

    pub(crate) fn is_nil(&self) -> bool {
        self.go == GoType::Nil
    }

    pub(crate) fn is_bool(&self) -> bool {
        self.go == GoType::Bool
    }

    pub(crate) fn is_string(&self) -> bool {
        self.go == GoType::String
    }

    pub(crate) fn is_integer(&self) -> bool {
        matches!(self.go, GoType::Int | GoType::Int64 | GoType::Uint8)
    }

    pub(crate) fn is_number(&self) -> bool {
        self.is_integer() || self.go == GoType::Float
    }

    pub(crate) fn is_time(&self) -> bool {
        self.go == GoType::Time
    }

    pub(crate) fn is_duration(&self) -> bool {
        self.go == GoType::Duration
    }

    pub(crate) fn is_array(&self) -> bool {
        self.go.is_array()
    }

    pub(crate) fn is_map(&self) -> bool {
        self.go.is_map()
    }

    /// The nature of the items of a list or the values of a map.
    pub(crate) fn elem(&self) -> Self {
        if let (true, Some(of)) = (self.is_array(), &self.of) {
            return of.as_ref().clone();
        }
        Self::from(match self.go {
            GoType::Anys | GoType::Pair | GoType::StringAny | GoType::AnyAny => GoType::Any,
            GoType::Ints => GoType::Int,
            GoType::Floats => GoType::Float,
            GoType::Strings => GoType::String,
            GoType::Bytes => GoType::Uint8,
            GoType::Pairs => GoType::Pair,
            GoType::StringString => GoType::String,
            GoType::Groups | GoType::Lists => GoType::Anys,
            _ => GoType::Unknown,
        })
    }

    /// The type of the keys of a map.
    pub(crate) fn key(&self) -> Self {
        Self::from(match self.go {
            GoType::StringAny | GoType::StringString | GoType::Set => GoType::String,
            GoType::AnyAny | GoType::Groups => GoType::Any,
            _ => GoType::Unknown,
        })
    }

    pub(crate) fn assignable_to(&self, other: &Self) -> bool {
        self.go.assignable_to(other.go)
    }

    pub(crate) fn comparable_to(&self, other: &Self) -> bool {
        self.is_unknown()
            || other.is_unknown()
            || self.is_nil()
            || other.is_nil()
            || self.is_number() && other.is_number()
            || self.is_array() && other.is_array()
            || self.assignable_to(other)
    }

    /// As Go prints the type.
    pub(crate) fn describe(&self) -> &'static str {
        match (self.go, self.function) {
            (GoType::Func, Some(function)) => function.go_type(),
            (go, _) => go.describe(),
        }
    }
}

impl GoType {
    pub(crate) fn is_array(self) -> bool {
        matches!(
            self,
            Self::Bytes
                | Self::Anys
                | Self::Ints
                | Self::Floats
                | Self::Strings
                | Self::Pair
                | Self::Pairs
                | Self::Lists
        )
    }

    pub(crate) fn is_map(self) -> bool {
        matches!(
            self,
            Self::StringAny | Self::StringString | Self::AnyAny | Self::Groups | Self::Set
        )
    }

    /// Go's assignability: the same type, any type to an interface, nil to what may be nil.
    pub(crate) fn assignable_to(self, other: Self) -> bool {
        match (self, other) {
            (Self::Nil, _) => {
                other == Self::Any
                    || other.is_map()
                    || matches!(other, Self::Func | Self::Location | Self::Version)
                    || (other.is_array() && other != Self::Pair)
            }
            (Self::Unknown, _) | (_, Self::Unknown) => false,
            (_, Self::Any) => true,
            // Two function types are never the same here: none is assigned to another.
            (Self::Func, Self::Func) => false,
            _ => self == other,
        }
    }

    /// As Go prints the type.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Unknown | Self::Nil => "unknown",
            Self::Any => "interface {}",
            Self::Bool => "bool",
            Self::Int => "int",
            Self::Int64 => "int64",
            Self::Uint8 => "uint8",
            Self::Float => "float64",
            Self::String => "string",
            Self::Bytes => "[]uint8",
            Self::Anys => "[]interface {}",
            Self::Ints => "[]int",
            Self::Floats => "[]float64",
            Self::Strings => "[]string",
            Self::Pair => "[2]interface {}",
            Self::Pairs => "[][2]interface {}",
            Self::Lists => "[][]interface {}",
            Self::StringAny => "map[string]interface {}",
            Self::StringString => "map[string]string",
            Self::AnyAny => "map[interface {}]interface {}",
            Self::Groups => "map[interface {}][]interface {}",
            Self::Set => "map[string]struct {}",
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::Location => "*time.Location",
            Self::Version => "*semver.Version",
            Self::Func => "func",
        }
    }
}

/// The Go type of a value.
pub(crate) fn go_type(value: &Value) -> GoType {
    match value {
        Value::Nil => GoType::Nil,
        Value::Bool(_) => GoType::Bool,
        Value::Int(_) => GoType::Int,
        Value::Int64(_) => GoType::Int64,
        Value::Byte(_) => GoType::Uint8,
        Value::Float(_) => GoType::Float,
        Value::String(_) => GoType::String,
        Value::Bytes(_) => GoType::Bytes,
        Value::Array(array) => array_type(array),
        Value::Map(map) => map_type(map),
        Value::Time(_) => GoType::Time,
        Value::Duration(_) => GoType::Duration,
        Value::Location(_) => GoType::Location,
        Value::Version(_) => GoType::Version,
        Value::Function(_) | Value::Method(_) => GoType::Func,
    }
}

fn array_type(array: &Array) -> GoType {
    match array.elem {
        Elem::Any => GoType::Anys,
        Elem::Int => GoType::Ints,
        Elem::Float => GoType::Floats,
        Elem::String => GoType::Strings,
        Elem::Pair => GoType::Pair,
        Elem::Pairs => GoType::Pairs,
        Elem::Lists => GoType::Lists,
    }
}

fn map_type(map: &Map) -> GoType {
    match map.kind {
        MapKind::StringAny => GoType::StringAny,
        MapKind::StringString => GoType::StringString,
        MapKind::AnyAny => GoType::AnyAny,
        MapKind::Groups => GoType::Groups,
        MapKind::Set(_) => GoType::Set,
    }
}
