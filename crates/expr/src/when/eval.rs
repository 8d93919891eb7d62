//! Evaluates a condition from its tokens: operator precedence, everything binding to the left.

use std::cmp::Ordering;
use std::sync::Arc;

use super::token::{Operand, Token, TokenKind};

/// How deep parentheses may nest.
const MAX_NESTING: u32 = 100;

type Answer = Result<Operand, String>;

/// The value of the tokens, which have been checked.
pub(super) fn evaluate(tokens: &[Token]) -> Answer {
    let mut parser = Parser {
        tokens,
        at: 0,
        nesting: 0,
        skipping: 0,
    };
    parser.level(0)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    nesting: u32,
    /// Above zero inside of what a short-cut leaves out: read, but neither evaluated nor complained about.
    skipping: u32,
}

/// The operators, weakest first.
const LEVELS: [(&[&str], TokenKind); 10] = [
    (&[","], TokenKind::Separator),
    (&["?", ":", "??"], TokenKind::Ternary),
    (&["||"], TokenKind::LogicalOperator),
    (&["&&"], TokenKind::LogicalOperator),
    (
        &["==", "!=", ">", ">=", "<", "<=", "=~", "!~", "in"],
        TokenKind::Comparator,
    ),
    (&["^", "&", "|"], TokenKind::Modifier),
    (&[">>", "<<"], TokenKind::Modifier),
    (&["+", "-"], TokenKind::Modifier),
    (&["*", "/", "%"], TokenKind::Modifier),
    (&["**"], TokenKind::Modifier),
];

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token> {
        self.tokens.get(self.at)
    }

    fn level(&mut self, level: usize) -> Answer {
        let Some((symbols, kind)) = LEVELS.get(level) else {
            return self.prefix();
        };
        let mut left = self.level(level + 1)?;
        while let Some(token) = self
            .peek()
            .filter(|t| t.kind == *kind && symbols.contains(&t.text()))
        {
            self.at += 1;
            let symbol = token.text();
            let decided = decided(symbol, &left);
            if decided.is_some() {
                self.skipping += 1;
            }
            let right = self.level(level + 1);
            if decided.is_some() {
                self.skipping -= 1;
            }
            let right = right?;
            left = match decided {
                _ if self.skipping > 0 => Operand::Nil,
                Some(decided) => decided,
                None => apply(symbol, left, right)?,
            };
        }
        Ok(left)
    }

    fn prefix(&mut self) -> Answer {
        let Some(token) = self.peek() else {
            return Ok(Operand::Nil);
        };
        if token.kind != TokenKind::Prefix {
            return self.value(token);
        }
        self.at += 1;
        let operand = self.prefix()?;
        if self.skipping > 0 {
            return Ok(Operand::Nil);
        }
        match (token.text(), &operand) {
            ("-", Operand::Number(value)) => Ok(Operand::Number(-value)),
            ("!", Operand::Bool(value)) => Ok(Operand::Bool(!value)),
            ("~", Operand::Number(value)) => Ok(number(!int(*value))),
            (symbol, other) => Err(format!(
                "Value '{}' cannot be used with the prefix '{symbol}'",
                other.text()
            )),
        }
    }

    fn value(&mut self, token: &Token) -> Answer {
        if token.kind == TokenKind::ClauseClose {
            // Empty parentheses have no value.
            return Ok(Operand::Nil);
        }
        self.at += 1;
        match token.kind {
            TokenKind::Clause => self.clause(),
            TokenKind::Accessor => self.accessor(token.text()),
            TokenKind::Numeric
            | TokenKind::Boolean
            | TokenKind::String
            | TokenKind::Pattern
            | TokenKind::Time => Ok(token.value.clone()),
            kind => Err(format!(
                "Unable to plan token kind: '{}', value: '{}'",
                kind.name(),
                token.value.text()
            )),
        }
    }

    fn clause(&mut self) -> Answer {
        if self.nesting >= MAX_NESTING {
            return Err(format!("parentheses nest more than {MAX_NESTING} levels"));
        }
        self.nesting += 1;
        let value = self.level(0)?;
        self.nesting -= 1;
        self.at += 1;
        Ok(value)
    }

    /// There are no parameters whose fields could be read.
    fn accessor(&mut self, name: &str) -> Answer {
        if self.peek().is_some_and(|token| token.kind == TokenKind::Clause) {
            self.at += 1;
            self.clause()?;
        }
        if self.skipping > 0 {
            return Ok(Operand::Nil);
        }
        let parameter = name.split('.').next().unwrap_or(name);
        Err(format!("No parameter '{parameter}' found."))
    }
}

/// What an operator answers without looking at its right side.
fn decided(symbol: &str, left: &Operand) -> Option<Operand> {
    match (symbol, left) {
        ("&&", Operand::Bool(false)) => Some(Operand::Bool(false)),
        ("||", Operand::Bool(true)) => Some(Operand::Bool(true)),
        ("?", Operand::Bool(false)) => Some(Operand::Nil),
        (":" | "??", Operand::Nil) => None,
        (":" | "??", left) => Some(left.clone()),
        _ => None,
    }
}

