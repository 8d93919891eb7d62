//! What Argo adds to the language: `asInt`, `asFloat`, `toJson`, `jsonpath` and `sprig`.

use std::sync::OnceLock;

use super::builtins;
use super::function::{Answer, Function};
use super::types::GoType::{Any, String};
use super::value::Value;
use super::vm::Context;

static FUNCTIONS: [Function; 4] = [
    Function {
        name: "asInt",
        parameters: &[Any],
        variadic: false,
        result: Any,
        call: |_, arguments| builtins::int(first(arguments)),
    },
    Function {
        name: "asFloat",
        parameters: &[Any],
        variadic: false,
        result: Any,
        call: |_, arguments| builtins::float(first(arguments)),
    },
    Function {
        name: "toJson",
        parameters: &[Any],
        variadic: false,
        result: String,
        call: |context, arguments| crate::go::to_json(context, first(arguments)).map(Value::from),
    },
    Function {
        name: "jsonpath",
        parameters: &[String, String],
        variadic: false,
        result: Any,
        call: jsonpath,
    },
];

/// The names that Argo adds to every expression.
pub(crate) fn functions() -> &'static [(&'static str, Value)] {
    static VALUES: OnceLock<Vec<(&'static str, Value)>> = OnceLock::new();
    VALUES.get_or_init(|| {
        let mut values: Vec<_> = FUNCTIONS
            .iter()
            .map(|function| (function.name, Value::Function(function)))
            .collect();
        values.push(("sprig", Value::Map(crate::sprig::functions())));
        values
    })
}

fn first(arguments: &[Value]) -> &Value {
    arguments.first().unwrap_or(&Value::Nil)
}

fn jsonpath(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let text = |index: usize| arguments.get(index).and_then(Value::as_str).unwrap_or_default();
    let document = crate::go::from_json(context, text(0))?;
    crate::jsonpath::query(context, &document, text(1))
}
