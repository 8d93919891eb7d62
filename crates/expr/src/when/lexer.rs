//! Splits a condition into tokens, as govaluate does: what follows a symbol decides what it is.

use super::syntax;
use super::token::{Operand, Token, TokenKind};
use crate::go::layout;

/// The formats in which a quoted text is a date.
const DATES: [&str; 14] = [
    "Mon Jan _2 15:04:05 2006",
    "Mon Jan _2 15:04:05 MST 2006",
    "Mon Jan 02 15:04:05 -0700 2006",
    "3:04PM",
    "2006-01-02T15:04:05Z07:00",
    "2006-01-02T15:04:05.999999999Z07:00",
    "2006-01-02",
    "2006-01-02 15:04",
    "2006-01-02 15:04:05",
    "2006-01-02 15:04:05-07:00",
    "2006-01-02T15Z0700",
    "2006-01-02T15:04Z0700",
    "2006-01-02T15:04:05Z0700",
    "2006-01-02T15:04:05.999999999Z0700",
];

/// The tokens of a condition.
pub(super) fn lex(text: &str) -> Result<Vec<Token>, String> {
    let mut stream = Stream {
        source: text.chars().collect(),
        at: 0,
    };
    let mut tokens = Vec::new();
    let mut state = TokenKind::Start;
    while let Some(token) = stream.token(state)? {
        state = token.kind;
        tokens.push(token);
    }
    Ok(tokens)
}

struct Stream {
    source: Vec<char>,
    at: usize,
}

/// How [`Stream::read`] treats blanks.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Blanks {
    /// They belong to the text.
    Keep,
    /// They end it.
    Break,
}

fn token(kind: TokenKind, value: Operand) -> Token {
    Token { kind, value }
}

fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"')
}

fn is_digit(c: char) -> bool {
    c.is_numeric()
}

fn is_name(c: char) -> bool {
    c.is_alphabetic() || is_digit(c) || matches!(c, '_' | '.')
}

fn is_symbol(c: char) -> bool {
    !(is_digit(c) || c.is_alphabetic() || matches!(c, '(' | ')' | '[' | ']') || is_quote(c))
}

impl Stream {
    fn token(&mut self, state: TokenKind) -> Result<Option<Token>, String> {
        while self.source.get(self.at).is_some_and(|c| c.is_whitespace()) {
            self.at += 1;
        }
        let Some(&c) = self.source.get(self.at) else {
            return Ok(None);
        };
        let read = match c {
            _ if is_digit(c) || c == '.' => self.number(c)?,
            ',' => self.single(TokenKind::Separator, c),
            '[' => {
                self.at += 1;
                let name = self.enclosed(|c| c != ']').ok_or("Unclosed parameter bracket")?;
                token(TokenKind::Variable, Operand::Text(name.into()))
            }
            _ if c.is_alphabetic() => self.word()?,
            _ if is_quote(c) => {
                self.at += 1;
                let text = self.enclosed(|c| !is_quote(c)).ok_or("Unclosed string literal")?;
                quoted(&text)
            }
            '(' => self.single(TokenKind::Clause, c),
            ')' => self.single(TokenKind::ClauseClose, c),
            _ => self.symbol(state)?,
        };
        Ok(Some(read))
    }

    fn single(&mut self, kind: TokenKind, c: char) -> Token {
        self.at += 1;
        token(kind, Operand::Text(c.to_string().into()))
    }

    /// Reads while `belongs` holds; a backslash takes the next character whatever it is. The second answer is
    /// whether something ended the text before the source did.
    fn read(&mut self, blanks: Blanks, belongs: impl Fn(char) -> bool) -> (String, bool) {
        let mut text = String::new();
        while let Some(&c) = self.source.get(self.at) {
            self.at += 1;
            if c == '\\' {
                text.extend(self.source.get(self.at));
                self.at += 1;
                continue;
            }
            if c.is_whitespace() {
                if blanks == Blanks::Break && !text.is_empty() {
                    return (text, true);
                }
                if blanks != Blanks::Keep {
                    continue;
                }
            }
            if !belongs(c) {
                self.at -= 1;
                return (text, true);
            }
            text.push(c);
        }
        (text, false)
    }

