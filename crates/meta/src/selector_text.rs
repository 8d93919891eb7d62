//! Reads the string form of label selectors, with the words of apimachinery's `labels.Parse` for what it cannot read.

use crate::names::{check_label_value, check_qualified};
use crate::selector::{Operator, Requirement};

/// What may stand between a key and its values.
const OPERATORS: &str = "in, notin, =, ==, !=, gt, lt";

/// A word or a sign; what it is stands in its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Token<'t> {
    Word(&'t str),
    Sign(&'t str),
    End,
}

impl<'t> Token<'t> {
    fn text(self) -> &'t str {
        match self {
            Token::Word(text) | Token::Sign(text) => text,
            Token::End => "",
        }
    }
}

/// The conditions of a selector, in the order in which they are written.
pub(crate) fn parse(text: &str) -> Result<Vec<Requirement>, String> {
    let mut parser = Parser { rest: text };
    let mut requirements = Vec::new();
    loop {
        match parser.peek() {
            Token::Word(_) | Token::Sign("!") => {}
            Token::End => return Ok(requirements),
            other => {
                let found = other.text();
                return Err(format!(
                    "found '{found}', expected: !, identifier, or 'end of string'"
                ));
            }
        }
        let requirement = parser.requirement();
        requirements.push(requirement.map_err(|why| format!("unable to parse requirement: {why}"))?);
        match parser.next() {
            Token::End => return Ok(requirements),
            Token::Sign(",") => match parser.peek() {
                Token::Word(_) | Token::Sign("!") => {}
                other => {
                    return Err(format!(
                        "found '{}', expected: identifier after ','",
                        other.text()
                    ));
                }
            },
            other => {
                return Err(format!(
                    "found '{}', expected: ',' or 'end of string'",
                    other.text()
                ));
            }
        }
    }
}

#[derive(Clone, Copy)]
struct Parser<'t> {
    rest: &'t str,
}

