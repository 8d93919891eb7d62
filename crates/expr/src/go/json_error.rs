//! What Go's JSON decoder says about text that is not JSON.

/// Go's message for a text that is not one JSON value; `None` where it is.
pub(crate) fn json_problem(text: &str) -> Option<String> {
    let mut scanner = Scanner {
        source: text.as_bytes(),
        at: 0,
        depth: 0,
    };
    let ended = scanner.value().and_then(|()| match scanner.next() {
        None => Ok(()),
        Some(byte) => Err(invalid(byte, "after top-level value")),
    });
    ended.err()
}

/// How deep Go's decoder goes.
const MAX_DEPTH: usize = 10_000;

struct Scanner<'a> {
    source: &'a [u8],
    at: usize,
    depth: usize,
}

type Scanned = Result<(), String>;

/// A byte as Go names it, and where it stands.
fn invalid(byte: u8, place: &str) -> String {
    let shown = match byte {
        b'\'' => r"'\''".to_owned(),
        b'"' => "'\"'".to_owned(),
        _ => {
            let quoted = super::quote(&char::from(byte).to_string());
            format!("'{}'", &quoted[1..quoted.len() - 1])
        }
    };
    format!("invalid character {shown} {place}")
}

fn ended() -> String {
    "unexpected end of JSON input".to_owned()
}

impl Scanner<'_> {
    /// The next byte that is not blank.
    fn next(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.source.get(self.at) {
            self.at += 1;
        }
        self.byte()
    }

    fn byte(&mut self) -> Option<u8> {
        let byte = self.source.get(self.at).copied();
        self.at += usize::from(byte.is_some());
        byte
    }

    fn value(&mut self) -> Scanned {
        let byte = self.next().ok_or_else(ended)?;
        self.value_from(byte)
    }

    fn value_from(&mut self, byte: u8) -> Scanned {
        match byte {
            b'{' => self.nested(Self::object),
            b'[' => self.nested(Self::array),
            b'"' => self.string(),
            b't' => self.literal("true"),
            b'f' => self.literal("false"),
            b'n' => self.literal("null"),
            b'-' | b'0'..=b'9' => self.number(byte),
            _ => Err(invalid(byte, "looking for beginning of value")),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Scanned) -> Scanned {
        self.depth += 1;
        // Ours stops earlier than Go's, which only deeper documents than any would notice.
        if self.depth > MAX_DEPTH.min(crate::lang::limits::MAX_VALUE_DEPTH) {
            return Err("exceeded max depth".to_owned());
        }
        read(self)?;
        self.depth -= 1;
        Ok(())
    }

    fn object(&mut self) -> Scanned {
        let mut first = true;
        loop {
            match self.next().ok_or_else(ended)? {
                b'}' if first => return Ok(()),
                b'"' => self.string()?,
                byte => return Err(invalid(byte, "looking for beginning of object key string")),
            }
            first = false;
            match self.next().ok_or_else(ended)? {
                b':' => self.value()?,
                byte => return Err(invalid(byte, "after object key")),
            }
            match self.next().ok_or_else(ended)? {
                b',' => {}
                b'}' => return Ok(()),
                byte => return Err(invalid(byte, "after object key:value pair")),
            }
        }
    }

    fn array(&mut self) -> Scanned {
        match self.next().ok_or_else(ended)? {
            b']' => return Ok(()),
            byte => self.value_from(byte)?,
        }
        loop {
            match self.next().ok_or_else(ended)? {
                b',' => self.value()?,
                b']' => return Ok(()),
                byte => return Err(invalid(byte, "after array element")),
            }
        }
    }

    fn string(&mut self) -> Scanned {
        loop {
            match self.byte().ok_or_else(ended)? {
                b'"' => return Ok(()),
                b'\\' => self.escape()?,
                byte @ 0..=0x1f => return Err(invalid(byte, "in string literal")),
                _ => {}
            }
        }
    }

    fn escape(&mut self) -> Scanned {
        match self.byte().ok_or_else(ended)? {
            b'b' | b'f' | b'n' | b'r' | b't' | b'\\' | b'/' | b'"' => Ok(()),
            b'u' => (0..4).try_for_each(|_| match self.byte().ok_or_else(ended)? {
                byte if byte.is_ascii_hexdigit() => Ok(()),
                byte => Err(invalid(byte, "in \\u hexadecimal character escape")),
            }),
            byte => Err(invalid(byte, "in string escape code")),
        }
    }

    fn literal(&mut self, word: &str) -> Scanned {
        for expected in word.bytes().skip(1) {
            let byte = self.byte().ok_or_else(ended)?;
            if byte != expected {
                let place = format!("in literal {word} (expecting '{}')", char::from(expected));
                return Err(invalid(byte, &place));
            }
        }
        Ok(())
    }

    fn number(&mut self, first: u8) -> Scanned {
        let mut digit = first;
        if digit == b'-' {
            digit = self.byte().ok_or_else(ended)?;
            if !digit.is_ascii_digit() {
                return Err(invalid(digit, "in numeric literal"));
            }
        }
        if digit != b'0' {
            self.digits();
        }
        if self.source.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits("after decimal point in numeric literal")?;
        }
        if let Some(b'e' | b'E') = self.source.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.source.get(self.at) {
                self.at += 1;
            }
            self.some_digits("in exponent of numeric literal")?;
        }
        Ok(())
    }

    fn digits(&mut self) {
        while self.source.get(self.at).is_some_and(u8::is_ascii_digit) {
            self.at += 1;
        }
    }

    fn some_digits(&mut self, place: &str) -> Scanned {
        match self.byte().ok_or_else(ended)? {
            byte if byte.is_ascii_digit() => {
                self.digits();
                Ok(())
            }
            byte => Err(invalid(byte, place)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_go_says() {
        for (text, expected) in [
            ("", "unexpected end of JSON input"),
            ("[1,", "unexpected end of JSON input"),
            ("hello", "invalid character 'h' looking for beginning of value"),
            ("'a'", r"invalid character '\'' looking for beginning of value"),
            ("2006-01", "invalid character '-' after top-level value"),
            ("[1 2]", "invalid character '2' after array element"),
            ("[1,]", "invalid character ']' looking for beginning of value"),
            (
                "{a:1}",
                "invalid character 'a' looking for beginning of object key string",
            ),
            (r#"{"a" 1}"#, "invalid character '1' after object key"),
            (
                r#"{"a":1 "b"}"#,
                "invalid character '\"' after object key:value pair",
            ),
            ("tru!", "invalid character '!' in literal true (expecting 'e')"),
            ("-x", "invalid character 'x' in numeric literal"),
            (
                "1.x",
                "invalid character 'x' after decimal point in numeric literal",
            ),
            ("\"\n\"", r"invalid character '\n' in string literal"),
            (r#""\q""#, "invalid character 'q' in string escape code"),
        ] {
            assert_eq!(json_problem(text).as_deref(), Some(expected), "{text}");
        }
        for text in ["0", "-1.5e+3", r#" {"a":[1,"\u00e9",null]} "#, "[]", "{}"] {
            assert_eq!(json_problem(text), None, "{text}");
        }
    }
}
