//! The stack machine that runs a compiled expression, within bounds on steps, elements and bytes.

use std::collections::BTreeMap;
use std::sync::Arc;

use meta::Timestamp;

use super::environment::Environment;
use super::error::Fault;
use super::limits::{MAX_BYTES, MAX_ELEMENTS, MAX_STEPS};
use super::ops;
use super::program::{Code, Op};
use super::sort;
use super::value::{Array, Elem, Key, Map, MapKind, Value};

/// A source of random bytes, which fills what it is given.
pub type Random<'a> = dyn FnMut(&mut [u8]) + 'a;

/// What an evaluation is given from outside, and what it has used up.
#[derive(Default)]
pub struct Context<'a> {
    /// The time that `now()` and `sprig.now()` answer; without it they fail.
    pub now: Option<Timestamp>,
    /// Where `sprig.uuidv4` and its like take random bytes from; without it they fail.
    pub random: Option<&'a mut Random<'a>>,
    elements: u64,
    bytes: u64,
    steps: u64,
}

impl<'a> Context<'a> {
    /// A context that knows the time.
    pub fn at(now: Timestamp) -> Self {
        Self {
            now: Some(now),
            ..Self::default()
        }
    }

    /// The context with a source of randomness.
    #[must_use]
    pub fn with_random(mut self, random: &'a mut Random<'a>) -> Self {
        self.random = Some(random);
        self
    }

    /// Counts elements of a list or map that was made.
    pub(crate) fn grow(&mut self, elements: usize) -> Result<(), String> {
        self.elements += elements as u64;
        if self.elements >= MAX_ELEMENTS {
            return Err("memory budget exceeded".to_owned());
        }
        Ok(())
    }

    /// Counts bytes of a string that was made or is about to be.
    pub(crate) fn grow_bytes(&mut self, bytes: usize) -> Result<(), String> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes >= MAX_BYTES {
            return Err("memory budget exceeded".to_owned());
        }
        Ok(())
    }

    /// Counts work done.
    pub(crate) fn work(&mut self, steps: usize) -> Result<(), String> {
        self.steps = self.steps.saturating_add(steps as u64);
        if self.steps >= MAX_STEPS {
            return Err("the expression takes too many steps".to_owned());
        }
        Ok(())
    }
}

/// Runs `code` in `environment`.
pub(crate) fn run(
    code: &Code,
    environment: &Environment,
    context: &mut Context<'_>,
) -> Result<Value, Box<Fault>> {
    let mut machine = Machine {
        code,
        environment,
        context,
        stack: Vec::new(),
        variables: vec![Value::Nil; code.variables],
        loops: Vec::new(),
        at: 0,
    };
    while let Some(op) = code.ops.get(machine.at) {
        let at = machine.at;
        machine.at += 1;
        machine
            .step(*op)
            .map_err(|message| Fault::new(code.spans.get(at).copied().unwrap_or_default(), message))?;
    }
    Ok(machine.stack.pop().unwrap_or_default())
}

struct Machine<'a, 'c> {
    code: &'a Code,
    environment: &'a Environment,
    context: &'a mut Context<'c>,
    stack: Vec<Value>,
    variables: Vec<Value>,
    loops: Vec<Loop>,
    at: usize,
}

/// A loop over a list: where it is and what it has gathered.
struct Loop {
    items: Items,
    /// Signed, since a loop that runs backwards ends below zero.
    index: i64,
    count: i64,
    accumulator: Value,
    groups: BTreeMap<Key, Vec<Value>>,
    keys: Vec<Value>,
    sorted: Vec<Value>,
    descending: bool,
}

enum Items {
    Array(Array),
    /// The bytes of a string or of `[]byte`.
    Bytes(Arc<[u8]>),
    /// A map has a length, but no items by number: a loop over it works unless it asks for one.
    Map(usize),
}

type Step = Result<(), String>;

