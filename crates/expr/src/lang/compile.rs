//! From a checked tree to instructions.
//!
//! The order of the instructions is expr-lang's own, since what an expression answers can depend on it: which
//! side fails first, and what a `?.` that meets nil leaves behind.

use std::sync::Arc;

use super::ast::{Ast, Binary, Id, Kind, Unary};
use super::error::{Fault, Span};
use super::limits::MAX_OPS;
use super::program::{Code, Op};
use super::types::{GoType, Nature};
use super::value::Value;

pub(super) type Compiled = Result<(), Box<Fault>>;

/// Compiles the tree. `natures` are the checker's, by node.
pub(crate) fn compile(ast: &Ast, natures: &[Nature]) -> Result<Code, Box<Fault>> {
    let mut compiler = Compiler {
        ast,
        natures,
        code: Code {
            ops: Vec::new(),
            spans: Vec::new(),
            constants: Vec::new(),
            patterns: Vec::new(),
            variables: 0,
        },
        variables: Vec::new(),
        chains: Vec::new(),
        span: Span::default(),
        parents: Vec::new(),
    };
    compiler.visit(ast.root)?;
    Ok(compiler.code)
}

pub(super) struct Compiler<'a> {
    pub(super) ast: &'a Ast,
    natures: &'a [Nature],
    code: Code,
    variables: Vec<(Arc<str>, u32)>,
    /// For each chain we are in, the jumps to its end.
    chains: Vec<Vec<usize>>,
    span: Span,
    parents: Vec<Id>,
}

