//! What every command is given: the terminal, the global flags, the environment, and a way to start a platform.
//!
//! The environment is read through here and nowhere else.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use kinds::kube::Client;

use crate::command::Globals;
use crate::data_dir;
use crate::error::{CommandError, Result};
use crate::platform::Platform;
use crate::ui::Ui;

/// Reads one environment variable.
pub type Variable = Box<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// What every command is given.
pub struct Context {
    /// The terminal.
    pub ui: Ui,
    /// The global flags.
    pub globals: Globals,
    /// Starts embedded platforms.
    pub platform: Arc<dyn Platform>,
    /// The server to talk to, whatever the flags say: for programs that embed the commands.
    pub client: Option<Client>,
    variable: Variable,
}

impl Context {
    /// The context of this process.
    #[must_use]
    pub fn new(globals: &Globals, platform: Arc<dyn Platform>) -> Self {
        let ui = Ui::new(globals.color, globals.verbose > 0);
        Self::with(
            ui,
            globals.clone(),
            platform,
            Box::new(|name| std::env::var(name).ok()),
        )
    }

    /// A context of given parts, for tests.
    #[must_use]
    pub fn with(ui: Ui, globals: Globals, platform: Arc<dyn Platform>, variable: Variable) -> Self {
        Self {
            ui,
            globals,
            platform,
            client: None,
            variable,
        }
    }

    /// The environment variable `name`, if set and not empty.
    #[must_use]
    pub fn variable(&self, name: &str) -> Option<String> {
        (self.variable)(name).filter(|value| !value.is_empty())
    }

    /// The data directory: `--data-dir`, else the environment's default.
    ///
    /// # Errors
    /// Neither names one.
    pub fn data_dir(&self) -> Result<PathBuf> {
        let named = self.globals.data_dir.clone();
        named
            .or_else(|| data_dir::default(|name| self.variable(name)))
            .map(|dir| absolute(&dir))
            .ok_or_else(|| {
                CommandError::input("no data directory: neither PLIMSOLL_DATA_DIR nor HOME is set")
                    .hint("name one with --data-dir")
            })
    }

    /// The time on this machine's clock.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// Processes started elsewhere must find the same directory, so it is always given whole.
fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
