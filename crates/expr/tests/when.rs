//! Conditions as govaluate reads them, and Argo's messages.

use expr::when::evaluate;

fn holds(when: &str, expected: bool) {
    assert_eq!(evaluate(when), Ok(expected), "{when}");
}

fn refuses(when: &str, message: &str) {
    assert_eq!(evaluate(when), Err(message.to_owned()), "{when}");
}

#[test]
fn words_and_strings() {
    holds("", true);
    holds("heads == heads", true);
    holds("heads == tails", false);
    holds("heads != tails", true);
    holds("'a b' == \"a b\"", true);
    holds("foo == 'foo'", true);
    holds("[a b] == 'a b'", true);
    holds("'' == ''", true);
    holds("'' != foo", true);
    holds("abc < abd", true);
    holds("foo =~ 'fo+'", true);
    holds("foo !~ '^o'", true);
    holds("a in (a, b, c)", true);
    holds("d in (a, b, c)", false);
    holds("1 in (1, 2)", true);
    holds("a\\-b == 'a-b'", true);
}

#[test]
fn numbers_and_dates() {
    holds("1 == 1.0", true);
    holds("0x1F == 31", true);
    holds("2 + 3 * 2 == 8", true);
    holds("10 - 3 - 2 == 5", true);
    holds("(10 - 3) * 2 > 13", true);
    holds("7 % 4 == 3", true);
    holds("2 ** 3 ** 2 == 64", true);
    holds("-2 < 1", true);
    holds("6 & 3 == 2", true);
    holds("1 << 3 == 8", true);
    holds("'2026-01-02' > '2026-01-01'", true);
    holds("'2026-01-02T00:00:00Z' == '2026-01-02'", true);
    holds("1 == '1'", false);
    holds("\"5\" + 1 == '51'", true);
}

#[test]
fn logic() {
    holds("true", true);
    holds("true && !false", true);
    holds("false || a == a && b == b", true);
    holds("(a == b) || (c == c)", true);
    holds("true ? a == a : a == b", true);
    holds("false ? a == a : a == b", false);
    holds("false && 1 == (foo > 1)", false);
    holds("true || (foo > 1)", true);
    holds("(false && (a == a || (b == b))) || true", true);
}

#[test]
fn what_is_refused() {
    refuses(
        "a b == c",
        "Invalid 'when' expression 'a b == c': Cannot transition token types from VARIABLE [a] to VARIABLE [b]",
    );
    refuses(
        "foo === bar",
        "Invalid 'when' expression 'foo === bar': Invalid token: '===' (hint: try wrapping the affected expression in quotes (\"))",
    );
    refuses(
        "(a == a",
        "Invalid 'when' expression '(a == a': Unbalanced parenthesis",
    );
    refuses(
        "a ==",
        "Invalid 'when' expression 'a ==': Unexpected end of expression",
    );
    refuses(
        "'a == a",
        "Invalid 'when' expression ''a == a': Unclosed string literal",
    );
    refuses(
        "file.txt == a",
        "Invalid 'when' expression 'file.txt == a': Unable to access unexported field 'txt' in token 'file.txt'",
    );
    refuses(
        "File.Name == a",
        "Failed to evaluate 'when' expresion 'File.Name == a': No parameter 'File' found.",
    );
    refuses(
        "foo-bar == a",
        "Failed to evaluate 'when' expresion 'foo-bar == a': Value 'foo' cannot be used with the modifier '-', it is not a number",
    );
    refuses("foo", "Expected boolean evaluation for 'foo'. Got foo");
    refuses("1 + 1", "Expected boolean evaluation for '1 + 1'. Got 2");
    refuses(
        "!foo",
        "Failed to parse 'when' expression '!foo': Cannot transition token types from PREFIX [!] to STRING [foo]",
    );
    refuses("f(1)", "Invalid 'when' expression 'f(1)': Undefined function f");
    refuses(
        "1.2.3 == a",
        "Invalid 'when' expression '1.2.3 == a': Unable to parse numeric value '1.2.3' to float64\n",
    );
    assert!(evaluate(&"(".repeat(100_000)).is_err());
    assert!(evaluate(&("(".repeat(1_000) + "a" + &")".repeat(1_000))).is_err());
}
