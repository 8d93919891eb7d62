//! What no two servers can agree on, put into one form: uids, times, revisions, tokens.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::play::Answer;

/// An answer without what differs from run to run; `names` are the values that the scenario remembers.
pub(crate) fn answer(mut answer: Answer, names: &BTreeMap<String, String>) -> Answer {
    for document in &mut answer.body {
        causes(document);
        value("", document, names);
    }
    for (_, header) in &mut answer.headers {
        *header = text(header, names);
    }
    answer
}

/// Several causes of one refusal come in any order, also in its message.
fn causes(status: &mut Value) {
    let Some(Value::Array(causes)) = status.pointer_mut("/details/causes") else {
        return;
    };
    let line = |cause: &Value| {
        let text = |field: &str| cause[field].as_str().unwrap_or_default().to_owned();
        format!("{}: {}", text("field"), text("message"))
    };
    causes.sort_by_key(line);
    // A real server checks some changes twice.
    causes.dedup();
    let lines: Vec<String> = causes.iter().map(line).collect();
    let message = status["message"].as_str().unwrap_or_default();
    if let Some((head, _)) = message.split_once(" is invalid: [") {
        status["message"] = format!("{head} is invalid: [{}]", lines.join(", ")).into();
    }
}

fn value(field: &str, at: &mut Value, names: &BTreeMap<String, String>) {
    match at {
        Value::Object(map) => {
            managers(map);
            for (key, child) in map.iter_mut() {
                value(key, child, names);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| value(field, item, names)),
        Value::String(word) => *word = scalar(field, word, names),
        _ => {}
    }
}

fn scalar(field: &str, word: &str, names: &BTreeMap<String, String>) -> String {
    let stands_for = match field {
        "uid" if !word.is_empty() => "<uid>",
        "resourceVersion" if !word.is_empty() && word != "0" => "<revision>",
        "token" => "<token>",
        "continue" => "<continue>",
        _ if is_time(word) => "<time>",
        "cells" if is_age(word) => "<age>",
        "message" if word.contains("Invalid value: \"{") => return text(&unshown(word), names),
        _ => return text(word, names),
    };
    stands_for.to_owned()
}

/// Of the managers of fields, those who applied: the embedded server attributes no other changes.
fn managers(map: &mut Map<String, Value>) {
    let Some(Value::Array(entries)) = map.get_mut("managedFields") else {
        return;
    };
    entries.retain(|entry| entry["operation"] == "Apply");
    if entries.is_empty() {
        map.remove("managedFields");
    }
}

/// A duration, as tables show it: `5s`, `3m20s`.
fn is_age(word: &str) -> bool {
    let unit = |c: char| matches!(c, 's' | 'm' | 'h' | 'd');
    word.starts_with(|c: char| c.is_ascii_digit())
        && word.ends_with(unit)
        && word.chars().all(|c| c.is_ascii_digit() || unit(c))
}

fn is_time(word: &str) -> bool {
    word.len() >= 20 && word.ends_with('Z') && meta::time::parse(word).is_some()
}

/// A message without the whole object that it shows as a text: with all managers, in the order of Go's fields.
fn unshown(message: &str) -> String {
    let begin = message
        .find("Invalid value: \"{")
        .map(|at| at + "Invalid value: ".len());
    match (begin, message.rfind("}\": ")) {
        (Some(begin), Some(end)) if begin < end => {
            format!("{}<object>{}", &message[..begin], &message[end + 2..])
        }
        _ => message.to_owned(),
    }
}

/// A sentence with what is remembered and all uids, times and large numbers in one form.
fn text(sentence: &str, names: &BTreeMap<String, String>) -> String {
    let mut text = sentence.to_owned();
    for (name, value) in names.iter().filter(|(_, value)| value.len() > 5) {
        text = text.replace(value.as_str(), &format!("${name}"));
    }
    let words =
        text.split_inclusive(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == ':' || c == '.'));
    words.map(word).collect()
}

fn word(word: &str) -> String {
    let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
    let rest = &word[bare.len()..];
    let hex = |c: char| c.is_ascii_hexdigit() || c == '-';
    if bare.len() == 36 && bare.chars().all(hex) && bare.matches('-').count() == 4 {
        format!("<uid>{rest}")
    } else if bare.len() > 1 && bare.chars().all(|c| c.is_ascii_digit()) && rest == ")" {
        // A revision in record.
        format!("<number>{rest}")
    } else if is_time(bare) {
        format!("<time>{rest}")
    } else {
        word.to_owned()
    }
}
