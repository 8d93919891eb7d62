//! What is wrong with text that is no JSON, in the words of Go's `encoding/json`, which clients and people know.
//!
//! The text was found wrong already by the parser proper; this one only looks for the words.

/// What a container waits for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Wants {
    /// A key, or the end where nothing came before it.
    FirstKey,
    Key,
    Colon,
    /// A value, or the end of a list that is empty.
    FirstItem,
    Value,
    /// A comma or the end of the object.
    NextField,
    /// A comma or the end of the list.
    NextItem,
    /// Nothing more: the whole is read.
    End,
}

/// Deepest nesting, as Go has it.
const DEPTH_MAX: usize = 10_000;

/// The first mistake in a text; none if it is JSON.
pub(crate) fn mistake(text: &[u8]) -> Option<String> {
    Scan {
        text,
        at: 0,
        containers: Vec::new(),
    }
    .run()
    .err()
}

struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    /// Whether each open container is an object.
    containers: Vec<bool>,
}

impl Scan<'_> {
    fn run(&mut self) -> Result<(), String> {
        let mut wants = Wants::Value;
        loop {
            while self
                .peek()
                .is_some_and(|c| matches!(c, b' ' | b'\t' | b'\r' | b'\n'))
            {
                self.at += 1;
            }
            let Some(c) = self.peek() else {
                return if wants == Wants::End { Ok(()) } else { Err(end()) };
            };
            wants = self.step(wants, c)?;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.get(self.at).copied()
    }

    fn step(&mut self, wants: Wants, c: u8) -> Result<Wants, String> {
        match (wants, c) {
            (Wants::FirstKey, b'}')
            | (Wants::NextField, b'}')
            | (Wants::FirstItem | Wants::NextItem, b']') => {
                self.at += 1;
                self.containers.pop();
                Ok(self.after_value())
            }
            (Wants::FirstKey | Wants::Key, b'"') => self.string().map(|()| Wants::Colon),
            (Wants::FirstKey | Wants::Key, _) => {
                Err(unexpected(c, "looking for beginning of object key string"))
            }
            (Wants::Colon, b':') => self.pass(Wants::Value),
            (Wants::Colon, _) => Err(unexpected(c, "after object key")),
            (Wants::NextField, b',') => self.pass(Wants::Key),
            (Wants::NextField, _) => Err(unexpected(c, "after object key:value pair")),
            (Wants::NextItem, b',') => self.pass(Wants::Value),
            (Wants::NextItem, _) => Err(unexpected(c, "after array element")),
            (Wants::End, _) => Err(unexpected(c, "after top-level value")),
            (Wants::FirstItem | Wants::Value, _) => self.value(c),
        }
    }

    fn pass(&mut self, next: Wants) -> Result<Wants, String> {
        self.at += 1;
        Ok(next)
    }

    fn after_value(&self) -> Wants {
        match self.containers.last() {
            None => Wants::End,
            Some(true) => Wants::NextField,
            Some(false) => Wants::NextItem,
        }
    }

    fn value(&mut self, c: u8) -> Result<Wants, String> {
        match c {
            b'{' | b'[' if self.containers.len() >= DEPTH_MAX => return Err("exceeded max depth".to_owned()),
            b'{' => {
                self.containers.push(true);
                return self.pass(Wants::FirstKey);
            }
            b'[' => {
                self.containers.push(false);
                return self.pass(Wants::FirstItem);
            }
            b'"' => self.string()?,
            b't' => self.literal("true")?,
            b'f' => self.literal("false")?,
            b'n' => self.literal("null")?,
            b'-' | b'0'..=b'9' => self.number()?,
            _ => return Err(unexpected(c, "looking for beginning of value")),
        }
        Ok(self.after_value())
    }

    fn literal(&mut self, word: &str) -> Result<(), String> {
        self.at += 1;
        for expected in word.chars().skip(1) {
            match self.peek() {
                None => return Err(end()),
                Some(c) if char::from(c) == expected => self.at += 1,
                Some(c) => {
                    return Err(unexpected(
                        c,
                        &format!("in literal {word} (expecting '{expected}')"),
                    ));
                }
            }
        }
        Ok(())
    }

    fn string(&mut self) -> Result<(), String> {
        self.at += 1;
        loop {
            let c = self.peek().ok_or_else(end)?;
            self.at += 1;
            match c {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                0..0x20 => return Err(unexpected(c, "in string literal")),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Result<(), String> {
        let c = self.peek().ok_or_else(end)?;
        self.at += 1;
        match c {
            b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => Ok(()),
            b'u' => (0..4).try_for_each(|_| match self.peek() {
                Some(c) if c.is_ascii_hexdigit() => {
                    self.at += 1;
                    Ok(())
                }
                Some(c) => Err(unexpected(c, "in \\u hexadecimal character escape")),
                None => Err(end()),
            }),
            _ => Err(unexpected(c, "in string escape code")),
        }
    }

    fn number(&mut self) -> Result<(), String> {
        if self.peek() == Some(b'-') {
            self.at += 1;
            self.digit("in numeric literal")?;
        }
        // After a leading zero nothing but a fraction or an exponent belongs to the number.
        let zero = self.peek() == Some(b'0');
        self.at += 1;
        if !zero {
            self.digits();
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digit("after decimal point in numeric literal")?;
            self.digits();
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digit("in exponent of numeric literal")?;
            self.digits();
        }
        Ok(())
    }

    fn digit(&self, place: &str) -> Result<(), String> {
        match self.peek() {
            None => Err(end()),
            Some(c) if c.is_ascii_digit() => Ok(()),
            Some(c) => Err(unexpected(c, place)),
        }
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
    }
}

fn end() -> String {
    "unexpected end of JSON input".to_owned()
}

fn unexpected(c: u8, place: &str) -> String {
    let shown = match c {
        b'\'' => r"\'".to_owned(),
        b'"' => "\"".to_owned(),
        b'\n' => r"\n".to_owned(),
        b'\r' => r"\r".to_owned(),
        b'\t' => r"\t".to_owned(),
        b'\\' => r"\\".to_owned(),
        0..0x20 | 0x7f => format!("\\x{c:02x}"),
        0x20..0x7f => char::from(c).to_string(),
        // A byte is a code point to Go here.
        0x80..0xa0 | 0xad => format!("\\u00{c:02x}"),
        _ => char::from(c).to_string(),
    };
    format!("invalid character '{shown}' {place}")
}

#[cfg(test)]
mod tests {
    fn check(text: &str, expected: &str) {
        let expected = Some(expected).filter(|words| !words.is_empty());
        assert_eq!(super::mistake(text.as_bytes()).as_deref(), expected, "{text}");
    }

    #[test]
    fn mistakes_are_in_gos_words() {
        check(r#" {"a": [1, -2.5e+3, "\u00e9", true, null, {}], "b": []} "#, "");
        check("", "unexpected end of JSON input");
        check(r#"{"a": "#, "unexpected end of JSON input");
        check(
            "nonsense",
            "invalid character 'o' in literal null (expecting 'u')",
        );
        check("{} x", "invalid character 'x' after top-level value");
        check(
            "{a: 1}",
            "invalid character 'a' looking for beginning of object key string",
        );
        check(r#"{"a" 1}"#, "invalid character '1' after object key");
        check(
            r#"{"a": 1 "b"}"#,
            "invalid character '\"' after object key:value pair",
        );
        check("[1 2]", "invalid character '2' after array element");
        check("[1,]", "invalid character ']' looking for beginning of value");
        check("-x", "invalid character 'x' in numeric literal");
        check(
            "1.x",
            "invalid character 'x' after decimal point in numeric literal",
        );
        check("1ex", "invalid character 'x' in exponent of numeric literal");
        check(r#""\x""#, "invalid character 'x' in string escape code");
        check("\"\n\"", r"invalid character '\n' in string literal");
        check("'a'", r"invalid character '\'' looking for beginning of value");
    }
}
