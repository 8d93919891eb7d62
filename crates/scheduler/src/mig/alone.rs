//! What a state is worth for a device on its own: the fewer requests it will refuse, exactly.

use super::{StateId, Table};

/// Rounds of value iteration at most.
const ROUNDS_MAX: usize = 5000;
/// A round that changes all values alike, but for this, has found them.
const TOLERANCE: f64 = 1e-9;

/// By state: the expected refusals to come, beyond those from the empty state, where requests for each profile come
/// at `rates`, an instance ends at rate 1, and each request that fits is placed where fewest refusals follow.
/// Method: value iteration on the uniformised chain (Puterman, Markov Decision Processes, 8.5 and 11.5).
pub(super) fn refusals(table: &Table, rates: &[f64]) -> Vec<f64> {
    let ends = ends(table);
    let busiest = ends.iter().map(Vec::len).max().unwrap_or(0);
    let pace = rates.iter().sum::<f64>() + busiest as f64;
    let mut refusals = vec![0.0; ends.len()];
    for _ in 0..ROUNDS_MAX {
        let next = round(table, rates, &ends, &refusals, pace);
        let change = spread(&next, &refusals);
        let base = next[StateId::EMPTY.index()];
        refusals = next.iter().map(|value| value - base).collect();
        if change < TOLERANCE {
            break;
        }
    }
    refusals
}

/// By state: the states that the end of each of its instances leads to.
fn ends(table: &Table) -> Vec<Vec<StateId>> {
    let of = |state: StateId| {
        let instances = table.instances(state).iter();
        instances
            .filter_map(|(profile, start)| table.without(state, usize::from(*profile), *start))
            .collect()
    };
    table.states().map(of).collect()
}

/// The refusals from each state if `refusals` follow the next event.
fn round(table: &Table, rates: &[f64], ends: &[Vec<StateId>], refusals: &[f64], pace: f64) -> Vec<f64> {
    let step = |state: StateId| {
        let here = refusals[state.index()];
        let (mut sum, mut rate_left) = (0.0, pace);
        for (profile, rate) in rates.iter().enumerate() {
            let places = table.placements(state, profile).iter();
            let best = places
                .map(|place| refusals[place.after.index()])
                .min_by(f64::total_cmp);
            sum += rate * best.unwrap_or(here + 1.0);
            rate_left -= rate;
        }
        for after in &ends[state.index()] {
            sum += refusals[after.index()];
            rate_left -= 1.0;
        }
        (sum + rate_left * here) / pace
    };
    table.states().map(step).collect()
}

/// How differently the values have changed.
fn spread(next: &[f64], before: &[f64]) -> f64 {
    let changes = || next.iter().zip(before).map(|(next, before)| next - before);
    changes().fold(f64::MIN, f64::max) - changes().fold(f64::MAX, f64::min)
}
