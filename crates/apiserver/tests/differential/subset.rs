//! Lists of which the embedded server has a part only, as in discovery: what both have is compared.

use serde_json::Value;

use crate::play::Answer;

/// Leaves out of the lists at `pointer` what only the real server has, and puts both in the order of their keys.
pub(crate) fn take(real: &mut Answer, embedded: &mut Answer, pointer: &str, key: &str) {
    let steps: Vec<&str> = pointer.split('/').skip(1).collect();
    for (real, embedded) in real.body.iter_mut().zip(&mut embedded.body) {
        walk(real, embedded, &steps, key);
    }
}

fn walk(real: &mut Value, embedded: &mut Value, steps: &[&str], key: &str) {
    let Some((first, rest)) = steps.split_first() else {
        return cut(real, embedded, key);
    };
    if *first == "*" {
        if let (Value::Array(real), Value::Array(embedded)) = (real, embedded) {
            for (real, embedded) in real.iter_mut().zip(embedded) {
                walk(real, embedded, rest, key);
            }
        }
    } else if let (Some(real), Some(embedded)) = (real.get_mut(*first), embedded.get_mut(*first)) {
        walk(real, embedded, rest, key);
    }
}

fn cut(real: &mut Value, embedded: &mut Value, key: &str) {
    let of = |item: &Value| key.split('.').fold(item, |item, key| &item[key]).to_string();
    if let (Value::Array(real), Value::Array(embedded)) = (real, embedded) {
        real.retain(|item| embedded.iter().any(|other| of(other) == of(item)));
        real.sort_by_key(of);
        embedded.sort_by_key(of);
    }
}
