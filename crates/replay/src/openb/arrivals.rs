//! In which order pods arrive, and which of equal machines comes first.

use std::path::{Path, PathBuf};

use super::trace::Trace;
use crate::draws::Draws;
use crate::text::{Error, read};

/// Demand in all, as parts of a hundred of the cluster's devices: the trace is stretched, or cut, to this.
const DEMAND_PERCENT: u64 = 130;

/// The pods of one run, by their index in the trace, as they arrive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrivals(pub Vec<usize>);

impl Arrivals {
    /// An order of our own, by the published protocol: all pods shuffled; then pods drawn at random are added
    /// until the next would take demand beyond 130 % of the cluster, or taken away while it is beyond.
    /// Draws come from SplitMix64, so a seed does not give the order published for it.
    pub fn generate(trace: &Trace, seed: u64) -> Self {
        let mut draws = Draws::new(seed);
        let mut order: Vec<usize> = (0..trace.pods().len()).collect();
        draws.shuffle(&mut order);
        let limit = trace.capacity() * DEMAND_PERCENT / 100;
        // The protocol counts one device of pods that ask for several only here.
        let share = |pod: usize| u64::from(trace.pods()[pod].request.share);
        let total = |pod: usize| u64::from(trace.pods()[pod].request.total());
        let mut demand: u64 = order.iter().map(|pod| total(*pod)).sum();
        while demand > limit {
            let pod = order.swap_remove(draws.below(order.len()));
            demand -= total(pod);
        }
        loop {
            let pod = draws.below(trace.pods().len());
            if demand + share(pod) > limit {
                return Self(order);
            }
            demand += total(pod);
            order.push(pod);
        }
    }
}

/// Ranks of machines at random: which of equals is taken first.
#[must_use]
pub fn ranks(machines: usize, seed: u64) -> Vec<u32> {
    let mut ranks: Vec<u32> = (0..machines).filter_map(|i| u32::try_from(i).ok()).collect();
    Draws::new(seed ^ 0x5EED).shuffle(&mut ranks);
    ranks
}

/// A file with a line of numbers for each seed, the seed first.
#[derive(Clone, Debug)]
pub struct Lines {
    path: PathBuf,
    text: String,
}

impl Lines {
    /// Reads a file.
    ///
    /// # Errors
    /// It cannot be read.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self {
            path: path.to_owned(),
            text: read(path)?,
        })
    }

    /// The order of arrival for a seed.
    ///
    /// # Errors
    /// No line for the seed, or an index of a pod that the trace does not have.
    pub fn arrivals(&self, seed: u64, trace: &Trace) -> Result<Arrivals, Error> {
        let (line, numbers) = self.line::<usize>(seed)?;
        match numbers.iter().find(|pod| **pod >= trace.pods().len()) {
            Some(pod) => Err(self.wrong(line, format!("the trace has no pod {pod}"))),
            None => Ok(Arrivals(numbers)),
        }
    }

    /// The ranks of the machines for a seed.
    ///
    /// # Errors
    /// No line for the seed, or not one rank for each machine.
    pub fn ranks(&self, seed: u64, trace: &Trace) -> Result<Vec<u32>, Error> {
        let (line, ranks) = self.line::<u32>(seed)?;
        let (found, wanted) = (ranks.len(), trace.machines().len());
        if found == wanted {
            return Ok(ranks);
        }
        Err(self.wrong(line, format!("{found} ranks for {wanted} machines")))
    }

    /// The numbers after `seed`, and the line's number.
    fn line<T: std::str::FromStr>(&self, seed: u64) -> Result<(usize, Vec<T>), Error> {
        for (index, line) in self.text.lines().enumerate() {
            let mut words = line.split_ascii_whitespace();
            if words.next().and_then(|word| word.parse().ok()) == Some(seed) {
                let parse = |word: &str| {
                    let wrong = |_| self.wrong(index + 1, format!("{word:?} is no index"));
                    word.parse().map_err(wrong)
                };
                return Ok((index + 1, words.map(parse).collect::<Result<_, _>>()?));
            }
        }
        Err(Error::NoSeed {
            path: self.path.clone(),
            seed,
        })
    }

    fn wrong(&self, line: usize, what: String) -> Error {
        Error::Format {
            path: self.path.clone(),
            line,
            what,
        }
    }
}
