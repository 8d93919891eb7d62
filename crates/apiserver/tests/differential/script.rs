//! Scenarios as text.
//!
//! ```text
//! # What this is about.
//! POST /api/v1/namespaces/$NS/configmaps?fieldManager=me
//! Accept: application/json
//!   {metadata: {name: a}, data: {k: v}}
//! uid = /metadata/uid
//! ```
//!
//! A request, its headers, and its body: indented by two spaces it is YAML and sent as JSON, after `| ` it is sent as it
//! stands, after `0x` it is bytes in hexadecimal digits. A header of value `none` is not sent. `name = /pointer` remembers a part of each server's answer; `$name` puts it into what follows. `$NS` is a
//! namespace of the scenario's own. `SUBSET /list key` leaves out what only the real server's list has, and compares the
//! rest by that key (`*` in the pointer is any element). `UNTIL 404 GET ...` asks again until the answer has that code, `UNTIL /pointer GET
//! ...` until it has that part.

/// One request.
#[derive(Debug, Default)]
pub(crate) struct Step {
    /// Its line in the scenario.
    pub(crate) line: usize,
    /// Code or JSON pointer to wait for, of what may take time.
    pub(crate) until: Option<String>,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Body,
    /// Names, and where in the answer their values are.
    pub(crate) remembered: Vec<(String, String)>,
    /// Lists of which the embedded server has a part, and what tells their elements apart.
    pub(crate) subsets: Vec<(String, String)>,
}

/// What is sent.
#[derive(Debug, Default)]
pub(crate) enum Body {
    #[default]
    Nothing,
    /// YAML, to be sent as JSON.
    Yaml(String),
    Raw(String),
    Bytes(Vec<u8>),
}

impl Step {
    /// The request in one line.
    pub(crate) fn title(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// Reads a scenario.
pub(crate) fn parse(text: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    let lines = text.lines().zip(1..);
    for (line, number) in lines.filter(|(line, _)| !line.starts_with('#') && !line.trim().is_empty()) {
        if let Some(step) = request(line) {
            steps.push(Step { line: number, ..step });
        } else {
            let step = steps.last_mut().expect("a request comes first");
            detail(step, line);
        }
    }
    steps
}

fn request(line: &str) -> Option<Step> {
    let mut words = line.split(' ');
    let mut first = words.next()?;
    let mut until = None;
    if first == "UNTIL" {
        until = words.next().map(str::to_owned);
        first = words.next()?;
    }
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    methods.contains(&first).then(|| Step {
        until,
        method: first.to_owned(),
        path: words.next().expect("a path").to_owned(),
        ..Step::default()
    })
}

fn detail(step: &mut Step, line: &str) {
    if let Some(yaml) = line.strip_prefix("  ") {
        match &mut step.body {
            Body::Yaml(text) => *text = format!("{text}\n{yaml}"),
            body => *body = Body::Yaml(yaml.to_owned()),
        }
    } else if let Some(raw) = line.strip_prefix("| ") {
        match &mut step.body {
            Body::Raw(text) => *text = format!("{text}\n{raw}"),
            body => *body = Body::Raw(raw.to_owned()),
        }
    } else if let Some(digits) = line.strip_prefix("0x") {
        let byte = |at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hexadecimal digits");
        step.body = Body::Bytes((0..digits.len()).step_by(2).map(byte).collect());
    } else if let Some((pointer, key)) = line.strip_prefix("SUBSET ").and_then(|rest| rest.split_once(' ')) {
        step.subsets.push((pointer.to_owned(), key.to_owned()));
    } else if let Some((name, pointer)) = line.split_once(" = ") {
        step.remembered.push((name.to_owned(), pointer.to_owned()));
    } else if let Some((name, value)) = line.split_once(": ") {
        step.headers.push((name.to_owned(), value.to_owned()));
    } else {
        panic!("not understood: {line}");
    }
}

#[test]
fn a_scenario_is_read() {
    let steps = parse(
        "# prose\nPOST /a?x=$NS\nAccept: b\n  {a: 1,\n  b: 2}\nuid = /metadata/uid\n\nUNTIL 404 GET /b\n",
    );
    let [post, get] = steps.as_slice() else {
        panic!("{steps:?}")
    };
    assert_eq!(post.title(), "POST /a?x=$NS");
    assert!(matches!(&post.body, Body::Yaml(text) if text == "{a: 1,\nb: 2}"));
    assert_eq!(post.headers, [("Accept".to_owned(), "b".to_owned())]);
    assert_eq!(post.remembered, [("uid".to_owned(), "/metadata/uid".to_owned())]);
    assert_eq!(get.until.as_deref(), Some("404"));
}
