//! Decimal arithmetic for `addf` and its like, so that `0.1 + 0.2` is `0.3`.

/// A number of decimal digits: `digits * 10^exponent`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decimal {
    digits: i128,
    exponent: i32,
}

/// Digits after the point of a quotient.
const DIVISION_DIGITS: i32 = 16;

impl Decimal {
    /// The shortest decimal that reads back as `value`.
    pub(super) fn from_float(value: f64) -> Option<Self> {
        let text = format!("{value:e}");
        let (mantissa, exponent) = text.split_once('e')?;
        let point = mantissa.find('.').map_or(0, |at| mantissa.len() - at - 1);
        let digits = mantissa.replace('.', "").parse().ok()?;
        let exponent = exponent.parse::<i32>().ok()? - i32::try_from(point).ok()?;
        Some(Self { digits, exponent })
    }

    pub(super) fn to_float(self) -> f64 {
        format!("{}e{}", self.digits, self.exponent)
            .parse()
            .unwrap_or(f64::NAN)
    }

    /// Both with the same exponent.
    fn align(self, other: Self) -> Option<(i128, i128, i32)> {
        let exponent = self.exponent.min(other.exponent);
        let shift = |decimal: Self| {
            let by = u32::try_from(decimal.exponent - exponent).ok()?;
            decimal.digits.checked_mul(10_i128.checked_pow(by)?)
        };
        Some((shift(self)?, shift(other)?, exponent))
    }

    pub(super) fn add(self, other: Self) -> Option<Self> {
        let (a, b, exponent) = self.align(other)?;
        let digits = a.checked_add(b)?;
        Some(Self { digits, exponent })
    }

    pub(super) fn sub(self, other: Self) -> Option<Self> {
        let digits = other.digits.checked_neg()?;
        self.add(Self { digits, ..other })
    }

    pub(super) fn mul(self, other: Self) -> Option<Self> {
        let digits = self.digits.checked_mul(other.digits)?;
        let exponent = self.exponent.checked_add(other.exponent)?;
        Some(Self { digits, exponent })
    }

    /// The quotient to sixteen places, rounded half away from zero.
    pub(super) fn div(self, other: Self) -> Option<Self> {
        let scale = self.exponent - other.exponent + DIVISION_DIGITS;
        let power = 10_i128.checked_pow(scale.unsigned_abs())?;
        let (a, b) = if scale >= 0 {
            (self.digits.checked_mul(power)?, other.digits)
        } else {
            (self.digits, other.digits.checked_mul(power)?)
        };
        let (quotient, rest) = (a.checked_div(b)?, a.checked_rem(b)?);
        let up = rest.unsigned_abs().checked_mul(2)? >= b.unsigned_abs();
        let away = if (a < 0) == (b < 0) { 1 } else { -1 };
        let digits = if up { quotient + away } else { quotient };
        Some(Self {
            digits,
            exponent: -DIVISION_DIGITS,
        })
    }
}
