//! Sprig's random functions. The randomness is the evaluation's; without any they fail.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{fixed, int, text};
use crate::lang::GoType::{Int, String as Str};
use crate::lang::{Answer, Context, Function, Value};

pub(super) static TABLE: &[Function] = &[
    fixed("randAlphaNum", &[Int], |context, a| {
        letters(context, int(a, 0), |c| c.is_ascii_alphanumeric())
    }),
    fixed("randAlpha", &[Int], |context, a| {
        letters(context, int(a, 0), |c| c.is_ascii_alphabetic())
    }),
    fixed("randAscii", &[Int], |context, a| {
        letters(context, int(a, 0), |c| matches!(c, ' '..='~'))
    }),
    fixed("randNumeric", &[Int], |context, a| {
        letters(context, int(a, 0), |c| c.is_ascii_digit())
    }),
    fixed("randInt", &[Int, Int], |context, a| {
        let (from, to) = (int(a, 0), int(a, 1));
        match to.checked_sub(from).and_then(|span| u64::try_from(span).ok()) {
            Some(span) if span > 0 => {
                let offset = i64::try_from(below(context, span)?).unwrap_or(0);
                Ok(Value::Int(from.wrapping_add(offset)))
            }
            _ => Err("invalid argument to Intn".to_owned()),
        }
    }),
    fixed("randBytes", &[Int], |context, a| {
        let mut bytes = vec![0; count(context, int(a, 0))?];
        fill(context, &mut bytes)?;
        Ok(STANDARD.encode(bytes).into())
    }),
    fixed("shuffle", &[Str], shuffle),
    fixed("uuidv4", &[], |context, _| {
        let mut bytes = [0_u8; 16];
        fill(context, &mut bytes)?;
        bytes[6] = (bytes[6] & 0x0f) | 0x40;
        bytes[8] = (bytes[8] & 0x3f) | 0x80;
        let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
        Ok(parts.join("-").into())
    }),
];

fn fill(context: &mut Context<'_>, bytes: &mut [u8]) -> Result<(), String> {
    match &mut context.random {
        Some(random) => {
            random(bytes);
            Ok(())
        }
        None => Err("randomness is not available here".to_owned()),
    }
}

fn count(context: &mut Context<'_>, count: i64) -> Result<usize, String> {
    let count = usize::try_from(count).unwrap_or(0);
    context.grow_bytes(count)?;
    Ok(count)
}

/// A number below `bound`, each as likely as the others.
fn below(context: &mut Context<'_>, bound: u64) -> Result<u64, String> {
    // What would favour small numbers is drawn again.
    let limit = u64::MAX - u64::MAX % bound;
    loop {
        context.work(1)?;
        let mut bytes = [0; 8];
        fill(context, &mut bytes)?;
        let number = u64::from_le_bytes(bytes);
        if number < limit {
            return Ok(number % bound);
        }
    }
}

fn letters(context: &mut Context<'_>, wanted: i64, belongs: fn(&char) -> bool) -> Answer {
    let alphabet: Vec<char> = (0_u8..0x7f).map(char::from).filter(belongs).collect();
    let mut out = String::new();
    for _ in 0..count(context, wanted)? {
        let index = below(context, alphabet.len() as u64)?;
        out.extend(alphabet.get(usize::try_from(index).unwrap_or(0)));
    }
    Ok(out.into())
}

fn shuffle(context: &mut Context<'_>, arguments: &[Value]) -> Answer {
    let mut chars: Vec<char> = text(arguments, 0).chars().collect();
    for last in (1..chars.len()).rev() {
        let other = below(context, last as u64 + 1)?;
        chars.swap(last, usize::try_from(other).unwrap_or(0));
    }
    Ok(chars.into_iter().collect::<String>().into())
}
