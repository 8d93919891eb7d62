//! A small runner of tests, and a blocking client.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use rustix::process::Pid;
use spawner::frame::{self, Inbox};
use spawner::protocol::{Ended, Key, Message, Outcome, Output, Request, Running, Start, VERSION};
use tempfile::TempDir;

pub(crate) type Test = (&'static str, fn());

/// Runs the tests whose names contain the first argument that is no flag.
pub(crate) fn run(groups: &[&[Test]]) -> ExitCode {
    let filter = std::env::args()
        .skip(1)
        .find(|arg| !arg.starts_with('-'))
        .unwrap_or_default();
    let mut failed = 0;
    for (name, test) in groups
        .iter()
        .copied()
        .flatten()
        .filter(|(name, _)| name.contains(&filter))
    {
        let ok = catch_unwind(AssertUnwindSafe(test)).is_ok();
        eprintln!("test {name} ... {}", if ok { "ok" } else { "FAILED" });
        failed += usize::from(!ok);
    }
    if failed == 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// A spawner in a directory of its own, and a connection to it.
pub(crate) struct Spawner {
    pub(crate) dir: TempDir,
    stream: UnixStream,
    inbox: Inbox,
    pub(crate) welcome: Message,
}

impl Spawner {
    pub(crate) fn launch() -> Self {
        let dir = TempDir::new().unwrap();
        let stream = open(&dir);
        let mut spawner = Self {
            dir,
            stream,
            inbox: Inbox::default(),
            welcome: Message::Busy { running: 0 },
        };
        spawner.greet();
        spawner
    }

    /// One that is killed at a named place, on its `nth` visit.
    pub(crate) fn launch_armed(point: &str, nth: u32) -> Self {
        let dir = TempDir::new().unwrap();
        let program = std::env::current_exe().unwrap();
        let mut command = std::process::Command::new(program);
        command
            .arg0(spawner::ARGV0)
            .arg(dir.path())
            .args(["--crash", point, &nth.to_string()]);
        assert!(command.status().unwrap().success());
        let stream = open(&dir);
        let mut spawner = Self {
            dir,
            stream,
            inbox: Inbox::default(),
            welcome: Message::Busy { running: 0 },
        };
        spawner.greet();
        spawner
    }

    /// Reads until the spawner dies; what it said before.
    pub(crate) fn last_words(&mut self) -> Vec<Message> {
        let mut words = Vec::new();
        let mut buffer = [0; 4096];
        while let Ok(length) = self.stream.read(&mut buffer) {
            if length == 0 {
                break;
            }
            self.inbox.extend(&buffer[..length]);
            while let Some(message) = self.inbox.take().unwrap() {
                words.push(message);
            }
        }
        words
    }

    /// A second connection to this spawner, which has not said anything yet.
    pub(crate) fn another(&self) -> Self {
        Self {
            dir: TempDir::new().unwrap(),
            stream: open(&self.dir),
            inbox: Inbox::default(),
            welcome: self.welcome.clone(),
        }
    }

    fn greet(&mut self) {
        self.send(&Request::Hello { version: VERSION });
        self.welcome = self.receive();
    }

    /// One that is just ending may still take a connection: then it answers nothing.
    fn is_answered(&mut self) -> bool {
        let mut hello = Vec::new();
        frame::encode(&Request::Hello { version: VERSION }, &mut hello).unwrap();
        let mut buffer = [0; 4096];
        let answer = self
            .stream
            .write_all(&hello)
            .and_then(|()| self.stream.read(&mut buffer));
        self.inbox.extend(&buffer[..answer.unwrap_or(0)]);
        self.inbox.take().unwrap().is_some_and(|welcome| {
            self.welcome = welcome;
            true
        })
    }

    /// Another connection, the first one closed: a node that restarted. A spawner is started if none runs.
    pub(crate) fn reconnect(&mut self) {
        loop {
            self.stream = open(&self.dir);
            self.inbox = Inbox::default();
            if self.is_answered() {
                return;
            }
        }
    }

    /// Ends the spawner as by `kill -9`, and starts another.
    pub(crate) fn kill_and_relaunch(&mut self) {
        let pid = self.pid();
        let handle = rustix::process::pidfd_open(pid, rustix::process::PidfdFlags::empty()).unwrap();
        rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
        let mut gone = [rustix::event::PollFd::new(&handle, rustix::event::PollFlags::IN)];
        rustix::event::poll(&mut gone, None).unwrap();
        self.reconnect();
    }

    fn pid(&self) -> Pid {
        let Message::Welcome { pid, .. } = self.welcome else {
            panic!("{:?}", self.welcome)
        };
        Pid::from_raw(pid).unwrap()
    }

    /// Waits until the spawner has closed the connection.
    pub(crate) fn await_end(&mut self) {
        assert_eq!(self.stream.read(&mut [0; 16]).unwrap(), 0);
    }

    pub(crate) fn has_sandbox(&self) -> bool {
        let Message::Welcome { abilities, .. } = &self.welcome else {
            panic!("{:?}", self.welcome)
        };
        if let Some(obstacle) = &abilities.obstacle {
            eprintln!("skipped: {obstacle}");
        }
        abilities.sandbox
    }

    pub(crate) fn has_process_ids(&self) -> bool {
        matches!(&self.welcome, Message::Welcome { abilities, .. } if abilities.process_ids)
    }

    pub(crate) fn send(&mut self, request: &Request) {
        self.send_together(&[request]);
    }

    /// Sends requests in one piece, so that the spawner serves them before it looks at anything else.
    pub(crate) fn send_together(&mut self, requests: &[&Request]) {
        let mut bytes = Vec::new();
        for request in requests {
            frame::encode(request, &mut bytes).unwrap();
        }
        self.stream.write_all(&bytes).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Message {
        loop {
            if let Some(message) = self.inbox.take().unwrap() {
                return message;
            }
            let mut buffer = [0; 4096];
            let length = self.stream.read(&mut buffer).unwrap();
            assert!(length > 0, "the spawner closed the connection");
            self.inbox.extend(&buffer[..length]);
        }
    }

    /// A start of `argv` that logs to the spawner's directory.
    pub(crate) fn request(&self, container: &str, argv: &[&str]) -> Start {
        let log = self.log(container);
        Start {
            key: key(container),
            argv: argv.iter().map(|&arg| arg.to_owned()).collect(),
            env: vec!["PATH=/usr/local/bin:/usr/bin:/bin".into()],
            cwd: "/".into(),
            output: log_at(log),
            ..Start::default()
        }
    }

    pub(crate) fn start(&mut self, start: Start) -> Result<Running, Box<Ended>> {
        self.send(&Request::Start(Box::new(start)));
        match self.receive() {
            Message::Started(running) => Ok(running),
            Message::Ended(ended) => Err(Box::new(ended)),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn sh(&mut self, container: &str, script: &str) -> Result<Running, Box<Ended>> {
        let start = self.request(container, &["sh", "-c", script]);
        self.start(start)
    }

    pub(crate) fn ended(&mut self) -> Ended {
        match self.receive() {
            Message::Ended(ended) => ended,
            other => panic!("{other:?}"),
        }
    }

    /// Starts and waits; the outcome and what was logged.
    pub(crate) fn finish(&mut self, start: Start) -> (Outcome, String) {
        let log = match &start.output {
            Output::Log { path, .. } => path.clone(),
            Output::Kept { .. } | Output::Opened { .. } => "/dev/null".into(),
        };
        let outcome = match self.start(start) {
            Ok(_) => self.ended().outcome,
            Err(ended) => ended.outcome,
        };
        (outcome, text(&log))
    }

    pub(crate) fn listing(&mut self) -> (Vec<Running>, Vec<Ended>) {
        self.send(&Request::List);
        match self.receive() {
            Message::Listing { running, ended } => (running, ended),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn log(&self, container: &str) -> std::path::PathBuf {
        self.dir.path().join(format!("{container}.log"))
    }

    /// Waits until a process has written `text` to its log.
    pub(crate) fn await_log(&self, container: &str, text: &str) {
        await_text(&self.log(container), text);
    }
}

impl Drop for Spawner {
    /// Whatever still runs dies with its spawner.
    fn drop(&mut self) {
        let _ = rustix::process::kill_process(self.pid(), rustix::process::Signal::KILL);
    }
}

/// What was logged at `path`; nothing if there is no such log.
pub(crate) fn text(path: &Path) -> String {
    let log = std::fs::read(path).unwrap_or_default();
    String::from_utf8(spawner::log::text(&log)).unwrap()
}

pub(crate) fn log_at(path: std::path::PathBuf) -> Output {
    Output::Log {
        path,
        segment: 10 << 20,
        segments: 5,
    }
}

fn open(dir: &TempDir) -> UnixStream {
    let stream = spawner::launch(&std::env::current_exe().unwrap(), dir.path()).unwrap();
    // A lost message shows as a failure, not as a hang.
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// Waits, by inotify, until the file holds `text`.
pub(crate) fn await_text(path: &Path, text: &str) {
    use rustix::fs::inotify;
    let watch = inotify::init(inotify::CreateFlags::CLOEXEC).unwrap();
    inotify::add_watch(
        &watch,
        path.parent().unwrap(),
        inotify::WatchFlags::MODIFY | inotify::WatchFlags::CREATE,
    )
    .unwrap();
    while !std::fs::read_to_string(path).unwrap_or_default().contains(text) {
        rustix::io::read(&watch, &mut [0; 4096]).unwrap();
    }
}

pub(crate) fn key(container: &str) -> Key {
    Key {
        pod: "pod".into(),
        container: container.into(),
        attempt: 0,
    }
}

pub(crate) fn exited(code: i32) -> Outcome {
    Outcome::Exited { code }
}
