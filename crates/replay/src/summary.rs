//! Rows of a comparison: each seed's allocation, and the means over seeds.

use std::fmt;

use serde::{Serialize, Serializer};

/// Whose allocation a row gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seed {
    /// One seed's.
    One(u64),
    /// The mean over all seeds.
    Mean,
}

impl Serialize for Seed {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::One(seed) => serializer.serialize_u64(*seed),
            Self::Mean => serializer.serialize_str("mean"),
        }
    }
}

impl fmt::Display for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(seed) => write!(f, "{seed}"),
            Self::Mean => f.write_str("mean"),
        }
    }
}

/// One figure of a comparison.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Row {
    /// The trace.
    pub trace: String,
    /// The policy.
    pub policy: String,
    /// The seed, or all.
    pub seed: Seed,
    /// Devices asked for, in percent of the cluster.
    pub at: usize,
    /// Devices allocated, in percent of the cluster.
    pub allocation: f64,
    /// Of a mean: half the width of its 95 % confidence interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ci95: Option<f64>,
}

/// Rows by seed, in the order given, and then a mean for each trace, policy and demand, in the order of their
/// first row.
pub fn rows(by_seed: Vec<Row>) -> Vec<Row> {
    let mut groups: Vec<(Row, Vec<f64>)> = Vec::new();
    for row in &by_seed {
        let same = |(first, _): &&mut (Row, Vec<f64>)| {
            (&first.trace, &first.policy, first.at) == (&row.trace, &row.policy, row.at)
        };
        match groups.iter_mut().find(same) {
            Some((_, values)) => values.push(row.allocation),
            None => groups.push((row.clone(), vec![row.allocation])),
        }
    }
    let means = groups.into_iter().map(|(first, values)| Row {
        seed: Seed::Mean,
        allocation: mean(&values),
        ci95: half_width(&values),
        ..first
    });
    by_seed.into_iter().chain(means.collect::<Vec<_>>()).collect()
}

fn mean(values: &[f64]) -> f64 {
    values.iter().sum::<f64>() / values.len() as f64
}

/// Half the width of the 95 % confidence interval of the mean (Student's t); needs two values.
fn half_width(values: &[f64]) -> Option<f64> {
    const T: [f64; 30] = [
        12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145,
        2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048,
        2.045, 2.042,
    ];
    let freedom = values.len().checked_sub(1).filter(|n| *n > 0)?;
    let centre = mean(values);
    let squares: f64 = values.iter().map(|value| (value - centre).powi(2)).sum();
    let deviation = (squares / freedom as f64).sqrt();
    let t = T.get(freedom - 1).copied().unwrap_or(1.96);
    Some(t * deviation / (values.len() as f64).sqrt())
}