impl<'t> Parser<'t> {
    fn peek(mut self) -> Token<'t> {
        self.next()
    }

    fn next(&mut self) -> Token<'t> {
        let is_sign = |c: char| matches!(c, '=' | '!' | '(' | ')' | ',' | '>' | '<');
        let is_space = |c: char| matches!(c, ' ' | '\t' | '\r' | '\n');
        self.rest = self.rest.trim_start_matches(is_space);
        let Some(first) = self.rest.chars().next() else {
            return Token::End;
        };
        if is_sign(first) {
            return self.sign();
        }
        let end = self
            .rest
            .find(|c| is_sign(c) || is_space(c))
            .unwrap_or(self.rest.len());
        Token::Word(self.take(end))
    }

    fn sign(&mut self) -> Token<'t> {
        if self.rest.starts_with("==") || self.rest.starts_with("!=") {
            return Token::Sign(self.take(2));
        }
        Token::Sign(self.take(1))
    }

    fn take(&mut self, length: usize) -> &'t str {
        let (taken, rest) = self.rest.split_at(length);
        self.rest = rest;
        taken
    }

    fn requirement(&mut self) -> Result<Requirement, String> {
        let mut token = self.next();
        let absent = token == Token::Sign("!");
        if absent {
            token = self.next();
        }
        let Token::Word(key) = token else {
            return Err(format!("found '{}', expected: identifier", token.text()));
        };
        if let Some(why) = check_qualified(key).first() {
            return Err(format!("<nil>: Invalid value: {key:?}: {why}"));
        }
        let ends = matches!(self.peek(), Token::End | Token::Sign(","));
        let operator = match (absent, ends) {
            (true, true) => Operator::DoesNotExist,
            (false, true) => Operator::Exists,
            _ => self.operator(key)?,
        };
        Ok(Requirement {
            key: key.to_owned(),
            operator,
        })
    }

    fn operator(&mut self, key: &str) -> Result<Operator, String> {
        let token = self.next();
        match token {
            Token::Word("in") => Ok(Operator::In(self.values(key)?)),
            Token::Word("notin") => Ok(Operator::NotIn(self.values(key)?)),
            Token::Sign("=" | "==") => Ok(Operator::In(vec![self.value(key)?])),
            Token::Sign("!=") => Ok(Operator::NotIn(vec![self.value(key)?])),
            Token::Sign(">") => self.bound().map(Operator::Gt),
            Token::Sign("<") => self.bound().map(Operator::Lt),
            _ => Err(format!("found '{}', expected: {OPERATORS}", token.text())),
        }
    }

    /// The values between parentheses, without repetitions.
    fn values(&mut self, key: &str) -> Result<Vec<String>, String> {
        let open = self.next();
        if open != Token::Sign("(") {
            return Err(format!("found '{}' expected: '('", open.text()));
        }
        let mut values = Vec::new();
        // Where nothing stands between two signs, an empty value is meant.
        let mut empty = true;
        loop {
            match self.next() {
                Token::Word(word) if empty => {
                    values.push(word.to_owned());
                    empty = false;
                }
                sign @ Token::Sign("," | ")") => {
                    if std::mem::replace(&mut empty, true) {
                        values.push(String::new());
                    }
                    if sign == Token::Sign(")") {
                        break;
                    }
                }
                other if values.is_empty() => {
                    return Err(format!(
                        "found '{}', expected: ',', ')' or identifier",
                        other.text()
                    ));
                }
                other => return Err(format!("found '{}', expected: ',' or ')'", other.text())),
            }
        }
        values.sort_unstable();
        values.dedup();
        values
            .iter()
            .enumerate()
            .try_for_each(|(at, value)| check_value(key, at, value))?;
        Ok(values)
    }

    fn word(&mut self) -> Result<&'t str, String> {
        if matches!(self.peek(), Token::End | Token::Sign(",")) {
            return Ok("");
        }
        match self.next() {
            Token::Word(word) => Ok(word),
            other => Err(format!("found '{}', expected: identifier", other.text())),
        }
    }

    fn value(&mut self, key: &str) -> Result<String, String> {
        let word = self.word()?;
        check_value(key, 0, word)?;
        Ok(word.to_owned())
    }

    fn bound(&mut self) -> Result<i64, String> {
        let word = self.word()?;
        word.parse().map_err(|_| {
            format!(
                "values[0]: Invalid value: {word:?}: for 'Gt', 'Lt' operators, the value must be an integer"
            )
        })
    }
}

fn check_value(key: &str, at: usize, value: &str) -> Result<(), String> {
    check_label_value(value).map_err(|why| format!("values[{at}][{key}]: Invalid value: {value:?}: {why}"))
}

#[cfg(test)]
mod tests {
    fn check(text: &str, expected: &str) {
        assert_eq!(super::parse(text).unwrap_err(), expected, "{text}");
    }

    #[test]
    fn mistakes_are_in_kubernetes_words() {
        check("a=b=c", "found '=', expected: ',' or 'end of string'");
        check("x in", "unable to parse requirement: found '' expected: '('");
        check(",", "found ',', expected: !, identifier, or 'end of string'");
        check("a,", "found '', expected: identifier after ','");
        check(
            "bad key",
            &format!(
                "unable to parse requirement: found 'key', expected: {}",
                super::OPERATORS
            ),
        );
        check(
            "x in (a b)",
            "unable to parse requirement: found 'b', expected: ',' or ')'",
        );
        check(
            "x>a",
            "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, the value must be \
             an integer",
        );
        assert!(
            super::parse("x=-bad-")
                .unwrap_err()
                .contains("values[0][x]: Invalid value: \"-bad-\": a valid label")
        );
        assert!(
            super::parse("-x=1")
                .unwrap_err()
                .contains("<nil>: Invalid value: \"-x\": name part must consist")
        );
    }
}
