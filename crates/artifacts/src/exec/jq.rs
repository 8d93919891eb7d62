//! `jqFilter`: a value of an object by jq's language.
//!
//! A filter may run for ever or build what no machine holds, and nothing inside a process can stop it. So it is
//! evaluated by another process of this program, which limits itself, and whose end says what became of it.
//! Rule: workflow/executor/resource.go, `jqFilter`; the language is jaq's, a jq with few differences.

use std::io::{Read, Write};
use std::process::Stdio;
use std::time::Duration;

use jaq_core::load::{Arena, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::Val;
use rustix::process::{Resource, Rlimit, setrlimit};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};
use tokio::time::timeout;

use super::Failure;

/// `plimsoll exec --jq` evaluates the question on its standard input.
pub(super) const EVALUATE: &str = "--jq";
/// How long a filter may take.
const TIME: Duration = Duration::from_secs(10);
/// Address space of a process that evaluates, in bytes: the binary, its allocator's reserve, and what a filter builds.
const MEMORY: u64 = 2 << 30;
/// The most that a filter may give, in bytes: it becomes a parameter, which has to fit into an object.
const OUTPUT_MAX: usize = 1 << 20;

/// What is evaluated.
#[derive(Serialize, Deserialize)]
struct Question {
    filter: String,
    input: Value,
}

/// What a filter gives for an object: its values, a line each, strings as they are.
pub(super) async fn filter(filter: &str, object: &Value) -> Result<String, Failure> {
    let question = Question {
        filter: filter.to_owned(),
        input: object.clone(),
    };
    let failed = |why: String| Failure(format!("jqFilter '{filter}': {why}"));
    let question = serde_json::to_vec(&question).map_err(|error| failed(error.to_string()))?;
    let evaluation = async {
        let mut child = evaluator()?;
        if let Some(mut to) = child.stdin.take() {
            to.write_all(&question).await?;
        }
        child.wait_with_output().await
    };
    let output = timeout(TIME, evaluation).await;
    let output = output.map_err(|_| failed(format!("takes more than {} s", TIME.as_secs())))?;
    let output = output.map_err(|error| failed(format!("cannot be evaluated: {error}")))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    match output.status.code() {
        Some(0) => Ok(text(&output.stdout)),
        Some(1) => Err(failed(text(&output.stderr))),
        _ => Err(failed("needs more time or memory than a filter may".to_owned())),
    }
}

fn evaluator() -> std::io::Result<Child> {
    Command::new("/proc/self/exe")
        .args(["exec", EVALUATE])
        // A filter may ask for the environment: it holds the orders and the token.
        .env_clear()
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}

/// The process that evaluates: limits itself, reads the question, writes the answer.
pub(super) fn main() -> Result<i32, Failure> {
    let answer = limit_itself().and_then(|()| read()).and_then(|question| {
        let answer = evaluate(&question.filter, &question.input)?;
        std::io::stdout()
            .write_all(answer.as_bytes())
            .map_err(|error| error.to_string())
    });
    match answer {
        Ok(()) => Ok(0),
        Err(why) => {
            let _ = writeln!(std::io::stderr(), "{why}");
            Ok(1)
        }
    }
}

fn limit_itself() -> Result<(), String> {
    let limit = |resource, most| {
        let limit = Rlimit {
            current: Some(most),
            maximum: Some(most),
        };
        setrlimit(resource, limit).map_err(|error| error.to_string())
    };
    limit(Resource::Cpu, TIME.as_secs())?;
    limit(Resource::Core, 0)?;
    limit(Resource::As, MEMORY)
}

fn read() -> Result<Question, String> {
    let mut bytes = Vec::new();
    std::io::stdin()
        .read_to_end(&mut bytes)
        .map_err(|error| error.to_string())?;
    serde_json::from_slice(&bytes).map_err(|error| error.to_string())
}