impl Compiler<'_> {
    pub(super) fn visit(&mut self, id: Id) -> Compiled {
        if self.code.ops.len() > MAX_OPS {
            return Err(Fault::new(self.ast.span(id), "expression is too large"));
        }
        let outer = std::mem::replace(&mut self.span, self.ast.span(id));
        self.parents.push(id);
        let result = self.node(id);
        self.parents.pop();
        self.span = outer;
        result
    }

    pub(super) fn emit(&mut self, op: Op) -> usize {
        self.code.ops.push(op);
        self.code.spans.push(self.span);
        self.code.ops.len() - 1
    }

    pub(super) fn push(&mut self, value: Value) {
        let index = self.constant(value);
        self.emit(Op::Push(index));
    }

    pub(super) fn constant(&mut self, value: Value) -> u32 {
        self.code.constants.push(value);
        small(self.code.constants.len() - 1)
    }

    /// The index of the next instruction.
    pub(super) fn here(&self) -> u32 {
        small(self.code.ops.len())
    }

    /// Emits a jump whose goal is not known yet.
    pub(super) fn jump(&mut self, op: fn(u32) -> Op) -> (usize, fn(u32) -> Op) {
        (self.emit(op(0)), op)
    }

    /// Makes a jump go on here.
    pub(super) fn land(&mut self, (at, op): (usize, fn(u32) -> Op)) {
        self.code.ops[at] = op(self.here());
    }

    fn node(&mut self, id: Id) -> Compiled {
        let ast = self.ast;
        match ast.kind(id) {
            Kind::Nil => self.push(Value::Nil),
            Kind::Bool(value) => self.push(Value::Bool(*value)),
            Kind::Int(value) => self.push(Value::Int(*value)),
            Kind::Float(value) => self.push(Value::Float(*value)),
            Kind::String(text) => self.push(Value::String(text.clone())),
            Kind::Bytes(bytes) => self.push(Value::Bytes(bytes.clone())),
            Kind::Constant(value) => self.push(value.clone()),
            Kind::Identifier(name) => self.identifier(name),
            Kind::Unary(operator, operand) => {
                self.visit(*operand)?;
                match operator {
                    Unary::Not => drop(self.emit(Op::Not)),
                    Unary::Minus => drop(self.emit(Op::Negate)),
                    Unary::Plus => {}
                }
            }
            Kind::Binary(..) => self.row(id)?,
            Kind::Chain(inner) => self.chain(*inner)?,
            Kind::Member {
                base,
                property,
                optional,
                ..
            } => self.member(*base, *property, *optional)?,
            Kind::Slice { base, from, to } => self.slice(*base, *from, *to)?,
            Kind::Call { callee, arguments } => {
                self.visit_all(arguments)?;
                self.visit(*callee)?;
                self.emit(Op::Call(small(arguments.len())));
            }
            Kind::Builtin(builtin) => self.builtin(builtin)?,
            Kind::Predicate(body) => self.visit(*body)?,
            Kind::Pointer(name) => return self.pointer(name),
            Kind::Let { name, value, body } => self.variable(name, *value, *body)?,
            Kind::Sequence(nodes) => self.sequence(nodes)?,
            Kind::Conditional {
                condition,
                then,
                otherwise,
            } => self.conditional(*condition, *then, *otherwise)?,
            Kind::Array(items) => {
                self.visit_all(items)?;
                self.emit(Op::Array(Some(small(items.len()))));
            }
            Kind::Map(pairs) => {
                for (key, value) in pairs {
                    self.visit(*key)?;
                    self.visit(*value)?;
                }
                self.emit(Op::Map(small(pairs.len())));
            }
        }
        Ok(())
    }

    pub(super) fn visit_all(&mut self, ids: &[Id]) -> Compiled {
        ids.iter().try_for_each(|id| self.visit(*id))
    }

    fn identifier(&mut self, name: &Arc<str>) {
        if let Some((_, index)) = self.variables.iter().rev().find(|(known, _)| known == name) {
            let index = *index;
            self.emit(Op::LoadVariable(index));
        } else if **name == *"$env" {
            self.emit(Op::LoadEnvironment);
        } else {
            let name = self.constant(Value::String(name.clone()));
            self.emit(Op::LoadName(name));
        }
    }

    /// A row of operators, from its beginning.
    fn row(&mut self, id: Id) -> Compiled {
        let (row, first) = self.ast.row(id);
        self.parents.extend(row.iter().skip(1));
        self.visit(first)?;
        for (index, id) in row.iter().rev().enumerate() {
            if index > 0 {
                self.parents.pop();
            }
            self.span = self.ast.span(*id);
            if let Kind::Binary(operator, left, right) = self.ast.kind(*id) {
                self.binary(*operator, *left, *right)?;
            }
        }
        Ok(())
    }

    /// An operator whose left side has been compiled.
    fn binary(&mut self, operator: Binary, left: Id, right: Id) -> Compiled {
        let short: fn(u32) -> Op = match operator {
            Binary::Or => Op::JumpIfTrue,
            Binary::And => Op::JumpIfFalse,
            Binary::Coalesce => Op::JumpIfNotNil,
            Binary::Matches => return self.matches(left, right),
            _ => return self.strict(operator, left, right),
        };
        let end = self.jump(short);
        self.emit(Op::Pop);
        self.visit(right)?;
        self.land(end);
        Ok(())
    }

    /// An operator that always looks at both sides.
    fn strict(&mut self, operator: Binary, left: Id, right: Id) -> Compiled {
        self.visit(right)?;
        let go = |id: Id| self.natures[Ast::index(id)].go;
        let equal = match (go(left), go(right)) {
            (GoType::Int, GoType::Int) => Op::EqualInt,
            (GoType::String, GoType::String) => Op::EqualString,
            _ => Op::Binary(Binary::Equal),
        };
        match operator {
            Binary::Equal => drop(self.emit(equal)),
            Binary::NotEqual => {
                self.emit(equal);
                self.emit(Op::Not);
            }
            _ => drop(self.emit(Op::Binary(operator))),
        }
        Ok(())
    }

    fn matches(&mut self, left: Id, right: Id) -> Compiled {
        let Some(pattern) = self.ast.string(right) else {
            return self.strict(Binary::Matches, left, right);
        };
        let pattern = crate::go::regexp(pattern).map_err(|problem| Fault::new(self.span, problem))?;
        self.code.patterns.push(Arc::new(pattern));
        let index = small(self.code.patterns.len() - 1);
        self.emit(Op::Matches(index));
        Ok(())
    }

    fn chain(&mut self, inner: Id) -> Compiled {
        self.chains.push(Vec::new());
        self.visit(inner)?;
        for at in self.chains.pop().unwrap_or_default() {
            self.land((at, Op::JumpIfNil));
        }
        // A typed nil becomes a plain one, but left of `??`, which takes either.
        let parent = self.parents.iter().rev().nth(1).map(|id| self.ast.kind(*id));
        if !matches!(parent, Some(Kind::Binary(Binary::Coalesce, ..))) {
            let end = self.jump(Op::JumpIfNotNil);
            self.emit(Op::Pop);
            self.push(Value::Nil);
            self.land(end);
        }
        Ok(())
    }

    fn member(&mut self, base: Id, property: Id, optional: bool) -> Compiled {
        self.visit(base)?;
        if optional && !self.chains.is_empty() {
            let (at, _) = self.jump(Op::JumpIfNil);
            if let Some(chain) = self.chains.last_mut() {
                chain.push(at);
            }
        }
        self.visit(property)?;
        self.emit(Op::Fetch);
        Ok(())
    }

    fn slice(&mut self, base: Id, from: Option<Id>, to: Option<Id>) -> Compiled {
        self.visit(base)?;
        match to {
            Some(to) => self.visit(to)?,
            None => drop(self.emit(Op::Length)),
        }
        match from {
            Some(from) => self.visit(from)?,
            None => self.push(Value::Int(0)),
        }
        self.emit(Op::Slice);
        Ok(())
    }

    fn pointer(&mut self, name: &str) -> Compiled {
        let op = match name {
            "" => Op::PushItem,
            "index" => Op::PushIndex,
            "acc" => Op::PushAccumulator,
            _ => return Err(Fault::new(self.span, format!("unknown pointer {name}"))),
        };
        self.emit(op);
        Ok(())
    }

    fn variable(&mut self, name: &Arc<str>, value: Id, body: Id) -> Compiled {
        self.visit(value)?;
        let index = small(self.code.variables);
        self.code.variables += 1;
        self.emit(Op::Store(index));
        self.variables.push((name.clone(), index));
        self.visit(body)?;
        self.variables.pop();
        Ok(())
    }

    fn sequence(&mut self, nodes: &[Id]) -> Compiled {
        for (index, node) in nodes.iter().enumerate() {
            if index > 0 {
                self.emit(Op::Pop);
            }
            self.visit(*node)?;
        }
        Ok(())
    }

    fn conditional(&mut self, condition: Id, then: Id, otherwise: Id) -> Compiled {
        self.visit(condition)?;
        let no = self.jump(Op::JumpIfFalse);
        self.emit(Op::Pop);
        self.visit(then)?;
        let end = self.jump(Op::Jump);
        self.land(no);
        self.emit(Op::Pop);
        self.visit(otherwise)?;
        self.land(end);
        Ok(())
    }
}

/// Programs are bounded by the number of nodes, so every index is small.
pub(super) fn small(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}
