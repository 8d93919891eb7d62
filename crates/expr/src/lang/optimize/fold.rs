//! Folding of constants: arithmetic, `!`, `&&`, `||`, `==`, and lists of literals.

use super::Tree;
use crate::lang::ast::{Binary, Id, Kind, Unary};
use crate::lang::error::Fault;
use crate::lang::types::GoType;
use crate::lang::value::Value;

impl Tree<'_> {
    /// Folds once over the tree; answers whether anything changed.
    pub(super) fn fold(&mut self) -> Result<bool, Box<Fault>> {
        let mut changed = false;
        for id in self.nodes() {
            changed |= self.fold_node(id)?;
        }
        Ok(changed)
    }

    fn fold_node(&mut self, id: Id) -> Result<bool, Box<Fault>> {
        let folded = match self.kind(id) {
            Kind::Unary(operator, operand) => unary(*operator, self.kind(*operand)),
            Kind::Binary(Binary::And | Binary::Or, ..) => return Ok(self.fold_logic(id)),
            Kind::Binary(operator, left, right) => {
                let (left, right) = (self.kind(*left), self.kind(*right));
                if *operator == Binary::Modulo && matches!((left, right), (Kind::Int(_), Kind::Int(0))) {
                    return Err(Fault::new(self.ast.span(id), "integer divide by zero"));
                }
                binary(*operator, left, right)
            }
            Kind::Array(items) if !items.is_empty() => {
                let values: Option<Vec<_>> = items.iter().map(|item| literal(self.kind(*item))).collect();
                values.map(|values| Kind::Constant(Value::array(values)))
            }
            _ => None,
        };
        let Some(kind) = folded else { return Ok(false) };
        let go = match &kind {
            Kind::Int(_) => GoType::Int,
            Kind::Float(_) => GoType::Float,
            Kind::Bool(_) => GoType::Bool,
            Kind::String(_) => GoType::String,
            _ => GoType::Anys,
        };
        self.set_typed(id, kind, go);
        Ok(true)
    }

    /// `true && x` is `x`; `x && false` is false, and `x` is never asked.
    fn fold_logic(&mut self, id: Id) -> bool {
        let Some((operator, left, right)) = self.operation(id) else {
            return false;
        };
        let neutral = operator == Binary::And;
        let constant = |id: Id| match self.kind(id) {
            Kind::Bool(value) => Some(*value),
            _ => None,
        };
        let (a, b) = (constant(left), constant(right));
        let kind = if a == Some(neutral) {
            self.kind(right).clone()
        } else if b == Some(neutral) {
            self.kind(left).clone()
        } else if a == Some(!neutral) || b == Some(!neutral) {
            Kind::Bool(!neutral)
        } else {
            return false;
        };
        self.set_typed(id, kind, GoType::Bool);
        true
    }
}

fn literal(kind: &Kind) -> Option<Value> {
    Some(match kind {
        Kind::Int(value) => Value::Int(*value),
        Kind::Float(value) => Value::Float(*value),
        Kind::String(text) => Value::String(text.clone()),
        Kind::Bool(value) => Value::Bool(*value),
        _ => return None,
    })
}

fn unary(operator: Unary, operand: &Kind) -> Option<Kind> {
    Some(match (operator, operand) {
        (Unary::Minus, Kind::Int(value)) => Kind::Int(value.wrapping_neg()),
        (Unary::Minus, Kind::Float(value)) => Kind::Float(-value),
        (Unary::Plus, Kind::Int(value)) => Kind::Int(*value),
        (Unary::Plus, Kind::Float(value)) => Kind::Float(*value),
        (Unary::Not, Kind::Bool(value)) => Kind::Bool(!value),
        _ => return None,
    })
}

fn binary(operator: Binary, left: &Kind, right: &Kind) -> Option<Kind> {
    match (left, right) {
        (Kind::Int(a), Kind::Int(b)) => integers(operator, *a, *b),
        (Kind::String(a), Kind::String(b)) => match operator {
            Binary::Add => Some(Kind::String(format!("{a}{b}").into())),
            Binary::Equal => Some(Kind::Bool(a == b)),
            _ => None,
        },
        (Kind::Bool(a), Kind::Bool(b)) if operator == Binary::Equal => Some(Kind::Bool(a == b)),
        _ => floats(operator, number(left)?, number(right)?),
    }
}

fn integers(operator: Binary, a: i64, b: i64) -> Option<Kind> {
    Some(match operator {
        Binary::Add => Kind::Int(a.wrapping_add(b)),
        Binary::Subtract => Kind::Int(a.wrapping_sub(b)),
        Binary::Multiply => Kind::Int(a.wrapping_mul(b)),
        Binary::Modulo => Kind::Int(a.checked_rem(b).unwrap_or(0)),
        Binary::Equal => Kind::Bool(a == b),
        Binary::Divide | Binary::Power => return floats(operator, float(a), float(b)),
        _ => return None,
    })
}

#[expect(clippy::cast_precision_loss, reason = "as Go converts int to float64")]
fn float(value: i64) -> f64 {
    value as f64
}

fn number(kind: &Kind) -> Option<f64> {
    match kind {
        Kind::Int(value) => Some(float(*value)),
        Kind::Float(value) => Some(*value),
        _ => None,
    }
}

fn floats(operator: Binary, a: f64, b: f64) -> Option<Kind> {
    Some(Kind::Float(match operator {
        Binary::Add => a + b,
        Binary::Subtract => a - b,
        Binary::Multiply => a * b,
        Binary::Divide => a / b,
        Binary::Power => crate::go::pow(a, b),
        _ => return None,
    }))
}
