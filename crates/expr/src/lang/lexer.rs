//! Splits an expression into tokens, as expr-lang's lexer does.
//!
//! A lexical error ends the token list; the parser meets it when it gets there, so that whichever error comes
//! first in the text is the one reported.

use super::error::{Fault, Span};
use super::unescape;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    Identifier,
    Number,
    String,
    Bytes,
    Operator,
    Bracket,
    End,
}

/// One token: its kind, its text (unescaped for strings) and its place.
#[derive(Clone, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) text: Vec<u8>,
    pub(crate) span: Span,
}

impl Token {
    pub(crate) fn is(&self, kind: TokenKind, text: &str) -> bool {
        self.kind == kind && self.text == text.as_bytes()
    }

    pub(crate) fn str(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// As expr-lang names a token in its messages: `Operator("+")`.
    pub(crate) fn describe(&self) -> String {
        let kind = match self.kind {
            TokenKind::Identifier => "Identifier",
            TokenKind::Number => "Number",
            TokenKind::String => "String",
            TokenKind::Bytes => "Bytes",
            TokenKind::Operator => "Operator",
            TokenKind::Bracket => "Bracket",
            TokenKind::End => "EOF",
        };
        if self.text.is_empty() {
            return kind.to_owned();
        }
        let text = String::from_utf8_lossy(&self.text);
        format!("{kind}({})", crate::go::quote(&text))
    }
}

/// The tokens of `source`, and the error that ended them early.
pub(crate) fn lex(source: &str) -> (Vec<Token>, Option<Box<Fault>>) {
    let mut lexer = Lexer {
        source,
        start: 0,
        at: 0,
        tokens: Vec::new(),
    };
    let fault = lexer.run().err();
    (lexer.tokens, fault)
}

struct Lexer<'a> {
    source: &'a str,
    start: usize,
    at: usize,
    tokens: Vec<Token>,
}

type Lexed = Result<(), Box<Fault>>;

/// Letters, digits, `_` and `$`: what names are made of.
pub(crate) fn is_name_char(c: char) -> bool {
    is_name_start(c) || c.is_numeric()
}

/// Letters, `_` and `$`: what a name begins with.
pub(crate) fn is_name_start(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphabetic()
}

