//! The type checker: refuses what would fail on any input, as expr-lang does before it runs anything.
//!
//! It also answers each node's nature, which the optimiser and the compiler look at. It evaluates nothing.

use std::sync::Arc;

use super::ast::{Ast, Binary, Id, Kind, Unary};
use super::check_operator::{coalesce, kind, matches_text, maybe, operation};
use super::error::Fault;
use super::signature;
use super::types::{GoType, Nature};
use super::value::Value;

pub(super) type Checked = Result<Nature, Box<Fault>>;

/// The names an expression may use, with their values.
pub(crate) trait Names {
    /// The value of a name.
    fn value(&self, name: &str) -> Option<&Value>;
}

/// Checks the tree and answers each node's nature, by the node's index. Nodes that were never looked at, such as
/// the arguments of a function nothing is known about, are unknown.
pub(crate) fn check(ast: &Ast, source: &str, names: &dyn Names) -> Result<Vec<Nature>, Box<Fault>> {
    let mut checker = Checker {
        ast,
        source,
        names,
        natures: vec![Nature::UNKNOWN; ast.len()],
        visited: vec![false; ast.len()],
        predicates: Vec::new(),
        variables: Vec::new(),
    };
    checker.visit(ast.root)?;
    Ok(checker.natures)
}

pub(super) struct Checker<'a> {
    pub(super) ast: &'a Ast,
    source: &'a str,
    names: &'a dyn Names,
    natures: Vec<Nature>,
    /// Nodes with several parents are looked at once.
    visited: Vec<bool>,
    predicates: Vec<Scope>,
    variables: Vec<(Arc<str>, Nature)>,
}

/// Inside of a predicate: what `#` stands for, and `#index` and `#acc`.
struct Scope {
    collection: Nature,
    variables: &'static [(&'static str, GoType)],
}

