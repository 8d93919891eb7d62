//! Whether and when a request may go out: a leader's term, and the pace that an API server is to be spared at.
//!
//! A lease does not fence: whoever was stopped in mid-write and goes on later writes late. So each attempt asks
//! again, by a clock that also runs while the process is stopped; what slips through the moment between question
//! and write meets the preconditions that writes carry.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::shadow::Shadow;

/// Until when this process leads. Cheap to clone; all clones tell the same.
#[derive(Clone, Debug, Default)]
pub struct Term(Arc<Mutex<Option<Instant>>>);

impl Term {
    fn until(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It lasts until then, at least.
    pub(crate) fn extend(&self, until: Instant) {
        *self.until() = Some(until);
    }

    /// It is over.
    pub(crate) fn end(&self) {
        *self.until() = None;
    }

    /// Whether it lasts.
    pub fn lasts(&self) -> bool {
        self.until().is_some_and(|until| Instant::now() < until)
    }
}

/// Requests a second, and how many may go at once after a quiet time.
#[derive(Clone, Copy, Debug)]
pub struct Rate {
    /// Requests a second; at least one.
    pub per_second: u32,
    /// Requests that a quiet time saves up.
    pub burst: u32,
}

/// Keeps requests to a rate. Rule: the generic cell rate algorithm.
#[derive(Debug)]
struct Pace {
    interval: Duration,
    saved: Duration,
    /// When the next request would go out if they went out evenly.
    next: Mutex<Instant>,
}

impl Pace {
    fn new(rate: Rate) -> Self {
        let interval = Duration::from_secs(1) / rate.per_second.max(1);
        Self {
            interval,
            saved: interval * rate.burst,
            next: Mutex::new(Instant::now()),
        }
    }

    /// Takes a place in the order; when it comes.
    fn reserve(&self, now: Instant) -> Instant {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let even = (*next).max(now);
        *next = even + self.interval;
        even.checked_sub(self.saved).unwrap_or(now).max(now)
    }
}

/// What each request passes. The default lets everything pass.
#[derive(Clone, Debug, Default)]
pub struct Gate {
    term: Option<Term>,
    pace: Option<Arc<Pace>>,
    shadow: Option<Shadow>,
}

impl Gate {
    /// A gate that lets requests pass at this rate.
    pub fn paced(rate: Rate) -> Self {
        Self {
            pace: Some(Arc::new(Pace::new(rate))),
            ..Self::default()
        }
    }

    /// The same gate, closed to writes outside of this term.
    #[must_use]
    pub fn within(&self, term: &Term) -> Self {
        Self {
            term: Some(term.clone()),
            ..self.clone()
        }
    }

    /// The same gate, at which writes are told and let nowhere.
    #[must_use]
    pub fn shadowing(&self, shadow: Shadow) -> Self {
        Self {
            shadow: Some(shadow),
            ..self.clone()
        }
    }

    /// Who hears of writes instead of the API, if anybody.
    pub(crate) fn shadow(&self) -> Option<&Shadow> {
        self.shadow.as_ref()
    }

    /// Waits for a request's turn; whether it may go out.
    pub(crate) async fn pass(&self, is_write: bool) -> bool {
        if let Some(pace) = &self.pace {
            tokio::time::sleep_until(pace.reserve(Instant::now())).await;
        }
        !is_write || self.term.as_ref().is_none_or(Term::lasts)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_go_at_the_rate_after_the_burst() {
        let gate = Gate::paced(Rate {
            per_second: 10,
            burst: 2,
        });
        let begun = Instant::now();
        let mut at = Vec::new();
        for _ in 0..5 {
            assert!(gate.pass(true).await);
            at.push(begun.elapsed().as_millis());
        }
        assert_eq!(at, [0, 0, 0, 100, 200]);
        tokio::time::sleep(Duration::from_secs(60)).await;
        let later = Instant::now();
        for _ in 0..3 {
            gate.pass(false).await;
        }
        assert_eq!(later.elapsed().as_millis(), 0, "a quiet time saves up a burst");
    }

    #[tokio::test(start_paused = true)]
    async fn writes_end_with_the_term() {
        let term = Term::default();
        let gate = Gate::default().within(&term);
        assert!(!gate.pass(true).await && gate.pass(false).await);
        term.extend(Instant::now() + Duration::from_secs(10));
        assert!(gate.pass(true).await);
        tokio::time::sleep(Duration::from_secs(10)).await;
        assert!(!gate.pass(true).await);
        term.extend(Instant::now() + Duration::from_secs(10));
        term.end();
        assert!(!gate.pass(true).await);
    }
}
