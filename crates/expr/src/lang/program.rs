//! What an expression compiles to: instructions for a stack machine, as expr-lang's, each with its place in the source.

use std::sync::Arc;

use super::ast::Binary;
use super::builtins::Native;
use super::error::Span;
use super::value::Value;

/// One instruction. Jumps name the instruction to go on with.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Op {
    /// Pushes a constant.
    Push(u32),
    Pop,
    /// Pops into a variable.
    Store(u32),
    LoadVariable(u32),
    /// Pushes a variable of the environment, nil if it has none of that name.
    LoadName(u32),
    LoadEnvironment,
    /// Pops a key and a container, pushes the element.
    Fetch,
    Negate,
    Not,
    Binary(Binary),
    /// Like `==`, where both sides are known to be of one type and another is a failure.
    EqualInt,
    EqualString,
    /// `matches` with a pattern that is known.
    Matches(u32),
    Jump(u32),
    JumpIfTrue(u32),
    JumpIfFalse(u32),
    JumpIfNil(u32),
    JumpIfNotNil(u32),
    /// Jumps when the current loop has no more items.
    JumpIfEnd(u32),
    /// Pops from, to and a list or string, pushes the part.
    Slice,
    /// Pops a function and its arguments.
    Call(u32),
    /// Calls a function of the language.
    Native(Native, u32),
    /// Pops so many items, pushes a list. Without a number, the number is popped first.
    Array(Option<u32>),
    Map(u32),
    /// Pushes the length of the value on top.
    Length,
    /// Pops a list and starts a loop over it.
    Begin,
    /// Ends the current loop.
    End,
    NextIndex,
    PreviousIndex,
    /// Sets the index to that of the last item.
    LastIndex,
    Count,
    PushIndex,
    PushCount,
    PushLength,
    PushItem,
    PushAccumulator,
    SetAccumulator,
    /// Adds the current item to the group whose key is on the stack.
    Group,
    PushGroups,
    /// Pops the order and prepares to sort.
    BeginSort,
    /// Remembers the current item with the value on the stack as its key.
    SortItem,
    PushSorted,
    /// Fails with a constant message.
    Throw(u32),
}

/// A compiled expression.
#[derive(Debug)]
pub(crate) struct Code {
    pub(crate) ops: Vec<Op>,
    pub(crate) spans: Vec<Span>,
    pub(crate) constants: Vec<Value>,
    pub(crate) patterns: Vec<Arc<regex::Regex>>,
    pub(crate) variables: usize,
}
