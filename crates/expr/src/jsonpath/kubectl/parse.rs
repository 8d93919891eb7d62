//! Reading a template.

use std::sync::OnceLock;

use regex::Regex;

use super::{Node, Slice};

/// How long a template may be.
const MAX_LENGTH: usize = 65_536;

/// How deep filters and unions may nest.
const MAX_NESTING: u32 = 20;

type Parsed<T> = Result<T, String>;

/// Reads a whole template.
pub(super) fn parse(text: &str, nesting: u32) -> Parsed<Vec<Node>> {
    if text.len() > MAX_LENGTH || nesting > MAX_NESTING {
        return Err("the template is too large".to_owned());
    }
    let mut parser = Parser { rest: text, nesting };
    let mut nodes = Vec::new();
    while let Some(at) = parser.rest.find('{') {
        if at > 0 {
            nodes.push(Node::Text(parser.rest[..at].to_owned()));
        }
        parser.rest = &parser.rest[at + 1..];
        nodes.push(Node::Action(parser.action()?));
    }
    if !parser.rest.is_empty() {
        nodes.push(Node::Text(parser.rest.to_owned()));
    }
    Ok(nodes)
}

/// Reads what stands between braces.
fn action(text: &str, nesting: u32) -> Parsed<Vec<Node>> {
    match parse(&format!("{{{text}}}"), nesting + 1)?.into_iter().next() {
        Some(Node::Action(nodes)) => Ok(nodes),
        _ => Ok(Vec::new()),
    }
}

struct Parser<'a> {
    rest: &'a str,
    nesting: u32,
}

/// What ends a name.
fn is_terminator(c: char) -> bool {
    matches!(
        c,
        ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}'
    )
}

fn is_word(c: char) -> bool {
    c == '_' || c.is_alphanumeric()
}

fn pattern(cell: &'static OnceLock<Option<Regex>>, source: &str) -> Parsed<&'static Regex> {
    cell.get_or_init(|| Regex::new(source).ok())
        .as_ref()
        .ok_or_else(|| "the template cannot be read".to_owned())
}

impl<'a> Parser<'a> {
    fn action(&mut self) -> Parsed<Vec<Node>> {
        let mut nodes = Vec::new();
        loop {
            if let Some(rest) = self.rest.strip_prefix('}') {
                self.rest = rest;
                return Ok(nodes);
            }
            if let Some(rest) = self.rest.strip_prefix("[?(") {
                self.rest = rest;
                nodes.push(self.filter()?);
            } else if let Some(rest) = self.rest.strip_prefix("..") {
                if nodes.last() == Some(&Node::Recursive) {
                    return Err("invalid multiple recursive descent".to_owned());
                }
                self.rest = rest;
                nodes.push(Node::Recursive);
                if rest.starts_with(is_word) {
                    nodes.push(self.field());
                }
            } else {
                self.part(&mut nodes)?;
            }
        }
    }

    fn part(&mut self, nodes: &mut Vec<Node>) -> Parsed<()> {
        let Some(c) = self.rest.chars().next().filter(|c| !matches!(c, '\r' | '\n')) else {
            return Err("unclosed action".to_owned());
        };
        let after = &self.rest[c.len_utf8()..];
        match c {
            ' ' | '@' | '$' => self.rest = after,
            '[' => {
                self.rest = after;
                self.array(nodes)?;
            }
            '"' | '\'' => {
                self.rest = after;
                nodes.push(self.quoted(c)?);
            }
            '.' => {
                self.rest = after;
                nodes.push(self.field());
            }
            '+' | '-' => nodes.push(self.number()?),
            _ if c.is_numeric() => nodes.push(self.number()?),
            _ if is_word(c) => nodes.push(self.word()),
            _ => {
                return Err(format!(
                    "unrecognized character in action: U+{:04X} '{c}'",
                    u32::from(c)
                ));
            }
        }
        Ok(())
    }

    /// Takes so many bytes.
    fn take(&mut self, length: usize) -> &'a str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn word(&mut self) -> Node {
        let length = self.rest.find(is_terminator).unwrap_or(self.rest.len());
        match self.take(length) {
            "true" => Node::Bool(true),
            "false" => Node::Bool(false),
            word => Node::Word(word.to_owned()),
        }
    }

    fn number(&mut self) -> Parsed<Node> {
        let sign = usize::from(self.rest.starts_with(['+', '-']));
        let digits = &self.rest[sign..];
        let length = digits
            .find(|c: char| c != '.' && !c.is_numeric())
            .unwrap_or(digits.len());
        let text = self.take(sign + length);
        if let Ok(int) = text.parse() {
            return Ok(Node::Int(int));
        }
        crate::go::parse_float(text)
            .map(Node::Float)
            .ok_or_else(|| format!("cannot parse number {text}"))
    }

    /// A name up to what ends it; a backslash takes the next character into it.
    fn field(&mut self) -> Node {
        let mut escaped = false;
        let end = self.rest.find(|c: char| {
            let ends = !escaped && is_terminator(c);
            escaped = !escaped && c == '\\';
            ends
        });
        let name = self.take(end.unwrap_or(self.rest.len()));
        if name == "*" {
            return Node::Wildcard;
        }
        Node::Field(name.replace('\\', ""))
    }

    fn quoted(&mut self, quote: char) -> Parsed<Node> {
        let mut before = quote;
        let end = self.rest.find(|c: char| {
            let ends = c == '\n' || (c == quote && before != '\\');
            before = c;
            ends
        });
        match end {
            Some(end) if self.rest[end..].starts_with(quote) => {
                let text = self.take(end);
                self.take(1);
                let unquoted = unquote(text, quote);
                let failed = || format!("unquote string {quote}{text}{quote} error invalid syntax");
                Ok(Node::Text(unquoted.ok_or_else(failed)?))
            }
            _ => Err("unterminated quoted string".to_owned()),
        }
    }

    /// An index, a slice, a quoted key, or several of them.
    fn array(&mut self, nodes: &mut Vec<Node>) -> Parsed<()> {
        let end = self.rest.find([']', '\n']);
        let Some(end) = end.filter(|end| self.rest[*end..].starts_with(']')) else {
            return Err("unterminated array".to_owned());
        };
        let text = self.take(end);
        self.take(1);
        let text = if text == "*" { ":" } else { text };
        if text.contains(',') {
            let members = text.split(',').map(|member| {
                let member = member.trim_matches(' ');
                action(&format!("[{member}]"), self.nesting)
            });
            nodes.push(Node::Union(members.collect::<Parsed<_>>()?));
            return Ok(());
        }
        let key = text.strip_prefix('\'').and_then(|text| text.strip_suffix('\''));
        if let Some(key) = key.filter(|key| !key.contains('\'')) {
            nodes.extend(action(&format!(".{key}"), self.nesting)?);
            return Ok(());
        }
        nodes.push(Node::Slice(slice(text)?));
        Ok(())
    }

    fn filter(&mut self) -> Parsed<Node> {
        static OPERATION: OnceLock<Option<Regex>> = OnceLock::new();
        let end = filter_end(self.rest).ok_or("unterminated filter")?;
        let text = self.take(end);
        self.take(1);
        let Some(rest) = self.rest.strip_prefix(']') else {
            return Err("unclosed array expect ]".to_owned());
        };
        self.rest = rest;
        let operation = pattern(&OPERATION, r"^([^!<>=]+)([!<>=]+)(.+?)$")?;
        let Some(parts) = operation.captures(text) else {
            return Ok(Node::Filter {
                left: action(text, self.nesting)?,
                operator: "exists".to_owned(),
                right: Vec::new(),
            });
        };
        Ok(Node::Filter {
            left: action(&parts[1], self.nesting)?,
            operator: parts[2].to_owned(),
            right: action(&parts[3], self.nesting)?,
        })
    }
}

