//! `watch`: a collection's changes as they happen, one JSON line each.
//!
//! ```text
//!   initial objects ─> (initial-events-end bookmark) ─> events ... bookmarks ... ─> end at the deadline
//! ```
//!
//! | asked | starts with |
//! | --- | --- |
//! | `sendInitialEvents=true` | everything that is there, and a bookmark that says so |
//! | no `resourceVersion`, or `0` | everything that is there |
//! | `resourceVersion=N` | what happened after N, or 410 if that is forgotten |

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt;
use http::{HeaderValue, StatusCode};
use serde_json::{Value, json};
use store::{Event, EventKind, Revision, Watcher};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;

use super::selection::Selection;
use crate::body::{Answer, Body, typed};
use crate::call::Call;
use crate::negotiate::{Form, metadata, versioned};
use crate::object::{read, with_revision};
use crate::registry::Row;
use crate::status::ApiError;
use crate::table::Printer;

/// Bytes of lines that are sent as one block, if so many are at hand.
const BLOCK: usize = 64 << 10;

/// From this size on an object is sent as a piece of its own, which all watches share.
const APART: usize = 16 << 10;

/// Answers with the stream of changes of what is selected.
pub(crate) async fn watch(call: &Call<'_>) -> Result<Answer, ApiError> {
    let server = call.server;
    let permit = Arc::clone(&server.watches).try_acquire_owned();
    let permit = permit.map_err(|_| ApiError::busy("too many watches are open, please try again later"))?;
    let selection = Selection::of(call)?;
    let prefix = selection.prefix(call);
    let (initial, after, announce) = start(call)?;
    let (entries, after) = match initial {
        true => server.store.list(&prefix),
        false => (Vec::new(), after),
    };
    let watcher = server.store.watch(&prefix, after, call.caller.durability);
    let watcher = watcher.map_err(|old| ApiError::expired(old.requested.0, old.oldest.0))?;
    call.settle(after).await?;
    let mut stream = Stream {
        printer: call.printer(),
        row: Arc::clone(&call.row),
        form: call.form,
        selection,
        watcher,
        ready: VecDeque::new(),
        bookmarks: call.query.flag("allowWatchBookmarks"),
        bookmark_interval: server.limits.bookmark_interval,
        bookmark_at: Instant::now() + server.limits.bookmark_interval,
        deadline: Instant::now() + timeout(call)?,
        closing: server.closing.clone(),
        ended: false,
        headed: false,
        _permit: permit,
    };
    for entry in entries {
        if !stream.selection.matches(&entry.value) {
            continue;
        }
        let line = stream.line("ADDED", entry.value.clone())?;
        stream.ready.extend(line);
    }
    if announce && stream.bookmarks {
        let line = stream.bookmark(after, true);
        stream.ready.push_back(line);
    }
    let body = futures::stream::unfold(stream, Stream::step).boxed();
    let content_type = HeaderValue::from_static("application/json");
    Ok(typed(StatusCode::OK, content_type, Body::Stream(body)))
}

/// Whether to begin with what is there, else after which revision, and whether to say when that is done.
fn start(call: &Call<'_>) -> Result<(bool, Revision, bool), ApiError> {
    let asked = call
        .query
        .revision()
        .map_err(|error| error.unclassified_alike())?;
    let current = call.server.store.revision();
    if asked.unwrap_or(0) > current.0 {
        return Err(ApiError::too_new(asked.unwrap_or(0), current.0));
    }
    match call.query.get("sendInitialEvents") {
        Some("true" | "1") => Ok((true, current, true)),
        Some(_) if asked.unwrap_or(0) == 0 => Ok((false, current, false)),
        _ => match asked {
            None | Some(0) => Ok((true, current, false)),
            Some(revision) => Ok((false, Revision(revision), false)),
        },
    }
}

fn timeout(call: &Call<'_>) -> Result<Duration, ApiError> {
    let most = call.server.limits.watch_timeout;
    let asked = call
        .query
        .number("timeoutSeconds")?
        .and_then(|s| u64::try_from(s).ok());
    Ok(asked
        .filter(|s| *s > 0)
        .map_or(most, |s| Duration::from_secs(s).min(most)))
}

/// A watch under way.
struct Stream {
    row: Arc<Row>,
    form: Form,
    printer: Printer,
    selection: Selection,
    watcher: Watcher,
    ready: VecDeque<Bytes>,
    bookmarks: bool,
    bookmark_interval: Duration,
    bookmark_at: Instant,
    deadline: Instant,
    closing: CancellationToken,
    ended: bool,
    /// Whether a table was sent.
    headed: bool,
    _permit: OwnedSemaphorePermit,
}

impl Stream {
    /// The next block of lines, and the stream to go on with.
    async fn step(mut self) -> Option<(Bytes, Self)> {
        loop {
            self.gather();
            if let Some(block) = self.block() {
                return Some((block, self));
            }
            if self.ended {
                return None;
            }
            self.wait().await;
        }
    }

