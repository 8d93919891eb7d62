//! The syntax tree: nodes in one vector, named by index, so that a tree of any depth is freed without recursion.

use std::sync::Arc;

use super::error::Span;
use super::value::Value;

/// The index of a node in its [`Ast`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Id(u32);

/// A syntax tree.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ast {
    nodes: Vec<Node>,
    pub(crate) root: Id,
}

impl Default for Id {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

/// A node: what it is and where it stands in the source.
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// The longest path below this node.
    depth: u32,
}

/// What a node is. Names follow expr-lang's.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Nil,
    Bool(bool),
    Int(i64),
    Float(f64),
    String(Arc<str>),
    Bytes(Arc<[u8]>),
    /// A value computed at compile time.
    Constant(Value),
    Identifier(Arc<str>),
    Unary(Unary, Id),
    Binary(Binary, Id, Id),
    /// Where a `?.` that meets nil jumps to.
    Chain(Id),
    Member {
        base: Id,
        property: Id,
        optional: bool,
        /// Written as a call: `base.property(...)`.
        method: bool,
    },
    Slice {
        base: Id,
        from: Option<Id>,
        to: Option<Id>,
    },
    Call {
        callee: Id,
        arguments: Vec<Id>,
    },
    Builtin(Builtin),
    Predicate(Id),
    /// `#`, `#index`, `#acc`, or the implied one of `.field`.
    Pointer(Arc<str>),
    Let {
        name: Arc<str>,
        value: Id,
        body: Id,
    },
    Sequence(Vec<Id>),
    Conditional {
        condition: Id,
        then: Id,
        otherwise: Id,
    },
    Array(Vec<Id>),
    Map(Vec<(Id, Id)>),
}

/// A call of a function of the language.
#[derive(Clone, Debug)]
pub(crate) struct Builtin {
    pub(crate) name: Arc<str>,
    pub(crate) arguments: Vec<Id>,
    /// Set by the optimiser: what each chosen item becomes.
    pub(crate) map: Option<Id>,
    /// Set by the optimiser: finding nothing is an error, as indexing an empty list is.
    pub(crate) throws: bool,
    /// Set by the optimiser: enough of a count to decide a comparison.
    pub(crate) threshold: Option<i64>,
}

impl Builtin {
    pub(crate) fn new(name: impl Into<Arc<str>>, arguments: Vec<Id>) -> Self {
        Self {
            name: name.into(),
            arguments,
            map: None,
            throws: false,
            threshold: None,
        }
    }
}

/// The unary operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Not,
    Plus,
    Minus,
}

/// The binary operators. Spellings with the same meaning are one operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    Greater,
    GreaterOrEqual,
    LessOrEqual,
    In,
    Matches,
    Contains,
    StartsWith,
    EndsWith,
    Range,
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Coalesce,
}

impl Binary {
    /// The operator that a token spells, with its precedence. `**` and `^` alone bind to the right.
    pub(crate) fn parse(text: &str) -> Option<(Self, u16)> {
        Some(match text {
            "or" | "||" => (Self::Or, 10),
            "and" | "&&" => (Self::And, 15),
            "==" => (Self::Equal, 20),
            "!=" => (Self::NotEqual, 20),
            "<" => (Self::Less, 20),
            ">" => (Self::Greater, 20),
            ">=" => (Self::GreaterOrEqual, 20),
            "<=" => (Self::LessOrEqual, 20),
            "in" => (Self::In, 20),
            "matches" => (Self::Matches, 20),
            "contains" => (Self::Contains, 20),
            "startsWith" => (Self::StartsWith, 20),
            "endsWith" => (Self::EndsWith, 20),
            ".." => (Self::Range, 25),
            "+" => (Self::Add, 30),
            "-" => (Self::Subtract, 30),
            "*" => (Self::Multiply, 60),
            "/" => (Self::Divide, 60),
            "%" => (Self::Modulo, 60),
            "**" | "^" => (Self::Power, 100),
            "??" => (Self::Coalesce, 500),
            _ => return None,
        })
    }

    /// The operator as messages write it.
    pub(crate) fn symbol(self) -> &'static str {
        match self {
            Self::Or => "||",
            Self::And => "&&",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::LessOrEqual => "<=",
            Self::In => "in",
            Self::Matches => "matches",
            Self::Contains => "contains",
            Self::StartsWith => "startsWith",
            Self::EndsWith => "endsWith",
            Self::Range => "..",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Modulo => "%",
            Self::Power => "**",
            Self::Coalesce => "??",
        }
    }

    /// `a < b < c` means `a < b && b < c` for these.
    pub(crate) fn is_ordering(self) -> bool {
        matches!(
            self,
            Self::Less | Self::Greater | Self::GreaterOrEqual | Self::LessOrEqual
        )
    }
}