fn apply(symbol: &str, left: Operand, right: Operand) -> Answer {
    match symbol {
        "," => Ok(join(left, right)),
        "?" => match left {
            Operand::Bool(_) => Ok(right),
            other => Err(format!(
                "Value '{}' cannot be used with the ternary operator '?', it is not a bool",
                other.text()
            )),
        },
        ":" | "??" => Ok(right),
        "&&" | "||" => logical(symbol, &left, &right),
        "==" => Ok(Operand::Bool(left.same(&right))),
        "!=" => Ok(Operand::Bool(!left.same(&right))),
        ">" | ">=" | "<" | "<=" => ordered(symbol, &left, &right),
        "=~" | "!~" => matched(symbol, &left, &right),
        "in" => contained(&left, &right),
        _ => arithmetic(symbol, &left, &right),
    }
}

fn join(left: Operand, right: Operand) -> Operand {
    let mut items = match left {
        Operand::List(items) => Arc::unwrap_or_clone(items),
        other => vec![other],
    };
    items.push(right);
    Operand::List(Arc::new(items))
}

fn logical(symbol: &str, left: &Operand, right: &Operand) -> Answer {
    match (left, right) {
        (Operand::Bool(a), Operand::Bool(b)) if symbol == "&&" => Ok(Operand::Bool(*a && *b)),
        (Operand::Bool(a), Operand::Bool(b)) => Ok(Operand::Bool(*a || *b)),
        _ => {
            let wrong = if matches!(left, Operand::Bool(_)) {
                right
            } else {
                left
            };
            Err(format!(
                "Value '{}' cannot be used with the logical operator '{symbol}', it is not a bool",
                wrong.text()
            ))
        }
    }
}

fn not_comparable(symbol: &str, value: &Operand) -> Answer {
    Err(format!(
        "Value '{}' cannot be used with the comparator '{symbol}', it is not a number",
        value.text()
    ))
}

fn ordered(symbol: &str, left: &Operand, right: &Operand) -> Answer {
    let ordering = match (left, right) {
        (Operand::Number(a), Operand::Number(b)) => a.partial_cmp(b),
        (Operand::Text(a), Operand::Text(b)) => Some(a.cmp(b)),
        _ => return not_comparable(symbol, left),
    };
    Ok(Operand::Bool(match symbol {
        ">" => ordering == Some(Ordering::Greater),
        ">=" => matches!(ordering, Some(Ordering::Greater | Ordering::Equal)),
        "<" => ordering == Some(Ordering::Less),
        _ => matches!(ordering, Some(Ordering::Less | Ordering::Equal)),
    }))
}

fn matched(symbol: &str, left: &Operand, right: &Operand) -> Answer {
    let Operand::Text(text) = left else {
        return not_comparable(symbol, left);
    };
    let found = match right {
        Operand::Pattern(pattern) => pattern.is_match(text),
        Operand::Text(source) => crate::go::regexp(source)
            .map_err(|problem| format!("Unable to compile regexp pattern '{source}': {problem}"))?
            .is_match(text),
        other => return not_comparable(symbol, other),
    };
    Ok(Operand::Bool(found == (symbol == "=~")))
}

fn contained(left: &Operand, right: &Operand) -> Answer {
    match right {
        Operand::List(items) => Ok(Operand::Bool(items.iter().any(|item| left.same(item)))),
        other => not_comparable("in", other),
    }
}

fn arithmetic(symbol: &str, left: &Operand, right: &Operand) -> Answer {
    let text = matches!(left, Operand::Text(_)) || matches!(right, Operand::Text(_));
    if symbol == "+" && text {
        return Ok(Operand::Text(format!("{}{}", left.text(), right.text()).into()));
    }
    let (Operand::Number(a), Operand::Number(b)) = (left, right) else {
        let wrong = match left {
            Operand::Number(_) if symbol != "+" => right,
            _ => left,
        };
        return Err(format!(
            "Value '{}' cannot be used with the modifier '{symbol}', it is not a number",
            wrong.text()
        ));
    };
    let (a, b) = (*a, *b);
    Ok(match symbol {
        "+" => Operand::Number(a + b),
        "-" => Operand::Number(a - b),
        "*" => Operand::Number(a * b),
        "/" => Operand::Number(a / b),
        "%" => Operand::Number(a % b),
        "**" => Operand::Number(a.powf(b)),
        "&" => number(int(a) & int(b)),
        "|" => number(int(a) | int(b)),
        "^" => number(int(a) ^ int(b)),
        _ => shifted(symbol, int(a).cast_unsigned(), int(b).cast_unsigned()),
    })
}

#[expect(clippy::cast_precision_loss, reason = "as govaluate does")]
fn shifted(symbol: &str, a: u64, b: u64) -> Operand {
    let by = u32::try_from(b).unwrap_or(u32::MAX);
    let result = if symbol == "<<" {
        a.checked_shl(by)
    } else {
        a.checked_shr(by)
    };
    Operand::Number(result.unwrap_or(0) as f64)
}

fn int(value: f64) -> i64 {
    crate::lang::ops::truncate(value)
}

#[expect(clippy::cast_precision_loss, reason = "as govaluate does")]
fn number(value: i64) -> Operand {
    Operand::Number(value as f64)
}
