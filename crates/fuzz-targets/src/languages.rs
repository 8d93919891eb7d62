//! The languages inside manifests, as text: no input panics or runs without bound, and what was read can be evaluated.

use std::collections::BTreeMap;

use expr::depends::Depends;
use expr::jsonpath::kubectl;
use expr::lang::{self, Context, Environment, Map, Value};
use expr::template::{self, Unresolved};
use serde_json::json;

fn text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// Names that corpora use, so that evaluation goes deep.
fn names() -> serde_json::Value {
    json!({
        "i": 7, "f": 1.5, "s": "Straße, ok", "yes": true, "nothing": null, "list": [3, 1, 2, "x", null],
        "o": {"a": {"b": [{"c": 1}, {"c": 2}]}, "k-e-y": "v"}, "json": "{\"a\": [1, {\"b\": \"c\"}]}",
    })
}

fn environment() -> Environment {
    match Value::from(names()) {
        Value::Map(map) => Environment::new(map),
        _ => Environment::new(Map::from_iter([])),
    }
}

/// expr-lang, with all functions.
pub(crate) fn expressions(bytes: &[u8]) {
    let Some(source) = text(bytes) else { return };
    let environment = environment();
    let once = lang::eval(source, &environment, &mut Context::default());
    if let Ok(value) = &once {
        let _ = lang::go_string(value);
        let _ = lang::to_json(value);
    }
    let again = lang::eval(source, &environment, &mut Context::default());
    assert_eq!(once.is_ok(), again.is_ok(), "the same expression, another answer");
}

/// `{{tags}}` in a text: with nothing known, and with everything that corpora name.
pub(crate) fn templates(bytes: &[u8]) {
    let Some(source) = text(bytes) else { return };
    let known: BTreeMap<String, Value> = [
        ("inputs.parameters.p", json!("value")),
        ("item", json!({"a": 1, "b": "{{item}}"})),
        ("workflow.name", json!("wf")),
        ("steps.a.outputs.result", json!(null)),
        ("tasks.b.outputs.parameters.x", json!("[1, 2]")),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), Value::from(value)))
    .collect();
    let nothing: BTreeMap<String, Value> = BTreeMap::new();
    for unresolved in [
        Unresolved::Keep,
        Unresolved::Fail,
        Unresolved::FailFor(&["steps", "inputs"]),
    ] {
        let _ = template::substitute(source, &known, unresolved, &mut Context::default());
        let _ = template::substitute(source, &nothing, unresolved, &mut Context::default());
    }
    let _ = template::identifiers(source);
    if let Ok(value) = serde_json::from_str(source) {
        let _ = template::substitute_json(&value, &known, Unresolved::Keep, &mut Context::default());
    }
}

/// `when` and `depends`.
pub(crate) fn when(bytes: &[u8]) {
    let Some(source) = text(bytes) else { return };
    let evaluated = expr::when::evaluate(source);
    if evaluated.is_ok() {
        assert_eq!(expr::when::check(source), Ok(()), "what evaluates is well formed");
    }
    if let Ok(depends) = Depends::parse(source) {
        let _ = (depends.tasks(), depends.loops());
        let expanded = depends.expand(&|_| expr::depends::ContinueOn::default());
        let _ = expanded.evaluate(&|name, result| name.len() % 2 == result.name().len() % 2);
    }
}

/// kubectl's JSONPath on its first line, over the JSON of the rest.
pub(crate) fn jsonpath(bytes: &[u8]) {
    let Some((path, document)) = text(bytes).map(|text| text.split_once('\n').unwrap_or((text, ""))) else {
        return;
    };
    let document = serde_json::from_str(document).unwrap_or_else(|_| names());
    for parsed in [
        kubectl::Template::parse(path),
        kubectl::Template::parse_relaxed(path),
    ] {
        let Ok(template) = parsed else { continue };
        let _ = template.find(&document);
        let _ = template.execute(&document);
        let _ = template.allow_missing_keys().execute(&document);
    }
}

/// Label selectors, requirements on fields, quantities, durations and formats: one a line, each read as all of them.
pub(crate) fn selectors(bytes: &[u8]) {
    let Some(source) = text(bytes) else { return };
    let labels = BTreeMap::from([
        ("a".to_owned(), "1".to_owned()),
        ("b.c/d".to_owned(), String::new()),
    ]);
    for line in source.lines() {
        if let Ok(selector) = meta::selector::LabelSelector::parse(line) {
            let _ = selector.matches(&labels);
        }
        if let Ok(condition) = expr::selector::Condition::parse(line) {
            let _ = (condition.all(&names()), condition.any(&names()));
        }
        if let Ok(quantity) = line.parse::<meta::Quantity>() {
            let written = quantity.to_string();
            assert_eq!(written.parse(), Ok(quantity), "{written} of {line:?}");
        }
        if let Ok(duration) = meta::duration::parse(line) {
            let written = meta::duration::format(duration);
            assert_eq!(
                meta::duration::parse(&written),
                Ok(duration),
                "{written} of {line:?}"
            );
        }
        let _ = meta::duration::parse_or_seconds(line);
        let _ = meta::time::parse(line);
        let _ = expr::go_format::sprintf(line, -3);
        let _ = expr::strftime::format(line, meta::Timestamp::UNIX_EPOCH);
    }
}
