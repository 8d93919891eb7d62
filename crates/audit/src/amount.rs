//! Amounts of GPUs and of money.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Mul, Neg, Sub, SubAssign};

use serde::{Serialize, Serializer};

/// Parts of one GPU in the inner number: a seventh of a GPU is as good as exact.
const PARTS: i64 = 1_000_000;
/// Hours in a month, as cloud providers count them: 365 days of 24 hours, by twelve.
const HOURS_A_MONTH: f64 = 730.0;

/// An amount of physical GPUs. Serialised as a number with at most three decimals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gpus(i64);

impl Gpus {
    /// None.
    pub const ZERO: Self = Self(0);

    /// So many whole GPUs.
    pub const fn whole(count: i64) -> Self {
        Self(count.saturating_mul(PARTS))
    }

    /// `numerator / denominator` of one GPU; none if the denominator is not positive.
    pub fn part(numerator: i64, denominator: i64) -> Self {
        Self::whole(1).of(numerator, denominator)
    }

    /// `numerator / denominator` of this; none if the denominator is not positive.
    #[must_use]
    pub fn of(self, numerator: i64, denominator: i64) -> Self {
        if denominator <= 0 {
            return Self::ZERO;
        }
        let parts = i128::from(self.0) * i128::from(numerator) / i128::from(denominator);
        Self(i64::try_from(parts).unwrap_or(i64::MAX))
    }

    /// As a number.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / PARTS as f64
    }

    /// This, or none if it is negative.
    #[must_use]
    pub fn or_none(self) -> Self {
        self.max(Self::ZERO)
    }

    /// Whole GPUs that hold this much.
    pub fn rounded_up(self) -> i64 {
        self.0.div_euclid(PARTS) + i64::from(self.0.rem_euclid(PARTS) != 0)
    }

    /// What part of `whole` this is, from 0 to 1; none of nothing.
    pub fn part_of(self, whole: Self) -> f64 {
        if whole.0 <= 0 {
            0.0
        } else {
            self.0 as f64 / whole.0 as f64
        }
    }
}

impl Add for Gpus {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Gpus {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl Neg for Gpus {
    type Output = Self;
    fn neg(self) -> Self {
        Self(self.0.saturating_neg())
    }
}

impl AddAssign for Gpus {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Gpus {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Mul<i64> for Gpus {
    type Output = Self;
    fn mul(self, times: i64) -> Self {
        Self(self.0.saturating_mul(times))
    }
}

impl Sum for Gpus {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::ZERO, Add::add)
    }
}

impl fmt::Display for Gpus {
    /// With two decimals at most, and none where it is whole.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{:.2}", self.as_f64());
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl Serialize for Gpus {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((self.as_f64() * 1000.0).round() / 1000.0)
    }
}

/// US dollars an hour. Serialised as a number, to the cent.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Dollars(pub f64);

impl Dollars {
    /// The same for a month of 730 hours.
    #[must_use]
    pub fn monthly(self) -> f64 {
        self.0 * HOURS_A_MONTH
    }
}

impl Add for Dollars {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl AddAssign for Dollars {
    fn add_assign(&mut self, other: Self) {
        self.0 += other.0;
    }
}

impl Sum for Dollars {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

/// The price of so many GPUs at this price each.
impl Mul<Gpus> for Dollars {
    type Output = Self;
    fn mul(self, gpus: Gpus) -> Self {
        Self(self.0 * gpus.as_f64())
    }
}

impl fmt::Display for Dollars {
    /// Cents below a hundred dollars, thousands apart above.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&money(self.0))
    }
}

impl Serialize for Dollars {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64((self.0 * 100.0).round() / 100.0)
    }
}

/// An amount of dollars for people: `$0.53`, `$1,234`.
pub(crate) fn money(dollars: f64) -> String {
    let sign = if dollars < 0.0 { "-" } else { "" };
    let amount = dollars.abs();
    if amount < 100.0 {
        return format!("{sign}${amount:.2}");
    }
    let digits = format!("{amount:.0}");
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}${text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_written_for_people() {
        let check = |gpus: Gpus, expected: &str| assert_eq!(gpus.to_string(), expected);
        check(Gpus::ZERO, "0");
        check(Gpus::whole(1200), "1200");
        check(Gpus::part(1, 2), "0.5");
        check(Gpus::part(1, 7) * 7, "1");
        check(Gpus::part(1, 0), "0");
        check(Gpus::whole(2) - Gpus::part(1, 4), "1.75");
    }

    #[test]
    fn amounts_are_serialised_to_the_thousandth() {
        let check = |gpus: Gpus, expected: &str| assert_eq!(serde_json::to_string(&gpus).unwrap(), expected);
        check(Gpus::whole(3), "3.0");
        check(Gpus::part(1, 7), "0.143");
        check(Gpus::part(1, 7) * 7, "1.0");
    }

    #[test]
    fn money_is_written_for_people() {
        let check = |dollars: f64, expected: &str| assert_eq!(money(dollars), expected);
        check(0.526, "$0.53");
        check(99.5, "$99.50");
        check(1234.4, "$1,234");
        check(1_234_567.0, "$1,234,567");
        check(-5.0, "-$5.00");
    }
}
