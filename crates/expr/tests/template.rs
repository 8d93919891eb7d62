//! Substitution of tags: what goes in, what stays, what is an error.

use std::collections::BTreeMap;

use expr::lang::{Context, Value};
use expr::template::{
    self, Error, Kind, Layers, Unresolved, identifiers, substitute, substitute_json, tags, tags_in,
};

fn scope() -> BTreeMap<&'static str, Value> {
    let item = Value::from(serde_json::json!({"name": "a", "size": 3}));
    BTreeMap::from([
        ("inputs.parameters.message", "hello world".into()),
        ("inputs.parameters.quote", "say \"hi\"\n\\ <b>".into()),
        ("inputs.parameters.n", "41".into()),
        (
            "inputs.parameters.json",
            r#"[{"name":"x","size":3},{"name":"y","size":5}]"#.into(),
        ),
        ("steps.a.outputs.result", "7".into()),
        ("tasks.skipped.outputs.parameters.out", Value::Nil),
        ("inner", "suffix".into()),
        ("outer-suffix", "final".into()),
        ("object", item),
        ("flag", true.into()),
    ])
}

fn run(text: &str, unresolved: Unresolved<'_>) -> Result<String, Error> {
    substitute(text, &scope(), unresolved, &mut Context::default())
}

fn check(text: &str, expected: &str) {
    assert_eq!(run(text, Unresolved::Keep).as_deref(), Ok(expected), "{text}");
}

fn refuses(text: &str, unresolved: Unresolved<'_>, message: &str, is_missing: bool) {
    let error = run(text, unresolved).expect_err(text);
    assert_eq!(
        (error.message(), error.is_missing()),
        (message, is_missing),
        "{text}"
    );
}

#[test]
fn simple_tags() {
    check("no tags", "no tags");
    check("{{inputs.parameters.message}}!", "hello world!");
    check("{{ inputs.parameters.message\n}}", "hello world");
    check("{{inputs.parameters.quote}}", "say \"hi\"\n\\ <b>");
    check("{{a}} {{b}} {{inputs.parameters.n}}", "{{a}} {{b}} 41");
    check("{{unclosed {{inner}", "{{unclosed {{inner}");
    check("}} {{inner}} {{", "}} suffix {{");
}

#[test]
fn nested_tags_take_a_pass_each() {
    check("{{outer-{{inner}}}}", "{{outer-suffix}}");
    check("{{outer-suffix}}", "final");
    check(
        "{{- with secret \"{{inputs.parameters.message}}\" -}}\n {{ .Data }}\n{{- end }}",
        "{{- with secret \"hello world\" -}}\n {{ .Data }}\n{{- end }}",
    );
}

