//! Reading a path of Argo's dialect: `$.a[0]['b'][?(@.c > 1)]..d[1:3]`.

use super::script::Script;

/// How many steps a path may have, so that following it fits the stack.
const MAX_STEPS: usize = 200;

/// How deep filters and scripts may hold paths with filters and scripts.
pub(super) const MAX_NESTING: usize = 20;

/// One step of a path.
#[derive(Debug)]
pub(super) enum Token {
    /// `$`
    Root,
    /// `@`
    Current,
    /// `*`
    Wildcard,
    /// `..`
    Recursive,
    /// `.length`
    Length,
    /// `.key` or `['key']`
    Key(String),
    /// `[0]`
    Index(i64),
    /// `[(@.length-1)]`
    Script(Script),
    /// `[?(...)]`
    Filter(Script),
    /// `[from:to:step]`
    Range([Option<Bound>; 3]),
    /// `['a','b']` or `[0,1]`
    Union(Vec<Member>),
}

/// An end of a range, or its step.
#[derive(Debug)]
pub(super) enum Bound {
    Number(i64),
    Script(Script),
}

/// One of several keys or indices.
#[derive(Debug)]
pub(super) enum Member {
    Key(String),
    Index(i64),
    Script(Script),
}

/// Reads a whole path.
pub(super) fn parse(path: &str, nesting: usize) -> Result<Vec<Token>, String> {
    if nesting > MAX_NESTING {
        return Err("nests too deeply".to_owned());
    }
    let texts = tokenize(path)?;
    if texts.len() > MAX_STEPS {
        return Err(format!("has more than {MAX_STEPS} steps"));
    }
    texts.iter().map(|text| token(text, nesting)).collect()
}

fn unexpected(text: &str, at: usize) -> String {
    format!("unexpected token '{text}' at index {at}")
}

fn no_format(text: &str) -> String {
    format!("invalid token. '{text}' does not match any token format")
}

/// Splits a path into its steps. Quotes and round brackets are counted, not matched.
fn tokenize(path: &str) -> Result<Vec<String>, String> {
    let mut chars = path.chars();
    let first = chars.next().ok_or_else(|| unexpected("", 0))?;
    if !matches!(first, '$' | '@') {
        return Err(unexpected(&first.to_string(), 0));
    }
    if let Some(next) = path[1..].chars().next().filter(|next| !matches!(next, '.' | '[')) {
        return Err(unexpected(&next.to_string(), 1));
    }
    let mut splitter = Splitter {
        tokens: vec![first.to_string()],
        ..Splitter::default()
    };
    for c in chars {
        splitter.take(c);
    }
    splitter.finish();
    Ok(splitter.tokens)
}

#[derive(Default)]
struct Splitter {
    tokens: Vec<String>,
    text: String,
    quotes: usize,
    /// Round brackets opened less those closed, in the current token.
    round: i64,
    /// Square brackets opened less those closed, in the whole path.
    square: i64,
}

impl Splitter {
    fn take(&mut self, c: char) {
        if self.text.is_empty() {
            self.quotes = 0;
            self.round = 0;
        }
        match c {
            '\'' => self.quotes += 1,
            '(' => self.round += 1,
            ')' => self.round -= 1,
            '[' => self.square += 1,
            ']' => self.square -= 1,
            _ => {}
        }
        self.text.push(c);
        match self.text.as_str() {
            "." | "[" | ".[" => return,
            ".." => return self.push(0),
            _ => {}
        }
        let quoted = self.quotes % 2 == 1 || self.round != 0;
        if c == '[' {
            if self.text.matches('[').count() == 1 {
                self.push(1);
                self.text.push('[');
            }
        } else if self.text.contains('[') {
            if !quoted && c == ']' && self.square == 0 {
                self.push(0);
            }
        } else if c == '.' && !quoted {
            self.push(1);
            self.text.push('.');
        }
    }