/// Where the bracket closes that a filter opened; one quoted text may stand in it.
fn filter_end(text: &str) -> Option<usize> {
    let (mut begun, mut ended, mut quote, mut before) = (false, false, ' ', '(');
    for (at, c) in text.char_indices() {
        match c {
            '\n' => return None,
            '"' | '\'' if !begun => {
                begun = true;
                quote = c;
            }
            '"' | '\'' if before != '\\' && c == quote => ended = true,
            ')' if begun == ended => return Some(at),
            _ => {}
        }
        before = c;
    }
    None
}

fn slice(text: &str) -> Parsed<Slice> {
    static SLICE: OnceLock<Option<Regex>> = OnceLock::new();
    let pattern = pattern(&SLICE, r"^(-?[0-9]*)(:-?[0-9]*)?(:-?[0-9]*)?$")?;
    let parts = pattern
        .captures(text)
        .ok_or_else(|| format!("invalid array index {text}"))?;
    let bound = |index: usize| -> Parsed<Option<i64>> {
        match parts
            .get(index)
            .map_or("", |part| part.as_str().trim_start_matches(':'))
        {
            "" => Ok(None),
            digits => digits
                .parse()
                .map(Some)
                .map_err(|_| format!("array index {digits} is not a number")),
        }
    };
    Ok(Slice {
        from: bound(1)?,
        to: bound(2)?,
        step: bound(3)?,
        single: parts.get(2).is_none(),
    })
}

/// Undoes Go's escapes in a text that was quoted with `quote`.
fn unquote(text: &str, quote: char) -> Option<String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == quote {
            return None;
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        let escape = rest.chars().next()?;
        rest = &rest[escape.len_utf8()..];
        let mut code = |digits: usize, radix: u32, first: &str| {
            let text = rest.get(..digits)?;
            rest = &rest[digits..];
            u32::from_str_radix(&format!("{first}{text}"), radix)
                .ok()
                .and_then(char::from_u32)
        };
        out.push(match escape {
            'a' => '\x07',
            'b' => '\x08',
            'f' => '\x0c',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\x0b',
            '\\' => '\\',
            '\'' | '"' if escape == quote => escape,
            'x' => code(2, 16, "")?,
            'u' => code(4, 16, "")?,
            'U' => code(8, 16, "")?,
            '0'..='7' => code(2, 8, &escape.to_string())?,
            _ => return None,
        });
    }
    Some(out)
}
