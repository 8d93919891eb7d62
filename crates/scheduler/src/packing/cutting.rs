//! What free room on a device is worth: not its size, but the devices that future requests save by having it.
//!
//! Shares of given sizes are cut from devices so that the fewest devices serve a given demand: the cutting-stock
//! problem. The dual prices of its linear relaxation say what each size is worth; room is worth the best filling
//! by these prices. So 530 thousandths are worth a request for 470 where there are such, 190 are worth nothing
//! where requests for 810 leave more such gaps than anything fills, and 810 are then worth a whole device.
//! Method: column generation (Gilmore and Gomory, Operations Research 9, 1961).

use super::WHOLE;

/// Columns generated at most: real workloads need about as many as they have sizes.
const COLUMNS_MAX: usize = 2000;
/// Reduced costs closer to zero than this are zero.
const TOLERANCE: f64 = 1e-7;

/// What room is worth, in thousandths of a device, by free thousandths; `demand` gives sizes (from 1 to 1000, each
/// once) and how many are asked for.
pub(super) fn worth(demand: &[(u16, f64)]) -> Vec<f64> {
    let sizes: Vec<usize> = demand.iter().map(|(size, _)| usize::from(*size)).collect();
    let mut master = Master::new(demand);
    for _ in 0..COLUMNS_MAX {
        let prices = master.prices();
        let filling = Filling::best(&sizes, &prices);
        let entered = match surplus(&prices) {
            Some(size) => master.enter(&unit(size, sizes.len()), 0.0),
            None if filling.whole() > 1.0 + TOLERANCE => master.enter(&filling.pattern(&sizes), 1.0),
            None => false,
        };
        if !entered {
            break;
        }
    }
    let filling = Filling::best(&sizes, &master.prices());
    filling
        .worth
        .iter()
        .map(|worth| worth * f64::from(WHOLE))
        .collect()
}

/// The size whose price is most negative: serving more of it than is asked for would save devices.
fn surplus(prices: &[f64]) -> Option<usize> {
    let negative = (0..prices.len()).filter(|size| prices[*size] < -TOLERANCE);
    negative.min_by(|a, b| prices[*a].total_cmp(&prices[*b]))
}

fn unit(size: usize, sizes: usize) -> Vec<f64> {
    (0..sizes)
        .map(|other| if other == size { -1.0 } else { 0.0 })
        .collect()
}

/// The linear program over the patterns found so far, as a basis with its inverse.
struct Master {
    inverse: Vec<Vec<f64>>,
    /// How often each basic pattern is used.
    amounts: Vec<f64>,
    /// Devices that each basic column costs: one for a pattern, none for a surplus.
    costs: Vec<f64>,
}

impl Master {
    /// Starts with patterns of one size each.
    fn new(demand: &[(u16, f64)]) -> Self {
        let fits = |size: u16| f64::from(WHOLE / size.clamp(1, WHOLE));
        let row = |i: usize| {
            let entry = |j| if i == j { 1.0 / fits(demand[i].0) } else { 0.0 };
            (0..demand.len()).map(entry).collect()
        };
        Self {
            inverse: (0..demand.len()).map(row).collect(),
            amounts: demand.iter().map(|(size, amount)| amount / fits(*size)).collect(),
            costs: vec![1.0; demand.len()],
        }
    }

    /// What one more request of each size would cost, in devices.
    fn prices(&self) -> Vec<f64> {
        let price = |j: usize| {
            self.costs
                .iter()
                .zip(&self.inverse)
                .map(|(cost, row)| cost * row[j])
                .sum()
        };
        (0..self.costs.len()).map(price).collect()
    }

    /// Takes a column into the basis; false if that does not help.
    fn enter(&mut self, column: &[f64], cost: f64) -> bool {
        let direction: Vec<f64> = self.inverse.iter().map(|row| dot(row, column)).collect();
        let ratio = |i: &usize| self.amounts[*i] / direction[*i];
        let rows = (0..direction.len()).filter(|i| direction[*i] > TOLERANCE);
        let Some(leaving) = rows.min_by(|a, b| ratio(a).total_cmp(&ratio(b))) else {
            return false;
        };
        let step = ratio(&leaving);
        let pivot: Vec<f64> = self.inverse[leaving]
            .iter()
            .map(|entry| entry / direction[leaving])
            .collect();
        for (i, row) in self.inverse.iter_mut().enumerate() {
            self.amounts[i] -= step * direction[i];
            for (entry, pivot) in row.iter_mut().zip(&pivot) {
                *entry -= direction[i] * pivot;
            }
        }
        self.inverse[leaving] = pivot;
        self.amounts[leaving] = step;
        self.costs[leaving] = cost;
        true
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

/// The best filling of every amount of room, by prices: an unbounded knapsack.
struct Filling {
    /// By room: what the best filling is worth, in devices.
    worth: Vec<f64>,
    /// By room: the size to put in first, if any is worth it.
    first: Vec<Option<usize>>,
}

impl Filling {
    fn best(sizes: &[usize], prices: &[f64]) -> Self {
        let rooms = usize::from(WHOLE) + 1;
        let (mut worth, mut first) = (vec![0.0; rooms], vec![None; rooms]);
        for room in 1..rooms {
            worth[room] = worth[room - 1];
            for (kind, size) in sizes.iter().enumerate().filter(|(_, size)| **size <= room) {
                let with = worth[room - size] + prices[kind];
                if with > worth[room] + TOLERANCE {
                    (worth[room], first[room]) = (with, Some(kind));
                }
            }
        }
        Self { worth, first }
    }

    fn whole(&self) -> f64 {
        self.worth[usize::from(WHOLE)]
    }

    /// How many of each size the best filling of a whole device has.
    fn pattern(&self, sizes: &[usize]) -> Vec<f64> {
        let mut counts = vec![0.0; sizes.len()];
        let mut room = usize::from(WHOLE);
        while room > 0 {
            match self.first[room] {
                Some(kind) => {
                    counts[kind] += 1.0;
                    room -= sizes[kind];
                }
                None => room -= 1,
            }
        }
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(demand: &[(u16, f64)], expected: &[(usize, f64)]) {
        let worth = worth(demand);
        for (free, expected) in expected {
            let found = worth[*free];
            assert!(
                (found - expected).abs() < 0.01,
                "{demand:?}: {free} is worth {found}, not {expected}"
            );
        }
    }

    #[test]
    fn room_is_worth_the_devices_it_saves() {
        check(&[], &[(0, 0.0), (1000, 0.0)]);
        check(&[(1000, 1.0)], &[(999, 0.0), (1000, 1000.0)]);
        check(&[(500, 1.0)], &[(499, 0.0), (500, 500.0), (1000, 1000.0)]);
        // Two of 470 share a device, and leave room that nothing fills.
        check(&[(470, 1.0)], &[(60, 0.0), (530, 500.0), (940, 1000.0)]);
        // What is asked for less often than gaps for it arise adds nothing to the worth of a gap.
        check(&[(810, 10.0), (190, 1.0)], &[(190, 0.0), (810, 1000.0)]);
        // And the other way about.
        check(&[(810, 1.0), (190, 50.0)], &[(190, 200.0), (810, 800.0)]);
        // Where there are more of the small ones, two of them share the next device.
        check(
            &[(350, 2.0), (650, 1.0)],
            &[(350, 500.0), (650, 500.0), (1000, 1000.0)],
        );
    }
}
