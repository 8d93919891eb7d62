//! `base64.StdEncoding.DecodeString`, which skips line ends and says which byte it could not read.

/// Decodes standard base64 with padding.
pub(crate) fn from_base64(text: &str) -> Result<Vec<u8>, String> {
    let invalid = |at: usize| format!("illegal base64 data at input byte {at}");
    let source = text.as_bytes();
    let mut out = Vec::with_capacity(source.len() / 4 * 3);
    let mut at = 0;
    loop {
        let mut digits = [0_u8; 4];
        let mut count = 0;
        while count < 4 {
            let Some(&byte) = source.get(at) else {
                return if count == 0 {
                    Ok(out)
                } else {
                    Err(invalid(at - count))
                };
            };
            at += 1;
            match digit(byte) {
                Some(value) => {
                    digits[count] = value;
                    count += 1;
                }
                None if matches!(byte, b'\r' | b'\n') => {}
                None if byte == b'=' => {
                    at = padding(source, at, count).map_err(invalid)?;
                    push(&mut out, digits, count);
                    return if at < source.len() {
                        Err(invalid(at))
                    } else {
                        Ok(out)
                    };
                }
                None => return Err(invalid(at - 1)),
            }
        }
        push(&mut out, digits, 4);
    }
}

/// Passes the padding after `count` digits, or answers the byte that is wrong.
fn padding(source: &[u8], at: usize, count: usize) -> Result<usize, usize> {
    let skip = |mut at: usize| {
        while matches!(source.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    match count {
        0 | 1 => Err(at - 1),
        2 => match skip(at) {
            second if second == source.len() => Err(source.len()),
            second if source[second] != b'=' => Err(second - 1),
            second => Ok(skip(second + 1)),
        },
        _ => Ok(skip(at)),
    }
}

fn push(out: &mut Vec<u8>, digits: [u8; 4], count: usize) {
    let [a, b, c, d] = digits;
    let bytes = [a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d];
    out.extend_from_slice(&bytes[..count - 1]);
}

fn digit(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_and_says_where_it_cannot() {
        for (text, expected) in [
            ("", Ok("")),
            ("Zm9v", Ok("foo")),
            ("Zm9vYg==", Ok("foob")),
            ("Zm9v\nYmE=\n", Ok("fooba")),
            ("12", Err(0)),
            ("HTTPServer", Err(8)),
            (" pad ", Err(0)),
            ("Zg=a", Err(2)),
            ("Zg==x", Err(4)),
            ("=", Err(0)),
        ] {
            let expected = match expected {
                Ok(text) => Ok(text.as_bytes().to_vec()),
                Err(at) => Err(format!("illegal base64 data at input byte {at}")),
            };
            assert_eq!(from_base64(text), expected, "{text}");
        }
    }
}
