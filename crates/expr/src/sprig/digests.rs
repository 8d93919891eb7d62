//! Sprig's digests and encodings. What makes keys, certificates and password hashes is not offered.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256, Sha512};

use super::{bytes_text, fixed, text, variadic};
use crate::lang::GoType::{Any, String as Str};
use crate::lang::{Answer, Context, Function, Value};

pub(super) static TABLE: &[Function] = &[
    fixed("b64enc", &[Str], |_, a| Ok(STANDARD.encode(text(a, 0)).into())),
    fixed("b64dec", &[Str], |_, a| {
        Ok(match crate::go::from_base64(text(a, 0)) {
            Ok(bytes) => bytes_text(&bytes),
            Err(problem) => problem.into(),
        })
    }),
    fixed("b32enc", &[Str], |_, a| Ok(base32(text(a, 0).as_bytes()).into())),
    fixed("b32dec", &[Str], |_, a| {
        Ok(from_base32(text(a, 0)).map_or_else(Value::from, |bytes| bytes_text(&bytes)))
    }),
    fixed("sha1sum", &[Str], |_, a| Ok(hex(&sha1(text(a, 0).as_bytes())))),
    fixed("sha256sum", &[Str], |_, a| Ok(hex(&Sha256::digest(text(a, 0))))),
    fixed("sha512sum", &[Str], |_, a| Ok(hex(&Sha512::digest(text(a, 0))))),
    fixed("adler32sum", &[Str], |_, a| {
        Ok(adler32(text(a, 0).as_bytes()).to_string().into())
    }),
    variadic("bcrypt", &[Any], not_offered),
    variadic("htpasswd", &[Any], not_offered),
    variadic("derivePassword", &[Any], not_offered),
    variadic("genPrivateKey", &[Any], not_offered),
    variadic("buildCustomCert", &[Any], not_offered),
    variadic("genCA", &[Any], not_offered),
    variadic("genCAWithKey", &[Any], not_offered),
    variadic("genSelfSignedCert", &[Any], not_offered),
    variadic("genSelfSignedCertWithKey", &[Any], not_offered),
    variadic("genSignedCert", &[Any], not_offered),
    variadic("genSignedCertWithKey", &[Any], not_offered),
    variadic("encryptAES", &[Any], not_offered),
    variadic("decryptAES", &[Any], not_offered),
    variadic("getHostByName", &[Any], not_offered),
];

fn not_offered(_: &mut Context<'_>, _: &[Value]) -> Answer {
    Err(
        "this function of sprig makes or checks secrets, or asks a network, and is not offered here"
            .to_owned(),
    )
}

fn hex(bytes: &[u8]) -> Value {
    bytes
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect::<String>()
        .into()
}

/// SHA-1 (FIPS 180-4), for names and checksums only.
fn sha1(message: &[u8]) -> [u8; 20] {
    let mut state: [u32; 5] = [0x6745_2301, 0xefcd_ab89, 0x98ba_dcfe, 0x1032_5476, 0xc3d2_e1f0];
    let mut padded = message.to_vec();
    padded.push(0x80);
    padded.resize(
        padded.len().next_multiple_of(64) + if padded.len() % 64 > 56 { 64 } else { 0 },
        0,
    );
    let length = padded.len();
    padded[length - 8..].copy_from_slice(&(message.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        sha1_block(&mut state, block);
    }
    let mut digest = [0; 20];
    for (out, word) in digest.chunks_exact_mut(4).zip(state) {
        out.copy_from_slice(&word.to_be_bytes());
    }
    digest
}

fn sha1_block(state: &mut [u32; 5], block: &[u8]) {
    let mut words = [0_u32; 80];
    for (word, bytes) in words.iter_mut().zip(block.chunks_exact(4)) {
        *word = bytes.iter().fold(0, |word, byte| word << 8 | u32::from(*byte));
    }
    for index in 16..80 {
        let mixed = words[index - 3] ^ words[index - 8] ^ words[index - 14] ^ words[index - 16];
        words[index] = mixed.rotate_left(1);
    }
    let [mut a, mut b, mut c, mut d, mut e] = *state;
    for (index, word) in words.into_iter().enumerate() {
        let (function, constant) = match index {
            0..20 => ((b & c) | (!b & d), 0x5a82_7999),
            20..40 => (b ^ c ^ d, 0x6ed9_eba1),
            40..60 => ((b & c) | (b & d) | (c & d), 0x8f1b_bcdc),
            _ => (b ^ c ^ d, 0xca62_c1d6_u32),
        };
        let next = a.rotate_left(5).wrapping_add(function).wrapping_add(e);
        let next = next.wrapping_add(constant).wrapping_add(word);
        (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
    }
    for (word, add) in state.iter_mut().zip([a, b, c, d, e]) {
        *word = word.wrapping_add(add);
    }
}

/// Adler-32 (RFC 1950).
fn adler32(message: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in message {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    b << 16 | a
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Base 32 (RFC 4648) with padding.
fn base32(bytes: &[u8]) -> String {
    let mut out = String::new();
    for chunk in bytes.chunks(5) {
        let mut bits = [0_u8; 5];
        bits[..chunk.len()].copy_from_slice(chunk);
        let number = bits
            .iter()
            .fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        let used = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let digit = usize::try_from(number >> (35 - 5 * index) & 31).unwrap_or(0);
            out.push(if index < used {
                char::from(BASE32[digit])
            } else {
                '='
            });
        }
    }
    out
}

fn from_base32(text: &str) -> Result<Vec<u8>, String> {
    let text: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
    let invalid = |at: usize| format!("illegal base32 data at input byte {at}");
    let digits = text.trim_end_matches('=');
    let padding = text.len() - digits.len();
    let fits = matches!(
        (digits.len() % 8, padding),
        (0, 0) | (2, 6) | (4, 4) | (5, 3) | (7, 1)
    );
    let mut out = Vec::new();
    let (mut number, mut bits) = (0_u32, 0);
    for (at, byte) in digits.bytes().enumerate() {
        let digit = BASE32
            .iter()
            .position(|known| *known == byte)
            .ok_or_else(|| invalid(at))?;
        number = number << 5 | u32::try_from(digit).unwrap_or(0);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            out.push(u8::try_from(number >> bits & 0xff).unwrap_or(0));
            number &= (1 << bits) - 1;
        }
    }
    if fits { Ok(out) } else { Err(invalid(text.len())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(value: &Value) -> String {
        crate::go::sprint(value)
    }

    #[test]
    fn digests_are_the_standard_ones() {
        for (text, expected) in [
            ("", "da39a3ee5e6b4b0d3255bfef95601890afd80709"),
            ("abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "84983e441c3bd26ebaae4aa1f95129e5e54670f1",
            ),
        ] {
            assert_eq!(shown(&hex(&sha1(text.as_bytes()))), expected, "{text}");
        }
        assert_eq!(adler32(b"Wikipedia"), 0x11e6_0398);
    }

    #[test]
    fn base_32_goes_both_ways() {
        for text in ["", "f", "fo", "foo", "foob", "fooba", "foobar"] {
            assert_eq!(from_base32(&base32(text.as_bytes())).unwrap(), text.as_bytes());
        }
        assert_eq!(base32(b"foobar"), "MZXW6YTBOI======");
        assert!(from_base32("1").is_err());
    }
}
