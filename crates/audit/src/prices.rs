//! What machines cost: a table of prices, ours as a data file, rows of others over it.

use std::collections::BTreeMap;

use crate::amount::Dollars;

/// The prices that come with the program.
const BUILT_IN: &str = include_str!("prices.csv");
/// What a spot machine costs of the on-demand price where no row says so.
const SPOT: f64 = 0.4;

/// What a row of prices is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Node,
    Pool,
    Instance,
    Gpu,
    Core,
    Spot,
}

/// One price.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Price {
    /// At any time.
    pub(crate) on_demand: Dollars,
    /// On a machine that may be taken away.
    pub(crate) spot: Dollars,
}

/// A row as it is written.
#[derive(Clone, Copy, Debug)]
struct Row {
    on_demand: f64,
    spot: Option<f64>,
}

/// A line of prices that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct PriceError {
    /// The line, counted from one.
    pub line: usize,
    /// What is wrong with it.
    pub what: String,
}

/// A table of prices.
#[derive(Clone, Debug, Default)]
pub struct Prices {
    rows: BTreeMap<(Kind, String), Row>,
}

/// A machine, as prices see it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Priced<'a> {
    /// Its name.
    pub(crate) node: &'a str,
    /// Its pool.
    pub(crate) pool: &'a str,
    /// Its machine type.
    pub(crate) instance: &'a str,
    /// The model of its GPUs, and how many it has.
    pub(crate) gpus: Option<(&'a str, f64)>,
    /// Its CPU cores.
    pub(crate) cores: f64,
}

impl Prices {
    /// The prices that come with the program.
    ///
    /// # Errors
    /// A line of them cannot be read; a test sees to it that none is.
    pub fn built_in() -> Result<Self, PriceError> {
        let mut prices = Self::default();
        prices.read(BUILT_IN)?;
        Ok(prices)
    }

    /// Adds the rows of a file in the form of the one that comes with the program; they replace equal ones.
    ///
    /// # Errors
    /// A line cannot be read.
    pub fn read(&mut self, text: &str) -> Result<(), PriceError> {
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') || line.starts_with("kind,") {
                continue;
            }
            let error = |what: String| PriceError {
                line: index + 1,
                what,
            };
            let (key, row) = row(line).map_err(error)?;
            self.rows.insert(key, row);
        }
        Ok(())
    }

    /// What a machine costs an hour, if anything says.
    pub(crate) fn machine(&self, machine: Priced<'_>) -> Option<Price> {
        let whole = [
            (Kind::Node, machine.node),
            (Kind::Pool, machine.pool),
            (Kind::Instance, machine.instance),
        ];
        let named = whole
            .iter()
            .find_map(|(kind, name)| self.rows.get(&(*kind, (*name).to_owned())));
        let (row, times) = match (named, machine.gpus) {
            (Some(row), _) => (row, 1.0),
            (None, Some((model, count))) => (self.model(model)?, count),
            (None, None) => (self.rows.get(&(Kind::Core, "*".to_owned()))?, machine.cores),
        };
        Some(self.price(row, times))
    }

    fn price(&self, row: &Row, times: f64) -> Price {
        let part = self
            .rows
            .get(&(Kind::Spot, "*".to_owned()))
            .map_or(SPOT, |row| row.on_demand);
        let spot = row.spot.unwrap_or(row.on_demand * part);
        Price {
            on_demand: Dollars(row.on_demand * times),
            spot: Dollars(spot * times),
        }
    }

    /// The row whose name's words are all among those of the model; the one with most words.
    fn model(&self, model: &str) -> Option<&Row> {
        let words = words(model);
        let rows = self.rows.iter().filter(|((kind, _), _)| *kind == Kind::Gpu);
        let matching = rows.filter(|((_, name), _)| {
            name == "*" || self::words(name).iter().all(|word| words.contains(word))
        });
        let rank = |name: &str| if name == "*" { 0 } else { self::words(name).len() };
        matching
            .max_by_key(|((_, name), _)| rank(name))
            .map(|(_, row)| row)
    }
}