impl Items {
    fn len(&self) -> usize {
        match self {
            Self::Array(array) => array.items().len(),
            Self::Bytes(bytes) => bytes.len(),
            Self::Map(length) => *length,
        }
    }

    fn get(&self, index: i64) -> Option<Value> {
        let index = usize::try_from(index).ok()?;
        match self {
            Self::Array(array) => array.items().get(index).cloned(),
            Self::Bytes(bytes) => bytes.get(index).copied().map(Value::Byte),
            Self::Map(_) => None,
        }
    }
}

impl Machine<'_, '_> {
    fn pop(&mut self) -> Result<Value, String> {
        self.stack.pop().ok_or_else(|| "stack underflow".to_owned())
    }

    fn top(&self) -> Result<&Value, String> {
        self.stack.last().ok_or_else(|| "stack underflow".to_owned())
    }

    fn push(&mut self, value: Value) -> Step {
        self.stack.push(value);
        Ok(())
    }

    /// The last `count` values, oldest first.
    fn pop_many(&mut self, count: usize) -> Result<Vec<Value>, String> {
        let from = self
            .stack
            .len()
            .checked_sub(count)
            .ok_or_else(|| "stack underflow".to_owned())?;
        Ok(self.stack.split_off(from))
    }

    fn constant(&self, index: u32) -> Value {
        self.code
            .constants
            .get(index as usize)
            .cloned()
            .unwrap_or_default()
    }

    fn step(&mut self, op: Op) -> Step {
        self.context.work(1)?;
        match op {
            Op::Push(index) => self.push(self.constant(index)),
            Op::Pop => self.pop().map(drop),
            Op::Store(index) => {
                let value = self.pop()?;
                if let Some(variable) = self.variables.get_mut(index as usize) {
                    *variable = value;
                }
                Ok(())
            }
            Op::LoadVariable(index) => {
                let value = self.variables.get(index as usize).cloned();
                self.push(value.unwrap_or_default())
            }
            Op::LoadName(index) => self.load_name(index),
            Op::LoadEnvironment => self.push(Value::Map(self.environment.variables().clone())),
            Op::Jump(_)
            | Op::JumpIfTrue(_)
            | Op::JumpIfFalse(_)
            | Op::JumpIfNil(_)
            | Op::JumpIfNotNil(_)
            | Op::JumpIfEnd(_) => self.jump(op),
            Op::Call(count) => self.call(count as usize),
            Op::Native(native, count) => {
                let arguments = self.pop_many(count as usize)?;
                let value = native.call(self.context, &arguments)?;
                self.push(value)
            }
            Op::Array(count) => self.array(count),
            Op::Map(count) => self.map(count as usize),
            Op::Throw(index) => Err(self.constant(index).as_str().unwrap_or_default().to_owned()),
            _ if is_loop(op) => self.loop_step(op),
            _ => self.operator(op),
        }
    }

    fn load_name(&mut self, index: u32) -> Step {
        let name = self.constant(index);
        let value = name.as_str().and_then(|name| self.environment.get(name)).cloned();
        self.push(value.unwrap_or_default())
    }

    fn condition(&self) -> Result<bool, String> {
        match self.top()? {
            Value::Bool(value) => Ok(*value),
            other => Err(ops::not_a(other, "bool")),
        }
    }

    fn jump(&mut self, op: Op) -> Step {
        let (jumps, goal) = match op {
            Op::JumpIfTrue(goal) => (self.condition()?, goal),
            Op::JumpIfFalse(goal) => (!self.condition()?, goal),
            Op::JumpIfNil(goal) => (self.top()?.is_nil(), goal),
            Op::JumpIfNotNil(goal) => (!self.top()?.is_nil(), goal),
            Op::JumpIfEnd(goal) => {
                let scope = self.scope()?;
                (scope.index >= len(&scope.items), goal)
            }
            Op::Jump(goal) => (true, goal),
            _ => return Ok(()),
        };
        if jumps {
            self.at = goal as usize;
        }
        Ok(())
    }

