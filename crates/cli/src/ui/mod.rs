//! The terminal: the one owner of stdout and stderr.
//!
//! Data goes to stdout, everything else to stderr. Commands write styled text; colour is taken out
//! here where it is not wanted. What is said never depends on colour alone.

use std::io::{self, IsTerminal as _, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anstream::adapter::strip_str;

use crate::diagnostic;
use crate::error::{CommandError, Result};

pub mod style;

/// When to colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum ColorChoice {
    /// On a terminal, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// Owns stdout and stderr.
pub struct Ui {
    out: Mutex<Stream>,
    err: Mutex<Stream>,
    verbose: bool,
}

/// One output stream and what it can show.
struct Stream {
    to: Box<dyn Write + Send>,
    color: bool,
    terminal: bool,
}

impl Ui {
    /// The process's own streams.
    #[must_use]
    pub fn new(color: ColorChoice, verbose: bool) -> Self {
        let out = Stream::new(
            Box::new(io::stdout()),
            color,
            wants_color(&io::stdout()),
            io::stdout().is_terminal(),
        );
        let err = Stream::new(
            Box::new(io::stderr()),
            color,
            wants_color(&io::stderr()),
            io::stderr().is_terminal(),
        );
        Self {
            out: Mutex::new(out),
            err: Mutex::new(err),
            verbose,
        }
    }

    /// A `Ui` that keeps what is written, for tests: neither stream is a terminal.
    #[must_use]
    pub fn captured() -> (Self, Captured, Captured) {
        let (out, err) = (Captured::default(), Captured::default());
        let stream = |captured: &Captured| Stream {
            to: Box::new(captured.clone()),
            color: false,
            terminal: false,
        };
        let ui = Self {
            out: Mutex::new(stream(&out)),
            err: Mutex::new(stream(&err)),
            verbose: false,
        };
        (ui, out, err)
    }

    /// Writes data: the answer to the command, on stdout.
    ///
    /// # Errors
    /// The reader has gone (a silent success), or the stream cannot be written.
    pub fn print(&self, text: &str) -> Result<()> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.write(text)?;
        Ok(())
    }

    /// Tells the user something, on stderr. A stderr that cannot be written is not an error.
    pub fn say(&self, text: &str) {
        let mut err = self.err.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = err.write(&format!("{text}\n"));
    }

    /// Tells the user something only with `-v`.
    pub fn detail(&self, text: &str) {
        if self.verbose {
            self.say(text);
        }
    }

    /// A warning: something to act on that does not stop the command.
    pub fn warn(&self, text: &str) {
        self.say(&format!("{}: {text}", style::paint(style::WARNING, "warning")));
    }

    /// A hint, after an empty line where it follows other text.
    pub fn hint(&self, text: &str) {
        self.say(&format!("{}: {text}", style::paint(style::HINT, "hint")));
    }

    /// Why the command failed.
    pub fn error(&self, error: &CommandError) {
        for problem in &error.diagnostics {
            self.say(&diagnostic::render(problem, self.stderr_width(), true));
            self.say("");
        }
        if !error.message.is_empty() {
            self.say(&format!(
                "{}: {}",
                style::paint(style::ERROR, "error"),
                error.message
            ));
        }
        for cause in &error.causes {
            self.say(&format!("  cause: {cause}"));
        }
        for hint in &error.hints {
            self.hint(hint);
        }
    }

    /// Whether stderr is a terminal, where a picture can be redrawn in place.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.err.lock().unwrap_or_else(PoisonError::into_inner).terminal
    }

    /// Whether stdout is a terminal: someone reads it now.
    #[must_use]
    pub fn is_read(&self) -> bool {
        self.out.lock().unwrap_or_else(PoisonError::into_inner).terminal
    }

    /// Width and height of the terminal on stderr, in cells.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        rustix::termios::tcgetwinsize(io::stderr())
            .ok()
            .filter(|size| size.ws_col > 0 && size.ws_row > 0)
            .map_or((100, 40), |size| {
                (usize::from(size.ws_col), usize::from(size.ws_row))
            })
    }

    fn stderr_width(&self) -> usize {
        if self.is_live() { self.size().0 } else { 120 }
    }

    /// Draws `lines` on the terminal in place of the `previous` lines drawn before. Returns how many there are now.
    pub fn redraw(&self, previous: usize, lines: &[String]) -> usize {
        let mut err = self.err.lock().unwrap_or_else(PoisonError::into_inner);
        let color = err.color;
        let shown = |line: &String| {
            if color {
                line.clone()
            } else {
                strip_str(line).to_string()
            }
        };
        let _ = err
            .to
            .write_all(frame(previous, lines.iter().map(shown)).as_bytes());
        let _ = err.to.flush();
        lines.len()
    }
}

/// What redraws `previous` lines as `lines`: no line wraps, so that counting lines is counting rows, and
/// the terminal shows the frame as one where it can.
fn frame(previous: usize, lines: impl Iterator<Item = String>) -> String {
    let mut text = String::from("\x1b[?2026h\x1b[?7l\r");
    if previous > 0 {
        text.push_str(&format!("\x1b[{previous}A"));
    }
    for line in lines {
        text.push_str(&line);
        text.push_str("\x1b[K\n");
    }
    text.push_str("\x1b[J\x1b[?7h\x1b[?2026l");
    text
}

impl Stream {
    fn new(to: Box<dyn Write + Send>, choice: ColorChoice, auto: bool, terminal: bool) -> Self {
        let color = match choice {
            ColorChoice::Auto => auto,
            ColorChoice::Always => true,
            ColorChoice::Never => false,
        };
        Self { to, color, terminal }
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        if self.color {
            self.to.write_all(text.as_bytes())?;
        } else {
            self.to.write_all(strip_str(text).to_string().as_bytes())?;
        }
        self.to.flush()
    }
}

/// What the environment and the stream say about colour (NO_COLOR, CLICOLOR, TERM, a terminal).
fn wants_color<S: anstream::stream::RawStream>(stream: &S) -> bool {
    anstream::AutoStream::choice(stream) != anstream::ColorChoice::Never
}

/// What a captured [`Ui`] was told.
#[derive(Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Everything written so far.
    #[must_use]
    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Write for Captured {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .extend_from_slice(buf);
        Ok(buf.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
