//! The picture of a workflow's nodes: projection, tree, folding, lines. All of it pure.

pub mod fold;
pub mod forest;
pub mod phase;
pub mod plain;
pub mod refine;
pub mod render;
pub mod view;

#[cfg(test)]
mod tests;
