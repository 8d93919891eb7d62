//! Steps that the executor does itself: requests over HTTP, and what is asked of the API server.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use serde_json::{Value, json};

use super::{Bench, CREATED, FORBIDDEN, Seen};

/// A web server that gives the answers in turn, and its address.
fn web(answers: &'static [&'static str]) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = listener.accept().unwrap();
            let mut head = BufReader::new(stream.try_clone().unwrap())
                .lines()
                .map(Result::unwrap);
            assert!(head.any(|line| line.is_empty()), "a request ends");
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    address
}

#[test]
fn an_http_step_asks_and_judges_the_answer() {
    const HELLO: &str = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\nx-kind: a\r\nconnection: close\r\n\r\nhello";
    const MISSING: &str = "HTTP/1.1 404 No\r\ncontent-length: 4\r\nconnection: close\r\n\r\ngone";
    const THERE: &str =
        "HTTP/1.1 302 There\r\nlocation: /there\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
    let check = |answers: &'static [&'static str], condition: &str, expected: Value| {
        let bench = Bench::new(&[CREATED]);
        let orders = json!({"http": {"url": format!("{}/p", web(answers)), "successCondition": condition}});
        let (code, log, seen) = bench.run(&orders, &[]);
        assert_eq!(code, 0, "{log}");
        let found = json!([
            seen.body["phase"],
            seen.body["message"],
            seen.body["outputs"]["result"]
        ]);
        assert_eq!(found, expected, "{log}");
    };
    check(&[HELLO], "", json!(["Succeeded", null, "hello"]));
    check(&[THERE, HELLO], "", json!(["Succeeded", null, "hello"]));
    check(
        &[MISSING],
        "",
        json!(["Failed", "received non-2xx response code: 404", "gone"]),
    );
    check(
        &[MISSING],
        "response.statusCode == 404",
        json!(["Succeeded", null, "gone"]),
    );
    check(
        &[HELLO],
        "response.headers['X-Kind'][0] == 'a'",
        json!(["Succeeded", null, "hello"]),
    );
    let condition = "response.body == 'x'";
    let told = format!("successCondition '{condition}' evaluated false");
    check(&[HELLO], condition, json!(["Failed", told, "hello"]));
}

/// `/api/v1` of a server that has ConfigMaps, and one of them as it is created and read.
const CORE: &str = "HTTP/1.1 200 OK\r\ncontent-length: 92\r\n\r\n{\"resources\":[{\"name\":\"configmaps\",\"singularName\":\"\",\"namespaced\":true,\"kind\":\"ConfigMap\"}]}";
const MAP: &str = "HTTP/1.1 201 Created\r\ncontent-length: 75\r\n\r\n{\"kind\":\"ConfigMap\",\"metadata\":{\"name\":\"made\"},\"data\":{\"phase\":\"Ready\"} }  ";
const NOT_FOUND: &str =
    "HTTP/1.1 404 No\r\ncontent-length: 43\r\n\r\n{\"reason\":\"NotFound\",\"message\":\"not there\"}";

/// Orders to do something to a ConfigMap.
fn resource(more: &Value) -> Value {
    let mut resource = json!({
        "action": "create",
        "manifest": "apiVersion: v1\nkind: ConfigMap\nmetadata: {generateName: m-}\n",
    });
    for (field, value) in more.as_object().unwrap() {
        resource[field] = value.clone();
    }
    json!({ "resource": resource })
}

#[test]
fn a_resource_is_created_awaited_and_read() {
    let bench = Bench::new(&[CORE, MAP, MAP, MAP, CREATED]);
    let mut orders = resource(
        &json!({"successCondition": "data.phase == Ready", "failureCondition": "data.phase == Bad"}),
    );
    orders["outputParameters"] = json!([{"name": "n", "valueFrom": {"jsonPath": "{.metadata.name}"}}]);
    let output = bench.start(&orders, &[]).wait_with_output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let seen: Vec<Seen> = bench.seen.try_iter().collect();
    let lines: Vec<&str> = seen.iter().map(|seen| seen.line.as_str()).collect();
    let maps = "/api/v1/namespaces/ns/configmaps";
    assert_eq!(
        lines,
        [
            "GET /api/v1 HTTP/1.1".to_owned(),
            format!("POST {maps}?fieldManager=kubectl-create&fieldValidation=Strict HTTP/1.1"),
            format!("GET {maps}/made HTTP/1.1"),
            format!("GET {maps}/made HTTP/1.1"),
            "POST /apis/argoproj.io/v1alpha1/namespaces/ns/workflowtaskresults HTTP/1.1".to_owned(),
        ]
    );
    assert_eq!(seen[4].body["outputs"]["parameters"][0]["value"], "made");
}

#[test]
fn what_goes_wrong_with_a_resource_is_said_as_kubectl_says_it() {
    let check = |answers: &'static [&'static str], more: Value, expected: &str| {
        let bench = Bench::new(answers);
        let (code, log, seen) = bench.run(&resource(&more), &[]);
        assert_eq!(code, 64, "{log}");
        assert!(log.contains(expected), "{expected:?} is not said: {log}");
        assert!(
            seen.body["phase"].is_null(),
            "the container failed: {}",
            seen.body
        );
    };
    check(
        &[CORE, FORBIDDEN, CREATED],
        json!({}),
        "no more retries Error from server: error when creating \"/tmp/manifest.yaml\": no way",
    );
    check(
        &[CORE, MAP, MAP, CREATED],
        json!({"failureCondition": "data.phase in (Ready, Bad)"}),
        "failure condition 'data.phase in (Bad,Ready)' evaluated true",
    );
    check(
        &[NOT_FOUND, CREATED],
        json!({}),
        "no more retries error: resource mapping not found for name: \"\" namespace: \"\" from \"/tmp/manifest.yaml\": \
         no matches for kind \"ConfigMap\" in version \"v1\"\nensure CRDs are installed first",
    );
    check(
        &[CREATED],
        json!({"flags": ["--nonsense"]}),
        "no more retries error: unknown flag: --nonsense",
    );
    check(
        &[CREATED],
        json!({"action": "delete", "successCondition": "a"}),
        "successCondition, failureCondition and outputs are not supported for delete action",
    );
}
