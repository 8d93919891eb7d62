//! expr-lang's own answers, from the shared conformance data: an expression, and the value as JSON or a refusal.

#![allow(
    clippy::print_stderr,
    reason = "a skipped test and the score are told to whoever runs it"
)]

use std::path::{Path, PathBuf};

use expr::lang::{self, Context, Environment, Map, Value};

fn shared(path: &str) -> Option<PathBuf> {
    let path = Path::new(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../../shared/conformance/expr"
    ))
    .join(path);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not here", path.display());
    None
}

fn environment(path: &Path) -> Environment {
    let text = std::fs::read_to_string(path).expect("env.json is readable");
    let json: serde_json::Value = serde_json::from_str(&text).expect("env.json is JSON");
    match Value::from(json) {
        Value::Map(map) => Environment::new(map),
        _ => Environment::new(Map::from_iter([])),
    }
}

/// The value as JSON, or why there is none.
fn answer(expression: &str, environment: &Environment) -> Result<serde_json::Value, String> {
    let value =
        lang::eval(expression, environment, &mut Context::default()).map_err(|error| error.message)?;
    let text = lang::to_json(&value)?;
    serde_json::from_str(&text).map_err(|problem| problem.to_string())
}

fn agrees(kind: &str, expected: &str, actual: &Result<serde_json::Value, String>) -> bool {
    match (kind, actual) {
        ("E", actual) => actual.is_err(),
        (_, Ok(actual)) => {
            serde_json::from_str::<serde_json::Value>(expected).is_ok_and(|expected| same(&expected, actual))
        }
        (_, Err(_)) => false,
    }
}

/// Equality of JSON, in which `1` and `1.0` are one number.
fn same(a: &serde_json::Value, b: &serde_json::Value) -> bool {
    use serde_json::Value::{Array, Number, Object};
    match (a, b) {
        (Number(a), Number(b)) => a.as_f64() == b.as_f64(),
        (Array(a), Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Object(a), Object(b)) => {
            a.len() == b.len() && a.iter().all(|(key, a)| b.get(key).is_some_and(|b| same(a, b)))
        }
        _ => a == b,
    }
}

#[test]
fn answers_as_expr_lang_does() {
    let (Some(cases), Some(env)) = (shared("cases.tsv"), shared("env.json")) else {
        return;
    };
    let environment = environment(&env);
    let text = std::fs::read_to_string(cases).expect("cases.tsv is readable");
    let mut total = 0;
    let mut wrong = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, '\t');
        let (Some(kind), Some(expression), Some(expected)) = (fields.next(), fields.next(), fields.next())
        else {
            continue;
        };
        total += 1;
        let actual = answer(expression, &environment);
        if !agrees(kind, expected, &actual) {
            wrong.push(format!(
                "{kind} {expression}\n    expected {expected}\n    answered {actual:?}"
            ));
        }
    }
    eprintln!("{} of {total} answered as expr-lang does", total - wrong.len());
    assert!(wrong.is_empty(), "{} differ:\n{}", wrong.len(), wrong.join("\n"));
}