/// What a filter gives for an input.
fn evaluate(filter: &str, input: &Value) -> Result<String, String> {
    let input =
        jaq_json::read::parse_single(input.to_string().as_bytes()).map_err(|error| error.to_string())?;
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let arena = Arena::default();
    let program = File {
        code: filter,
        path: (),
    };
    let modules = Loader::new(definitions).load(&arena, program);
    let modules = modules.map_err(|_| "it is not a jq filter".to_owned())?;
    let compiled = Compiler::default().with_funs(functions).compile(modules);
    let compiled = compiled.map_err(|errors| undefined(&errors))?;
    let context = Ctx::<data::JustLut<Val>>::new(&compiled.lut, Vars::new([]));
    let mut lines = String::new();
    for value in compiled.id.run((context, input)).map(unwrap_valr) {
        lines.push_str(&line(&value.map_err(|error| said(&error.into_val()))?)?);
        lines.push('\n');
        if lines.len() > OUTPUT_MAX {
            return Err(format!("gives more than {OUTPUT_MAX} bytes"));
        }
    }
    Ok(lines.trim().to_owned())
}

/// What a filter names that there is not.
fn undefined<P>(errors: &jaq_core::compile::Errors<&str, P>) -> String {
    let names = errors.iter().flat_map(|(_, errors)| errors);
    let names: Vec<&str> = names.map(|(name, _)| *name).collect();
    format!("function or variable not defined: {}", names.join(", "))
}

/// What an error says: its value, of which a filter may choose any.
fn said(error: &Val) -> String {
    line(error).unwrap_or_else(|why| why)
}

/// A value as Go writes it, a string as it is.
fn line(value: &Val) -> Result<String, String> {
    let json = serde_json::from_str(&value.to_string());
    let json: Value = json.map_err(|_| format!("gives {value}, which JSON cannot hold"))?;
    match json {
        Value::String(text) => Ok(text),
        other => expr::lang::to_json(&expr::lang::Value::from(&other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn check(filter: &str, expected: Result<&str, &str>) {
        let object = json!({"kind": "Pod", "metadata": {"name": "p", "labels": {"b": "1", "a": "<2>"}},
            "status": {"conditions": [{"type": "Ready", "status": "True"}, {"type": "X", "status": "False"}], "n": 2.0}});
        let found = evaluate(filter, &object);
        assert_eq!(found.as_deref().map_err(String::as_str), expected, "{filter}");
    }

    #[test]
    fn filters_give_what_gojq_gives() {
        check(".metadata.name", Ok("p"));
        check(".metadata.labels", Ok(r#"{"a":"\u003c2\u003e","b":"1"}"#));
        check(".metadata.labels.a", Ok("<2>"));
        check(".status.conditions[] | .type", Ok("Ready\nX"));
        check(
            r#".status.conditions[] | select(.type == "Ready").status"#,
            Ok("True"),
        );
        check("[.status.conditions[].type] | sort | join(\",\")", Ok("Ready,X"));
        check("{z: 1, a: .status.n}", Ok(r#"{"a":2,"z":1}"#));
        check(".missing", Ok("null"));
        check(".missing // \"none\"", Ok("none"));
        check("empty", Ok(""));
        check(
            "\"\\(.kind)-\\(.metadata.name)\" | ascii_downcase | test(\"^pod\")",
            Ok("true"),
        );
        check("(.kind | length), (.status.n + 1)", Ok("3\n3"));
        check("reduce range(5) as $i (0; . + $i)", Ok("10"));
        check("[limit(3; repeat(1))]", Ok("[1,1,1]"));
    }

    #[test]
    fn what_is_no_filter_is_said() {
        check(".a[", Err("it is not a jq filter"));
        check("nonsense(1)", Err("function or variable not defined: nonsense"));
        check(".kind | error", Err("Pod"));
        check("1 / 0", Err("gives Infinity, which JSON cannot hold"));
        check("repeat(\"x\" * 1000)", Err("gives more than 1048576 bytes"));
    }
}