#[test]
fn expressions() {
    check("{{=asInt(inputs.parameters.n) + 1}}", "42");
    check("{{= inputs.parameters.message + '!' }}", "hello world!");
    check("{{='some\\\\path'}}", "some\\path");
    check("{{=\"'\"}}", "'");
    check("{{=1 + \n1}}", "2");
    check("{{=true == false}}", "false");
    check("{{=toJson({test: 1})}}", r#"{"test":1}"#);
    check(
        "{{=toJson([1, '2', {an: 'object'}])}}",
        r#"[1,"2",{"an":"object"}]"#,
    );
    check("{{=[{a: '<', b: 1.5}]}}", r#"[{"a":"\u003c","b":1.5}]"#);
    check("{{=object.name}}", "a");
    check("{{=inputs.parameters['n']}}", "41");
    check(
        "{{=tasks.skipped.outputs.parameters.out ?? 'fallback'}}",
        "fallback",
    );
}

#[test]
fn expressions_that_wait() {
    for text in [
        "{{=item}}",
        "{{=asInt(retries) + 1}}",
        "{{=workflow.status == 'Succeeded' ? 'a' : 'b'}}",
        "{{=lastRetry.exitCode ?? 1}}",
        "{{=unknown}}",
        "{{=tasks.other.outputs.result + 'x'}}",
    ] {
        check(text, text);
    }
    // What is not about a late name is evaluated, however that goes.
    check("{{=(unknown ?? 'x')}}", "{{=(unknown ?? 'x')}}");
    check("{{='a' in [1]}}", "{{='a' in [1]}}");
}

#[test]
fn what_must_be_resolved() {
    let strict = Unresolved::FailFor(&["steps", "tasks"]);
    refuses("{{foo}}", Unresolved::Fail, "failed to resolve {{foo}}", true);
    refuses(
        "{{=foo}}",
        Unresolved::Fail,
        "failed to evaluate expression: foo is missing",
        true,
    );
    refuses(
        "{{steps.b.outputs.result}}",
        strict,
        "failed to resolve {{steps.b.outputs.result}}",
        true,
    );
    refuses(
        "{{=steps.b.id}}",
        strict,
        "failed to evaluate expression: steps.b is missing",
        true,
    );
    refuses(
        "{{steps.b.outputs.result",
        strict,
        "failed to resolve {{steps.b.outputs.result",
        true,
    );
    for stays in [
        "{{steps.b.outputs.artifacts.x}}",
        "{{stepsB}}",
        "{{item}}",
        "{{=item}}",
    ] {
        assert_eq!(run(stays, strict).as_deref(), Ok(stays));
    }
    refuses(
        "{{tasks.skipped.outputs.parameters.out}}",
        Unresolved::Keep,
        "unable to substitute {{tasks.skipped.outputs.parameters.out}}: output is an absent optional \
         (skipped/omitted node with no default)",
        false,
    );
    refuses(
        "{{flag}}",
        Unresolved::Keep,
        "failed to resolve {{flag}} to string",
        false,
    );
    // Objects are artifacts, which are resolved by reference and not as text.
    check("{{object}}", "{{object}}");
    // A tag ends at the first closing braces, also inside of an expression.
    assert!(run("{{={a: {b: 1}}}}", Unresolved::Keep).is_err());
    let error = run("{{=!}}", Unresolved::Keep).expect_err("not an expression");
    assert!(
        error
            .message()
            .starts_with("failed to evaluate expression: unexpected token EOF")
    );
    let error = run("{{=asInt(inputs.parameters.message)}}", strict).expect_err("not a number");
    assert!(
        error
            .message()
            .starts_with("failed to evaluate expression: invalid operation: int(hello world)")
    );
    assert!(!error.is_missing());
}

#[test]
fn placeholders_let_an_expression_wait() {
    let name = format!("{}0", template::PLACEHOLDER);
    let scope = BTreeMap::from([("inputs.parameters.n", Value::from(name.as_str()))]);
    let text = "{{=asInt(inputs.parameters.n)}}";
    let result = substitute(text, &scope, Unresolved::Fail, &mut Context::default());
    assert_eq!(result.as_deref(), Ok(text));
}

#[test]
fn json_values_keep_their_shape() {
    let value = serde_json::json!({
        "args": ["{{inputs.parameters.quote}}", 3, true, null],
        "labels": {"{{inner}}": "{{=asInt(inputs.parameters.n)}}"},
    });
    let result = substitute_json(&value, &scope(), Unresolved::Keep, &mut Context::default());
    let expected = serde_json::json!({
        "args": ["say \"hi\"\n\\ <b>", 3, true, null],
        "labels": {"suffix": "41"},
    });
    assert_eq!(result, Ok(expected));
}

#[test]
fn layers_hide_what_is_below() {
    let over = BTreeMap::from([("inner", Value::from("top"))]);
    let under = scope();
    let layers = Layers(&[&over, &under]);
    let result = substitute(
        "{{inner}} {{=inner}} {{outer-suffix}}",
        &layers,
        Unresolved::Fail,
        &mut Context::default(),
    );
    assert_eq!(result.as_deref(), Ok("top top final"));
}

#[test]
fn tags_are_found_with_their_places() {
    let text = "a {{ b }} {{=c}} {{d";
    let scan = tags(text);
    let found: Vec<_> = scan
        .tags
        .iter()
        .map(|tag| (tag.kind, tag.name(), &text[tag.span.clone()]))
        .collect();
    assert_eq!(
        found,
        [(Kind::Simple, "b", "{{ b }}"), (Kind::Expression, "c", "{{=c}}")]
    );
    assert_eq!(scan.unclosed, Some(17));

    let value = serde_json::json!({"a/b": ["x", "{{one}}"], "{{two}}": 1});
    let found: Vec<_> = tags_in(&value)
        .into_iter()
        .map(|found| (found.pointer, found.tag.text))
        .collect();
    assert_eq!(
        found,
        [("/a~1b/1".to_owned(), "one"), ("/{{two}}".to_owned(), "two")]
    );
}

#[test]
fn names_that_an_expression_needs() {
    for (expression, expected) in [
        ("item.requiredKey", vec!["item", "item.requiredKey"]),
        ("item.optionalKey ?? 'fallback'", vec!["item"]),
        ("item['optionalKey'] ?? ''", vec!["item"]),
        ("item?.optionalKey", vec!["item"]),
        ("item.a?.b", vec!["item"]),
        (
            "item.required + (item.optional ?? 'x')",
            vec!["item", "item.required"],
        ),
        ("tasks.a.outputs.result ?? 'default'", vec!["tasks"]),
        ("sprig.upper(retries)", vec!["retries", "sprig", "sprig.upper"]),
        ("'workflow.status' == \"x\"", vec![]),
    ] {
        let mut names = identifiers(expression).expect(expression);
        names.sort();
        assert_eq!(names, expected, "{expression}");
    }
    assert_eq!(identifiers("foo +"), None);
}

#[test]
fn references_are_resolved_to_values() {
    let resolve = |text: &str| template::resolve(text, &scope(), &mut Context::default());
    assert!(matches!(resolve("{{object}}"), Ok(Value::Map(_))));
    assert!(matches!(
        resolve("{{= asInt(inputs.parameters.n) }}"),
        Ok(Value::Int(41))
    ));
    assert_eq!(
        resolve("{{nothing}}").unwrap_err(),
        "Unable to resolve: \"nothing\""
    );
    assert_eq!(
        resolve("{{=nothing}}").unwrap_err(),
        "Unable to compile: \"nothing\""
    );
}
