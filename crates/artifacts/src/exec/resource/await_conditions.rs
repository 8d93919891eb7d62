//! The wait for an object's conditions.

use std::time::Duration;

use expr::selector::Condition;
use tokio::time::sleep;

use super::Session;
use crate::exec::Failure;

/// The longest pause between two looks at an object: Argo's own interval.
const LONGEST: Duration = Duration::from_secs(5);

/// Pauses that grow: most conditions come soon, others late.
pub(super) struct Pauses(Duration);

impl Default for Pauses {
    fn default() -> Self {
        Self(Duration::from_millis(50))
    }
}

impl Pauses {
    /// How long to wait now.
    pub(super) fn next(&mut self) -> Duration {
        let now = self.0;
        self.0 = (now * 3 / 2).min(LONGEST);
        now
    }
}

impl Session<'_> {
    /// Waits until the object satisfies the success condition; fails once it satisfies the failure condition.
    pub(super) async fn await_conditions(&mut self, path: &str) -> Result<(), Failure> {
        let success = condition("success", &self.template.success_condition)?;
        let failure = condition("fail", &self.template.failure_condition)?;
        if success.is_none() && failure.is_none() {
            return Ok(());
        }
        let mut pauses = Pauses::default();
        loop {
            match self.read(path).await {
                Ok(object) => {
                    if let Some(held) = failure.as_ref().and_then(|failure| failure.any(&object)) {
                        return Err(Failure(format!("failure condition '{held}' evaluated true")));
                    }
                    if success.as_ref().is_none_or(|success| success.all(&object)) {
                        self.journal.say("the success condition holds");
                        return Ok(());
                    }
                }
                Err(problem) if problem.may_pass() => self.journal.say(&problem.to_string()),
                Err(problem) if problem.is_not_found() => {
                    return Err(Failure(format!(
                        "The resource has been deleted while its status was still being checked. Will not be \
                         retried: {problem}"
                    )));
                }
                Err(problem) => return Err(Failure(problem.to_string())),
            }
            sleep(pauses.next()).await;
        }
    }
}

fn condition(which: &str, text: &str) -> Result<Option<Condition>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let parsed = Condition::parse(text);
    let parsed =
        parsed.map_err(|error| Failure(format!("{which} condition '{text}' failed to parse: {error}")))?;
    Ok(Some(parsed))
}
