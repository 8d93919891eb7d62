//! The condition of a step or task (`when`), as govaluate reads it after Argo's substitution.
//!
//! ```text
//! text -> tokens -> bare words become strings -> which token may follow which -> evaluation
//! ```
//!
//! Bare words are strings, so that `{{steps.flip.outputs.result}} == heads` works unquoted; a value with blanks
//! or operators in it does not, and people quote it. Numbers are floats, quoted dates are seconds since the
//! epoch (in UTC where they name no zone).

mod eval;
mod lexer;
mod syntax;
mod token;

use token::{Operand, TokenKind};

/// Evaluates a condition.
///
/// # Errors
/// Argo's message, which begins with what it was doing: `Invalid 'when' expression ...`.
pub fn evaluate(when: &str) -> Result<bool, String> {
    if when.is_empty() {
        return Ok(true);
    }
    let mut tokens = parse(when).map_err(|problem| {
        let hint = if problem.contains("Invalid token") {
            " (hint: try wrapping the affected expression in quotes (\"))"
        } else {
            ""
        };
        format!("Invalid 'when' expression '{when}': {problem}{hint}")
    })?;
    for token in &mut tokens {
        if token.kind == TokenKind::Variable {
            token.kind = TokenKind::String;
        }
    }
    let checked = syntax::check(&tokens).and_then(|()| syntax::patterns(&mut tokens));
    checked.map_err(|problem| format!("Failed to parse 'when' expression '{when}': {problem}"))?;
    let result = eval::evaluate(&tokens)
        .map_err(|problem| format!("Failed to evaluate 'when' expresion '{when}': {problem}"))?;
    match result {
        Operand::Bool(result) => Ok(result),
        other => Err(format!(
            "Expected boolean evaluation for '{when}'. Got {}",
            other.text()
        )),
    }
}

/// Checks that a text can be a condition, before the values of its tags are known.
///
/// # Errors
/// As [`evaluate`], for what is wrong with the text itself.
pub fn check(when: &str) -> Result<(), String> {
    if when.is_empty() {
        return Ok(());
    }
    parse(when)
        .map(drop)
        .map_err(|problem| format!("Invalid 'when' expression '{when}': {problem}"))
}

fn parse(when: &str) -> Result<Vec<token::Token>, String> {
    let mut tokens = lexer::lex(when)?;
    syntax::check_balance(&tokens)?;
    syntax::check(&tokens)?;
    syntax::patterns(&mut tokens)?;
    Ok(tokens)
}
