//! Loops: the items of `withItems`, `withParam` and `withSequence`, and what each turn is called.

use argo::template::Sequence;
use argo::{IntOrString, Item};
use serde_json::Value;

use crate::names::loop_item;
use crate::vars::{self, VarMap};

/// The numbers of a sequence, formatted; it may count downwards.
pub(crate) fn sequence(sequence: &Sequence) -> Result<Vec<Item>, String> {
    let start = sequence.start.as_ref().map_or(Ok(0), integer)?;
    let end = match (&sequence.end, &sequence.count) {
        (Some(end), _) => integer(end)?,
        (None, Some(count)) => match integer(count)? {
            0 => return Ok(Vec::new()),
            count => start + count - 1,
        },
        (None, None) => return Err("neither end nor count was specified in withSequence".to_owned()),
    };
    let format = if sequence.format.is_empty() {
        "%d"
    } else {
        &sequence.format
    };
    let item = |i: i64| Item(Value::from(expr::go_format::sprintf(format, i)));
    Ok(if start <= end {
        (start..=end).map(item).collect()
    } else {
        (end..=start).rev().map(item).collect()
    })
}

/// An integer as Go's `Atoi` reads it.
fn integer(value: &IntOrString) -> Result<i64, String> {
    let text = value.to_string();
    text.parse()
        .map_err(|_| format!("strconv.Atoi: parsing \"{text}\": invalid syntax"))
}

/// The JSON list of `withParam`.
pub(crate) fn param(text: &str) -> Result<Vec<Item>, String> {
    serde_json::from_str::<Option<Vec<Item>>>(text)
        .map(Option::unwrap_or_default)
        .map_err(|error| {
            let text = text.trim();
            format!(
                "withParam value could not be parsed as a JSON list: {text}: {}",
                go_error(text, &error)
            )
        })
}

/// What Go's decoder says.
fn go_error(text: &str, error: &serde_json::Error) -> String {
    use serde_json::error::Category;
    match (error.classify(), text.chars().next()) {
        (Category::Eof, _) => "unexpected end of JSON input".to_owned(),
        (Category::Data, Some(c)) => {
            let kind = match c {
                '{' => "object",
                '"' => "string",
                't' | 'f' => "bool",
                _ => "number",
            };
            format!("json: cannot unmarshal {kind} into Go value of type []v1alpha1.Item")
        }
        (_, Some(c)) if error.column() <= 2 => {
            format!("invalid character '{c}' looking for beginning of value")
        }
        _ => error.to_string(),
    }
}

/// One turn's name and its variables: `item`, and `item.KEY` of a map.
pub(crate) fn turn(name: &str, index: usize, item: &Item) -> (String, VarMap) {
    let mut vars = VarMap::new();
    let description = match &item.0 {
        Value::Object(map) => {
            let mut parts = Vec::new();
            for (key, value) in map {
                let text = Item(value.clone()).to_string();
                parts.push(format!("{key}:{text}"));
                vars.insert(format!("item.{key}"), vars::text(text));
            }
            parts.sort();
            parts.join(",")
        }
        // Go prints a list of items between brackets, apart by blanks.
        Value::Array(list) => {
            let items: Vec<String> = list.iter().map(|v| Item(v.clone()).to_string()).collect();
            format!("[{}]", items.join(" "))
        }
        _ => item.to_string(),
    };
    vars.insert("item".to_owned(), vars::text(item_text(item)));
    (loop_item(name, index, &description), vars)
}

/// What `{{item}}` stands for; Go writes the keys of maps in order.
fn item_text(item: &Item) -> String {
    match &item.0 {
        Value::Object(map) => {
            let ordered: std::collections::BTreeMap<&String, &Value> = map.iter().collect();
            serde_json::to_string(&ordered).unwrap_or_default()
        }
        _ => item.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(json: &str, name: &str, text: &str) {
        let item: Item = serde_json::from_str(json).unwrap();
        let (turn, vars) = turn("a", 3, &item);
        assert_eq!((turn.as_str(), vars["item"].as_str()), (name, Some(text)));
    }

    #[test]
    fn turns_are_named_by_their_items() {
        check("\"x (y)\"", "a(3:x y)", "x (y)");
        check("1.5", "a(3:1.5)", "1.5");
        check("true", "a(3:true)", "true");
        check("{\"b\":1,\"a\":\"x\"}", "a(3:a:x,b:1)", "{\"a\":\"x\",\"b\":1}");
        check("[1,\"b\"]", "a(3:[1 b])", "[1,\"b\"]");
    }

    #[test]
    fn sequences_count_both_ways() {
        let text =
            |s: Sequence| sequence(&s).map(|v| v.iter().map(Item::to_string).collect::<Vec<_>>().join(" "));
        let int = |i| Some(IntOrString::Int(i));
        let of = |start, end, count| Sequence {
            start,
            end,
            count,
            ..Sequence::default()
        };
        assert_eq!(text(of(int(5), int(3), None)).as_deref(), Ok("5 4 3"));
        assert_eq!(text(of(int(2), None, int(2))).as_deref(), Ok("2 3"));
        assert_eq!(text(of(None, None, int(0))).as_deref(), Ok(""));
        assert!(text(of(None, None, None)).is_err());
    }
}
