//! Where the program's own messages go: stderr, but for `run`, whose picture they would spoil, `D/plimsoll.log`.
//!
//! `$PLIMSOLL_LOG` chooses them (`info`, `controller=debug`); without it warnings are shown, with `-v` more.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::PathBuf;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;

use crate::command::Command;
use crate::context::Context;
use crate::data_dir;

/// `kube` warns of an answer that it cannot decode by writing the whole of it, secrets included; its errors are the
/// commands' own, and said by them.
const SILENCED: &str = "kube_client::client=off";

/// Starts passing messages on. They are no part of any command's answer: if it is not possible, there are none.
pub(crate) fn start(context: &Context, command: &Command) {
    let wanted = context.variable("PLIMSOLL_LOG");
    let level = wanted
        .as_deref()
        .unwrap_or(default_level(context.globals.verbose));
    let filter = EnvFilter::new(format!("{level},{SILENCED}"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter);
    let started = match command {
        Command::Run(_) => match context.data_dir() {
            Ok(dir) => builder
                .with_ansi(false)
                .with_writer(Mutex::new(LogFile::new(dir)))
                .try_init(),
            Err(_) => return,
        },
        _ => builder
            .with_ansi(context.ui.is_live())
            .with_writer(std::io::stderr)
            .try_init(),
    };
    if let Err(error) = started {
        context.ui.detail(&format!("no messages are shown: {error}"));
    }
}

fn default_level(verbose: u8) -> &'static str {
    match verbose {
        0 => "warn",
        1 => "info",
        2 => "debug",
        _ => "trace",
    }
}

/// `D/plimsoll.log`, opened when there is something to write. Appended to: another run may be using it.
struct LogFile {
    dir: PathBuf,
    file: Option<File>,
}

impl LogFile {
    fn new(dir: PathBuf) -> Self {
        Self { dir, file: None }
    }

    fn open(&mut self) -> io::Result<&mut File> {
        match self.file.take() {
            Some(file) => Ok(self.file.insert(file)),
            None => {
                data_dir::create(&self.dir)?;
                let file = OpenOptions::new()
                    .create(true)
                    .append(true)
                    .mode(0o600)
                    .open(self.dir.join("plimsoll.log"))?;
                Ok(self.file.insert(file))
            }
        }
    }
}

impl Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.open()?.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.as_mut().map_or(Ok(()), File::flush)
    }
}
