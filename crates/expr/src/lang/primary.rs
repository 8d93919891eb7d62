//! The parser's smallest parts: literals, names, lists, maps, and what follows a value (`.name`, `[...]`, calls).

use std::sync::Arc;

use super::ast::{Id, Kind};
use super::error::Span;
use super::lexer::{Token, TokenKind, is_name_char, is_name_start};
use super::parser::{Parsed, Parser};

impl Parser<'_> {
    pub(super) fn secondary(&mut self) -> Parsed<Id> {
        let token = self.current().clone();
        let node = match token.kind {
            TokenKind::Identifier => {
                self.advance()?;
                match token.str() {
                    "true" => return self.add(Kind::Bool(true), token.span),
                    "false" => return self.add(Kind::Bool(false), token.span),
                    "nil" => return self.add(Kind::Nil, token.span),
                    _ if self.is_bracket("(") => self.call(&token, Vec::new(), true)?,
                    name => self.add(Kind::Identifier(name.into()), token.span)?,
                }
            }
            TokenKind::Number => return self.number(),
            TokenKind::String => {
                self.advance()?;
                self.add(Kind::String(token.str().into()), token.span)?
            }
            TokenKind::Bytes => {
                self.advance()?;
                self.add(Kind::Bytes(Arc::from(token.text.as_slice())), token.span)?
            }
            _ if self.is_bracket("[") => self.array()?,
            _ if self.is_bracket("{") => self.map()?,
            _ => return Err(self.unexpected()),
        };
        self.postfix(node)
    }

    /// A number. Nothing may be selected from it: `1.5.x` is not one.
    fn number(&mut self) -> Parsed<Id> {
        let token = self.advance()?;
        let text = token.str().replace('_', "");
        let lower = text.to_ascii_lowercase();
        let integer = |digits: &str, radix, what: &str| {
            i64::from_str_radix(digits, radix)
                .map(Kind::Int)
                .map_err(|_| self.fault(format!("invalid {what} literal: {text}")))
        };
        let kind = if let Some(digits) = lower.strip_prefix("0x") {
            integer(digits, 16, "hex")?
        } else if lower.contains(['.', 'e']) {
            let number = lower.parse::<f64>().ok().filter(|number| number.is_finite());
            Kind::Float(number.ok_or_else(|| self.fault(format!("invalid float literal: {text}")))?)
        } else if let Some(digits) = lower.strip_prefix("0b") {
            integer(digits, 2, "binary")?
        } else if let Some(digits) = lower.strip_prefix("0o") {
            integer(digits, 8, "octal")?
        } else {
            integer(&lower, 10, "integer")?
        };
        self.add(kind, token.span)
    }

    fn array(&mut self) -> Parsed<Id> {
        let span = self.advance()?.span;
        let mut items = Vec::new();
        self.list("]", |parser| {
            items.push(parser.expression(0)?);
            Ok(())
        })?;
        self.add(Kind::Array(items), span)
    }

    fn map(&mut self) -> Parsed<Id> {
        let span = self.advance()?.span;
        let mut pairs = Vec::new();
        self.list("}", |parser| {
            let key = parser.map_key()?;
            parser.expect_operator(":")?;
            pairs.push((key, parser.expression(0)?));
            Ok(())
        })?;
        self.add(Kind::Map(pairs), span)
    }

    /// A name, a number or a string, all of which are strings; or an expression in parentheses.
    fn map_key(&mut self) -> Parsed<Id> {
        let token = self.current().clone();
        match token.kind {
            TokenKind::Number | TokenKind::String | TokenKind::Identifier => {
                self.advance()?;
                self.add(Kind::String(token.str().into()), token.span)
            }
            _ if self.is_bracket("(") => self.expression(0),
            _ => Err(self.fault(format!(
                "a map key must be a quoted string, a number, a identifier, or an expression enclosed in \
                 parentheses (unexpected token {})",
                token.describe()
            ))),
        }
    }

    pub(super) fn postfix(&mut self, mut node: Id) -> Parsed<Id> {
        loop {
            let span = self.current().span;
            if self.is_operator(".") {
                self.advance()?;
                node = self.field(node, false)?;
            } else if self.is_operator("?.") {
                self.advance()?;
                let bracket = self.current().span;
                if self.is_bracket("[") {
                    self.advance()?;
                    node = self.index(node, true, bracket)?;
                } else {
                    node = self.field(node, true)?;
                }
            } else if self.is_bracket("[") {
                self.advance()?;
                node = self.index(node, false, span)?;
            } else {
                return Ok(node);
            }
        }
    }

    /// `.name` or `.name(...)`. Words that are operators may be names here.
    fn field(&mut self, node: Id, optional: bool) -> Parsed<Id> {
        let name = self.current().clone();
        if !is_property(&name) {
            return Err(self.fault("expected name"));
        }
        self.advance()?;
        let property = self.add(Kind::String(name.str().into()), name.span)?;
        // A chain grows: it is nil as a whole if any optional step of it is.
        let (base, in_chain) = match self.ast.kind(node) {
            Kind::Chain(inner) => (*inner, true),
            _ => (node, false),
        };
        let method = self.is_bracket("(");
        let member = Kind::Member {
            base,
            property,
            optional,
            method,
        };
        let mut node = self.add(member, name.span)?;
        if method {
            let arguments = self.arguments(Vec::new())?;
            node = self.add(
                Kind::Call {
                    callee: node,
                    arguments,
                },
                name.span,
            )?;
        }
        self.chain(node, in_chain || optional, name.span)
    }

    fn chain(&mut self, node: Id, chained: bool, span: Span) -> Parsed<Id> {
        if chained {
            return self.add(Kind::Chain(node), span);
        }
        Ok(node)
    }

    /// After `[`: an index, or a slice with either end left out.
    fn index(&mut self, base: Id, optional: bool, span: Span) -> Parsed<Id> {
        let from = if self.is_operator(":") {
            None
        } else {
            Some(self.expression(0)?)
        };
        if let Some(property) = from.filter(|_| !self.is_operator(":")) {
            let member = Kind::Member {
                base,
                property,
                optional,
                method: false,
            };
            let node = self.add(member, span)?;
            let node = self.chain(node, optional, span)?;
            self.expect_bracket("]")?;
            return Ok(node);
        }
        self.advance()?;
        let to = if self.is_bracket("]") {
            None
        } else {
            Some(self.expression(0)?)
        };
        let node = self.add(Kind::Slice { base, from, to }, span)?;
        self.expect_bracket("]")?;
        Ok(node)
    }
}

fn is_property(token: &Token) -> bool {
    let text = token.str();
    match token.kind {
        TokenKind::Identifier => true,
        TokenKind::Operator => text.starts_with(is_name_start) && text.chars().all(is_name_char),
        _ => false,
    }
}
