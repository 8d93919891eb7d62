//! The type checker's part for calls: of the language's functions, of the environment's, and of predicates.

use super::ast::{Builtin, Id, Kind};
use super::check::{Checked, Checker};
use super::error::Fault;
use super::function::Function;
use super::signature::{self, Overload, Rule};
use super::types::{GoType, Nature};

const INDEX: &[(&str, GoType)] = &[("index", GoType::Int)];
const INDEX_AND_ACC: &[(&str, GoType)] = &[("index", GoType::Int), ("acc", GoType::Unknown)];

impl Checker<'_> {
    pub(super) fn call(&mut self, id: Id, callee: Id, arguments: &[Id]) -> Checked {
        if matches!(self.ast.kind(callee), Kind::Identifier(name) if **name == *"$env") {
            return self.fail(id, "map[string]interface {} is not callable");
        }
        let nature = self.visit(callee)?;
        if nature.is_unknown() {
            return Ok(Nature::UNKNOWN);
        }
        if let Some(function) = nature.function {
            return self.check_function(id, function, arguments);
        }
        if nature.is_nil() {
            let name = self.callee_name(callee);
            return self.fail(id, format!("{name} is nil; cannot call nil as function"));
        }
        self.fail(id, format!("{} is not callable", nature.describe()))
    }

    fn callee_name(&self, callee: Id) -> String {
        match self.ast.kind(callee) {
            Kind::Identifier(name) => name.to_string(),
            Kind::Member { property, .. } => self
                .ast
                .string(*property)
                .map_or("function", |name| name)
                .to_owned(),
            _ => "function".to_owned(),
        }
    }

    fn check_function(&mut self, id: Id, function: &Function, arguments: &[Id]) -> Checked {
        let fixed = function.parameters.len() - usize::from(function.variadic);
        let name = function.name;
        let few = arguments.len() < fixed;
        if few || (arguments.len() > fixed && !function.variadic) {
            self.visit_all(arguments)?;
            let few = if few { "not enough" } else { "too many" };
            return self.fail(id, format!("{few} arguments to call {name}"));
        }
        for (index, argument) in arguments.iter().enumerate() {
            let nature = self.visit(*argument)?;
            let parameter = function.parameter(index).unwrap_or(GoType::Any);
            self.check_argument(name, *argument, &nature, parameter)?;
        }
        Ok(function.result.into())
    }

    fn visit_all(&mut self, arguments: &[Id]) -> Result<Vec<Nature>, Box<Fault>> {
        arguments.iter().map(|argument| self.visit(*argument)).collect()
    }

    fn check_argument(
        &self,
        name: &str,
        id: Id,
        nature: &Nature,
        parameter: GoType,
    ) -> Result<(), Box<Fault>> {
        let wanted = parameter.describe();
        if nature.is_nil() {
            if parameter == GoType::Any {
                return Ok(());
            }
            return self.fail(
                id,
                format!("cannot use nil as argument (type {wanted}) to call {name}"),
            );
        }
        let integers =
            nature.is_integer() && matches!(parameter, GoType::Int | GoType::Int64 | GoType::Float);
        if integers || nature.is_unknown() || nature.go.assignable_to(parameter) {
            return Ok(());
        }
        let given = nature.describe();
        self.fail(
            id,
            format!("cannot use {given} as argument (type {wanted}) to call {name} "),
        )
    }

    pub(super) fn builtin(&mut self, id: Id, builtin: &Builtin) -> Checked {
        let arguments = &builtin.arguments;
        match signature::find(&builtin.name) {
            Some(signature) => match &signature.rule {
                Rule::Predicate(_) => self.predicate_call(builtin),
                Rule::Get => self.get(id, arguments),
                Rule::Validate(validate) => {
                    let natures = self.visit_all(arguments)?;
                    validate(signature.name, &natures).or_else(|problem| self.fail(id, problem))
                }
                Rule::Overloads(overloads) => self.overloads(id, signature.name, overloads, arguments),
            },
            None => self.fail(id, format!("unknown builtin {}", builtin.name)),
        }
    }

    fn overloads(&mut self, id: Id, name: &str, overloads: &[Overload], arguments: &[Id]) -> Checked {
        let mut last = None;
        for overload in overloads {
            match self.overload(id, name, overload, arguments)? {
                None => return Ok(overload.result.into()),
                problem => last = problem,
            }
        }
        match last {
            Some(fault) => Err(fault),
            None => self.fail(id, format!("no matching overload for {name}")),
        }
    }

    /// Why the arguments do not fit an overload. An argument that is wrong in itself is an error, unless one
    /// before it does not fit: then it is not looked at.
    fn overload(
        &mut self,
        id: Id,
        name: &str,
        overload: &Overload,
        arguments: &[Id],
    ) -> Result<Option<Box<Fault>>, Box<Fault>> {
        let wanted = overload.parameters.len();
        if arguments.len() != wanted {
            self.visit_all(arguments)?;
            let few = if arguments.len() < wanted {
                "not enough"
            } else {
                "too many"
            };
            let message = format!("{few} arguments to call {name}");
            return Ok(Some(Fault::new(self.ast.span(id), message)));
        }
        for (argument, parameter) in arguments.iter().zip(overload.parameters) {
            let nature = self.visit(*argument)?;
            if let Err(problem) = self.check_argument(name, *argument, &nature, *parameter) {
                return Ok(Some(problem));
            }
        }
        Ok(None)
    }

    fn get(&mut self, id: Id, arguments: &[Id]) -> Checked {
        let &[from, key] = arguments else {
            let given = arguments.len();
            return self.fail(
                id,
                format!("invalid number of arguments (expected 2, got {given})"),
            );
        };
        let base = self.visit(from)?;
        let property = self.visit(key)?;
        if let (Kind::Identifier(name), Some(key)) = (self.ast.kind(from), self.ast.string(key))
            && **name == *"$env"
        {
            return self.environment(id, key, true);
        }
        if base.is_unknown() {
            return Ok(Nature::UNKNOWN);
        }
        if base.is_array() {
            if !property.is_integer() && !property.is_unknown() {
                let property = property.describe();
                return self.fail(key, format!("non-integer slice index {property}"));
            }
            return Ok(base.elem());
        }
        if base.is_map() {
            if !property.assignable_to(&base.key()) && !property.is_unknown() {
                let (property, base) = (property.describe(), base.describe());
                return self.fail(
                    key,
                    format!("cannot use {property} to get an element from {base}"),
                );
            }
            return Ok(base.elem());
        }
        self.fail(
            from,
            format!("type {} does not support indexing", base.describe()),
        )
    }

    fn predicate_call(&mut self, builtin: &Builtin) -> Checked {
        let name = &*builtin.name;
        let arguments = &builtin.arguments;
        let collection = self.visit(arguments[0])?;
        if !collection.is_array() && !collection.is_unknown() {
            let given = collection.describe();
            return self.fail(
                arguments[0],
                format!("builtin {name} takes only array (got {given})"),
            );
        }
        let Some(&predicate) = arguments.get(1) else {
            return Ok(without_predicate(name, &collection));
        };
        let variables = match name {
            "map" => INDEX,
            "reduce" => INDEX_AND_ACC,
            _ => &[],
        };
        let function = self.within(&collection, variables, |checker| checker.visit(predicate))?;
        let result = function.of.map_or(Nature::UNKNOWN, |of| of.as_ref().clone());
        if let Some(&extra) = arguments.get(2) {
            let order = self.visit(extra)?;
            if name == "sortBy" && !order.is_string() && !order.is_unknown() {
                let order = order.describe();
                return self.fail(
                    extra,
                    format!("sortBy order argument must be a string (got {order})"),
                );
            }
        }
        if result.is_nil() {
            return self.fail(predicate, "predicate should has one input and one output param");
        }
        if takes_condition(name) && !result.is_bool() && !result.is_unknown() {
            let result = result.describe();
            return self.fail(
                predicate,
                format!("predicate should return boolean (got {result})"),
            );
        }
        Ok(with_predicate(name, collection, result))
    }
}

fn takes_condition(name: &str) -> bool {
    !matches!(name, "map" | "sum" | "groupBy" | "sortBy" | "reduce")
}

fn without_predicate(name: &str, collection: &Nature) -> Nature {
    match name {
        "count" => GoType::Int.into(),
        _ if collection.is_unknown() => Nature::UNKNOWN,
        _ => collection.elem(),
    }
}

/// What a function answers whose predicate answers `result`.
fn with_predicate(name: &str, collection: Nature, result: Nature) -> Nature {
    match name {
        "all" | "none" | "any" | "one" => GoType::Bool.into(),
        "count" | "findIndex" | "findLastIndex" => GoType::Int.into(),
        "map" => Nature::array_of(result),
        "filter" if collection.is_unknown() => GoType::Anys.into(),
        "filter" => Nature::array_of(collection.elem()),
        "find" | "findLast" if collection.is_unknown() => Nature::UNKNOWN,
        "find" | "findLast" => collection.elem(),
        // The Go type of the result, not what else is known of it.
        "sum" if result.is_unknown() => GoType::Any.into(),
        "sum" => result.go.into(),
        "groupBy" => GoType::Groups.into(),
        "sortBy" => collection,
        _ => result,
    }
}
