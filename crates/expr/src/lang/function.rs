//! Functions of the environment: `jsonpath`, `toJson`, `sprig.*`, and the methods of times and durations.
//!
//! They are called as Go's reflection calls a function: the number of arguments and their exact Go types are
//! checked first.

use std::fmt;

use super::types::{GoType, go_type};
use super::value::Value;
use super::vm::Context;

/// What a function answers: a value, or a message.
pub type Answer = Result<Value, String>;

/// A function that expressions can call.
pub struct Function {
    /// Its name, for messages.
    pub name: &'static str,
    /// The Go types of its parameters; the last one repeats if `variadic`.
    pub parameters: &'static [GoType],
    /// Whether the last parameter takes any number of arguments.
    pub variadic: bool,
    /// The Go type of its result.
    pub result: GoType,
    /// The function itself.
    pub call: fn(&mut Context<'_>, &[Value]) -> Answer,
}

impl fmt::Debug for Function {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Function({})", self.name)
    }
}

impl Function {
    /// As Go prints the type, without the parameters.
    pub(crate) fn go_type(&self) -> &'static str {
        "func"
    }

    /// The type of parameter `index`.
    pub(crate) fn parameter(&self, index: usize) -> Option<GoType> {
        let last = self.parameters.last().filter(|_| self.variadic);
        let fixed = self.parameters.len() - usize::from(self.variadic);
        self.parameters[..fixed].get(index).or(last).copied()
    }

    /// Calls the function if the arguments fit its parameters.
    pub(crate) fn invoke(&self, context: &mut Context<'_>, mut arguments: Vec<Value>) -> Answer {
        self.check_count(arguments.len())?;
        for (index, argument) in arguments.iter_mut().enumerate() {
            let Some(parameter) = self.parameter(index) else {
                continue;
            };
            let given = go_type(argument);
            if given == GoType::Nil {
                *argument = zero(parameter);
            } else if !given.assignable_to(parameter) {
                let (given, wanted) = (argument.go_type(), parameter.describe());
                let fixed = self.parameters.len() - usize::from(self.variadic);
                return Err(if index < fixed {
                    format!("reflect: Call using {given} as type {wanted}")
                } else {
                    format!("reflect: cannot use {given} as type {wanted} in Call")
                });
            }
        }
        (self.call)(context, &arguments)
    }

    fn check_count(&self, given: usize) -> Result<(), String> {
        let fixed = self.parameters.len() - usize::from(self.variadic);
        if self.variadic && given < fixed {
            return Err(format!(
                "invalid number of arguments: expected at least {fixed}, got {given}"
            ));
        }
        if !self.variadic && given != fixed {
            return Err(format!(
                "invalid number of arguments: expected {fixed}, got {given}"
            ));
        }
        Ok(())
    }
}

/// What Go passes where nil is given: the zero value of the parameter's type.
fn zero(parameter: GoType) -> Value {
    match parameter {
        GoType::Bool => Value::Bool(false),
        GoType::Int => Value::Int(0),
        GoType::Int64 => Value::Int64(0),
        GoType::Float => Value::Float(0.0),
        GoType::String => Value::string(""),
        GoType::Anys | GoType::Strings => Value::Array(super::value::Array::nil()),
        GoType::Time => Value::Time(Box::new(crate::go::layout::zero())),
        GoType::StringAny => Value::Map(super::value::Map::from_iter([])),
        _ => Value::Nil,
    }
}
