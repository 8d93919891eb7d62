//! The language of filters and scripts in Argo's JSONPath: `@.size > 3 && @.name =~ '^a'`.
//!
//! It has no grammar: an expression is split at the first operator of the weakest kind that occurs in it, and
//! what has none is a text. Everything is compared as numbers where both sides read as numbers, else as texts.

use super::query::apply;
use super::selector::{self, MAX_NESTING, Token};
use crate::go;
use crate::lang::{Context, Value};

/// The operators, weakest first. What stands in brackets is tried with the empty one first, which fits anything
/// and means nothing: an operation that begins in one bracket and ends in another is refused by it.
const OPERATORS: [&str; 21] = [
    "", "||", "&&", "==", "!=", "<=", ">=", "<", ">", "=~", "!", "+", "-", "**", "*", "/", "%", "not in",
    "in", "@", "$",
];

/// How deep operations may nest.
const MAX_DEPTH: usize = 50;

/// A script, read once and evaluated for each item.
#[derive(Debug)]
pub(super) struct Script {
    source: String,
    root: Option<Node>,
}

#[derive(Debug)]
enum Node {
    /// An operation; only `!` has no left side.
    Operation(&'static str, Option<Box<Operand>>, Option<Box<Operand>>),
    /// A path from `$` or `@`.
    Path(Vec<Token>),
}

#[derive(Debug)]
enum Operand {
    Node(Node),
    /// A text, or a literal list or map.
    Value(Value),
}

type Evaluated = Result<Value, String>;

impl Script {
    pub(super) fn parse(source: &str, nesting: usize) -> Result<Self, String> {
        let mut reader = Reader {
            nesting,
            budget: 20_000,
        };
        Ok(Self {
            source: source.to_owned(),
            root: reader.node(source, 1, 0)?,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.source.is_empty()
    }

    /// The value of the script for `current`.
    pub(super) fn evaluate(&self, context: &mut Context<'_>, root: &Value, current: &Value) -> Evaluated {
        context.work(1)?;
        if self.is_empty() {
            return Err("is empty".to_owned());
        }
        let mut scope = Scope {
            context,
            root,
            current,
        };
        match &self.root {
            Some(node) => scope.node(node),
            None => scope.literal(&self.source),
        }
    }
}

struct Reader {
    nesting: usize,
    /// How many splits may still be tried: an odd expression is tried at every operator.
    budget: usize,
}

impl Reader {
    /// Splits at the first operator that works, from the `from`th on; `None` where there is none.
    fn node(&mut self, source: &str, from: usize, depth: usize) -> Result<Option<Node>, String> {
        if depth > MAX_DEPTH || self.nesting > MAX_NESTING {
            return Err("invalid expression. nests too deeply".to_owned());
        }
        let mut source = source.trim();
        let mut index = from;
        while !source.is_empty() && index < OPERATORS.len() {
            self.budget = self
                .budget
                .checked_sub(1)
                .ok_or("invalid expression. is too large")?;
            let operator = OPERATORS[index];
            let inside = source
                .strip_prefix('(')
                .and_then(|source| source.strip_suffix(')'));
            if let Some(inside) = inside {
                source = inside.trim();
                index = 0;
            }
            if let Some(node) = self.split(source, operator, index, depth)? {
                return Ok(Some(node));
            }
            index += 1;
        }
        Ok(None)
    }

    fn split(
        &mut self,
        source: &str,
        operator: &'static str,
        from: usize,
        depth: usize,
    ) -> Result<Option<Node>, String> {
        let Some(at) = find(source, operator) else {
            return Ok(None);
        };
        let (left, right) = (source[..at].trim(), source[at + operator.len()..].trim());
        let path = matches!(operator, "@" | "$");
        let alone = path || operator == "!";
        if (right.is_empty() && !path) || (left.is_empty() && !alone) {
            return Ok(None);
        }
        let right = self.operand(right, from, depth + 1)?;
        let left = self.operand(left, from, depth + 1)?;
        if alone && left.is_some() {
            return Ok(None);
        }
        if path {
            return Ok(Some(Node::Path(selector::parse(source, self.nesting)?)));
        }
        if operator.is_empty() {
            return Err("unsupported operator".to_owned());
        }
        Ok(Some(Node::Operation(
            operator,
            left.map(Box::new),
            right.map(Box::new),
        )))
    }

    fn operand(&mut self, source: &str, from: usize, depth: usize) -> Result<Option<Operand>, String> {
        if let Some(node) = self.node(source, from, depth)? {
            return Ok(Some(Operand::Node(node)));
        }
        let source = source.trim();
        if source.is_empty() {
            return Ok(None);
        }
        let literal = matches!(
            (source.chars().next(), source.chars().last()),
            (Some('['), Some(']')) | (Some('{'), Some('}'))
        );
        let json = literal
            .then(|| serde_json::from_str::<serde_json::Value>(source).ok())
            .flatten();
        Ok(Some(Operand::Value(match json {
            Some(json) => Value::from(&json),
            None => source.into(),
        })))
    }
}

/// Where an operator stands outside of quotes and brackets.
fn find(source: &str, operator: &str) -> Option<usize> {
    let (mut single, mut double, mut square, mut round) = (false, false, 0_i64, 0_i64);
    for (at, c) in source.char_indices() {
        let quoted = single || double;
        match c {
            '(' if !quoted && square <= 0 => round += 1,
            ')' if !quoted && square <= 0 => round -= 1,
            '[' if !quoted && round <= 0 => square += 1,
            ']' if !quoted && round <= 0 => square -= 1,
            '\'' if !double && square <= 0 && round <= 0 => single = !single,
            '"' if !single && square <= 0 && round <= 0 => double = !double,
            _ => {}
        }
        if single || double || square > 0 || round > 0 || !c.is_ascii() {
            continue;
        }
        let end = at + 1;
        if let Some(start) = end.checked_sub(operator.len())
            && source.get(start..end) == Some(operator)
        {
            return Some(start);
        }
    }
    None
}

struct Scope<'a, 'c> {
    context: &'a mut Context<'c>,
    root: &'a Value,
    current: &'a Value,
}

const NIL: &str = "invalid argument. is nil";

impl Scope<'_, '_> {
    /// A script without operators: a name, a number, a truth value or a text.
    fn literal(&mut self, source: &str) -> Evaluated {
        if let Some(value) = self.parameter(source) {
            return Ok(value);
        }
        if let Some(number) = go::parse_float(source) {
            return Ok(Value::Float(number));
        }
        Ok(match parse_bool(source) {
            Some(value) => Value::Bool(value),
            None => source.into(),
        })
    }

    fn parameter(&self, name: &str) -> Option<Value> {
        match name {
            "$" => Some(self.root.clone()),
            "@" => Some(self.current.clone()),
            "nil" | "null" => Some(Value::Nil),
            _ => None,
        }
    }

    fn node(&mut self, node: &Node) -> Evaluated {
        let (operator, left, right) = match node {
            Node::Path(tokens) => {
                let found = apply(self.context, self.root, self.current, tokens)?;
                return Ok(match found {
                    // Texts from the document are told from words of the script by their quotes.
                    Value::String(text) if !is_quoted(&text, '\'') => format!("'{text}'").into(),
                    other => other,
                });
            }
            Node::Operation(operator, left, right) => (*operator, left.as_deref(), right.as_deref()),
        };
        Ok(match operator {
            "||" => {
                let (a, b) = (self.boolean(left)?, self.boolean(right)?);
                Value::Bool(a || b)
            }
            "&&" => {
                let (a, b) = (self.boolean(left)?, self.boolean(right)?);
                Value::Bool(a && b)
            }
            "!" => Value::Bool(!self.boolean(right)?),
            "==" => Value::Bool(self.equal(left, right)?),
            "!=" => Value::Bool(!self.equal(left, right)?),
            "=~" => Value::Bool(self.matches(left, right)?),
            "in" => Value::Bool(self.contains(left, right)?),
            "not in" => Value::Bool(!self.contains(left, right)?),
            "%" => self.modulus(left, right)?,
            _ => {
                let (a, b) = (self.number(left)?, self.number(right)?);
                arithmetic(operator, a, b)
            }
        })
    }

    /// The operand's value, with names looked up.
    fn value(&mut self, operand: Option<&Operand>) -> Evaluated {
        let value = match operand {
            None => return Err(NIL.to_owned()),
            Some(Operand::Node(node)) => self.node(node)?,
            Some(Operand::Value(value)) => value.clone(),
        };
        let named = value.as_str().and_then(|name| self.parameter(name));
        Ok(named.unwrap_or(value))
    }

    fn number(&mut self, operand: Option<&Operand>) -> Result<f64, String> {
        let text = go::sprint_bounded(&mut Context::default(), &self.value(operand)?)?;
        go::parse_float(&text).ok_or_else(|| "invalid argument. expected number".to_owned())
    }

    fn boolean(&mut self, operand: Option<&Operand>) -> Result<bool, String> {
        if operand.is_none() {
            return Ok(false);
        }
        let value = self.value(operand)?;
        if matches!(value, Value::Nil) {
            return Ok(false);
        }
        parse_bool(&go::sprint(&value)).ok_or_else(|| "invalid argument. expected boolean".to_owned())
    }

    /// A text; one from the document or in quotes has single quotes.
    fn text(&mut self, operand: Option<&Operand>) -> Result<String, String> {
        let value = match operand {
            None => return Err(NIL.to_owned()),
            Some(Operand::Node(node)) => self.node(node)?,
            Some(Operand::Value(value)) => value.clone(),
        };
        let Some(text) = value.as_str() else {
            return Ok(go::sprint(&value));
        };
        let (text, looked_up) = match self.parameter(text) {
            Some(Value::String(text)) => (text.to_string(), true),
            Some(other) => return Ok(go::sprint(&other)),
            None => (text.to_owned(), false),
        };
        if is_quoted(&text, '\'') {
            return Ok(text);
        }
        if is_quoted(&text, '"') {
            return Ok(format!("'{}'", &text[1..text.len() - 1]));
        }
        Ok(if looked_up { format!("'{text}'") } else { text })
    }

    fn equal(&mut self, left: Option<&Operand>, right: Option<&Operand>) -> Result<bool, String> {
        if let (Ok(a), Ok(b)) = (self.number(left), self.number(right)) {
            #[expect(clippy::float_cmp, reason = "as Go compares them")]
            return Ok(a == b);
        }
        Ok(self.text(left)? == self.text(right)?)
    }

    fn matches(&mut self, left: Option<&Operand>, right: Option<&Operand>) -> Result<bool, String> {
        let unquote = |text: String| match is_quoted(&text, '\'') {
            true => text[1..text.len() - 1].to_owned(),
            false => text,
        };
        let text = unquote(self.text(left)?);
        let pattern = unquote(self.text(right)?);
        self.context.work(text.len() + pattern.len())?;
        let pattern = go::regexp(&pattern).map_err(|_| "invalid argument. expected a valid regexp")?;
        Ok(pattern.is_match(&text))
    }

    fn contains(&mut self, left: Option<&Operand>, right: Option<&Operand>) -> Result<bool, String> {
        let needle = if let Ok(number) = self.number(left) {
            Value::Float(number)
        } else if let Ok(text) = self.text(left) {
            text.into()
        } else {
            self.boolean(left).map_or(Value::Nil, Value::Bool)
        };
        let list = match self.value(right)? {
            Value::String(text) => match serde_json::from_str::<serde_json::Value>(&text) {
                Ok(json) if text.starts_with(['[', '{']) => Value::from(&json),
                _ => Value::String(text),
            },
            other => other,
        };
        let items: Vec<Value> = match list {
            Value::Array(array) => array.items().to_vec(),
            Value::Map(map) => map.entries().values().cloned().collect(),
            Value::Nil => return Err(NIL.to_owned()),
            _ => return Err("invalid argument. expected array, map, or slice".to_owned()),
        };
        self.context.work(items.len())?;
        Ok(items.iter().any(|item| match (item, &needle) {
            #[expect(clippy::float_cmp, reason = "as Go compares them")]
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::String(a), Value::String(b)) => a == b,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            _ => false,
        }))
    }

    fn modulus(&mut self, left: Option<&Operand>, right: Option<&Operand>) -> Evaluated {
        let mut integer = |operand| {
            let text = go::sprint(&self.value(operand)?);
            go::parse_int(&text).ok_or_else(|| "invalid argument. expected integer".to_owned())
        };
        let (a, b) = (integer(left)?, integer(right)?);
        if b == 0 {
            return Err("runtime error: integer divide by zero".to_owned());
        }
        Ok(Value::Int64(a.wrapping_rem(b)))
    }
}

fn is_quoted(text: &str, quote: char) -> bool {
    text.len() > 1 && text.starts_with(quote) && text.ends_with(quote)
}

/// `strconv.ParseBool`.
fn parse_bool(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "TRUE" | "true" | "True" => Some(true),
        "0" | "f" | "F" | "FALSE" | "false" | "False" => Some(false),
        _ => None,
    }
}

fn arithmetic(operator: &str, a: f64, b: f64) -> Value {
    match operator {
        "<" => Value::Bool(a < b),
        "<=" => Value::Bool(a <= b),
        ">" => Value::Bool(a > b),
        ">=" => Value::Bool(a >= b),
        "+" => Value::Float(a + b),
        "-" => Value::Float(a - b),
        "*" => Value::Float(a * b),
        "/" => Value::Float(a / b),
        _ => Value::Float(go::pow(a, b)),
    }
}
