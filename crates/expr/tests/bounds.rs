//! No input may panic, run away or use up the stack: test threads have two megabytes of it.

use expr::lang::{self, Context, Environment, Map, Value};
use proptest::prelude::*;

fn environment() -> Environment {
    let json = serde_json::json!({
        "ok": true, "i": 1, "s": "str", "list": [1, 2, 3], "foo": {"Bar": "foo"}, "nothing": null,
    });
    match Value::from(json) {
        Value::Map(map) => Environment::new(map),
        _ => Environment::new(Map::from_iter([])),
    }
}

fn eval(source: &str) -> Result<Value, lang::Error> {
    lang::eval(source, &environment(), &mut Context::default())
}

#[test]
fn deep_and_long_expressions_end() {
    let deep = [
        "(".repeat(100_000),
        "[".repeat(100_000),
        "!".repeat(100_000) + "ok",
        "-".repeat(100_000) + "1",
        "ok ? ".repeat(50_000),
        "{a:".repeat(50_000),
        "map(list, ".repeat(20_000),
        "let a = ".repeat(20_000),
        "if ok { 1 } else ".repeat(20_000),
        "foo".to_owned() + &"?.a".repeat(50_000),
        "foo".to_owned() + &"[0]".repeat(50_000),
        "2 ** ".repeat(50_000) + "2",
        "list | ".repeat(20_000),
    ];
    for source in deep {
        assert!(eval(&source).is_err(), "{}", &source[..20]);
    }
}

#[test]
fn the_deepest_that_is_allowed_fits_the_stack() {
    for (open, middle, close) in [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{a: ", "1", "}"),
        ("map([], ", "1", ")"),
        ("ok ? ", "1", " : 2"),
        ("- ", "1", ""),
        ("if ok { ", "1", " } else { 2 }"),
        ("list[", "0", "]"),
        ("foo[", "'a'", "]"),
        ("string(", "1", ")"),
    ] {
        for depth in (1..200).step_by(7) {
            let source = open.repeat(depth) + middle + &close.repeat(depth);
            let _ = eval(&source);
        }
    }
}

#[test]
fn a_long_row_of_operators_is_not_deep() {
    let sum = vec!["1"; 4_000].join(" + ");
    assert!(matches!(eval(&sum), Ok(Value::Int(4_000))));
    let any = vec!["i == 2"; 1_500].join(" || ");
    assert!(matches!(eval(&any), Ok(Value::Bool(false))));
}

#[test]
fn what_would_run_away_is_stopped() {
    for source in [
        "1..100000000",
        "map(1..2000, map(1..2000, #))",
        "repeat('x', 1000000) | map(#) | len()",
        "reduce(1..40, #acc + #acc, repeat('x', 1000))",
        "replace(repeat('a', 900000), '', repeat('b', 900000))",
        "let a = ['xxxxxxxxxx']; reduce(1..40, [#acc, #acc], a) | toJSON()",
        &("ok".to_owned() + &" ?: ok".repeat(90)),
        &("(".repeat(60) + "ok" + &" ?: ok)".repeat(60)),
    ] {
        let _ = eval(source);
    }
    assert!(eval("1..100000000").is_err());
    assert!(eval("let r = 1..999998; all(r, all(r, true))").is_err());
    assert!(eval("reduce(1..40, #acc + #acc, repeat('x', 1000))").is_err());
}

fn fragment() -> impl Strategy<Value = String> {
    let words = [
        "ok",
        "i",
        "s",
        "list",
        "foo",
        "nothing",
        "#",
        "#index",
        "#acc",
        ".Bar",
        "?.Bar",
        "1",
        "0.5",
        "'a'",
        "nil",
        "true",
        "+",
        "-",
        "*",
        "/",
        "%",
        "**",
        "==",
        "<",
        "in",
        "not",
        "and",
        "||",
        "??",
        "?",
        ":",
        "|",
        "..",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ";",
        "let x = ",
        "map(",
        "filter(",
        "reduce(",
        "len(",
        "sort(",
        "groupBy(",
        "matches",
        "contains",
        "date('2026-01-01')",
        "duration('1h')",
        "split(s, '')",
        "$env",
        "b'x'",
        "toPairs(foo)",
        "concat(",
        "\"\\",
        "`",
        "int(",
        "flatten(",
        "if ",
        "else",
        "é",
        "\n",
        "first(",
        "get(",
        "0x1f",
        "1e9",
        "9223372036854775807",
    ];
    prop::collection::vec(prop::sample::select(words.to_vec()), 1..24).prop_map(|words| words.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_ends(source in ".{0,60}") {
        if let Err(error) = eval(&source) {
            let _ = error.to_string();
        }
        let _ = expr::when::evaluate(&source);
        let _ = expr::depends::Depends::parse(&source);
        let _ = expr::go_format::sprintf(&source, 7);
        let _ = expr::template::identifiers(&source);
    }

    #[test]
    fn any_arrangement_of_words_ends(source in fragment()) {
        match eval(&source) {
            Ok(value) => { let _ = (lang::to_json(&value), lang::go_string(&value)); }
            Err(error) => { let _ = error.to_string(); }
        }
        let _ = expr::when::evaluate(&source);
    }
}
