//! Every bound of the expression language, with its reason.

/// Nodes of a syntax tree: expr-lang's own bound.
pub(crate) const MAX_NODES: usize = 10_000;

/// Elements that all lists and maps made by one run may hold together: expr-lang's own bound.
pub(crate) const MAX_ELEMENTS: u64 = 1_000_000;

/// Bytes of all strings made by one run: far above any manifest, far below the machine's memory.
pub(crate) const MAX_BYTES: u64 = 32 << 20;

/// Instructions of one run: about a second.
pub(crate) const MAX_STEPS: u64 = 5_000_000;

/// How deep brackets and operands may nest, so that parsing fits any thread's stack.
pub(crate) const MAX_NESTING: u32 = 100;

/// How deep the syntax tree may be, so that walking it fits any thread's stack.
pub(crate) const MAX_DEPTH: u32 = 250;

/// Instructions of a program. Some forms are compiled twice (`a ?: b` is `a ? a : b`), and again where they nest.
pub(crate) const MAX_OPS: usize = 100_000;

/// How deep values may nest where they are read from JSON, compared or printed.
pub(crate) const MAX_VALUE_DEPTH: usize = 128;

/// The compiled size of a regular expression, in bytes.
pub(crate) const MAX_REGEX_SIZE: usize = 1 << 20;
