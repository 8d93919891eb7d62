//! Ages as kubectl writes them: `5s`, `3m20s`, `7d`. Rule: apimachinery's `duration.HumanDuration`.

use meta::Timestamp;
use serde_json::Value;

/// Time from `then` to `now`; `<unknown>` if `then` is no time.
pub(super) fn since(then: &Value, now: Timestamp) -> String {
    match then.as_str().and_then(meta::time::parse) {
        Some(then) => meta::duration::human(meta::time::SignedDuration::from_secs(
            now.as_second() - then.as_second(),
        )),
        None => "<unknown>".to_owned(),
    }
}
