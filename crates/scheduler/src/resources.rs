//! Amounts of named resources: what a pod asks for, what a machine offers, what is taken.

use std::collections::BTreeMap;

use meta::Quantity;
use serde::{Deserialize, Deserializer};

/// The resource that counts pods.
pub(crate) const PODS: &str = "pods";

/// Amounts by resource name (`cpu`, `memory`, `nvidia.com/gpu`, ...); a name that is absent means none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resources(BTreeMap<String, Quantity>);

impl Resources {
    /// The amount of one resource.
    pub fn get(&self, name: &str) -> Quantity {
        self.0.get(name).copied().unwrap_or(Quantity::ZERO)
    }

    /// Sets the amount of one resource.
    pub fn set(&mut self, name: &str, amount: Quantity) {
        self.0.insert(name.to_owned(), amount);
    }

    /// Whether nothing is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and amounts in order of name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Quantity)> {
        self.0.iter().map(|(name, amount)| (name.as_str(), *amount))
    }

    /// Adds every amount of `other`.
    pub fn add(&mut self, other: &Self) {
        self.combine(other, |mine, theirs| mine + theirs);
    }

    /// Takes every amount of `other` away.
    pub fn subtract(&mut self, other: &Self) {
        self.combine(other, |mine, theirs| mine - theirs);
    }

    /// Raises every amount to at least that of `other`.
    pub fn raise_to(&mut self, other: &Self) {
        self.combine(other, std::cmp::max);
    }

    fn combine(&mut self, other: &Self, with: impl Fn(Quantity, Quantity) -> Quantity) {
        for (name, amount) in &other.0 {
            if let Some(mine) = self.0.get_mut(name) {
                *mine = with(*mine, *amount);
            } else {
                self.0.insert(name.clone(), with(Quantity::ZERO, *amount));
            }
        }
    }
}

impl<const N: usize> From<[(&str, Quantity); N]> for Resources {
    fn from(amounts: [(&str, Quantity); N]) -> Self {
        Self(
            amounts
                .into_iter()
                .map(|(name, amount)| (name.to_owned(), amount))
                .collect(),
        )
    }
}

/// Reads a resource list; an amount that is no quantity counts as none, so that one bad object of
/// someone else's cannot stop the placement of all the others.
impl<'de> Deserialize<'de> for Resources {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = Option::<BTreeMap<String, serde_json::Value>>::deserialize(deserializer)?;
        let amounts = raw.unwrap_or_default().into_iter().filter_map(|(name, value)| {
            let amount = serde_json::from_value(value).ok()?;
            Some((name, amount))
        });
        Ok(Self(amounts.collect()))
    }
}
