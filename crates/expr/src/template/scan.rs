//! Finding tags: everything between `{{` and the first `}}` after it.

use std::ops::Range;

use serde_json::Value as Json;

pub(super) const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// What a tag holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A name: `{{workflow.name}}`.
    Simple,
    /// An expression: `{{=1 + 1}}`.
    Expression,
}

/// A tag in a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag<'a> {
    /// What it holds.
    pub kind: Kind,
    /// What stands between the braces, after the `=` of an expression, with its blanks.
    pub text: &'a str,
    /// Where it is, in bytes, with its braces.
    pub span: Range<usize>,
}

impl Tag<'_> {
    /// The name or the expression without the blanks around it.
    pub fn name(&self) -> &str {
        self.text.trim()
    }
}

/// The tags of a text, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scan<'a> {
    /// The tags.
    pub tags: Vec<Tag<'a>>,
    /// Where a tag begins that never ends.
    pub unclosed: Option<usize>,
}

/// Finds the tags of a text.
pub fn tags(text: &str) -> Scan<'_> {
    let mut scan = Scan::default();
    let mut at = 0;
    while let Some(open) = text[at..].find(OPEN).map(|offset| at + offset) {
        let start = open + OPEN.len();
        let Some(length) = text[start..].find(CLOSE) else {
            scan.unclosed = Some(open);
            break;
        };
        at = start + length + CLOSE.len();
        let inner = &text[start..start + length];
        let (kind, inner) = match inner.strip_prefix('=') {
            Some(expression) => (Kind::Expression, expression),
            None => (Kind::Simple, inner),
        };
        scan.tags.push(Tag {
            kind,
            text: inner,
            span: open..at,
        });
    }
    scan
}

/// A tag somewhere in a JSON value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Located<'a> {
    /// Where the string is, as a JSON pointer (RFC 6901). A tag in a key points at the key's value.
    pub pointer: String,
    /// The tag, with its place in that string.
    pub tag: Tag<'a>,
}

/// Finds the tags of every string and key of a JSON value, in order.
pub fn tags_in(value: &Json) -> Vec<Located<'_>> {
    let mut found = Vec::new();
    collect(value, &mut String::new(), &mut found);
    found
}

fn collect<'a>(value: &'a Json, pointer: &mut String, found: &mut Vec<Located<'a>>) {
    let length = pointer.len();
    match value {
        Json::String(text) => push(text, pointer, found),
        Json::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                pointer.push_str(&format!("/{index}"));
                collect(item, pointer, found);
                pointer.truncate(length);
            }
        }
        Json::Object(fields) => {
            for (key, item) in fields {
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                push(key, pointer, found);
                collect(item, pointer, found);
                pointer.truncate(length);
            }
        }
        _ => {}
    }
}

fn push<'a>(text: &'a str, pointer: &str, found: &mut Vec<Located<'a>>) {
    found.extend(tags(text).tags.into_iter().map(|tag| Located {
        pointer: pointer.to_owned(),
        tag,
    }));
}
