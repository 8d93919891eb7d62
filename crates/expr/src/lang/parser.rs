//! From tokens to a syntax tree: operator precedence parsing, as expr-lang's parser does it.
//!
//! Which names are calls of the language and which are the environment's is decided here, so the parser is told
//! what the environment holds. It evaluates nothing.

use std::sync::Arc;

use super::ast::{Ast, Binary, Builtin, Id, Kind, Unary};
use super::error::{Fault, Span};
use super::lexer::{Token, TokenKind, lex};
use super::limits::{MAX_DEPTH, MAX_NESTING, MAX_NODES};
use super::signature;

pub(super) type Parsed<T> = Result<T, Box<Fault>>;

/// Parses `source`. A name for which `overridden` holds is never a function of the language.
pub(crate) fn parse(source: &str, overridden: &dyn Fn(&str) -> bool) -> Parsed<Ast> {
    let (tokens, lexical) = lex(source);
    let mut parser = Parser {
        tokens,
        lexical,
        at: 0,
        ast: Ast::default(),
        overridden,
        predicates: 0,
        nesting: 0,
    };
    parser.check_lexical()?;
    parser.ast.root = parser.sequence()?;
    if parser.current().kind != TokenKind::End {
        return Err(parser.unexpected());
    }
    Ok(parser.ast)
}

pub(super) struct Parser<'a> {
    tokens: Vec<Token>,
    /// The error that ended `tokens`.
    lexical: Option<Box<Fault>>,
    at: usize,
    pub(super) ast: Ast,
    overridden: &'a dyn Fn(&str) -> bool,
    /// How many predicates we are inside of: there `#` and `.field` mean the current item.
    predicates: u32,
    nesting: u32,
}

