//! Resource quantities: `500m`, `2`, `1.5Gi`, `1e3`.
//!
//! Rule: apimachinery's `resource.Quantity`. Values are kept in thousandths, rounded up as Kubernetes does
//! for finer ones.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An amount of a resource, exact to a thousandth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Quantity {
    millis: i128,
}

/// Kubernetes caps what it reads at 2^63-1 units. So sums of what was read stay far from any overflow.
const MOST: i128 = i64::MAX as i128 * 1000;

impl Quantity {
    /// Nothing.
    pub const ZERO: Self = Self { millis: 0 };

    /// `value` whole units.
    pub const fn units(value: i64) -> Self {
        Self {
            millis: value as i128 * 1000,
        }
    }

    /// `value` thousandths of a unit.
    pub const fn millis(value: i64) -> Self {
        Self {
            millis: value as i128,
        }
    }

    /// Thousandths of a unit, saturated to 64 bits.
    pub fn as_millis(self) -> i64 {
        i64::try_from(self.millis).unwrap_or(if self.millis < 0 { i64::MIN } else { i64::MAX })
    }

    /// Whole units, rounded up.
    pub fn as_units(self) -> i64 {
        let up = self.millis.div_euclid(1000) + i128::from(self.millis.rem_euclid(1000) != 0);
        i64::try_from(up).unwrap_or(if up < 0 { i64::MIN } else { i64::MAX })
    }
}

impl std::ops::Add for Quantity {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            millis: self.millis + other.millis,
        }
    }
}

impl std::ops::Sub for Quantity {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            millis: self.millis - other.millis,
        }
    }
}

impl FromStr for Quantity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let invalid = || {
            "quantities must match the regular expression \
             '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
                .to_owned()
        };
        let text = text.trim();
        let split = text
            .char_indices()
            .find(|(i, c)| !(c.is_ascii_digit() || *c == '.' || (*i == 0 && (*c == '-' || *c == '+'))))
            .map_or(text.len(), |(i, _)| i);
        let (number, suffix) = text.split_at(split);
        let (multiply, divide) = scale(suffix).ok_or_else(invalid)?;
        let (digits, decimals) = digits(number).ok_or_else(invalid)?;
        let divide = decimals.checked_mul(divide).ok_or_else(invalid)?;
        let scaled = digits.saturating_mul(multiply).saturating_mul(1000);
        let up = scaled.div_euclid(divide) + i128::from(scaled.rem_euclid(divide) != 0);
        Ok(Self {
            millis: up.clamp(-MOST, MOST),
        })
    }
}

/// The digits of a decimal number as one integer, and the power of ten to divide it by.
fn digits(number: &str) -> Option<(i128, i128)> {
    let (negative, number) = match number.as_bytes().first()? {
        b'-' => (true, &number[1..]),
        b'+' => (false, &number[1..]),
        _ => (false, number),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty())
        || fraction.contains('.')
        || whole.len() + fraction.len() > 24
    {
        return None;
    }
    let value: i128 = format!("{whole}{fraction}").parse().ok()?;
    let decimals = 10_i128.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    Some((if negative { -value } else { value }, decimals))
}

/// The factor and divisor a suffix stands for.
fn scale(suffix: &str) -> Option<(i128, i128)> {
    Some(match suffix {
        "" => (1, 1),
        "n" => (1, 1_000_000_000),
        "u" => (1, 1_000_000),
        "m" => (1, 1_000),
        "k" => (1_000, 1),
        "M" => (1_000_000, 1),
        "G" => (1_000_000_000, 1),
        "T" => (1_000_000_000_000, 1),
        "P" => (1_000_000_000_000_000, 1),
        "E" => (1_000_000_000_000_000_000, 1),
        "Ki" => (1 << 10, 1),
        "Mi" => (1 << 20, 1),
        "Gi" => (1 << 30, 1),
        "Ti" => (1 << 40, 1),
        "Pi" => (1 << 50, 1),
        "Ei" => (1 << 60, 1),
        _ => {
            let power: i32 = suffix.strip_prefix(['e', 'E'])?.parse().ok()?;
            let factor = 10_i128.checked_pow(power.unsigned_abs())?;
            if factor > 1_000_000_000_000_000_000 {
                return None;
            }
            if power < 0 { (1, factor) } else { (factor, 1) }
        }
    })
}

impl fmt::Display for Quantity {
    /// The shortest plain form: whole units where exact, else thousandths.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.millis % 1000 == 0 {
            write!(f, "{}", self.millis / 1000)
        } else {
            write!(f, "{}m", self.millis)
        }
    }
}

impl Serialize for Quantity {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let text = match &value {
            serde_json::Value::String(text) => text.clone(),
            serde_json::Value::Number(number) => number.to_string(),
            _ => return Err(serde::de::Error::custom("a quantity is a string or a number")),
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_every_suffix() {
        for (text, millis) in [
            ("0", 0_i64),
            ("1", 1000),
            ("500m", 500),
            ("0.5", 500),
            (".5", 500),
            ("1.5Gi", 1_610_612_736_000),
            ("2k", 2_000_000),
            ("1e3", 1_000_000),
            ("5e-1", 500),
            ("1n", 1),
            ("-250m", -250),
            ("1.", 1000),
        ] {
            assert_eq!(
                text.parse::<Quantity>().map(Quantity::as_millis),
                Ok(millis),
                "{text}"
            );
        }
        for bad in ["", "m", "1x", "1 Gi", "1.2.3", "--1", "1e", "1e99", "K"] {
            assert!(bad.parse::<Quantity>().is_err(), "{bad}");
        }
    }

    #[test]
    fn caps_what_is_too_large() {
        let most = Quantity::units(i64::MAX);
        for text in [
            "9223372036854775807",
            "9223372036854333337758k",
            "922337203685E",
            "100000000000000000E",
        ] {
            let quantity: Quantity = text.parse().unwrap();
            assert_eq!(quantity, most, "{text}");
            assert_eq!(quantity.to_string().parse(), Ok(quantity), "{text}");
            assert_eq!((quantity + quantity).as_units(), i64::MAX, "{text}");
        }
        let least: Quantity = "-922337203685E".parse().unwrap();
        assert_eq!(least, Quantity::ZERO - most);
    }

    #[test]
    fn rounds_up_and_prints_shortly() {
        let half: Quantity = "500m".parse().unwrap();
        assert_eq!(half.as_units(), 1);
        assert_eq!(half.to_string(), "500m");
        assert_eq!((half + half).to_string(), "1");
        assert_eq!((half - Quantity::units(1)).to_string(), "-500m");
    }
}
