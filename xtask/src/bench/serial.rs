//! One client that writes one small object after the other, each as soon as the last is acknowledged: what
//! durability costs, and whether it is there.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;

use anyhow::{Context, Result, ensure};

/// Creates `count` ConfigMaps over the platform's socket, one at a time.
pub(crate) fn create(socket: &Path, count: u32) -> Result<()> {
    let mut stream = UnixStream::connect(socket).context("cannot reach the platform")?;
    let mut answers = BufReader::new(stream.try_clone()?);
    for number in 0..count {
        let body = format!(
            r#"{{"apiVersion":"v1","kind":"ConfigMap","metadata":{{"name":"serial-{number}"}},"data":{{"n":"{number}"}}}}"#
        );
        write!(
            stream,
            "POST /api/v1/namespaces/default/configmaps HTTP/1.1\r\nhost: plimsoll\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            body.len()
        )?;
        answer(&mut answers)?;
    }
    Ok(())
}

/// Reads one answer, which must be 201 and of a known length.
fn answer(answers: &mut impl BufRead) -> Result<()> {
    let mut line = String::new();
    answers.read_line(&mut line)?;
    ensure!(line.contains(" 201 "), "the platform answered {}", line.trim());
    let mut length = 0;
    while line.trim() != "" {
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse()?;
        }
        line.clear();
        answers.read_line(&mut line)?;
    }
    let mut body = vec![0; length];
    answers.read_exact(&mut body)?;
    Ok(())
}