impl Parser<'_> {
    pub(super) fn current(&self) -> &Token {
        static END: Token = Token {
            kind: TokenKind::End,
            text: Vec::new(),
            span: Span { start: 0, end: 0 },
        };
        self.tokens.get(self.at).unwrap_or(&END)
    }

    pub(super) fn is(&self, kind: TokenKind, text: &str) -> bool {
        self.current().is(kind, text)
    }

    pub(super) fn is_operator(&self, text: &str) -> bool {
        self.is(TokenKind::Operator, text)
    }

    pub(super) fn is_bracket(&self, text: &str) -> bool {
        self.is(TokenKind::Bracket, text)
    }

    /// Moves to the next token, or fails where the text stops being tokens.
    pub(super) fn advance(&mut self) -> Parsed<Token> {
        let token = self.current().clone();
        if token.kind == TokenKind::End {
            return Err(self.fault("unexpected end of expression"));
        }
        self.at += 1;
        self.check_lexical()?;
        Ok(token)
    }

    fn check_lexical(&mut self) -> Parsed<()> {
        match self.lexical.take() {
            Some(fault) if self.at >= self.tokens.len() => Err(fault),
            fault => {
                self.lexical = fault;
                Ok(())
            }
        }
    }

    pub(super) fn expect(&mut self, kind: TokenKind, text: &str) -> Parsed<()> {
        if self.is(kind, text) {
            return self.advance().map(drop);
        }
        Err(self.unexpected())
    }

    pub(super) fn expect_operator(&mut self, text: &str) -> Parsed<()> {
        self.expect(TokenKind::Operator, text)
    }

    pub(super) fn expect_bracket(&mut self, text: &str) -> Parsed<()> {
        self.expect(TokenKind::Bracket, text)
    }

    pub(super) fn identifier(&mut self) -> Parsed<Token> {
        if self.current().kind == TokenKind::Identifier {
            return self.advance();
        }
        Err(self.unexpected())
    }

    pub(super) fn fault(&self, message: impl Into<String>) -> Box<Fault> {
        Fault::new(self.current().span, message)
    }

    pub(super) fn unexpected(&self) -> Box<Fault> {
        self.fault(format!("unexpected token {}", self.current().describe()))
    }

    pub(super) fn add(&mut self, kind: Kind, span: Span) -> Parsed<Id> {
        if self.ast.len() >= MAX_NODES {
            return Err(self.fault("compilation failed: expression exceeds maximum allowed nodes"));
        }
        let id = self.ast.add(kind, span);
        if self.ast.depth(id) > MAX_DEPTH {
            return Err(Fault::new(
                span,
                format!("expression nests more than {MAX_DEPTH} operations"),
            ));
        }
        Ok(id)
    }

    /// Runs `parse` one level deeper, or fails where the nesting would exhaust the stack.
    pub(super) fn nested<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.nesting >= MAX_NESTING {
            return Err(self.fault(format!("expression nests more than {MAX_NESTING} levels")));
        }
        self.nesting += 1;
        let parsed = parse(self);
        self.nesting -= 1;
        parsed
    }

    /// `a; b; c`, with an optional last semicolon.
    pub(super) fn sequence(&mut self) -> Parsed<Id> {
        let first = self.expression(0)?;
        let mut nodes = vec![first];
        while self.is_operator(";") {
            self.advance()?;
            if self.current().kind == TokenKind::End {
                break;
            }
            nodes.push(self.expression(0)?);
        }
        if nodes.len() == 1 {
            return Ok(first);
        }
        let span = self.ast.span(first);
        self.add(Kind::Sequence(nodes), span)
    }

    pub(super) fn expression(&mut self, precedence: u16) -> Parsed<Id> {
        self.nested(|parser| parser.expression_here(precedence))
    }

    fn expression_here(&mut self, precedence: u16) -> Parsed<Id> {
        if precedence == 0 && self.is_operator("let") {
            return self.variable();
        }
        if precedence == 0 && self.is_operator("if") {
            return self.conditional_if();
        }
        let mut left = self.primary()?;
        let mut previous = Vec::new();
        while self.current().kind == TokenKind::Operator {
            let text = self.current().text.clone();
            match self.operation(left, precedence, &previous)? {
                Some(node) => left = node,
                None => break,
            }
            previous = text;
        }
        if precedence == 0 {
            return self.ternary(left);
        }
        Ok(left)
    }

    /// One operator and its right side, or `None` where the operator is not ours to take.
    fn operation(&mut self, left: Id, precedence: u16, previous: &[u8]) -> Parsed<Option<Id>> {
        let negated = self.is_operator("not");
        let start = self.at;
        if negated {
            self.advance()?;
            if !matches!(
                self.current().str(),
                "contains" | "matches" | "startsWith" | "endsWith" | "in"
            ) {
                return Err(self.unexpected());
            }
        }
        let token = self.current().clone();
        if !negated && token.is(TokenKind::Operator, "|") {
            return if precedence == 0 {
                self.pipe(left).map(Some)
            } else {
                Ok(None)
            };
        }
        let Some((operator, power)) = Binary::parse(token.str()).filter(|(_, power)| *power >= precedence)
        else {
            self.at = start;
            return Ok(None);
        };
        self.advance()?;
        if previous == b"??" && operator != Binary::Coalesce {
            return Err(Fault::new(
                token.span,
                format!(
                    "Operator ({}) and coalesce expressions (??) cannot be mixed. Wrap either by parentheses.",
                    token.str()
                ),
            ));
        }
        self.right_side(left, operator, power, negated, token.span)
            .map(Some)
    }

    fn right_side(
        &mut self,
        left: Id,
        operator: Binary,
        power: u16,
        negated: bool,
        span: Span,
    ) -> Parsed<Id> {
        if operator.is_ordering() {
            return self.comparison(left, operator, span);
        }
        let power = if operator == Binary::Power {
            power
        } else {
            power + 1
        };
        let right = self.expression(power)?;
        let node = self.add(Kind::Binary(operator, left, right), span)?;
        if negated {
            return self.add(Kind::Unary(Unary::Not, node), span);
        }
        Ok(node)
    }

    /// `a < b < c`: each side is compared with the next, all must hold.
    fn comparison(&mut self, mut left: Id, mut operator: Binary, mut span: Span) -> Parsed<Id> {
        let mut root = None;
        loop {
            let right = self.expression(21)?;
            let node = self.add(Kind::Binary(operator, left, right), span)?;
            let whole = match root {
                None => node,
                Some(root) => self.add(Kind::Binary(Binary::And, root, node), span)?,
            };
            root = Some(whole);
            left = right;
            let token = self.current();
            match Binary::parse(token.str()).filter(|(next, _)| next.is_ordering()) {
                Some((next, _)) if token.kind == TokenKind::Operator => {
                    operator = next;
                    span = token.span;
                    self.advance()?;
                }
                _ => return Ok(whole),
            }
        }
    }

    /// `value | call(...)`: the value becomes the first argument.
    fn pipe(&mut self, left: Id) -> Parsed<Id> {
        self.advance()?;
        let name = self.identifier()?;
        self.call(&name, vec![left], true)
    }

    /// `let name = value; body`.
    fn variable(&mut self) -> Parsed<Id> {
        self.advance()?;
        let name = self.identifier()?;
        self.expect_operator("=")?;
        let value = self.expression(0)?;
        self.expect_operator(";")?;
        let body = self.sequence()?;
        let kind = Kind::Let {
            name: name.str().into(),
            value,
            body,
        };
        self.add(kind, name.span)
    }

    /// `if condition { ... } else { ... }`.
    fn conditional_if(&mut self) -> Parsed<Id> {
        let span = self.advance()?.span;
        let condition = self.expression(0)?;
        let then = self.block()?;
        self.expect_operator("else")?;
        let otherwise = if self.is_operator("if") {
            self.nested(Self::conditional_if)?
        } else {
            self.block()?
        };
        let kind = Kind::Conditional {
            condition,
            then,
            otherwise,
        };
        self.add(kind, span)
    }

    fn block(&mut self) -> Parsed<Id> {
        self.expect_bracket("{")?;
        let body = self.sequence()?;
        self.expect_bracket("}")?;
        Ok(body)
    }

    /// `condition ? then : otherwise`, or `condition ?: otherwise`.
    fn ternary(&mut self, mut condition: Id) -> Parsed<Id> {
        while self.is_operator("?") {
            self.advance()?;
            let then = if self.is_operator(":") {
                condition
            } else {
                self.expression(0)?
            };
            self.expect_operator(":")?;
            let otherwise = self.expression(0)?;
            let span = self.current().span;
            let kind = Kind::Conditional {
                condition,
                then,
                otherwise,
            };
            condition = self.add(kind, span)?;
        }
        Ok(condition)
    }

    pub(super) fn primary(&mut self) -> Parsed<Id> {
        let token = self.current().clone();
        if token.kind == TokenKind::Operator {
            match token.str() {
                "not" | "!" => return self.unary(Unary::Not, 50),
                "-" => return self.unary(Unary::Minus, 90),
                "+" => return self.unary(Unary::Plus, 90),
                "#" | "." if self.predicates > 0 => return self.pointer(),
                "::" => {
                    self.advance()?;
                    let name = self.identifier()?;
                    let call = self.call(&name, Vec::new(), false)?;
                    return self.postfix(call);
                }
                _ => {}
            }
        }
        if self.is_bracket("(") {
            self.advance()?;
            let inner = self.sequence()?;
            self.expect_bracket(")")?;
            return self.postfix(inner);
        }
        self.secondary()
    }

    fn unary(&mut self, operator: Unary, power: u16) -> Parsed<Id> {
        let span = self.advance()?.span;
        let operand = self.expression(power)?;
        let node = self.add(Kind::Unary(operator, operand), span)?;
        self.postfix(node)
    }

    fn pointer(&mut self) -> Parsed<Id> {
        let span = self.current().span;
        let mut name: Arc<str> = "".into();
        if self.is_operator("#") {
            self.advance()?;
            if self.current().kind == TokenKind::Identifier {
                name = self.advance()?.str().into();
            }
        }
        let node = self.add(Kind::Pointer(name), span)?;
        self.postfix(node)
    }

    /// A call of `name`, whose `(` is next. `arguments` holds what a pipe passes.
    pub(super) fn call(&mut self, name: &Token, arguments: Vec<Id>, overridable: bool) -> Parsed<Id> {
        let text = name.str();
        let ours = !(overridable && (self.overridden)(text));
        let kind = match signature::find(text).filter(|_| ours) {
            Some(function) if function.is_predicate() => {
                let arguments = self.predicate_arguments(function.predicate_arguments(), arguments)?;
                Kind::Builtin(Builtin::new(text, arguments))
            }
            Some(_) => Kind::Builtin(Builtin::new(text, self.arguments(arguments)?)),
            None => {
                let callee = self.add(Kind::Identifier(text.into()), name.span)?;
                let arguments = self.arguments(arguments)?;
                Kind::Call { callee, arguments }
            }
        };
        self.add(kind, name.span)
    }

    /// The arguments of `filter`, `reduce` and their like, some of which are predicates.
    fn predicate_arguments(&mut self, wanted: &[signature::Argument], given: Vec<Id>) -> Parsed<Vec<Id>> {
        self.expect_bracket("(")?;
        let skipped = given.len();
        let mut arguments = given;
        for (index, argument) in wanted[skipped.min(wanted.len())..].iter().enumerate() {
            if self.is_bracket(")") {
                if argument.optional {
                    break;
                }
                let count = wanted.len() - skipped;
                return Err(self.fault(format!("expected at least {count} arguments")));
            }
            if index > 0 {
                self.expect_operator(",")?;
            }
            let node = if argument.predicate {
                self.predicate()?
            } else {
                self.expression(0)?
            };
            arguments.push(node);
        }
        if self.is_operator(",") {
            self.advance()?;
        }
        self.expect_bracket(")")?;
        Ok(arguments)
    }

    pub(super) fn arguments(&mut self, given: Vec<Id>) -> Parsed<Vec<Id>> {
        let mut arguments = given;
        self.expect_bracket("(")?;
        self.list(")", |parser| {
            arguments.push(parser.expression(0)?);
            Ok(())
        })?;
        Ok(arguments)
    }

    /// Comma-separated items up to `close`; a last comma is allowed.
    pub(super) fn list(&mut self, close: &str, mut item: impl FnMut(&mut Self) -> Parsed<()>) -> Parsed<()> {
        let mut first = true;
        while !self.is_bracket(close) {
            if !first {
                self.expect_operator(",")?;
                if self.is_bracket(close) {
                    break;
                }
            }
            first = false;
            item(self)?;
        }
        self.expect_bracket(close)
    }

    /// `{ # > 1 }` or `# > 1`.
    fn predicate(&mut self) -> Parsed<Id> {
        let span = self.current().span;
        let braces = self.is_bracket("{");
        self.predicates += 1;
        let node = if braces { self.block() } else { self.expression(0) };
        self.predicates -= 1;
        let node = node?;
        if !braces && self.is_operator(";") {
            return Err(self.fault("wrap predicate with brackets { and }"));
        }
        self.add(Kind::Predicate(node), span)
    }
}
