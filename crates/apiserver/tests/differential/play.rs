//! Plays a scenario's steps on both servers.

use std::collections::BTreeMap;
use std::time::Duration;

use kinds::kube::Client;
use serde_json::Value;

use crate::compare::{self, Difference};
use crate::normal;
use crate::script::{Body, Step};
use crate::subset;

/// How long anything may take on a busy machine. No test fails for being slow before this.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often something that will be so is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(50);

/// A server, and what is remembered of its answers.
struct Side {
    client: Client,
    names: BTreeMap<String, String>,
}

/// What a server answers.
pub(crate) struct Answer {
    pub(crate) code: u16,
    /// Headers that clients look at.
    pub(crate) headers: Vec<(String, String)>,
    /// The body: one document, or of a watch one for each line.
    pub(crate) body: Vec<Value>,
}

/// A scenario under way.
pub(crate) struct Play {
    embedded: Side,
    real: Side,
}

impl Play {
    pub(crate) fn new(scenario: &str, embedded: Client, real: Client) -> Self {
        // Scenarios may be played again before a namespace is gone.
        let run = meta::Timestamp::now().as_millisecond() % 1_000_000_000;
        let side = |client| Side {
            client,
            names: BTreeMap::from([
                ("NS".to_owned(), format!("differ-{scenario}-{run}")),
                ("RUN".to_owned(), format!("r{run}")),
            ]),
        };
        Self {
            embedded: side(embedded),
            real: side(real),
        }
    }

    /// Plays one step, and says how the answers differ.
    pub(crate) async fn step(&mut self, step: &Step) -> Vec<Difference> {
        let (embedded, real) = tokio::join!(self.embedded.play(step), self.real.play(step));
        let embedded = normal::answer(embedded, &self.embedded.names);
        let (mut embedded, mut real) = (embedded, normal::answer(real, &self.real.names));
        for (pointer, key) in &step.subsets {
            subset::take(&mut real, &mut embedded, pointer, key);
        }
        compare::answers(&real, &embedded)
    }
}

impl Side {
    async fn play(&mut self, step: &Step) -> Answer {
        let began = tokio::time::Instant::now();
        let answer = loop {
            let answer = self.send(step).await;
            let awaited = step.until.as_deref().is_none_or(|until| has(&answer, until));
            if awaited || began.elapsed() > PATIENCE {
                break answer;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        };
        for (name, pointer) in &step.remembered {
            let value = answer.body.first().and_then(|body| body.pointer(pointer));
            let text = value.map(|value| value.as_str().map_or_else(|| value.to_string(), str::to_owned));
            self.names.insert(name.clone(), text.unwrap_or_default());
        }
        answer
    }

    async fn send(&self, step: &Step) -> Answer {
        let mut request = http::Request::builder()
            .method(step.method.as_str())
            .uri(self.fill(&step.path));
        let body = match &step.body {
            Body::Nothing => Vec::new(),
            Body::Raw(text) => self.fill(text).into_bytes(),
            Body::Yaml(text) => json(&self.fill(text)).into_bytes(),
            Body::Bytes(bytes) => bytes.clone(),
        };
        let named = |name: &str| {
            step.headers
                .iter()
                .any(|(header, _)| header.eq_ignore_ascii_case(name))
        };
        if !body.is_empty() && !named("content-type") {
            request = request.header("content-type", "application/json");
        }
        if !named("accept") {
            request = request.header("accept", "application/json");
        }
        for (name, value) in step.headers.iter().filter(|(_, value)| value != "none") {
            request = request.header(name, self.fill(value));
        }
        let request = request.body(body.into()).unwrap();
        let answer = async {
            let answer = self.client.send(request).await;
            read(answer.unwrap_or_else(|error| panic!("{}: {error}", step.title()))).await
        };
        let answer = tokio::time::timeout(PATIENCE, answer).await;
        answer.unwrap_or_else(|_| panic!("never answered: {}", step.title()))
    }

    /// The text with the values of the names in it.
    fn fill(&self, text: &str) -> String {
        // Longer names first: one may begin with another.
        let mut names: Vec<_> = self.names.iter().collect();
        names.sort_by_key(|(name, _)| std::cmp::Reverse(name.len()));
        names.iter().fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("${name}"), value)
        })
    }
}

fn has(answer: &Answer, until: &str) -> bool {
    match until.parse::<u16>() {
        Ok(code) => answer.code == code,
        Err(_) => answer
            .body
            .first()
            .is_some_and(|body| body.pointer(until).is_some()),
    }
}

fn json(yaml: &str) -> String {
    let options = serde_saphyr::options! { strict_booleans: true };
    let value: Value =
        serde_saphyr::from_str_with_options(yaml, options).unwrap_or_else(|error| panic!("{error}: {yaml}"));
    value.to_string()
}

async fn read(answer: http::Response<kinds::kube::client::Body>) -> Answer {
    let code = answer.status().as_u16();
    let mut headers: Vec<(String, String)> = Vec::new();
    for name in ["content-type", "warning", "retry-after"] {
        for value in answer.headers().get_all(name) {
            headers.push((name.to_owned(), value.to_str().unwrap_or_default().to_owned()));
        }
    }
    let bytes = answer.into_body().collect_bytes().await.unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let documents: Result<Vec<Value>, _> = serde_json::Deserializer::from_str(&text).into_iter().collect();
    Answer {
        code,
        headers,
        body: documents.unwrap_or_else(|_| vec![Value::String(text.into_owned())]),
    }
}
