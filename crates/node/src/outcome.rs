//! From a process's end to a container's.

use std::io::Read;
use std::path::Path;

use kinds::k8s::api::core::v1::Container;
use meta::Timestamp;
use spawner::protocol::{Ended, Outcome};

use crate::directory::PodDirectory;
use crate::logs::last_words;
use crate::pod::text;
use crate::pod::unit::Terminated;

/// Bytes of a termination message that are kept; of a log's tail, where that stands for one.
const MESSAGE_MAX: u64 = 4096;
const TAIL_MAX: usize = 2048;
const TAIL_LINES: usize = 80;
/// Exit code of what could not be started.
const NOT_STARTED: i32 = 128;

/// What kubelet would report of an attempt that ended so.
pub(crate) fn terminated(
    ended: &Ended,
    directory: &PodDirectory,
    container: Option<&Container>,
) -> Terminated {
    let (exit_code, reason, message) = match &ended.outcome {
        Outcome::Exited { code } => (*code, by_code(*code), None),
        Outcome::Signalled { signal } => (128 + signal, "Error", None),
        Outcome::NotStarted(failure) => (NOT_STARTED, text::START_ERROR, Some(text::start_failure(failure))),
        Outcome::Unknown => (137, text::UNKNOWN, Some(text::UNKNOWN_MESSAGE.to_owned())),
    };
    let message = message.or_else(|| {
        let policy = container.and_then(|container| container.termination_message_policy.as_deref());
        let falls_back = policy == Some("FallbackToLogsOnError") && exit_code != 0;
        left(directory, &ended.key.container, ended.key.attempt, falls_back)
    });
    // As containerd has it: whatever in the container was killed, and however it ended after.
    let reason = if ended.out_of_memory {
        text::OUT_OF_MEMORY
    } else {
        reason
    };
    Terminated {
        exit_code,
        reason: reason.to_owned(),
        message,
        started_at: ended.started_at.map(timestamp),
        finished_at: timestamp(ended.ended_at),
    }
}

/// How a container ends that cannot be started as it stands.
pub(crate) fn impossible(sentence: String, now: Timestamp) -> Terminated {
    Terminated {
        exit_code: NOT_STARTED,
        reason: text::START_ERROR.to_owned(),
        message: Some(sentence),
        started_at: None,
        finished_at: now,
    }
}

fn by_code(code: i32) -> &'static str {
    if code == 0 { "Completed" } else { "Error" }
}

/// Nanoseconds since 1970 as a time.
pub(crate) fn timestamp(nanoseconds: i64) -> Timestamp {
    Timestamp::from_nanosecond(i128::from(nanoseconds)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The message that an attempt left, or the tail of its log.
fn left(directory: &PodDirectory, container: &str, attempt: u32, falls_back: bool) -> Option<String> {
    let message = read_head(&directory.message(container, attempt)).filter(|message| !message.is_empty());
    let tail = || last_words(&directory.log(container, attempt), TAIL_LINES, TAIL_MAX).ok();
    message
        .or_else(|| falls_back.then(tail).flatten())
        .filter(|message| !message.is_empty())
}

fn read_head(path: &Path) -> Option<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .ok()?
        .take(MESSAGE_MAX)
        .read_to_end(&mut bytes)
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}
