//! JSONPath in both dialects.

use expr::jsonpath::kubectl::Template;
use expr::lang::{self, Context, Environment, Value};

const STORE: &str = r#"{"store": {"book": [
    {"title": "A", "price": 8.95, "tags": ["x", "y"]},
    {"title": "B", "price": 12.99},
    {"title": "C", "price": 22}
], "bicycle": {"color": "red", "price": 19.95}}, "it's": 1, "k.d": 2}"#;

fn argo(path: &str) -> Result<String, String> {
    let environment = Environment::argo([("document", STORE.into()), ("path", Value::from(path))]);
    let value = lang::eval("jsonpath(document, path)", &environment, &mut Context::default())
        .map_err(|error| error.message)?;
    lang::to_json(&value)
}

#[test]
fn argos_dialect_answers_a_value() {
    for (path, expected) in [
        ("$.store.book[0].title", r#""A""#),
        ("$.store.book[-1].price", "22"),
        ("$.store.book[*].title", r#"["A","B","C"]"#),
        ("$.store.book[0:2].price", "[8.95,12.99]"),
        ("$.store.book[::-1].title", r#"["C","B","A"]"#),
        ("$.store.book[0,2].title", r#"["A","C"]"#),
        ("$.store.bicycle['color','price']", r#"["red",19.95]"#),
        ("$.store.book[?(@.price < 10)].title", r#"["A"]"#),
        ("$.store.book[?(@.tags)].title", r#"["A"]"#),
        (
            "$.store.book[?(@.title == 'B' || @.price > 20)].title",
            r#"["B","C"]"#,
        ),
        ("$.store.book[?(@.title =~ '^[AB]$')].price", "[8.95,12.99]"),
        ("$.store.book[?(@.price in [22])].title", r#"["C"]"#),
        ("$.store.book[(@.length-1)].title", r#""C""#),
        ("$..price", "[19.95,8.95,12.99,22]"),
        ("$.store.book.length", "3"),
        (r"$['it\'s']", "1"),
        ("$['k.d']", "2"),
    ] {
        assert_eq!(argo(path).as_deref(), Ok(expected), "{path}");
    }
}

#[test]
fn argos_dialect_refuses() {
    for (path, message) in [
        ("$.nothing", "key: invalid token key 'nothing' not found"),
        ("$.store.book[9]", "index: invalid token out of range"),
        (
            "$.store[0]",
            "index: invalid token target. expected [array slice] got [map]",
        ),
        (
            "store",
            "invalid JSONPath selector 'store' unexpected token 's' at index 0",
        ),
        (
            "$.store[",
            "invalid JSONPath selector '$.store[' invalid token. '[' does not match any token format",
        ),
        (
            "$[?((@.a || @.b))]",
            "invalid JSONPath selector '$[?((@.a || @.b))]' unsupported operator",
        ),
    ] {
        assert_eq!(argo(path), Err(message.to_owned()), "{path}");
    }
    assert!(argo(&("$".to_owned() + &"..*".repeat(100))).is_err());
    assert!(argo(&("$".to_owned() + &"[?(".repeat(1_000))).is_err());
}

fn list() -> serde_json::Value {
    serde_json::json!({"kind": "List", "items": [
        {"metadata": {"name": "a", "labels": {"k8s.io/x": "1"}}, "spec": {"replicas": 3, "ports": [80, 443]}},
        {"metadata": {"name": "b"}, "spec": {"replicas": 1, "ports": []}},
        {"metadata": {"name": "c"}, "note": null},
    ], "text": "<x>"})
}

fn kubectl(template: &str) -> Result<String, String> {
    let parsed = Template::parse(template).map_err(|error| error.to_string())?;
    let lenient = template.contains('?') || template.contains("range");
    let parsed = if lenient {
        parsed.allow_missing_keys()
    } else {
        parsed
    };
    parsed.execute(&list()).map_err(|error| error.to_string())
}

#[test]
fn kubectls_dialect_writes_text() {
    for (template, expected) in [
        ("{.kind}", "List"),
        ("kind: {.kind}!", "kind: List!"),
        ("{.items[*].metadata.name}", "a b c"),
        ("{.items[0].metadata.labels.k8s\\.io/x}", "1"),
        ("{.items[-1].metadata.name}", "c"),
        ("{.items[0:2].metadata.name}", "a b"),
        ("{.items[0,2].metadata.name}", "a c"),
        ("{['kind','text']}", "List <x>"),
        ("{.items[?(@.spec.replicas>1)].metadata.name}", "a"),
        ("{.items[?(@.metadata.name!=\"b\")].metadata.name}", "a c"),
        ("{.items[?(@.spec)].metadata.name}", "a b"),
        ("{..name}", "a b c"),
        ("{.items[0].spec}", r#"{"ports":[80,443],"replicas":3}"#),
        ("{range .items[*]}{.metadata.name}{\"\\n\"}{end}", "a\nb\nc\n"),
        (
            "{range .items[*]}{.metadata.name}:{range .spec.ports[*]}{@},{end};{end}",
            "a:80,443,;b:;c:;",
        ),
        ("{1.5} {true} {'q'}", "1.5 true q"),
    ] {
        assert_eq!(kubectl(template).as_deref(), Ok(expected), "{template}");
    }
}

#[test]
fn kubectls_dialect_refuses() {
    for (template, message) in [
        ("{.nothing}", "nothing is not found"),
        ("{.items[9]}", "array index out of bounds: index 9, length 3"),
        ("{.kind[0]}", "string is not array or slice"),
        (
            "{.items[?(@.spec.replicas>'1')]}",
            "incompatible types for comparison",
        ),
        ("{.kind", "unclosed action"),
        ("{end}", "not in range, nothing to end"),
        ("{.items[a]}", "invalid array index a"),
    ] {
        assert_eq!(kubectl(template), Err(message.to_owned()), "{template}");
    }
}

#[test]
fn columns_are_read_relaxed_and_miss_nothing() {
    for path in [
        "spec.replicas",
        ".spec.replicas",
        "{.spec.replicas}",
        "{spec.replicas}",
    ] {
        let template = Template::parse_relaxed(path).expect(path).allow_missing_keys();
        let item = &list()["items"][0];
        assert_eq!(template.execute(item).as_deref(), Ok("3"), "{path}");
        assert_eq!(
            template.execute(&serde_json::json!({})).as_deref(),
            Ok(""),
            "{path}"
        );
    }
    let found = Template::parse("{.items[*].metadata.name}").and_then(|template| template.find(&list()));
    assert_eq!(found, Ok(vec![vec!["a".into(), "b".into(), "c".into()]]));
}