    fn operator(&mut self, op: Op) -> Step {
        let value = match op {
            Op::Negate => ops::negate(self.pop()?)?,
            Op::Not => match self.pop()? {
                Value::Bool(value) => Value::Bool(!value),
                other => return Err(ops::not_a(&other, "bool")),
            },
            Op::EqualInt | Op::EqualString => {
                let (b, a) = (self.pop()?, self.pop()?);
                ops::equal_typed(&a, &b, matches!(op, Op::EqualInt))?
            }
            Op::Binary(operator) => {
                let (b, a) = (self.pop()?, self.pop()?);
                ops::binary(self.context, operator, &a, &b)?
            }
            Op::Matches(index) => {
                let text = self.pop()?;
                let pattern = self.code.patterns.get(index as usize);
                ops::matches_pattern(&text, pattern.map(Arc::as_ref))?
            }
            Op::Fetch => {
                let (key, from) = (self.pop()?, self.pop()?);
                ops::fetch(&from, &key)?
            }
            Op::Slice => {
                let (from, to, list) = (self.pop()?, self.pop()?, self.pop()?);
                ops::slice(&list, &from, &to)?
            }
            Op::Length => ops::byte_length(self.top()?)?,
            _ => return Err("invalid opcode".to_owned()),
        };
        if let Value::String(text) = &value {
            self.context.grow_bytes(text.len())?;
        }
        self.push(value)
    }

    fn call(&mut self, count: usize) -> Step {
        let callee = self.pop()?;
        let mut arguments = self.pop_many(count)?;
        let function = match &callee {
            Value::Function(function) => *function,
            Value::Method(method) => {
                arguments.insert(0, method.0.clone());
                method.1
            }
            Value::Nil => return Err("invalid operation: cannot call nil".to_owned()),
            other => {
                let given = other.go_type();
                return Err(format!(
                    "invalid operation: cannot call non-function of type {given}"
                ));
            }
        };
        let value = function.invoke(self.context, arguments)?;
        account(self.context, &value)?;
        self.push(value)
    }

    fn array(&mut self, count: Option<u32>) -> Step {
        let count = match count {
            Some(count) => count as usize,
            None => match self.pop()? {
                Value::Int(count) => usize::try_from(count).unwrap_or(0),
                other => return Err(ops::not_a(&other, "int")),
            },
        };
        self.context.grow(count)?;
        let items = self.pop_many(count)?;
        self.push(Value::array(items))
    }

    fn map(&mut self, count: usize) -> Step {
        self.context.grow(count)?;
        let mut flat = self.pop_many(count * 2)?.into_iter();
        let mut entries = BTreeMap::new();
        // The last of several equal keys is set first, as expr-lang pops them.
        while let Some(value) = flat.next_back() {
            let Some(key) = flat.next_back() else { break };
            let Value::String(key) = key else {
                return Err(ops::not_a(&key, "string"));
            };
            entries.insert(Key::String(key), value);
        }
        self.push(Value::Map(Map::of(MapKind::StringAny, entries)))
    }

    fn scope(&self) -> Result<&Loop, String> {
        self.loops.last().ok_or_else(|| "no current loop".to_owned())
    }

    fn scope_mut(&mut self) -> Result<&mut Loop, String> {
        self.loops.last_mut().ok_or_else(|| "no current loop".to_owned())
    }

    fn item(&self) -> Result<Value, String> {
        let scope = self.scope()?;
        scope
            .items
            .get(scope.index)
            .ok_or_else(|| "reflect: call of reflect.Value.Index on map Value".to_owned())
    }