    /// Ends a token, without its last `cut` characters and, but for `..`, without a dot at its start.
    fn push(&mut self, cut: usize) {
        let text = std::mem::take(&mut self.text);
        let kept = &text[..text.len() - cut];
        let kept = if kept == ".." {
            kept
        } else {
            kept.strip_prefix('.').unwrap_or(kept)
        };
        self.tokens.push(kept.to_owned());
    }

    fn finish(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.tokens
                .push(text.strip_prefix('.').unwrap_or(&text).to_owned());
        }
    }
}

fn token(text: &str, nesting: usize) -> Result<Token, String> {
    let text = text.trim();
    Ok(match text {
        "" => return Err("invalid token. token string is empty".to_owned()),
        "$" => Token::Root,
        "@" => Token::Current,
        "*" => Token::Wildcard,
        ".." => Token::Recursive,
        "length" => Token::Length,
        _ if !text.starts_with('[') => Token::Key(text.to_owned()),
        _ => return subscript(text, nesting),
    })
}

fn subscript(text: &str, nesting: usize) -> Result<Token, String> {
    let failed = || no_format(text);
    let inner = text
        .strip_prefix('[')
        .and_then(|text| text.strip_suffix(']'))
        .ok_or_else(failed)?;
    let inner = inner.trim();
    if inner.is_empty() {
        return Err(failed());
    }
    if inner == "*" {
        return Ok(Token::Wildcard);
    }
    if inner.starts_with('?') {
        let script = inner.strip_prefix("?(").and_then(|inner| inner.strip_suffix(')'));
        let script = script.ok_or_else(failed)?.trim();
        return Ok(Token::Filter(Script::parse(script, nesting + 1)?));
    }
    let arguments = match Arguments::read(inner) {
        Ok(arguments) => arguments.list,
        Err(None) => return Err(failed()),
        Err(Some(script)) => return Err(format!("invalid expression. invalid format '{script}'")),
    };
    match arguments.as_slice() {
        [Argument::Number(index)] => return Ok(Token::Index(*index)),
        [Argument::Text(text)] => {
            if let Some(key) = key_of(text) {
                return Ok(Token::Key(key.to_owned()));
            }
            let script = script_of(text).ok_or_else(failed)?;
            return Ok(Token::Script(Script::parse(script, nesting + 1)?));
        }
        _ => {}
    }
    let count = |wanted: &Argument| arguments.iter().filter(|argument| *argument == wanted).count();
    match (count(&Argument::Colon), count(&Argument::Comma)) {
        (0, 0) => Err(failed()),
        (0, commas) => union(arguments, commas, nesting)?.ok_or_else(failed),
        (colons, 0) => range(arguments, colons, nesting)?.ok_or_else(failed),
        _ => Err(failed()),
    }
}

fn key_of(text: &str) -> Option<&str> {
    let inside = |quote| text.strip_prefix(quote).and_then(|text| text.strip_suffix(quote));
    inside('\'').or_else(|| inside('"'))
}

fn script_of(text: &str) -> Option<&str> {
    text.strip_prefix('(')
        .and_then(|text| text.strip_suffix(')'))
        .filter(|script| !script.is_empty())
}

fn union(arguments: Vec<Argument>, commas: usize, nesting: usize) -> Result<Option<Token>, String> {
    let mut members = Vec::new();
    for argument in arguments {
        members.push(match argument {
            Argument::Comma => continue,
            Argument::Number(index) => Member::Index(index),
            Argument::Text(text) => match (script_of(&text), key_of(&text)) {
                (Some(script), _) => Member::Script(Script::parse(script, nesting + 1)?),
                (None, Some(key)) => Member::Key(key.to_owned()),
                (None, None) => return Ok(None),
            },
            Argument::Colon | Argument::Nothing => return Ok(None),
        });
    }
    Ok((commas < members.len()).then_some(Token::Union(members)))
}

