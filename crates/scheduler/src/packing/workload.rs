//! The workload that machines should stay useful for: the requests that are typical, and how frequent each is.

use std::collections::BTreeMap;

use super::Request;

/// A request that is typical, and its part of all requests.
#[derive(Clone, Debug, PartialEq)]
pub struct Typical {
    /// What is asked for.
    pub request: Request,
    /// Its part of all typical requests, from 0 to 1.
    pub frequency: f64,
}

/// The typical requests, most frequent first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Workload {
    typical: Vec<Typical>,
}

impl Workload {
    /// The first of `counted` requests that together make up `coverage` (from 0 to 1) of all; order them by
    /// descending count. Rule: FGD (USENIX ATC'23), section 4.2.
    pub fn new(counted: impl IntoIterator<Item = (Request, usize)>, coverage: f64) -> Self {
        let counted: Vec<_> = counted.into_iter().collect();
        let total: usize = counted.iter().map(|(_, count)| count).sum();
        let mut kept = 0;
        let mut typical = Vec::new();
        for (request, count) in counted {
            if kept as f64 >= coverage * total as f64 {
                break;
            }
            kept += count;
            let frequency = count as f64 / total as f64;
            typical.push(Typical { request, frequency });
        }
        let covered = kept as f64 / total as f64;
        for class in &mut typical {
            class.frequency /= covered;
        }
        Self { typical }
    }

    /// All of `counted` requests. The same requests in another order are the same workload, to the last bit of what is
    /// worked out from it.
    pub fn history(counted: impl IntoIterator<Item = (Request, usize)>) -> Self {
        let mut merged = BTreeMap::<Request, usize>::new();
        for (request, count) in counted {
            *merged.entry(request).or_default() += count;
        }
        Self::new(merged, 1.0)
    }

    /// The typical requests, in the order in which they were given.
    pub fn typical(&self) -> &[Typical] {
        &self.typical
    }
}