    fn loop_step(&mut self, op: Op) -> Step {
        match op {
            Op::Begin => return self.begin(),
            Op::End => drop(self.loops.pop()),
            Op::NextIndex => self.scope_mut()?.index += 1,
            Op::PreviousIndex => self.scope_mut()?.index -= 1,
            Op::LastIndex => {
                let scope = self.scope_mut()?;
                scope.index = len(&scope.items) - 1;
            }
            Op::Count => self.scope_mut()?.count += 1,
            Op::PushIndex => return self.push(Value::Int(self.scope()?.index)),
            Op::PushCount => return self.push(Value::Int(self.scope()?.count)),
            Op::PushLength => return self.push(Value::Int(len(&self.scope()?.items))),
            Op::PushItem => return self.push(self.item()?),
            Op::PushAccumulator => return self.push(self.scope()?.accumulator.clone()),
            Op::SetAccumulator => {
                let value = self.pop()?;
                self.scope_mut()?.accumulator = value;
            }
            Op::Group => return self.group(),
            Op::PushGroups => return self.push_groups(),
            Op::BeginSort => {
                let descending = sort::is_descending(&self.pop()?)?;
                self.scope_mut()?.descending = descending;
            }
            Op::SortItem => {
                let (key, item) = (self.pop()?, self.item()?);
                let scope = self.scope_mut()?;
                scope.keys.push(key);
                scope.sorted.push(item);
            }
            Op::PushSorted => return self.push_sorted(),
            _ => {}
        }
        Ok(())
    }

    fn begin(&mut self) -> Step {
        let items = match self.pop()? {
            Value::Array(array) => Items::Array(array),
            Value::Bytes(bytes) => Items::Bytes(bytes),
            Value::String(text) => Items::Bytes(text.as_bytes().into()),
            Value::Map(map) => Items::Map(map.entries().len()),
            other => {
                let kind = match &other {
                    Value::Nil => "zero",
                    other => ops::kind(other),
                };
                return Err(format!("reflect: call of reflect.Value.Len on {kind} Value"));
            }
        };
        self.loops.push(Loop {
            items,
            index: 0,
            count: 0,
            accumulator: Value::Nil,
            groups: BTreeMap::new(),
            keys: Vec::new(),
            sorted: Vec::new(),
            descending: false,
        });
        Ok(())
    }

    fn group(&mut self) -> Step {
        let (value, item) = (self.pop()?, self.item()?);
        let key = value.to_key().ok_or_else(|| {
            let given = value.go_type();
            format!("cannot use {given} as a key for groupBy: type is not comparable")
        })?;
        self.scope_mut()?.groups.entry(key).or_default().push(item);
        Ok(())
    }

    fn push_groups(&mut self) -> Step {
        let groups = std::mem::take(&mut self.scope_mut()?.groups);
        let entries = groups
            .into_iter()
            .map(|(key, items)| (key, Value::array(items)))
            .collect();
        self.push(Value::Map(Map::of(MapKind::Groups, entries)))
    }

    fn push_sorted(&mut self) -> Step {
        let scope = self.scope_mut()?;
        let items = std::mem::take(&mut scope.sorted);
        let keys = std::mem::take(&mut scope.keys);
        let descending = scope.descending;
        self.context.grow(items.len())?;
        let sorted = sort::by_keys(self.context, items, keys, descending)?;
        self.push(Value::Array(Array::of(Elem::Any, sorted)))
    }
}

fn len(items: &Items) -> i64 {
    i64::try_from(items.len()).unwrap_or(i64::MAX)
}

fn is_loop(op: Op) -> bool {
    matches!(
        op,
        Op::Begin
            | Op::End
            | Op::NextIndex
            | Op::PreviousIndex
            | Op::LastIndex
            | Op::Count
            | Op::PushIndex
            | Op::PushCount
            | Op::PushLength
            | Op::PushItem
            | Op::PushAccumulator
            | Op::SetAccumulator
            | Op::Group
            | Op::PushGroups
            | Op::BeginSort
            | Op::SortItem
            | Op::PushSorted
    )
}

/// Counts what a function answered.
fn account(context: &mut Context<'_>, value: &Value) -> Step {
    match value {
        Value::String(text) => context.grow_bytes(text.len()),
        Value::Array(array) => context.grow(array.items().len()),
        Value::Map(map) => context.grow(map.entries().len()),
        _ => Ok(()),
    }
}
