//! A process under way: its output read as it comes, signalled, awaited with a deadline, killed when dropped.

use super::command::{Layr, Outcome};
use super::guard;
use super::patience::until;
use serde_json::Value;
use std::io::{Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// Longest wait for a long-running process to say it is ready.
const READY: Duration = Duration::from_secs(90);

/// Standard output or standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Out {
    /// Results.
    Stdout,
    /// Progress, warnings, logs.
    Stderr,
}

#[derive(Debug, Clone, Default)]
struct Heard(Arc<Mutex<Vec<u8>>>);

impl Heard {
    fn listen(&self, mut pipe: impl Read + Send + 'static) -> JoinHandle<()> {
        let heard = self.clone();
        thread::spawn(move || {
            let mut buffer = [0; 16_384];
            while let Ok(got @ 1..) = pipe.read(&mut buffer) {
                heard.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(&buffer[..got]);
            }
        })
    }

    fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }
}

/// A running command. Dropping it kills it.
#[derive(Debug)]
pub struct Running {
    command: Layr,
    child: Child,
    stdout: Heard,
    stderr: Heard,
    listeners: Vec<JoinHandle<()>>,
    ended: Option<Option<i32>>,
}

impl Running {
    /// Starts a command.
    pub fn start(command: &Layr) -> Self {
        let mut child = command
            .command()
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("cannot start {}: {error}", command.shown()));
        guard::started(child.id());
        let (stdout, stderr) = (Heard::default(), Heard::default());
        let listeners = vec![
            stdout.listen(child.stdout.take().expect("piped")),
            stderr.listen(child.stderr.take().expect("piped")),
        ];
        if let (Some(mut pipe), Some(text)) = (child.stdin.take(), command.given()) {
            // A command that refuses without reading is not a fault of the test.
            let _closed = pipe.write_all(text.as_bytes());
        }
        Self { command: command.clone(), child, stdout, stderr, listeners, ended: None }
    }

    /// The first line a long-running command prints with `--json`: its data.
    pub fn ready(&mut self) -> Value {
        let line =
            self.wait_for(Out::Stdout, READY, |text| text.split_once('\n').map(|(line, _)| line.to_owned()));
        let mut envelope: Value = serde_json::from_str(&line).unwrap_or_default();
        assert_eq!(envelope["ok"], true, "{}", self.outcome().story());
        envelope["data"].take()
    }

    /// Waits until a line of this output is exactly `line`.
    pub fn says(&mut self, out: Out, line: &str) {
        self.wait_for(out, READY, |text| text.lines().any(|one| one.trim() == line).then_some(()));
    }

    /// Waits until `seen` finds something in this output.
    pub fn wait_for<T>(&mut self, out: Out, deadline: Duration, seen: impl Fn(&str) -> Option<T>) -> T {
        let found = self.wait_for_or_end(out, deadline, seen);
        found.unwrap_or_else(|| panic!("ended without saying it: {}", self.outcome().story()))
    }

    /// Waits until `seen` finds something in this output, or it ends without: then `None`.
    pub fn wait_for_or_end<T>(
        &mut self,
        out: Out,
        deadline: Duration,
        seen: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let heard = if out == Out::Stdout { self.stdout.clone() } else { self.stderr.clone() };
        until(&format!("output of {}", self.command.shown()), deadline, || {
            let over = self.poll();
            match seen(&heard.text()) {
                Some(found) => Some(Some(found)),
                None if over => Some(None),
                None => None,
            }
        })
    }

    /// Bytes written to files by it so far, as the kernel counts them.
    pub fn written(&self) -> u64 {
        let counts = std::fs::read_to_string(format!("/proc/{}/io", self.child.id())).unwrap_or_default();
        let line = counts.lines().find_map(|line| line.strip_prefix("wchar: "));
        line.and_then(|count| count.trim().parse().ok()).unwrap_or(0)
    }

    /// What it has printed there so far.
    pub fn output(&self, out: Out) -> String {
        if out == Out::Stdout { self.stdout.text() } else { self.stderr.text() }
    }

    /// Sends a signal (`INT`, `STOP`, …). The shell's own `kill` needs no package.
    pub fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let line = format!("kill -{name} \"$0\"");
        let sent = Command::new("sh").args(["-c", &line, &pid]).status().expect("a shell");
        assert!(sent.success(), "cannot send {name} to {}", self.command.shown());
    }

    /// Kills it as a power cut would, and waits until it is gone.
    pub fn kill(&mut self) {
        let _gone = self.child.kill();
        until("a killed process to be gone", READY, || self.poll().then_some(()));
    }

    /// Whether it has ended.
    pub fn poll(&mut self) -> bool {
        if self.ended.is_some() {
            return true;
        }
        let Some(status) = self.child.try_wait().expect("it is our child") else { return false };
        guard::gone(self.child.id());
        for listener in self.listeners.drain(..) {
            let _ended = listener.join();
        }
        self.ended = Some(status.code());
        true
    }

    /// Waits for its end.
    pub fn finish(mut self, deadline: Duration) -> Outcome {
        let what = format!("the end of {}", self.command.shown());
        let end = std::time::Instant::now() + deadline;
        while !self.poll() {
            assert!(
                std::time::Instant::now() < end,
                "waited {deadline:?} in vain: {what}{}",
                self.outcome().story()
            );
            thread::sleep(Duration::from_millis(3));
        }
        self.outcome()
    }

    /// Asks it to stop and waits for its end, which must be a success.
    pub fn stop(self) {
        self.signal("TERM");
        self.finish(Duration::from_secs(30)).exits(0);
    }

    /// Searches what it printed for key material; a downloaded file on standard output is not searched.
    fn assert_no_secrets(&self) {
        let stdout = String::from_utf8(self.stdout.bytes()).unwrap_or_default();
        let all = format!("{stdout}\n{}", self.stderr.text());
        guard::assert_no_secrets(&self.command.shown(), self.command.dir(), &all);
    }

    fn outcome(&self) -> Outcome {
        let bytes = self.stdout.bytes();
        Outcome {
            command: self.command.shown(),
            exit: self.ended.flatten(),
            stdout: String::from_utf8_lossy(&bytes).into_owned(),
            bytes,
            stderr: self.stderr.text(),
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if self.ended.is_none() {
            self.kill();
            if thread::panicking() {
                eprintln!("killed because the test failed: {}", self.outcome().story());
            }
        }
        if !thread::panicking() {
            self.assert_no_secrets();
        }
    }
}
