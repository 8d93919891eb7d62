//! The executor against an API that answers as told.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::task::{Context, Poll};

use futures::future::BoxFuture;
use http::{Request, Response};
use http_body_util::Full;
use meta::ObjectKey;
use serde_json::{Value, json};
use tokio::time::Instant;
use tower::BoxError;

use super::*;
use crate::projections::CONFIG_MAPS;

/// Answers requests with the next of these codes and bodies, and writes down what was asked.
#[derive(Clone)]
struct Told {
    answers: Arc<Mutex<VecDeque<(u16, Value)>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl tower::Service<Request<Body>> for Told {
    type Response = Response<Full<Bytes>>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let asked = format!("{} {}", request.method(), request.uri());
        self.asked.lock().unwrap().push(asked);
        let answer = self.answers.lock().unwrap().pop_front();
        Box::pin(async move {
            let (code, body) = answer.ok_or("the line is dead")?;
            let mut response = Response::new(Full::new(Bytes::from(body.to_string())));
            *response.status_mut() = http::StatusCode::from_u16(code)?;
            Ok(response)
        })
    }
}

fn failure(reason: &str) -> Value {
    json!({"kind": "Status", "reason": reason, "message": "m", "details": {"retryAfterSeconds": 1}})
}

fn executor(answers: &[(u16, Value)]) -> (Executor, Told) {
    let told = Told {
        answers: Arc::new(Mutex::new(answers.iter().cloned().collect())),
        asked: Arc::default(),
    };
    (
        Executor::new(Client::new(told.clone(), "default"), Arc::default()),
        told,
    )
}

fn create() -> Write {
    Write::create(CONFIG_MAPS, ObjectKey::new("d", "c"), json!({}))
}

/// How a write ends that gets these answers, and the virtual milliseconds it takes.
async fn check(answers: &[(u16, Value)], expected: Result<(), Failure>, millis: u128) {
    let (executor, told) = executor(answers);
    let begun = Instant::now();
    let found = executor.write(&create()).await.map(|_| ());
    assert_eq!(found, expected, "{answers:?}");
    // Timers have a resolution of a millisecond, and may fire one late.
    let taken = begun.elapsed().as_millis();
    assert!(
        (millis..millis + 20).contains(&taken),
        "{answers:?} took {taken} ms"
    );
    assert!(told.answers.lock().unwrap().is_empty(), "{answers:?}");
}

#[tokio::test(start_paused = true)]
async fn what_may_pass_is_tried_again_and_what_will_not_is_not() {
    let m = || "m".to_owned();
    check(&[(201, json!({}))], Ok(()), 0).await;
    check(
        &[(500, Value::Null), (503, Value::Null), (201, json!({}))],
        Ok(()),
        60,
    )
    .await;
    check(
        &[(429, failure("TooManyRequests")), (201, json!({}))],
        Ok(()),
        1000,
    )
    .await;
    check(&[(409, failure("Conflict"))], Err(Failure::Conflict(m())), 0).await;
    check(
        &[(409, failure("AlreadyExists"))],
        Err(Failure::AlreadyExists(m())),
        0,
    )
    .await;
    check(&[(404, failure("NotFound"))], Err(Failure::NotFound(m())), 0).await;
    check(&[(403, failure("Forbidden"))], Err(Failure::Forbidden(m())), 0).await;
    check(&[(422, failure("Invalid"))], Err(Failure::Refused(422, m())), 0).await;
    let mut another = failure("Invalid");
    another["details"] = json!({"causes": [{"reason": "FieldValueInvalid", "field": "metadata.uid"}]});
    check(&[(422, another)], Err(Failure::Conflict(m())), 0).await;
}

#[tokio::test(start_paused = true)]
async fn attempts_are_bounded() {
    let (executor, told) = executor(&[]);
    let found = executor.write(&create()).await;
    assert!(matches!(found, Err(Failure::Unavailable(_))), "{found:?}");
    assert_eq!(told.asked.lock().unwrap().len(), 9);
}

#[tokio::test(start_paused = true)]
async fn what_was_created_before_is_looked_at() {
    let exists = (409, failure("AlreadyExists"));
    let there = (200, json!({"metadata": {"uid": "u"}}));
    for (uid, ours) in [("u", true), ("other", false)] {
        let (executor, told) = executor(&[exists.clone(), there.clone()]);
        let found: Result<Value, _> = executor
            .ensure(&create(), |v: &Value| v["metadata"]["uid"] == uid)
            .await;
        assert_eq!(found.is_ok(), ours, "{found:?}");
        let asked = told.asked.lock().unwrap().join(", ");
        assert_eq!(
            asked,
            "POST /api/v1/namespaces/d/configmaps, GET /api/v1/namespaces/d/configmaps/c"
        );
    }
}
