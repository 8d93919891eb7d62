//! Each fault is what it says.

use std::sync::atomic::{AtomicU32, Ordering};

use tower::ServiceExt;

use super::*;

const CALM: Rates = Rates {
    throttled: 0,
    broken: 0,
    conflicts: 0,
    lost_answers: 0,
    unanswered: 0,
    lag_ms: 0,
    watch_lag_ms: 0,
    dropped_watches: 0,
    too_old: 0,
};

/// What comes of a request to a service that always answers 200 with `one\n`: the code or the error,
/// the body, and how often the service was reached.
async fn ask(rates: Rates, healed: bool, method: http::Method, uri: &str) -> (String, String, u32) {
    let reached = Arc::new(AtomicU32::new(0));
    let count = Arc::clone(&reached);
    let service = tower::service_fn(move |_: Request<Body>| {
        count.fetch_add(1, Ordering::Relaxed);
        async { Ok::<_, BoxError>(Response::new(Full::new(Bytes::from("one\n")))) }
    });
    let layer = FaultLayer::new(only(rates), Seeded::new(1));
    if healed {
        layer.heal();
    }
    let request = Request::builder()
        .method(method)
        .uri(uri)
        .body(Body::empty())
        .unwrap();
    let (code, body) = match layer.layer(service).oneshot(request).await {
        Err(error) => (error.to_string(), String::new()),
        Ok(answer) => {
            let code = answer.status().as_u16().to_string();
            let bytes = answer.into_body().collect().await.unwrap().to_bytes();
            (code, String::from_utf8_lossy(&bytes).into_owned())
        }
    };
    (code, body, reached.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn each_fault_is_what_it_says() {
    let all = |set: fn(&mut Rates)| {
        let mut profile = CALM;
        set(&mut profile);
        profile
    };
    let (get, post, patch) = (http::Method::GET, http::Method::POST, http::Method::PATCH);
    let watch = "/api/v1/pods?watch=true&resourceVersion=7";
    for (profile, method, uri, code, reached) in [
        (CALM, &get, "/", "200", 1),
        (all(|p| p.throttled = 100), &get, "/", "429", 0),
        (all(|p| p.broken = 100), &post, "/", "500", 0),
        (all(|p| p.conflicts = 100), &patch, "/", "409", 0),
        (all(|p| p.conflicts = 100), &post, "/", "200", 1),
        (
            all(|p| p.lost_answers = 100),
            &post,
            "/",
            "the answer was lost",
            1,
        ),
        (all(|p| p.lost_answers = 100), &get, "/", "200", 1),
        (all(|p| p.too_old = 100), &get, watch, "410", 0),
        (
            all(|p| p.too_old = 100),
            &get,
            "/api/v1/pods?watch=true",
            "200",
            1,
        ),
    ] {
        let found = ask(profile, false, method.clone(), uri).await;
        assert_eq!((found.0.as_str(), found.2), (code, reached), "{profile:?}");
        assert_eq!(
            ask(profile, true, method.clone(), uri).await.0,
            "200",
            "once healed"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_watch_ends_in_the_middle_of_a_line() {
    let profile = Rates {
        dropped_watches: 100,
        ..CALM
    };
    let found = ask(
        profile,
        false,
        http::Method::GET,
        "/api/v1/pods?watch=1&resourceVersion=7",
    )
    .await;
    assert_eq!(found.1, "on");
}

/// A profile of these rates for every kind.
fn only(rates: Rates) -> Profile {
    Profile {
        rates,
        ..Profile::default()
    }
}

#[test]
fn kinds_may_have_rates_of_their_own() {
    let profile = Profile {
        rates: CALM,
        only: [("pods".to_owned(), Rates::ROUGH)].into(),
    };
    for (path, expected) in [
        ("/api/v1/namespaces/d/pods/p", Rates::ROUGH),
        ("/api/v1/pods", Rates::ROUGH),
        ("/api/v1/nodes", CALM),
    ] {
        assert_eq!(*profile.of(path), expected, "{path}");
    }
}

/// A service whose answers' bodies never end.
fn endless()
-> impl Service<Request<Body>, Response = Response<FaultBody>, Error = BoxError, Future: Send> + Clone + Send
{
    tower::service_fn(|_: Request<Body>| async {
        let never = futures::stream::pending::<Result<http_body::Frame<Bytes>, BoxError>>();
        let body = http_body_util::StreamBody::new(never).boxed_unsync();
        Ok::<_, BoxError>(Response::new(body))
    })
}

#[tokio::test(start_paused = true)]
async fn who_is_cut_off_hears_nothing_until_it_is_back() {
    let layer = FaultLayer::new(Profile::default(), Seeded::new(1));
    let request = || {
        Request::builder()
            .uri("/api/v1/pods?watch=true")
            .body(Body::empty())
            .unwrap()
    };
    let watch = |user: &str| layer.of(user).layer(endless()).oneshot(request());
    let (a, b) = (watch("a").await.unwrap(), watch("b").await.unwrap());
    layer.cut_off("a");
    assert!(watch("a").await.is_err() && watch("b").await.is_ok());
    let (mut a, mut b) = (a.into_body(), b.into_body());
    assert!(a.frame().now_or_never().is_none(), "it stands still");
    layer.reconnect("a");
    assert!(a.frame().await.is_none(), "and has ended afterwards");
    assert!(b.frame().now_or_never().is_none(), "others go on");
    layer.drop_watches();
    assert!(b.frame().await.is_none(), "until all are ended");
}
