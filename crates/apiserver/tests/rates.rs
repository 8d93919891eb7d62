//! Rates of the server in process. Not a check: run it by hand with `--ignored --nocapture`.
#![allow(clippy::print_stdout, reason = "its output is its purpose")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod common;

use std::time::Instant;

use common::{client, pod, pods};
use kinds::kube::api::{Patch, PatchParams, PostParams};
use serde_json::json;

async fn rate(what: &str, count: u32, mut once: impl AsyncFnMut(u32)) {
    let start = Instant::now();
    for at in 0..count {
        once(at).await;
    }
    println!(
        "{what:<24} {:>8.2} µs",
        start.elapsed().as_secs_f64() * 1e6 / f64::from(count)
    );
}

#[tokio::test]
#[ignore = "measures, does not check"]
async fn rates() {
    let (server, pods) = pods().await;
    let client = client(&server);
    rate("first create", 1, async |_| {
        pods.create(&PostParams::default(), &pod("p"))
            .await
            .map(drop)
            .unwrap();
    })
    .await;
    let path = "/api/v1/namespaces/default/pods/p";
    rate("get, text", 20_000, async |_| {
        client
            .request_text(http::Request::get(path).body(Vec::new()).unwrap())
            .await
            .map(drop)
            .unwrap();
    })
    .await;
    rate("get, typed", 20_000, async |_| {
        pods.get("p").await.map(drop).unwrap();
    })
    .await;
    rate("create", 5_000, async |at| {
        pods.create(&PostParams::default(), &pod(&format!("q{at}")))
            .await
            .map(drop)
            .unwrap();
    })
    .await;
    rate("patch status, merge", 5_000, async |at| {
        let status = Patch::Merge(json!({"status": {"message": at.to_string()}}));
        pods.patch_status("p", &PatchParams::default(), &status)
            .await
            .map(drop)
            .unwrap();
    })
    .await;
    rate("list of 5,000, text", 20, async |_| {
        let path = "/api/v1/namespaces/default/pods";
        client
            .request_text(http::Request::get(path).body(Vec::new()).unwrap())
            .await
            .map(drop)
            .unwrap();
    })
    .await;
}
