//! One command of the executable, run to its end.

use super::process::Running;
use serde_json::Value;
use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// The passphrase of every test identity; no output may contain it.
pub const PASSPHRASE: &str = "a passphrase nobody may ever see printed";
/// Longest any single command may take on a busy machine.
const PATIENCE: Duration = Duration::from_secs(150);

/// A command under construction.
#[derive(Debug, Clone)]
pub struct Layr {
    dir: PathBuf,
    cwd: PathBuf,
    args: Vec<OsString>,
    env: Vec<(&'static str, OsString)>,
    through: Option<String>,
    input: Option<String>,
}

impl Layr {
    /// A command on a data directory, run in the directory above it.
    pub fn new(dir: &Path) -> Self {
        let env = vec![("LAYR_DIR", dir.into()), ("LAYR_PASSPHRASE", PASSPHRASE.into())];
        let cwd = dir.parent().unwrap_or(dir).to_owned();
        Self { dir: dir.to_owned(), cwd, args: Vec::new(), env, through: None, input: None }
    }

    /// Adds arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds `--json`, before any `--`.
    pub fn json(mut self) -> Self {
        self.args.insert(0, "--json".into());
        self
    }

    /// Sets a variable, instead of any earlier value.
    pub fn env(mut self, key: &'static str, value: impl AsRef<OsStr>) -> Self {
        self.env.retain(|(known, _)| *known != key);
        self.env.push((key, value.as_ref().to_owned()));
        self
    }

    /// Leaves a variable unset.
    pub fn without(mut self, key: &'static str) -> Self {
        self.env.retain(|(known, _)| *known != key);
        self
    }

    /// Runs it there.
    pub fn cwd(mut self, cwd: &Path) -> Self {
        cwd.clone_into(&mut self.cwd);
        self
    }

    /// Gives it standard input.
    pub fn input(mut self, text: &str) -> Self {
        self.input = Some(text.to_owned());
        self
    }

    /// Runs it through a shell line in which `"$@"` stands for it.
    pub fn through(mut self, line: &str) -> Self {
        self.through = Some(line.to_owned());
        self
    }

    /// As a person would have typed it.
    pub fn shown(&self) -> String {
        let mut text = format!("cd {} &&", self.cwd.display());
        for (key, value) in self.env.iter().filter(|(key, _)| *key != "LAYR_PASSPHRASE") {
            let _ = write!(text, " {key}={}", value.display());
        }
        text.push_str(" layr");
        for arg in &self.args {
            let _ = write!(text, " '{}'", arg.display());
        }
        text
    }

    /// Its data directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// What it is given to read.
    pub fn given(&self) -> Option<&str> {
        self.input.as_deref()
    }

    /// The operating system's command.
    pub fn command(&self) -> Command {
        let program = program();
        let mut command = match &self.through {
            None => Command::new(program),
            Some(line) => {
                let mut shell = Command::new("sh");
                shell.args(["-c", line, "sh"]).arg(program);
                shell
            }
        };
        for (key, _) in std::env::vars_os() {
            if key.to_string_lossy().starts_with("LAYR_") || key == "COLUMNS" {
                command.env_remove(key);
            }
        }
        command
            .args(&self.args)
            .envs(self.env.iter().map(|(key, value)| (key, value)))
            .current_dir(&self.cwd);
        command.stdin(if self.input.is_some() { Stdio::piped() } else { Stdio::null() });
        command
    }

    /// Starts it and leaves it running.
    pub fn start(&self) -> Running {
        Running::start(self)
    }

    /// Runs it to its end.
    pub fn run(&self) -> Outcome {
        self.start().finish(PATIENCE)
    }

    /// Runs it to its end, which must be a success, and gives the data of its envelope.
    pub fn data(self) -> Value {
        self.json().run().data()
    }

    /// Runs it to its end, which must be a failure with this exit code, and gives the error of its envelope.
    pub fn error(self, exit: i32) -> Value {
        self.json().run().error(exit)
    }
}

/// The executable under test: the one just built, or another one that `LAYR_TEST_PROGRAM` names, so that a long run
/// is not disturbed by the next build.
fn program() -> OsString {
    std::env::var_os("LAYR_TEST_PROGRAM").unwrap_or_else(|| env!("CARGO_BIN_EXE_layr").into())
}

/// Whether bytes are shown as a list of numbers anywhere: nobody can paste those.
fn holds_raw_bytes(value: &Value) -> bool {
    match value {
        Value::Array(all) => {
            let byte = |one: &Value| one.as_u64().is_some_and(|number| number < 256);
            (all.len() >= 16 && all.iter().all(byte)) || all.iter().any(holds_raw_bytes)
        }
        Value::Object(all) => all.values().any(holds_raw_bytes),
        _ => false,
    }
}

/// A command's end.
#[derive(Debug)]
pub struct Outcome {
    /// What was run.
    pub command: String,
    /// Its exit code; `None` if a signal ended it.
    pub exit: Option<i32>,
    /// Standard output, byte for byte.
    pub bytes: Vec<u8>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// Everything a person needs to see what went wrong.
    pub fn story(&self) -> String {
        let Self { command, exit, stdout, stderr, .. } = self;
        format!("\n{command}\nexit: {exit:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}\n---")
    }

    /// Fails unless it ended with this code.
    #[track_caller]
    pub fn exits(self, exit: i32) -> Self {
        assert_eq!(self.exit, Some(exit), "{}", self.story());
        self
    }

    /// The one JSON object it printed.
    #[track_caller]
    pub fn envelope(&self) -> Value {
        let envelope: Option<Value> = serde_json::from_str(self.stdout.trim()).ok();
        let Some(envelope) = envelope else { panic!("not one JSON object: {}", self.story()) };
        assert_eq!(envelope["schema"], "layr/1", "{}", self.story());
        assert_eq!(
            envelope["exit"].as_i64().and_then(|exit| i32::try_from(exit).ok()),
            self.exit,
            "{}",
            self.story()
        );
        assert!(!holds_raw_bytes(&envelope), "an id is shown as a list of numbers: {}", self.story());
        envelope
    }

    /// Its data, after a success.
    #[track_caller]
    pub fn data(self) -> Value {
        let done = self.exits(0);
        let mut envelope = done.envelope();
        assert_eq!(envelope["ok"], true, "{}", done.story());
        envelope["data"].take()
    }

    /// Its error, after a failure with this exit code; the envelope must be complete.
    #[track_caller]
    pub fn error(self, exit: i32) -> Value {
        let done = self.exits(exit);
        let mut envelope = done.envelope();
        assert_eq!(envelope["ok"], false, "{}", done.story());
        let error = envelope["error"].take();
        for key in ["code", "message", "next"] {
            assert!(error[key].as_str().is_some_and(|text| !text.is_empty()), "no {key}: {}", done.story());
        }
        let effect = error["money_effect"].as_str().unwrap_or_default();
        assert!(
            ["none", "reserved", "spent", "unknown"].contains(&effect),
            "no money effect: {}",
            done.story()
        );
        assert!(error["causes"].is_array(), "no causes: {}", done.story());
        error
    }
}