    /// Up to a closing character, which is passed.
    fn enclosed(&mut self, belongs: impl Fn(char) -> bool) -> Option<String> {
        let (text, completed) = self.read(Blanks::Keep, belongs);
        self.at += 1;
        completed.then_some(text)
    }

    fn number(&mut self, first: char) -> Result<Token, String> {
        let hexadecimal =
            first == '0' && self.source.get(self.at + 1) == Some(&'x') && self.at + 2 < self.source.len();
        if hexadecimal {
            self.at += 2;
            let (digits, _) = self.read(Blanks::Break, |c| is_digit(c) || c.is_ascii_hexdigit());
            let value = u64::from_str_radix(&digits, 16)
                .map_err(|_| format!("Unable to parse hex value '{digits}' to uint64\n"))?;
            #[expect(clippy::cast_precision_loss, reason = "as govaluate does")]
            return Ok(token(TokenKind::Numeric, Operand::Number(value as f64)));
        }
        let (digits, _) = self.read(Blanks::Break, |c| is_digit(c) || c == '.');
        let value = digits
            .parse::<f64>()
            .map_err(|_| format!("Unable to parse numeric value '{digits}' to float64\n"))?;
        Ok(token(TokenKind::Numeric, Operand::Number(value)))
    }

    fn word(&mut self) -> Result<Token, String> {
        let (word, _) = self.read(Blanks::Break, is_name);
        let mut read = match word.as_str() {
            "true" | "false" => token(TokenKind::Boolean, Operand::Bool(word == "true")),
            "in" | "IN" => token(TokenKind::Comparator, Operand::Text("in".into())),
            _ => token(TokenKind::Variable, Operand::Text(word.as_str().into())),
        };
        if word.find('.').is_some_and(|at| at > 0) {
            check_accessor(&word)?;
            read = token(TokenKind::Accessor, Operand::Text(word.into()));
        }
        Ok(read)
    }

    fn symbol(&mut self, state: TokenKind) -> Result<Token, String> {
        let (symbol, _) = self.read(Blanks::Break, is_symbol);
        let prefix =
            matches!(symbol.as_str(), "-" | "!" | "~") && syntax::may_follow(state, TokenKind::Prefix);
        let kind = match symbol.as_str() {
            _ if prefix => TokenKind::Prefix,
            "+" | "-" | "*" | "/" | "%" | "**" | "&" | "|" | "^" | ">>" | "<<" => TokenKind::Modifier,
            "&&" | "||" => TokenKind::LogicalOperator,
            "==" | "!=" | ">" | ">=" | "<" | "<=" | "=~" | "!~" => TokenKind::Comparator,
            "?" | ":" | "??" => TokenKind::Ternary,
            _ => return Err(format!("Invalid token: '{symbol}'")),
        };
        Ok(token(kind, Operand::Text(symbol.into())))
    }
}

/// `a.B`: the fields of something, which must be exported as Go has it.
fn check_accessor(word: &str) -> Result<(), String> {
    if word.ends_with('.') {
        return Err(format!("Hanging accessor on token '{word}'"));
    }
    for field in word.split('.').skip(1) {
        let first = field.chars().next();
        if first.is_some_and(|c| c.to_uppercase().next() != Some(c)) {
            return Err(format!(
                "Unable to access unexported field '{field}' in token '{word}'"
            ));
        }
    }
    Ok(())
}

/// A quoted text: a date where it reads as one.
fn quoted(text: &str) -> Token {
    let zone = jiff::tz::TimeZone::UTC;
    match DATES
        .iter()
        .find_map(|format| layout::parse(format, text, &zone).ok())
    {
        #[expect(clippy::cast_precision_loss, reason = "as govaluate does")]
        Some(time) => token(
            TokenKind::Time,
            Operand::Number(time.timestamp().as_second() as f64),
        ),
        None => token(TokenKind::String, Operand::Text(text.into())),
    }
}