fn range(arguments: Vec<Argument>, colons: usize, nesting: usize) -> Result<Option<Token>, String> {
    let mut bounds = Vec::new();
    let mut after_colon = false;
    for argument in arguments {
        let colon = argument == Argument::Colon;
        match argument {
            Argument::Colon if after_colon => bounds.push(None),
            Argument::Colon => {}
            Argument::Nothing | Argument::Comma => bounds.push(None),
            Argument::Number(number) => bounds.push(Some(Bound::Number(number))),
            Argument::Text(text) => {
                let script =
                    script_of(&text).ok_or_else(|| format!("invalid expression. invalid format '{text}'"))?;
                bounds.push(Some(Bound::Script(Script::parse(script, nesting + 1)?)));
            }
        }
        after_colon = colon;
    }
    if colons > 2 || bounds.is_empty() || (colons == 2 && bounds.len() < 2) {
        return Ok(None);
    }
    let mut bounds = bounds.into_iter();
    let mut next = || bounds.next().flatten();
    Ok(Some(Token::Range([next(), next(), next()])))
}

/// What stands in square brackets, split at colons and commas.
#[derive(Debug, PartialEq, Eq)]
enum Argument {
    Number(i64),
    /// A quoted key with its quotes, a script with its brackets, or anything else.
    Text(String),
    Colon,
    Comma,
    /// What is left out before a colon at the start.
    Nothing,
}

#[derive(Default)]
struct Arguments {
    list: Vec<Argument>,
    text: String,
    open: i64,
    quote: Option<char>,
}

impl Arguments {
    /// Fails with a script that is none, or with nothing where the format is wrong.
    fn read(inner: &str) -> Result<Self, Option<String>> {
        let mut arguments = Self::default();
        for (at, c) in inner.char_indices() {
            arguments.text.push(c);
            arguments.take(at, c)?;
        }
        if !arguments.text.is_empty() {
            let text = std::mem::take(&mut arguments.text);
            arguments.list.push(number_or_text(text));
        }
        Ok(arguments)
    }

    fn take(&mut self, at: usize, c: char) -> Result<(), Option<String>> {
        let quoted = self.quote.is_some();
        match c {
            ' ' if !quoted && self.open == 0 => self.text = self.text.trim().to_owned(),
            '(' if !quoted => self.open += 1,
            ')' => {
                self.open -= 1;
                if self.open == 0 {
                    let script = std::mem::take(&mut self.text);
                    if script_of(&script).is_none() {
                        return Err(Some(script));
                    }
                    self.list.push(Argument::Text(script));
                }
            }
            '\'' | '"' if self.open == 0 && self.quote.is_none_or(|quote| quote == c) => {
                self.quoted(c).ok_or(None)?;
            }
            ':' if !quoted && self.open == 0 => self.colon(at).ok_or(None)?,
            ',' if !quoted && self.open == 0 => self.comma(),
            _ => {}
        }
        Ok(())
    }

    /// A quote that begins or ends a key; one after a backslash is part of it.
    fn quoted(&mut self, quote: char) -> Option<()> {
        let before = &self.text[..self.text.len() - 1];
        if let Some(before) = before.strip_suffix('\\') {
            self.text = format!("{before}{quote}");
            return Some(());
        }
        if self.quote.is_none() {
            self.quote = Some(quote);
            return before.is_empty().then_some(());
        }
        self.quote = None;
        let key = std::mem::take(&mut self.text);
        key_of(&key)?;
        self.list.push(Argument::Text(key));
        Some(())
    }

    fn colon(&mut self, at: usize) -> Option<()> {
        let text = std::mem::take(&mut self.text);
        let before = &text[..text.len() - 1];
        if !before.is_empty() {
            self.list.push(Argument::Number(before.parse().ok()?));
        } else if at == 0 {
            self.list.push(Argument::Nothing);
        }
        self.list.push(Argument::Colon);
        Some(())
    }

    fn comma(&mut self) {
        let mut text = std::mem::take(&mut self.text);
        text.pop();
        if !text.is_empty() {
            self.list.push(number_or_text(text));
        }
        self.list.push(Argument::Comma);
    }
}

fn number_or_text(text: String) -> Argument {
    match text.parse() {
        Ok(number) => Argument::Number(number),
        Err(_) => Argument::Text(text),
    }
}
