//! Which token may follow which, and whether the parentheses match. govaluate has no other grammar.

use std::sync::Arc;

use super::token::TokenKind::{
    Accessor, Boolean, Clause, ClauseClose, Comparator, LogicalOperator, Modifier, Numeric, Pattern, Prefix,
    Separator, Start, String, Ternary, Time, Variable,
};
use super::token::{Operand, Token, TokenKind};

/// Whether a token begins an operand.
fn opens(kind: TokenKind) -> bool {
    matches!(
        kind,
        Prefix | Numeric | Boolean | Variable | Accessor | String | Time | Clause
    )
}

/// Whether a token goes on after an operand.
fn goes_on(kind: TokenKind) -> bool {
    matches!(
        kind,
        Modifier | Comparator | LogicalOperator | ClauseClose | Separator
    )
}

/// Whether a token of one kind may follow one of another.
pub(super) fn may_follow(kind: TokenKind, next: TokenKind) -> bool {
    match kind {
        Start => opens(next) || next == Pattern,
        Clause | Comparator => opens(next) || matches!(next, Pattern | ClauseClose),
        // Two operands side by side pass after a bracket; what follows it is not looked at.
        ClauseClose => {
            let operand = opens(next) && !matches!(next, Prefix | Accessor);
            goes_on(next) || operand || matches!(next, Ternary | Pattern)
        }
        Numeric | Boolean | String | Variable => goes_on(next) || next == Ternary,
        Time | Pattern => goes_on(next),
        Accessor => goes_on(next) || matches!(next, Ternary | Clause),
        Modifier => (opens(next) && next != Time) || next == ClauseClose,
        LogicalOperator => opens(next) || next == ClauseClose,
        Prefix => matches!(
            next,
            Numeric | Boolean | Variable | Accessor | Clause | ClauseClose
        ),
        Ternary => opens(next) || next == Separator,
        Separator => opens(next),
    }
}

/// Whether an expression may end after a token of this kind.
fn may_end(kind: TokenKind) -> bool {
    matches!(
        kind,
        ClauseClose | Numeric | Boolean | String | Time | Pattern | Variable | Accessor
    )
}

pub(super) fn check_balance(tokens: &[Token]) -> Result<(), std::string::String> {
    let count = |kind| tokens.iter().filter(|token| token.kind == kind).count();
    if count(Clause) == count(ClauseClose) {
        return Ok(());
    }
    Err("Unbalanced parenthesis".to_owned())
}

pub(super) fn check(tokens: &[Token]) -> Result<(), std::string::String> {
    let mut state = Start;
    let mut last = "<nil>".to_owned();
    for token in tokens {
        if !may_follow(state, token.kind) {
            if state == Variable && token.kind == Clause {
                return Err(format!("Undefined function {last}"));
            }
            return Err(format!(
                "Cannot transition token types from {} [{last}] to {} [{}]",
                state.name(),
                token.kind.name(),
                shown(token)
            ));
        }
        state = token.kind;
        last = shown(token);
    }
    if may_end(state) {
        return Ok(());
    }
    Err("Unexpected end of expression".to_owned())
}

/// A token as Go prints its value: parentheses are the numbers of their characters.
fn shown(token: &Token) -> std::string::String {
    match token.kind {
        Clause => "40".to_owned(),
        ClauseClose => "41".to_owned(),
        Time => token.shown_time(),
        _ => token.value.text(),
    }
}

/// Compiles the strings right of `=~` and `!~`.
pub(super) fn patterns(tokens: &mut [Token]) -> Result<(), std::string::String> {
    for index in 1..tokens.len() {
        let (before, after) = tokens.split_at_mut(index);
        let (Some(operator), Some(token)) = (before.last(), after.first_mut()) else {
            continue;
        };
        if operator.kind == Comparator && matches!(operator.text(), "=~" | "!~") && token.kind == String {
            let pattern = crate::go::regexp(token.text())?;
            token.kind = Pattern;
            token.value = Operand::Pattern(Arc::new(pattern));
        }
    }
    Ok(())
}