impl Lexer<'_> {
    fn run(&mut self) -> Lexed {
        while let Some(c) = self.next() {
            self.token(c)?;
        }
        let end = self.source.len();
        self.tokens.push(Token {
            kind: TokenKind::End,
            text: Vec::new(),
            span: Span::new(end.saturating_sub(1), end),
        });
        Ok(())
    }

    fn token(&mut self, c: char) -> Lexed {
        match c {
            _ if c.is_whitespace() => self.skip(),
            '\'' | '"' => return self.quoted(c),
            '`' => return self.raw_string(),
            'b' | 'B' if matches!(self.peek(), Some('\'' | '"')) => return self.bytes(),
            '0'..='9' => {
                self.at -= 1;
                return self.number();
            }
            '?' => self.operator(".?"),
            '/' => return self.slash(),
            '#' => self.pointer(),
            '|' => self.operator("|"),
            ':' => self.operator(":"),
            '(' | '[' | '{' | ')' | ']' | '}' => self.emit(TokenKind::Bracket),
            ',' | ';' | '%' | '+' | '-' | '^' => self.emit(TokenKind::Operator),
            '&' | '!' | '=' | '*' | '<' | '>' => self.operator("&=*"),
            '.' if self.peek().is_some_and(|c| c.is_ascii_digit()) => return self.number(),
            '.' => self.operator("."),
            _ if is_name_char(c) => self.word(),
            _ => return Err(self.fault(format!("unrecognized character: U+{:04X} '{c}'", u32::from(c)))),
        }
        Ok(())
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn peek(&self) -> Option<char> {
        self.source[self.at..].chars().next()
    }

    fn accept(&mut self, valid: &str) -> bool {
        let found = self.peek().is_some_and(|c| valid.contains(c));
        if found {
            self.next();
        }
        found
    }

    fn accept_run(&mut self, valid: impl Fn(char) -> bool) {
        while self.peek().is_some_and(&valid) {
            self.next();
        }
    }

    fn skip(&mut self) {
        self.start = self.at;
    }

    fn emit(&mut self, kind: TokenKind) {
        let text = self.source.as_bytes()[self.start..self.at].to_vec();
        self.emit_text(kind, text);
    }

    fn emit_text(&mut self, kind: TokenKind, text: Vec<u8>) {
        self.tokens.push(Token {
            kind,
            text,
            span: Span::new(self.start, self.at),
        });
        self.start = self.at;
    }

    fn fault(&self, message: impl Into<String>) -> Box<Fault> {
        Fault::new(Span::new(self.at.saturating_sub(1), self.at), message)
    }

    /// One more character of `second` may follow.
    fn operator(&mut self, second: &str) {
        self.accept(second);
        self.emit(TokenKind::Operator);
    }

    fn word(&mut self) {
        self.accept_run(is_name_char);
        let kind = match &self.source[self.start..self.at] {
            "not" | "in" | "or" | "and" | "matches" | "contains" | "startsWith" | "endsWith" | "let"
            | "if" | "else" => TokenKind::Operator,
            _ => TokenKind::Identifier,
        };
        self.emit(kind);
    }

    /// `#`, `#index`: the name after the hash is an identifier, whatever it spells.
    fn pointer(&mut self) {
        self.operator("#");
        self.accept_run(is_name_char);
        if self.at > self.start {
            self.emit(TokenKind::Identifier);
        }
    }

    fn slash(&mut self) -> Lexed {
        if self.accept("/") {
            self.accept_run(|c| c != '\n');
            self.skip();
        } else if self.accept("*") {
            let Some(length) = self.source[self.at..].find("*/") else {
                self.at = self.source.len();
                return Err(self.fault("unclosed comment"));
            };
            self.at += length + 2;
            self.skip();
        } else {
            self.emit(TokenKind::Operator);
        }
        Ok(())
    }

    fn number(&mut self) -> Lexed {
        let digits: fn(char) -> bool = if !self.accept("0") {
            |c| c.is_ascii_digit() || c == '_'
        } else if self.accept("xX") {
            |c| c.is_ascii_hexdigit() || c == '_'
        } else if self.accept("oO") {
            |c| matches!(c, '0'..='7' | '_')
        } else if self.accept("bB") {
            |c| matches!(c, '0' | '1' | '_')
        } else {
            |c| c.is_ascii_digit() || c == '_'
        };
        self.accept_run(digits);
        if self.peek() == Some('.') {
            // `1..2` is a range, not `1.` and `.2`.
            if self.source[self.at..].starts_with("..") {
                self.emit(TokenKind::Number);
                return Ok(());
            }
            self.next();
            self.accept_run(digits);
        }
        if self.accept("eE") {
            self.accept("+-");
            self.accept_run(digits);
        }
        if self.peek().is_some_and(is_name_char) {
            self.next();
            let word = &self.source[self.start..self.at];
            return Err(self.fault(format!("bad number syntax: {}", crate::go::quote(word))));
        }
        self.emit(TokenKind::Number);
        Ok(())
    }

    fn quoted(&mut self, quote: char) -> Lexed {
        self.scan_string(quote)?;
        let text = unescape::string(&self.source[self.start..self.at]).map_err(|e| self.fault(e))?;
        self.emit_text(TokenKind::String, text.into_bytes());
        Ok(())
    }

    fn bytes(&mut self) -> Lexed {
        let quote = self.next().unwrap_or('"');
        self.scan_string(quote)?;
        let bytes = unescape::bytes(&self.source[self.start + 1..self.at]).map_err(|e| self.fault(e))?;
        self.emit_text(TokenKind::Bytes, bytes);
        Ok(())
    }

    /// Moves past the closing quote. Escapes are checked afterwards.
    fn scan_string(&mut self, quote: char) -> Lexed {
        loop {
            match self.next() {
                Some(c) if c == quote => return Ok(()),
                Some('\\') => self.scan_escape(quote)?,
                None | Some('\n') => return Err(self.fault("literal not terminated")),
                Some(_) => {}
            }
        }
    }

    fn scan_escape(&mut self, quote: char) -> Lexed {
        match self.next() {
            Some('a' | 'b' | 'f' | 'n' | 'r' | 't' | 'v' | '\\' | '0'..='7' | 'x' | 'u' | 'U') => Ok(()),
            Some(c) if c == quote => Ok(()),
            _ => Err(self.fault("invalid char escape")),
        }
    }

    /// Between backquotes nothing is escaped but the backquote, by doubling it.
    fn raw_string(&mut self) -> Lexed {
        loop {
            match self.next() {
                None => return Err(self.fault("literal not terminated")),
                Some('`') if !self.accept("`") => break,
                Some(_) => {}
            }
        }
        let text = self.source[self.start + 1..self.at - 1].replace("``", "`");
        self.emit_text(TokenKind::String, text.into_bytes());
        Ok(())
    }
}
