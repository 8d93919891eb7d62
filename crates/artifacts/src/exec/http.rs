//! An http step: one request, and what its answer means.
//! Rule: workflow/executor/agent.go, `executeHTTPTemplate`.

use std::time::Duration;

use argo::NodeResult;
use argo::exec::header_variable;
use argo::template::{Http, HttpHeader};
use argo::values::Outputs;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use expr::lang::{Context, Environment, Map, Value as Expr};
use http::header::{HOST, HeaderMap, HeaderName, HeaderValue, LOCATION};
use http::{Method, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Limited};
use hyper::body::Bytes;
use kinds::kube;
use serde_json::{Value, json};
use tokio::time::timeout;

use super::journal::Journal;

/// The most of an answer that is read, in bytes: it becomes the node's result, which has to fit into an object.
const ANSWER_MAX: usize = 1 << 20;
/// How many redirections are followed, as Go does.
const REDIRECTIONS_MAX: usize = 10;

/// What is sent.
struct Question {
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Vec<u8>,
}

/// What came back.
struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: String,
}

/// Makes the request and says how the node ended.
pub(super) async fn run(template: &Http, journal: &mut Journal) -> NodeResult {
    let seconds = template.timeout_seconds.and_then(|s| u64::try_from(s).ok());
    let exchange = exchange(template, journal);
    let done = match seconds {
        Some(seconds) => timeout(Duration::from_secs(seconds), exchange)
            .await
            .unwrap_or_else(|_| Err(format!("no answer within {seconds} s"))),
        None => exchange.await,
    };
    match done {
        Ok(result) => result,
        Err(message) => failed(message, None),
    }
}

fn failed(message: String, outputs: Option<Outputs>) -> NodeResult {
    NodeResult {
        phase: "Failed".to_owned(),
        message,
        outputs,
        ..NodeResult::default()
    }
}

async fn exchange(template: &Http, journal: &mut Journal) -> Result<NodeResult, String> {
    let question = Question::of(template)?;
    journal.say(&format!("{} {}", question.method, question.uri));
    let reply = ask(&question, template.insecure_skip_verify).await?;
    journal.say(&format!("answered {}", reply.status));
    let outputs = Some(Outputs {
        result: Some(reply.body.clone()),
        ..Outputs::default()
    });
    Ok(match verdict(template, &question, &reply)? {
        None => NodeResult {
            phase: "Succeeded".to_owned(),
            outputs,
            ..NodeResult::default()
        },
        Some(message) => failed(message, outputs),
    })
}

impl Question {
    fn of(template: &Http) -> Result<Self, String> {
        let method = match template.method.as_str() {
            "" => Method::GET,
            other => Method::from_bytes(other.as_bytes())
                .map_err(|_| format!("net/http: invalid method \"{other}\""))?,
        };
        let body = match &template.body_from {
            Some(from) => STANDARD
                .decode(&from.bytes)
                .map_err(|error| format!("bodyFrom.bytes: {error}"))?,
            None => template.body.clone().into_bytes(),
        };
        Ok(Self {
            method,
            uri: template
                .url
                .parse()
                .map_err(|error| format!("parse \"{}\": {error}", template.url))?,
            headers: headers(&template.headers)?,
            body,
        })
    }
}

/// The headers; those that secrets hold are in the environment.
fn headers(declared: &[HttpHeader]) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for (place, header) in declared.iter().enumerate() {
        let secret = header
            .value_from
            .as_ref()
            .and_then(|from| from.secret_key_ref.as_ref());
        let value = match secret {
            Some(_) => std::env::var(header_variable(place)).unwrap_or_default(),
            None => header.value.clone(),
        };
        let wrong = |error: &dyn std::fmt::Display| format!("header \"{}\": {error}", header.name);
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|error| wrong(&error))?;
        let value = HeaderValue::from_str(&value).map_err(|error| wrong(&error))?;
        headers.append(name, value);
    }
    Ok(headers)
}

/// Asks, and follows redirections as Go does: what only says "see there" is asked for with GET.
async fn ask(question: &Question, insecure: bool) -> Result<Reply, String> {
    let (mut method, mut uri) = (question.method.clone(), question.uri.clone());
    let mut body = question.body.clone();
    for _ in 0..=REDIRECTIONS_MAX {
        let answer = send(&method, &uri, &question.headers, &body, insecure).await?;
        let there = answer
            .headers()
            .get(LOCATION)
            .and_then(|location| location.to_str().ok());
        match (answer.status().as_u16(), there) {
            (301..=303, Some(there)) => {
                if method != Method::HEAD {
                    method = Method::GET;
                }
                body.clear();
                uri = elsewhere(&uri, there)?;
            }
            (307 | 308, Some(there)) => uri = elsewhere(&uri, there)?,
            _ => return read(answer).await,
        }
    }
    Err(format!("stopped after {REDIRECTIONS_MAX} redirects"))
}

/// The place that an answer from `uri` refers to.
fn elsewhere(uri: &Uri, there: &str) -> Result<Uri, String> {
    let wrong =
        |error: http::uri::InvalidUri| format!("failed to parse Location header \"{there}\": {error}");
    if there.contains("://") {
        return there.parse().map_err(wrong);
    }
    let (scheme, authority) = (
        uri.scheme_str().unwrap_or("http"),
        uri.authority().map_or("", |a| a.as_str()),
    );
    let path = match (there.starts_with('/'), uri.path().rsplit_once('/')) {
        (false, Some((folder, _))) => format!("{folder}/{there}"),
        _ => there.to_owned(),
    };
    format!("{scheme}://{authority}{path}").parse().map_err(wrong)
}

