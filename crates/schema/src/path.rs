//! Where in an object something is, written as Kubernetes does: `spec.containers[0].name`.

use std::fmt;

/// A path into an object, built on the way down without allocating.
#[derive(Clone, Copy, Debug)]
pub enum Path<'a> {
    /// The object itself.
    Root,
    /// A field of an object whose fields are defined.
    Field(&'a Path<'a>, &'a str),
    /// An entry of a map with free keys.
    Key(&'a Path<'a>, &'a str),
    /// An element of a list.
    Index(&'a Path<'a>, usize),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Path::Root => Ok(()),
            Path::Field(Path::Root, name) => f.write_str(name),
            Path::Field(parent, name) => write!(f, "{parent}.{name}"),
            Path::Key(parent, key) => write!(f, "{parent}[{key}]"),
            Path::Index(parent, at) => write!(f, "{parent}[{at}]"),
        }
    }
}