    /// Takes what has happened, as far as it is at hand.
    fn gather(&mut self) {
        let mut size: usize = self.ready.iter().map(Bytes::len).sum();
        while size < BLOCK && !self.ended {
            let Some(next) = self.watcher.try_next() else {
                return;
            };
            let before = self.ready.len();
            self.take(Some(next));
            size += self.ready.range(before..).map(Bytes::len).sum::<usize>();
        }
    }

    fn take(&mut self, next: Option<Result<Event, store::TooOld>>) {
        match next {
            None => self.ended = true,
            Some(Err(old)) => self.fail(&ApiError::expired(old.requested.0, old.oldest.0)),
            Some(Ok(event)) => match self.render(&event) {
                Ok(line) => self.ready.extend(line.into_iter().flatten()),
                Err(error) => self.fail(&error),
            },
        }
    }

    fn fail(&mut self, error: &ApiError) {
        self.ready
            .push_back(line("ERROR", error.json().to_string().as_bytes()));
        self.ended = true;
    }

    /// All that is ready, in blocks of bounded size.
    fn block(&mut self) -> Option<Bytes> {
        let first = self.ready.pop_front()?;
        let fits = |next: &mut Bytes| next.len() < APART;
        if first.len() >= APART || !self.ready.front_mut().is_some_and(&fits) {
            return Some(first);
        }
        let mut block = first.to_vec();
        while let Some(next) = self.ready.pop_front_if(fits) {
            block.extend_from_slice(&next);
            if block.len() >= BLOCK {
                break;
            }
        }
        Some(block.into())
    }

    /// Waits for an event, a bookmark's turn, or the end.
    async fn wait(&mut self) {
        tokio::select! {
            biased;
            next = self.watcher.next() => self.take(next),
            () = self.closing.cancelled() => self.ended = true,
            () = sleep_until(self.deadline) => {
                self.ended = true;
                self.push_bookmark();
            }
            () = sleep_until(self.bookmark_at), if self.bookmarks => {
                self.bookmark_at = Instant::now() + self.bookmark_interval;
                self.push_bookmark();
            }
        }
    }

    fn push_bookmark(&mut self) {
        if self.bookmarks {
            let line = self.bookmark(self.watcher.progress(), false);
            self.ready.push_back(line);
        }
    }

    /// The line that an event is for this watch, if it is one: an object may enter or leave what is selected.
    fn render(&mut self, event: &Event) -> Result<Option<Line>, ApiError> {
        let before = event
            .previous
            .as_ref()
            .filter(|bytes| self.selection.matches(bytes));
        let after =
            (event.kind == EventKind::Put && self.selection.matches(&event.value)).then_some(&event.value);
        let (kind, object) = match (before, after) {
            (None, None) => return Ok(None),
            (None, Some(after)) => ("ADDED", after.clone()),
            (Some(_), Some(after)) => ("MODIFIED", after.clone()),
            (Some(_), None) if event.kind == EventKind::Delete => {
                ("DELETED", with_revision(&event.value, event.revision.0))
            }
            (Some(before), None) => ("DELETED", with_revision(before, event.revision.0)),
        };
        self.line(kind, object).map(Some)
    }

    fn line(&mut self, kind: &str, object: Bytes) -> Result<Line, ApiError> {
        let object = match self.form {
            Form::Object => versioned(&self.row, object),
            Form::Metadata => metadata(&object),
            Form::Table => self.table(&read(&object)?),
        };
        Ok(if object.len() < APART {
            vec![line(kind, &object)]
        } else {
            let (head, tail) = around(kind);
            vec![head.into(), object, Bytes::from_static(tail)]
        })
    }

    /// One object as a table. Only a watch's first table says what its columns are.
    fn table(&mut self, object: &Value) -> Bytes {
        let mut table = self.printer.one(object);
        if std::mem::replace(&mut self.headed, true) {
            table["columnDefinitions"] = Value::Null;
        }
        table.to_string().into()
    }

    /// Says up to where the watcher has seen everything.
    fn bookmark(&self, revision: Revision, initial_end: bool) -> Bytes {
        let mut object = match self.form {
            Form::Object => {
                json!({"kind": self.row.kind, "apiVersion": self.row.api_version, "metadata": {}})
            }
            Form::Metadata => {
                json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": {}})
            }
            Form::Table => self.printer.none(),
        };
        object["metadata"]["resourceVersion"] = Value::from(revision.to_string());
        if initial_end {
            object["metadata"]["annotations"] = json!({"k8s.io/initial-events-end": "true"});
        }
        line("BOOKMARK", object.to_string().as_bytes())
    }
}

/// A line, in the pieces in which it is sent.
type Line = Vec<Bytes>;

fn line(kind: &str, object: &[u8]) -> Bytes {
    let (head, tail) = around(kind);
    [head.as_bytes(), object, tail].concat().into()
}

/// What is before and after the object of a line.
fn around(kind: &str) -> (String, &'static [u8]) {
    (format!(r#"{{"type":"{kind}","object":"#), b"}\n")
}