/// Sends one request. The client is the one that pods on a cluster reach their server with: it speaks TLS.
async fn send(
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
    body: &[u8],
    insecure: bool,
) -> Result<Response<kube::client::Body>, String> {
    let failed = |error: &dyn std::fmt::Display| {
        let verb = method.as_str();
        let verb = [&verb[..1], &verb[1..].to_lowercase()].concat();
        format!("{verb} \"{uri}\": {error}")
    };
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(failed(&format!(
            "unsupported protocol scheme \"{}\"",
            uri.scheme_str().unwrap_or_default()
        )));
    }
    let host = format!(
        "{}://{}/",
        uri.scheme_str().unwrap_or("http"),
        uri.authority().map_or("", |a| a.as_str())
    );
    let mut config = kube::Config::new(host.parse().map_err(|error| failed(&error))?);
    config.accept_invalid_certs = insecure;
    config.read_timeout = None;
    let client = kube::Client::try_from(config).map_err(|error| failed(&error))?;
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let mut request = http::Request::builder()
        .method(method)
        .uri(path)
        .body(kube::client::Body::from(body.to_vec()))
        .map_err(|error| failed(&error))?;
    *request.headers_mut() = headers.clone();
    if !request.headers().contains_key(HOST) {
        let host = HeaderValue::from_str(uri.authority().map_or("", |a| a.as_str()));
        request
            .headers_mut()
            .insert(HOST, host.map_err(|error| failed(&error))?);
    }
    client
        .send(request)
        .await
        .map_err(|error| failed(&causes(&error)))
}

/// An error with what caused it: that the connection was refused is in the last of them.
fn causes(error: &dyn std::error::Error) -> String {
    let all = std::iter::successors(Some(error), |error| error.source());
    all.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

async fn read(answer: Response<kube::client::Body>) -> Result<Reply, String> {
    let (head, body) = answer.into_parts();
    let body = Limited::new(body, ANSWER_MAX).collect().await;
    let body: Bytes = body.map_err(|error| format!("the answer: {error}"))?.to_bytes();
    Ok(Reply {
        status: head.status,
        headers: head.headers,
        body: String::from_utf8_lossy(&body).into_owned(),
    })
}

/// What is wrong with an answer, if anything is.
fn verdict(template: &Http, question: &Question, reply: &Reply) -> Result<Option<String>, String> {
    let condition = &template.success_condition;
    if condition.is_empty() {
        let code = reply.status.as_u16();
        return Ok((!reply.status.is_success()).then(|| format!("received non-2xx response code: {code}")));
    }
    let scope = json!({
        "request": {
            "method": template.method,
            "url": template.url,
            "body": template.body,
            "bodyBytes": question.body,
            "headers": as_go(&question.headers),
        },
        "response": {
            "statusCode": reply.status.as_u16(),
            "body": reply.body,
            "headers": as_go(&reply.headers),
        },
    });
    let variables: Map = scope
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, value)| (name.as_str().into(), Expr::from(value)))
        .collect();
    let holds = expr::lang::eval_bool(condition, &Environment::new(variables), &mut Context::default())?;
    Ok((!holds).then(|| format!("successCondition '{condition}' evaluated false")))
}

/// Headers as Go shows them: `Content-Type`, each with a list of values.
fn as_go(headers: &HeaderMap) -> Value {
    let mut all = serde_json::Map::new();
    for (name, value) in headers {
        let list = all.entry(canonical(name.as_str())).or_insert_with(|| json!([]));
        if let Some(list) = list.as_array_mut() {
            list.push(String::from_utf8_lossy(value.as_bytes()).into());
        }
    }
    Value::Object(all)
}

fn canonical(name: &str) -> String {
    let upper = |part: &str| {
        let mut signs = part.chars();
        signs.next().map_or_else(String::new, |first| {
            first.to_ascii_uppercase().to_string() + signs.as_str()
        })
    };
    name.split('-').map(upper).collect::<Vec<_>>().join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judge(condition: &str, status: u16, body: &str) -> Result<Option<String>, String> {
        let template = Http {
            url: "http://h/p".to_owned(),
            success_condition: condition.to_owned(),
            ..Http::default()
        };
        let question = Question::of(&template).unwrap();
        let headers = [(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))];
        let reply = Reply {
            status: StatusCode::from_u16(status).unwrap(),
            headers: headers.into_iter().collect(),
            body: body.to_owned(),
        };
        verdict(&template, &question, &reply)
    }

    #[test]
    fn answers_are_judged() {
        let check = |condition: &str, status, body: &str, expected: Option<&str>| {
            assert_eq!(
                judge(condition, status, body),
                Ok(expected.map(str::to_owned)),
                "{condition}"
            );
        };
        check("", 204, "", None);
        check("", 404, "", Some("received non-2xx response code: 404"));
        check("response.statusCode == 404", 404, "", None);
        check("response.body contains \"google\"", 200, "a google b", None);
        check(
            "response.statusCode == 201",
            200,
            "",
            Some("successCondition 'response.statusCode == 201' evaluated false"),
        );
        check(
            "response.headers[\"Content-Type\"][0] == \"text/plain\"",
            200,
            "",
            None,
        );
        check(
            "request.url == \"http://h/p\" and request.method == \"\"",
            200,
            "",
            None,
        );
        assert!(judge("response.statusCode +", 200, "").is_err());
    }

    #[test]
    fn redirections_lead_elsewhere() {
        let check = |there: &str, expected: &str| {
            let from = "https://h:1/a/b?c".parse().unwrap();
            assert_eq!(elsewhere(&from, there).unwrap().to_string(), expected);
        };
        check("http://other/x", "http://other/x");
        check("/x?y", "https://h:1/x?y");
        check("x", "https://h:1/a/x");
    }
}