impl Checker<'_> {
    pub(super) fn visit(&mut self, id: Id) -> Checked {
        if self.visited[Ast::index(id)] {
            return Ok(self.natures[Ast::index(id)].clone());
        }
        let nature = self.nature(id)?;
        Ok(self.record(id, nature))
    }

    fn record(&mut self, id: Id, nature: Nature) -> Nature {
        self.visited[Ast::index(id)] = true;
        self.natures[Ast::index(id)] = nature.clone();
        nature
    }

    fn nature(&mut self, id: Id) -> Checked {
        let ast = self.ast;
        Ok(match ast.kind(id) {
            Kind::Nil => GoType::Nil.into(),
            Kind::Bool(_) => GoType::Bool.into(),
            Kind::Int(_) => GoType::Int.into(),
            Kind::Float(_) => GoType::Float.into(),
            Kind::String(_) => GoType::String.into(),
            Kind::Bytes(_) => GoType::Bytes.into(),
            Kind::Constant(value) => Nature::of_value(value),
            Kind::Identifier(name) => return self.identifier(id, name),
            Kind::Unary(operator, operand) => return self.unary(id, *operator, *operand),
            Kind::Binary(..) => return self.row(id),
            Kind::Chain(inner) => return self.visit(*inner),
            Kind::Member { .. } => return self.member(id),
            Kind::Slice { base, from, to } => return self.slice(id, *base, [*from, *to]),
            Kind::Call { callee, arguments } => return self.call(id, *callee, arguments),
            Kind::Builtin(builtin) => return self.builtin(id, builtin),
            Kind::Predicate(body) => {
                let result = self.visit(*body)?;
                Nature {
                    of: Some(Arc::new(result)),
                    ..GoType::Func.into()
                }
            }
            Kind::Pointer(name) => return self.pointer(id, name),
            Kind::Let { name, value, body } => return self.variable(id, name, *value, *body),
            Kind::Sequence(nodes) => {
                let mut last = Nature::UNKNOWN;
                for node in nodes {
                    last = self.visit(*node)?;
                }
                last
            }
            Kind::Conditional {
                condition,
                then,
                otherwise,
            } => return self.conditional(*condition, *then, *otherwise),
            Kind::Array(items) => return self.array(items),
            Kind::Map(pairs) => {
                for (key, value) in pairs {
                    self.visit(*key)?;
                    self.visit(*value)?;
                }
                GoType::StringAny.into()
            }
        })
    }

    pub(super) fn fail<T>(&self, id: Id, message: impl Into<String>) -> Result<T, Box<Fault>> {
        Err(Fault::new(self.ast.span(id), message))
    }

    fn identifier(&self, id: Id, name: &str) -> Checked {
        if let Some((_, nature)) = self.variables.iter().rev().find(|(known, _)| **known == *name) {
            return Ok(nature.clone());
        }
        if name == "$env" {
            return Ok(Nature::UNKNOWN);
        }
        if let Some(value) = self.names.value(name) {
            return Ok(Nature::of_value(value));
        }
        if signature::find(name).is_some() {
            return Ok(GoType::Func.into());
        }
        self.fail(id, format!("unknown name {name}"))
    }

    fn unary(&mut self, id: Id, operator: Unary, operand: Id) -> Checked {
        let nature = self.visit(operand)?;
        let symbol = match operator {
            Unary::Not if nature.is_bool() || nature.is_unknown() => return Ok(GoType::Bool.into()),
            Unary::Not => "!",
            _ if nature.is_number() => return Ok(nature),
            _ if nature.is_unknown() => return Ok(Nature::UNKNOWN),
            Unary::Plus => "+",
            Unary::Minus => "-",
        };
        let nature = nature.describe();
        self.fail(
            id,
            format!("invalid operation: {symbol} (mismatched type {nature})"),
        )
    }

    /// A row of operators, from its beginning.
    fn row(&mut self, id: Id) -> Checked {
        let ast = self.ast;
        let (row, first) = ast.row(id);
        let mut nature = self.visit(first)?;
        for id in row.into_iter().rev() {
            if let Kind::Binary(operator, _, right) = ast.kind(id) {
                nature = self.binary(id, *operator, nature, *right)?;
                self.record(id, nature.clone());
            }
        }
        Ok(nature)
    }

    fn binary(&mut self, id: Id, operator: Binary, l: Nature, right: Id) -> Checked {
        let r = self.visit(right)?;
        let result = match operator {
            Binary::In => return self.membership(id, &l, &r),
            Binary::Coalesce => return Ok(coalesce(l, r)),
            Binary::Matches => {
                if let Some(pattern) = self.ast.string(right)
                    && let Err(problem) = crate::go::regexp(pattern)
                {
                    return self.fail(id, problem);
                }
                Some(GoType::Bool.into()).filter(|_| matches_text(&l, &r))
            }
            Binary::Range => {
                let integers = l.is_integer() && r.is_integer() || maybe(&l, &r, Nature::is_integer);
                Some(Nature::array_of(GoType::Int.into())).filter(|_| integers)
            }
            _ => operation(operator, &l, &r),
        };
        match result {
            Some(nature) => Ok(nature),
            None => self.mismatch(id, operator, &l, &r),
        }
    }

    fn mismatch(&self, id: Id, operator: Binary, l: &Nature, r: &Nature) -> Checked {
        // As it is written: `or` or `||`.
        let span = self.ast.span(id);
        let written = self.source.get(span.start as usize..span.end as usize);
        let symbol = written.filter(|text| Binary::parse(text).is_some_and(|(known, _)| known == operator));
        self.fail(
            id,
            format!(
                "invalid operation: {} (mismatched types {} and {})",
                symbol.unwrap_or(operator.symbol()),
                l.describe(),
                r.describe()
            ),
        )
    }

    fn membership(&self, id: Id, l: &Nature, r: &Nature) -> Checked {
        if r.is_map() {
            let key = r.key();
            if !l.is_unknown() && !l.assignable_to(&key) {
                let (l, key) = (l.describe(), key.describe());
                return self.fail(id, format!("cannot use {l} as type {key} in map key"));
            }
            return Ok(GoType::Bool.into());
        }
        if r.is_array() {
            let item = r.elem();
            if !l.comparable_to(&item) {
                let (l, item) = (l.describe(), item.describe());
                return self.fail(id, format!("cannot use {l} as type {item} in array"));
            }
            return Ok(GoType::Bool.into());
        }
        let field = (l.is_string() || l.is_unknown()) && r.is_time();
        if field || l.is_unknown() && r.is_string() || r.is_unknown() {
            return Ok(GoType::Bool.into());
        }
        self.mismatch(id, Binary::In, l, r)
    }

    fn member(&mut self, id: Id) -> Checked {
        let Kind::Member {
            base: base_id,
            property: property_id,
            optional,
            method,
        } = *self.ast.kind(id)
        else {
            return Ok(Nature::UNKNOWN);
        };
        let name = self.ast.string(property_id).cloned();
        if matches!(self.ast.kind(base_id), Kind::Identifier(base) if **base == *"$env") {
            return match name {
                Some(name) => self.environment(id, &name, optional),
                None => Ok(Nature::UNKNOWN),
            };
        }
        let base = self.visit(base_id)?;
        let property = self.visit(property_id)?;
        if base.is_unknown() {
            return Ok(Nature::UNKNOWN);
        }
        match name {
            Some(name) if base.is_nil() => self.fail(id, format!("type nil has no field {name}")),
            Some(name) if super::methods::find(base.go, &name).is_some() => Ok(Nature::UNKNOWN),
            name => self.element(id, property_id, &base, &property, name.as_deref(), method),
        }
    }

    /// `$env.name`.
    pub(super) fn environment(&self, id: Id, name: &str, optional: bool) -> Checked {
        match self.names.value(name) {
            Some(value) => Ok(Nature::of_value(value)),
            None if optional => Ok(Nature::UNKNOWN),
            None => self.fail(id, format!("unknown name {name}")),
        }
    }

    fn element(
        &self,
        id: Id,
        property_id: Id,
        base: &Nature,
        property: &Nature,
        name: Option<&str>,
        method: bool,
    ) -> Checked {
        let (of, with) = (base.describe(), property.describe());
        if base.is_map() {
            if !property.assignable_to(&base.key()) && !property.is_unknown() {
                return self.fail(
                    property_id,
                    format!("cannot use {with} to get an element from {of}"),
                );
            }
            return Ok(base.elem());
        }
        if base.is_array() {
            if !property.is_integer() && !property.is_unknown() {
                return self.fail(
                    property_id,
                    format!("array elements can only be selected using an integer (got {with})"),
                );
            }
            return Ok(base.elem());
        }
        match name {
            Some(name) if method => self.fail(id, format!("type {of} has no method {name}")),
            Some(name) => self.fail(id, format!("type {of} has no field {name}")),
            None => self.fail(id, format!("type {of}[{with}] is undefined")),
        }
    }

    fn slice(&mut self, id: Id, base: Id, ends: [Option<Id>; 2]) -> Checked {
        let nature = self.visit(base)?;
        if nature.is_unknown() {
            return Ok(Nature::UNKNOWN);
        }
        if !nature.is_string() && !nature.is_array() {
            return self.fail(id, format!("cannot slice {}", nature.describe()));
        }
        for end in ends.into_iter().flatten() {
            let index = self.visit(end)?;
            if !index.is_integer() && !index.is_unknown() {
                return self.fail(end, format!("non-integer slice index {}", index.describe()));
            }
        }
        Ok(nature)
    }

    pub(super) fn within<T>(
        &mut self,
        collection: &Nature,
        variables: &'static [(&'static str, GoType)],
        visit: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.predicates.push(Scope {
            collection: collection.clone(),
            variables,
        });
        let result = visit(self);
        self.predicates.pop();
        result
    }

    fn pointer(&self, id: Id, name: &str) -> Checked {
        let Some(scope) = self.predicates.last() else {
            return self.fail(id, "cannot use pointer accessor outside predicate");
        };
        if name.is_empty() {
            return Ok(if scope.collection.is_array() {
                scope.collection.elem()
            } else {
                Nature::UNKNOWN
            });
        }
        match scope.variables.iter().find(|(known, _)| *known == name) {
            Some((_, go)) => Ok((*go).into()),
            None => self.fail(id, format!("unknown pointer #{name}")),
        }
    }

    fn variable(&mut self, id: Id, name: &Arc<str>, value: Id, body: Id) -> Checked {
        if self.names.value(name).is_some() {
            return self.fail(id, format!("cannot redeclare {name}"));
        }
        if signature::find(name).is_some() {
            return self.fail(id, format!("cannot redeclare builtin {name}"));
        }
        if self.variables.iter().any(|(known, _)| known == name) {
            return self.fail(id, format!("cannot redeclare variable {name}"));
        }
        let nature = self.visit(value)?;
        self.variables.push((name.clone(), nature));
        let result = self.visit(body);
        self.variables.pop();
        result
    }

    fn conditional(&mut self, condition: Id, then: Id, otherwise: Id) -> Checked {
        let nature = self.visit(condition)?;
        if !nature.is_bool() && !nature.is_unknown() {
            let nature = nature.describe();
            return self.fail(
                condition,
                format!("non-bool expression (type {nature}) used as condition"),
            );
        }
        let a = self.visit(then)?;
        let b = self.visit(otherwise)?;
        Ok(match (a.is_nil(), b.is_nil()) {
            (true, _) => b,
            (false, true) => a,
            (false, false) if !a.assignable_to(&b) => Nature::UNKNOWN,
            (false, false) if a.is_array() && b.is_array() => {
                let (x, y) = (a.elem(), b.elem());
                if x.assignable_to(&y) && y.assignable_to(&x) {
                    a
                } else {
                    GoType::Anys.into()
                }
            }
            (false, false) => a,
        })
    }

    fn array(&mut self, items: &[Id]) -> Checked {
        let mut previous = Nature::UNKNOWN;
        let mut same = true;
        for (index, item) in items.iter().enumerate() {
            let nature = self.visit(*item)?;
            same &= index == 0 || kind(nature.go) == kind(previous.go);
            previous = nature;
        }
        Ok(if same {
            Nature::array_of(previous)
        } else {
            GoType::Anys.into()
        })
    }
}
