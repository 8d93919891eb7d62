//! Floats as Go writes and reads them (`strconv`).

/// How a float is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Style {
    /// `%v` and `%g`: with an exponent where it is below -4 or above 5.
    General,
    /// As `encoding/json` writes a number.
    Json,
}

/// The shortest text that reads back as `value`.
pub(super) fn format_float(value: f64, style: Style) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "+Inf" } else { "-Inf" }.to_owned();
    }
    let sign = if value.is_sign_negative() { "-" } else { "" };
    let scientific = format!("{:e}", value.abs());
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let digits: String = mantissa.chars().filter(|c| *c != '.').collect();
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let with_exponent = match style {
        _ if value == 0.0 => false,
        Style::General => !(-4..6).contains(&exponent),
        Style::Json => value.abs() < 1e-6 || value.abs() >= 1e21,
    };
    let text = if with_exponent {
        scientific_text(&digits, exponent, style)
    } else {
        plain_text(&digits, exponent)
    };
    format!("{sign}{text}")
}

fn scientific_text(digits: &str, exponent: i32, style: Style) -> String {
    let (first, rest) = digits.split_at(1);
    let point = if rest.is_empty() { "" } else { "." };
    let sign = if exponent < 0 { '-' } else { '+' };
    let width = if style == Style::Json { 1 } else { 2 };
    format!("{first}{point}{rest}e{sign}{:0width$}", exponent.abs())
}

fn plain_text(digits: &str, exponent: i32) -> String {
    let count = i32::try_from(digits.len()).unwrap_or(i32::MAX);
    let zeros = |count: i32| "0".repeat(usize::try_from(count).unwrap_or(0));
    if exponent < 0 {
        return format!("0.{}{digits}", zeros(-exponent - 1));
    }
    if count <= exponent + 1 {
        return format!("{digits}{}", zeros(exponent + 1 - count));
    }
    let (whole, fraction) = digits.split_at(usize::try_from(exponent + 1).unwrap_or(0));
    format!("{whole}.{fraction}")
}

/// `math.Pow`, in Go's own order of operations: repeated squaring on mantissas, which can differ in the last bit
/// from a correctly rounded result.
pub(crate) fn pow(x: f64, y: f64) -> f64 {
    let plain = y == 0.0 || x == 1.0 || y == 1.0 || x == 0.0 || !x.is_finite() || !y.is_finite();
    if plain || (x < 0.0 && y.fract() != 0.0) {
        return x.powf(y);
    }
    if y == 0.5 {
        return x.sqrt();
    }
    if y == -0.5 {
        return 1.0 / x.sqrt();
    }
    let (mut whole, mut fraction) = (y.abs().trunc(), y.abs().fract());
    if whole >= 9.3e18 {
        return x.powf(y);
    }
    let (mut mantissa, mut exponent) = (1.0, 0_i64);
    if fraction != 0.0 {
        if fraction > 0.5 {
            fraction -= 1.0;
            whole += 1.0;
        }
        mantissa = (fraction * x.ln()).exp();
    }
    let (mut base, base_exponent) = split(x);
    let mut base_exponent = i64::from(base_exponent);
    let mut left = crate::lang::ops::truncate(whole);
    while left != 0 {
        if !(-(1 << 12)..=1 << 12).contains(&base_exponent) {
            // Over- or underflow.
            exponent += base_exponent;
            break;
        }
        if left & 1 == 1 {
            mantissa *= base;
            exponent += base_exponent;
        }
        base *= base;
        base_exponent <<= 1;
        if base < 0.5 {
            base += base;
            base_exponent -= 1;
        }
        left >>= 1;
    }
    if y < 0.0 {
        mantissa = 1.0 / mantissa;
        exponent = -exponent;
    }
    scale(mantissa, exponent)
}

/// A mantissa from one half to one, and the power of two.
fn split(x: f64) -> (f64, i32) {
    let (x, extra) = if x.abs() < f64::MIN_POSITIVE {
        (x * 2.0_f64.powi(52), -52)
    } else {
        (x, 0)
    };
    let bits = x.to_bits();
    let exponent = i32::try_from((bits >> 52) & 0x7ff).unwrap_or(0) - 1022;
    let mantissa = f64::from_bits((bits & !(0x7ff << 52)) | (1022 << 52));
    (mantissa, exponent + extra)
}

/// `mantissa * 2^exponent`, without overflowing on the way.
fn scale(mantissa: f64, exponent: i64) -> f64 {
    let exponent = i32::try_from(exponent.clamp(-4_000, 4_000)).unwrap_or(0);
    let half = exponent / 2;
    mantissa * 2.0_f64.powi(half) * 2.0_f64.powi(exponent - half)
}

/// `strconv.Atoi`: decimal digits with an optional sign.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    text.parse().ok()
}

/// `strconv.ParseFloat`: decimal and hexadecimal floats, infinities, underscores refused.
pub(crate) fn parse_float(text: &str) -> Option<f64> {
    let unsigned = text.trim_start_matches(['+', '-']);
    let lower = unsigned.to_ascii_lowercase();
    if text.len() - unsigned.len() > 1 {
        return None;
    }
    if let Some(hex) = lower.strip_prefix("0x") {
        let value = parse_hex(hex)?;
        return Some(if text.starts_with('-') { -value } else { value });
    }
    let named = matches!(lower.as_str(), "inf" | "infinity" | "nan");
    let value: f64 = text.parse().ok()?;
    (named || value.is_finite()).then_some(value)
}

/// `1.8p3`: a hexadecimal mantissa and a power of two, which Go requires.
fn parse_hex(text: &str) -> Option<f64> {
    let (mantissa, power) = text.split_once('p')?;
    let power: i32 = power.parse().ok()?;
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let mut value = 0.0_f64;
    for digit in whole.chars().chain(fraction.chars()) {
        value = value * 16.0 + f64::from(digit.to_digit(16)?);
    }
    let shift = power.checked_sub(i32::try_from(fraction.len()).ok()?.checked_mul(4)?)?;
    Some(value * 2.0_f64.powi(shift)).filter(|value| value.is_finite())
}
