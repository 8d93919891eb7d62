//! Floats as Go writes and reads them (`strconv`).

/// How a float is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Style {
    /// `%v` and `%g`: with an exponent where it is below -4 or above 5.
    General,
    /// As `encoding/json` writes a number.
    Json,
}

/// The shortest text that reads back as `value`.
pub(crate) fn format_float(value: f64, style: Style) -> String {
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
        Style::General => exponent < -4 || exponent >= 6,
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
