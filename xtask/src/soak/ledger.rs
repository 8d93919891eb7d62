//! The ledger: what steps themselves wrote, the only witness that the soak believes.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

/// What the ledger tells of one pod.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pod {
    /// The step's number in its workflow.
    pub(crate) step: u32,
    /// How often it started.
    pub(crate) starts: u64,
    /// What it was handed.
    pub(crate) value: String,
    /// The codes with which it ended.
    pub(crate) codes: Vec<i64>,
}

/// Pods by name.
pub(crate) type Ledger = BTreeMap<String, Pod>;

/// Reads the ledger; one that is absent is empty.
pub(crate) fn read(path: &Path) -> Result<Ledger> {
    match fs::read_to_string(path) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Ledger::new()),
        Err(error) => Err(error).context("cannot read the ledger"),
    }
}

fn parse(text: &str) -> Result<Ledger> {
    let mut ledger = Ledger::new();
    for line in text.lines() {
        let mut words = line.splitn(4, ' ');
        let mut word = || {
            words
                .next()
                .with_context(|| format!("a torn line in the ledger: {line:?}"))
        };
        let (what, name, step, rest) = (word()?, word()?, word()?, word()?);
        let pod = ledger.entry(name.to_owned()).or_default();
        pod.step = step.parse()?;
        if what == "start" {
            pod.starts += 1;
            rest.clone_into(&mut pod.value);
        } else {
            pod.codes.push(rest.parse()?);
        }
    }
    Ok(ledger)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_and_ends_are_counted() {
        let ledger = parse("start a 1 x y\nstart b 2 -\nend a 1 3\nstart a 1 z\n").expect("it is right");
        let expected = Pod {
            step: 1,
            starts: 2,
            value: "z".into(),
            codes: vec![3],
        };
        assert_eq!(ledger["a"], expected);
        assert_eq!(ledger["b"].starts, 1);
        assert!(parse("start a").is_err());
    }
}
