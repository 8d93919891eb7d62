//! To be written: the rewrites that can be observed.

use super::ast::Ast;
use super::error::Fault;
use super::types::Nature;

pub(crate) fn optimize(_: &mut Ast, _: &mut Vec<Nature>) -> Result<(), Box<Fault>> {
    Ok(())
}
