//! A Workflow whose fields have types that nothing can be made of: no machine is made for it, and it fails.
//! Rule: workflow/controller/controller.go, `processNextItem`.

use meta::Timestamp;
use serde_json::{Value, json};

use crate::contract::{LABEL_COMPLETED, LABEL_PHASE};
use crate::phase::FAILED;

/// The merge patch that ends such a Workflow; `why` is what its reader says.
#[must_use]
pub fn unreadable(uid: &str, why: &str, now: Timestamp) -> Value {
    let now = meta::time::seconds(now);
    json!({
        "metadata": {"uid": uid, "labels": {LABEL_COMPLETED: "true", LABEL_PHASE: FAILED}},
        "status": {
            "phase": FAILED,
            "message": format!("cannot unmarshall spec: {why}"),
            "startedAt": now,
            "finishedAt": now,
            "conditions": [{"type": "Completed", "status": "True"}],
        },
    })
}
