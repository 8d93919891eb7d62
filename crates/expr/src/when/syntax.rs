//! Which token may follow which, and whether the parentheses match. govaluate has no other grammar.

use std::sync::Arc;

use super::token::TokenKind::{
    Accessor, Boolean, Clause, ClauseClose, Comparator, LogicalOperator, Modifier, Numeric, Pattern, Prefix,
    Separator, Start, String, Ternary, Time, Variable,
};
use super::token::{Operand, Token, TokenKind};

/// The kinds that may follow a kind.
fn followers(kind: TokenKind) -> &'static [TokenKind] {
    const AFTER_VALUE: &[TokenKind] = &[
        Modifier,
        Comparator,
        LogicalOperator,
        ClauseClose,
        Ternary,
        Separator,
    ];
    match kind {
        Start => &[
            Prefix, Numeric, Boolean, Variable, Pattern, Accessor, String, Time, Clause,
        ],
        Clause => &[
            Prefix,
            Numeric,
            Boolean,
            Variable,
            Pattern,
            Accessor,
            String,
            Time,
            Clause,
            ClauseClose,
        ],
        ClauseClose => &[
            Comparator,
            Modifier,
            Numeric,
            Boolean,
            Variable,
            String,
            Pattern,
            Time,
            Clause,
            ClauseClose,
            LogicalOperator,
            Ternary,
            Separator,
        ],
        Numeric | Boolean | String | Variable => AFTER_VALUE,
        Time | Pattern => &[Modifier, Comparator, LogicalOperator, ClauseClose, Separator],
        Accessor => &[
            Clause,
            Modifier,
            Comparator,
            LogicalOperator,
            ClauseClose,
            Ternary,
            Separator,
        ],
        Modifier => &[
            Prefix,
            Numeric,
            Variable,
            Accessor,
            String,
            Boolean,
            Clause,
            ClauseClose,
        ],
        Comparator => &[
            Prefix,
            Numeric,
            Boolean,
            Variable,
            Accessor,
            String,
            Time,
            Clause,
            ClauseClose,
            Pattern,
        ],
        LogicalOperator => &[
            Prefix,
            Numeric,
            Boolean,
            Variable,
            Accessor,
            String,
            Time,
            Clause,
            ClauseClose,
        ],
        Prefix => &[Numeric, Boolean, Variable, Accessor, Clause, ClauseClose],
        Ternary => &[
            Prefix, Numeric, Boolean, String, Time, Variable, Accessor, Clause, Separator,
        ],
        Separator => &[Prefix, Numeric, Boolean, String, Time, Variable, Accessor, Clause],
    }
}

/// Whether a token of one kind may follow one of another.
pub(super) fn may_follow(kind: TokenKind, next: TokenKind) -> bool {
    followers(kind).contains(&next)
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