impl Ast {
    /// Adds a node and answers its name.
    pub(crate) fn add(&mut self, kind: Kind, span: Span) -> Id {
        let mut depth = 0;
        each_child(&kind, |child| {
            depth = depth.max(self.get(child).depth + u32::from(!self.continues(&kind, child)));
        });
        self.nodes.push(Node { kind, span, depth });
        Id(u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX))
    }

    /// Whether a child goes on with its parent's row of operators, as in `a + b + c`. Rows are walked by loops
    /// and add no depth.
    fn continues(&self, parent: &Kind, child: Id) -> bool {
        match parent {
            Kind::Binary(_, left, _) => *left == child && matches!(self.kind(child), Kind::Binary(..)),
            _ => false,
        }
    }

    /// The operations of a row, from its end (`id`) to its beginning, and what its first operation is about.
    pub(crate) fn row(&self, id: Id) -> (Vec<Id>, Id) {
        let mut row = Vec::new();
        let mut at = id;
        while let Kind::Binary(_, left, _) = self.kind(at) {
            row.push(at);
            at = *left;
        }
        (row, at)
    }

    pub(crate) fn get(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    pub(crate) fn kind(&self, id: Id) -> &Kind {
        &self.get(id).kind
    }

    /// Makes a node another one, in its place.
    pub(crate) fn replace(&mut self, id: Id, kind: Kind) {
        self.nodes[id.0 as usize].kind = kind;
    }

    pub(crate) fn span(&self, id: Id) -> Span {
        self.get(id).span
    }

    pub(crate) fn depth(&self, id: Id) -> u32 {
        self.get(id).depth
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn index(id: Id) -> usize {
        id.0 as usize
    }

    /// The text of a string literal.
    pub(crate) fn string(&self, id: Id) -> Option<&Arc<str>> {
        match self.kind(id) {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }

    /// Calls `visit` on every node of the tree under `root`, children before parents, left to right. A node with
    /// several parents, as the middle of `a < b < c` is, is visited once.
    pub(crate) fn walk(&self, root: Id, visit: &mut dyn FnMut(Id)) {
        let mut seen = vec![false; self.nodes.len()];
        let mut pending = vec![(root, false)];
        while let Some((id, expanded)) = pending.pop() {
            if expanded {
                visit(id);
                continue;
            }
            if std::mem::replace(&mut seen[Self::index(id)], true) {
                continue;
            }
            pending.push((id, true));
            let first = pending.len();
            each_child(self.kind(id), |child| pending.push((child, false)));
            pending[first..].reverse();
        }
    }
}

/// Calls `visit` on each child, in the order of the source.
pub(crate) fn each_child(kind: &Kind, mut visit: impl FnMut(Id)) {
    match kind {
        Kind::Nil
        | Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Float(_)
        | Kind::String(_)
        | Kind::Bytes(_)
        | Kind::Constant(_)
        | Kind::Identifier(_)
        | Kind::Pointer(_) => {}
        Kind::Unary(_, child) | Kind::Chain(child) | Kind::Predicate(child) => visit(*child),
        Kind::Binary(_, left, right) => {
            visit(*left);
            visit(*right);
        }
        Kind::Member { base, property, .. } => {
            visit(*base);
            visit(*property);
        }
        Kind::Slice { base, from, to } => {
            visit(*base);
            from.iter().chain(to).for_each(|id| visit(*id));
        }
        Kind::Call { callee, arguments } => {
            visit(*callee);
            arguments.iter().for_each(|id| visit(*id));
        }
        Kind::Builtin(builtin) => builtin
            .arguments
            .iter()
            .chain(&builtin.map)
            .for_each(|id| visit(*id)),
        Kind::Let { value, body, .. } => {
            visit(*value);
            visit(*body);
        }
        Kind::Sequence(nodes) | Kind::Array(nodes) => nodes.iter().for_each(|id| visit(*id)),
        Kind::Conditional {
            condition,
            then,
            otherwise,
        } => {
            visit(*condition);
            visit(*then);
            visit(*otherwise);
        }
        Kind::Map(pairs) => {
            for (key, value) in pairs {
                visit(*key);
                visit(*value);
            }
        }
    }
}
