//! Undoes the escapes of string and bytes literals: `\n`, `\x41`, `\u00e9`, `\u{1F600}`, `\101`.

type Unescaped<T> = Result<T, &'static str>;

const BAD: &str = "unable to unescape string";

/// Unescapes a quoted string literal; `\xNN` and octal escapes name code points.
pub(crate) fn string(quoted: &str) -> Unescaped<String> {
    let mut text = String::with_capacity(quoted.len());
    unescape(quoted, |piece| match piece {
        Piece::Char(c) => text.push(c),
        Piece::Code(code) => text.push(char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)),
        Piece::Byte(byte) => text.push(char::from(byte)),
    })?;
    Ok(text)
}

/// Unescapes a quoted bytes literal; `\xNN` and octal escapes name bytes, and `\u` is refused.
pub(crate) fn bytes(quoted: &str) -> Unescaped<Vec<u8>> {
    let mut bytes = Vec::with_capacity(quoted.len());
    let mut unicode = false;
    unescape(quoted, |piece| match piece {
        Piece::Char(c) => bytes.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        Piece::Code(_) => unicode = true,
        Piece::Byte(byte) => bytes.push(byte),
    })?;
    if unicode { Err(BAD) } else { Ok(bytes) }
}

enum Piece {
    /// A character that stands for itself.
    Char(char),
    /// A code point from `\u`, which may be none.
    Code(u32),
    /// From `\xNN` or `\NNN`.
    Byte(u8),
}

fn unescape(quoted: &str, mut push: impl FnMut(Piece)) -> Unescaped<()> {
    let inner = quoted
        .get(1..quoted.len().saturating_sub(1))
        .ok_or(BAD)?
        .replace("\r\n", "\n")
        .replace('\r', "\n");
    let mut rest = inner.as_str();
    while let Some(c) = rest.chars().next() {
        rest = &rest[c.len_utf8()..];
        if c == '\\' {
            push(escape(&mut rest)?);
        } else {
            push(Piece::Char(c));
        }
    }
    Ok(())
}

fn escape(rest: &mut &str) -> Unescaped<Piece> {
    let c = rest.chars().next().ok_or(BAD)?;
    *rest = &rest[c.len_utf8()..];
    Ok(Piece::Char(match c {
        'a' => '\x07',
        'b' => '\x08',
        'f' => '\x0c',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'v' => '\x0b',
        '\\' | '\'' | '"' | '`' | '?' => c,
        'x' | 'X' => return byte(take(rest, 2, 16)?),
        'u' if rest.starts_with('{') => return braced(rest),
        'u' => return code(take(rest, 4, 16)?),
        'U' => return code(take(rest, 8, 16)?),
        '0'..='3' => {
            let high = c.to_digit(8).ok_or(BAD)?;
            return byte(high * 64 + take(rest, 2, 8)?);
        }
        _ => return Err(BAD),
    }))
}

fn byte(value: u32) -> Unescaped<Piece> {
    u8::try_from(value).map(Piece::Byte).map_err(|_| BAD)
}

fn code(value: u32) -> Unescaped<Piece> {
    if value > u32::from(char::MAX) {
        return Err(BAD);
    }
    Ok(Piece::Code(value))
}

/// `\u{XXXXXX}`, of one to six digits.
fn braced(rest: &mut &str) -> Unescaped<Piece> {
    let end = rest.find('}').filter(|end| (2..=7).contains(end)).ok_or(BAD)?;
    *rest = &rest[1..];
    let value = take(rest, end - 1, 16)?;
    *rest = &rest[1..];
    code(value)
}

/// Takes exactly `count` digits.
fn take(rest: &mut &str, count: usize, radix: u32) -> Unescaped<u32> {
    let digits = rest.get(..count).ok_or(BAD)?;
    if !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(BAD);
    }
    *rest = &rest[count..];
    u32::from_str_radix(digits, radix).map_err(|_| BAD)
}