fn row(line: &str) -> Result<((Kind, String), Row), String> {
    let cells: Vec<&str> = line.split(',').map(str::trim).collect();
    let [kind, name, on_demand, rest @ ..] = cells.as_slice() else {
        return Err("a row is kind,name,on_demand[,spot]".to_owned());
    };
    let spot = match rest {
        [] | [""] => None,
        [spot] => Some(dollars(spot)?),
        _ => return Err("a row is kind,name,on_demand[,spot]".to_owned()),
    };
    let row = Row {
        on_demand: dollars(on_demand)?,
        spot,
    };
    Ok(((self::kind(kind)?, (*name).to_owned()), row))
}

fn kind(text: &str) -> Result<Kind, String> {
    Ok(match text {
        "node" => Kind::Node,
        "pool" => Kind::Pool,
        "instance" => Kind::Instance,
        "gpu" => Kind::Gpu,
        "core" => Kind::Core,
        "spot" => Kind::Spot,
        _ => {
            return Err(format!(
                "`{text}` is none of node, pool, instance, gpu, core and spot"
            ));
        }
    })
}

fn dollars(text: &str) -> Result<f64, String> {
    let amount = text
        .parse::<f64>()
        .ok()
        .filter(|amount| amount.is_finite() && *amount >= 0.0);
    amount.ok_or_else(|| format!("`{text}` is no price"))
}

/// The words of a model's name, in small letters.
fn words(text: &str) -> Vec<String> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MACHINE: Priced<'_> = Priced {
        node: "n",
        pool: "p",
        instance: "p4d.24xlarge",
        gpus: Some(("NVIDIA-A100-SXM4-40GB", 8.0)),
        cores: 96.0,
    };

    fn check(more: &str, machine: Priced<'_>, expected: Option<(f64, f64)>) {
        let mut prices = Prices::built_in().unwrap();
        prices.read(more).unwrap();
        let found = prices
            .machine(machine)
            .map(|price| (price.on_demand.0, price.spot.0));
        let rounded = |(a, b): (f64, f64)| ((a * 1000.0).round(), (b * 1000.0).round());
        assert_eq!(found.map(rounded), expected.map(rounded), "{more} {machine:?}");
    }

    #[test]
    fn the_nearest_row_counts() {
        check("", MACHINE, Some((21.96, 8.784)));
        check("pool,p,10", MACHINE, Some((10.0, 4.0)));
        check("pool,p,10\nnode,n,9,2", MACHINE, Some((9.0, 2.0)));
        check("spot,*,0.5", MACHINE, Some((21.96, 10.98)));
    }

    #[test]
    fn a_model_matches_by_its_words() {
        let of = |model| Priced {
            instance: "",
            gpus: Some((model, 1.0)),
            ..MACHINE
        };
        check("", of("NVIDIA-A100-SXM4-40GB"), Some((2.75, 1.1)));
        check("", of("NVIDIA-A100-SXM4-80GB"), Some((3.4, 1.36)));
        check("", of("nvidia-tesla-t4"), Some((0.5, 0.2)));
        check("", of("something-else"), None);
        check("gpu,*,1", of("something-else"), Some((1.0, 0.4)));
        check(
            "",
            Priced {
                instance: "",
                gpus: None,
                cores: 10.0,
                ..MACHINE
            },
            Some((0.45, 0.18)),
        );
    }

    #[test]
    fn bad_rows_are_named() {
        let check = |text: &str, expected: &str| {
            let error = Prices::default().read(text).unwrap_err();
            assert_eq!(error.to_string(), expected);
        };
        check("# fine\ngpu,A100", "line 2: a row is kind,name,on_demand[,spot]");
        check(
            "what,A100,1",
            "line 1: `what` is none of node, pool, instance, gpu, core and spot",
        );
        check("gpu,A100,-1", "line 1: `-1` is no price");
        check("gpu,A100,1,NaN", "line 1: `NaN` is no price");
    }
}
