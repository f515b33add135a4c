//! Separate operating-system processes: started, spoken to, signalled, and never left behind.

use crate::failure::Failure;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// Longest wait for a long-running process to say it is ready.
const READY_TIMEOUT: Duration = Duration::from_secs(60);

/// How this program starts itself again.
#[derive(Debug, Clone)]
pub struct Program {
    /// The layr executable.
    pub path: PathBuf,
    /// The network file all parties use.
    pub network: PathBuf,
}

impl Program {
    /// A command of one party, with the demo's throw-away passphrase.
    pub fn command(&self, dir: &Path, args: &[&str]) -> Command {
        let mut command = Command::new(&self.path);
        command
            .args(args)
            .arg("--json")
            .arg("--quiet")
            .env("LAYR_DIR", dir)
            .env("LAYR_NETWORK", &self.network)
            .env("LAYR_PASSPHRASE", "throw-away passphrase of a demonstration")
            .stdin(Stdio::null())
            .kill_on_drop(true);
        command
    }

    /// Runs a command to its end and returns its envelope, whatever its exit code, with its peak memory.
    pub async fn run(&self, dir: &Path, args: &[&str]) -> Result<Finished, Failure> {
        let mut command = self.command(dir, args);
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| Failure::internal("start layr", &error))?;
        let watch = PeakMemory::watch(child.id());
        let output = child.wait_with_output().await.map_err(|error| Failure::internal("run layr", &error))?;
        let envelope = String::from_utf8_lossy(&output.stdout);
        let last = envelope.lines().last().unwrap_or_default();
        serde_json::from_str(last)
            .map(|envelope| Finished { envelope, peak_rss_mib: watch.mib() })
            .map_err(|_| unreadable(args, &output.stderr, &output.stdout))
    }

    /// The same, and fails unless the command succeeded.
    pub async fn succeed(&self, dir: &Path, args: &[&str]) -> Result<Finished, Failure> {
        self.run(dir, args).await?.succeeded(args)
    }

    /// Starts a process that runs until stopped, and waits for its first line on standard output.
    pub async fn start(&self, dir: &Path, args: &[&str]) -> Result<Running, Failure> {
        let log = std::fs::File::create(dir.with_extension("log"))
            .map_err(|error| Failure::internal("create a log file", &error))?;
        let mut child = self
            .command(dir, args)
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .map_err(|error| Failure::internal("start layr", &error))?;
        let stdout = child.stdout.take().ok_or_else(|| not_as_told("a process has no output", ""))?;
        let mut lines = BufReader::new(stdout).lines();
        let line = tokio::time::timeout(READY_TIMEOUT, lines.next_line()).await;
        let ready = match line {
            Ok(Ok(Some(line))) => serde_json::from_str::<Value>(&line).ok(),
            _ => None,
        };
        let Some(ready) = ready.filter(|ready| ready["ok"] == Value::Bool(true)) else {
            let log = std::fs::read(dir.with_extension("log")).unwrap_or_default();
            return Err(unreadable(args, &log, b""));
        };
        let drain = tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        Ok(Running { memory: PeakMemory::watch(child.id()), child, ready: ready["data"].clone(), drain })
    }
}

/// A command's end.
#[derive(Debug)]
pub struct Finished {
    /// The envelope it printed.
    pub envelope: Value,
    /// Its largest resident size, MiB.
    pub peak_rss_mib: u64,
}

impl Finished {
    /// Itself, if the command with these arguments succeeded.
    pub fn succeeded(self, args: &[&str]) -> Result<Self, Failure> {
        if self.envelope["ok"] == Value::Bool(true) {
            return Ok(self);
        }
        Err(not_as_told(&format!("'layr {}' failed", args.join(" ")), &self.envelope["error"].to_string()))
    }

    /// The result's data.
    pub fn data(&self) -> &Value {
        &self.envelope["data"]
    }
}

/// A process that runs until stopped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    /// What it said when it was ready.
    pub ready: Value,
    memory: PeakMemory,
    drain: tokio::task::JoinHandle<()>,
}

impl Running {
    /// Its largest resident size so far, MiB.
    pub fn peak_rss_mib(&self) -> u64 {
        self.memory.mib()
    }

    /// CPU seconds used so far, user and system.
    pub fn cpu_seconds(&self) -> f64 {
        self.child.id().and_then(cpu_seconds).unwrap_or(0.0)
    }

    /// What it has written to files and sockets so far, MiB.
    pub fn written_mib(&self) -> u64 {
        self.child.id().and_then(written).unwrap_or(0) >> 20
    }

    /// Freezes the process, as a machine that hangs.
    pub fn pause(&self) -> Result<(), Failure> {
        self.signal(rustix::process::Signal::STOP)
    }

    /// Thaws it.
    pub fn resume(&self) -> Result<(), Failure> {
        self.signal(rustix::process::Signal::CONT)
    }

    /// Kills it without warning.
    pub async fn kill(mut self) -> Result<(), Failure> {
        self.child.kill().await.map_err(|error| Failure::internal("kill a process", &error))?;
        self.drain.abort();
        Ok(())
    }

    /// Asks it to stop and waits until it has.
    pub async fn stop(mut self) -> Result<(), Failure> {
        self.resume()?;
        self.signal(rustix::process::Signal::TERM)?;
        if tokio::time::timeout(Duration::from_secs(15), self.child.wait()).await.is_err() {
            return Err(not_as_told("a process did not stop within 15 seconds of SIGTERM", ""));
        }
        self.drain.abort();
        Ok(())
    }

    fn signal(&self, signal: rustix::process::Signal) -> Result<(), Failure> {
        let pid =
            self.child.id().and_then(|id| i32::try_from(id).ok()).and_then(rustix::process::Pid::from_raw);
        let Some(pid) = pid else {
            return Err(not_as_told("a process that should be running has ended", ""));
        };
        rustix::process::kill_process(pid, signal)
            .map_err(|error| Failure::internal("signal a process", &error))
    }
}

/// The kernel's own record of a process's largest resident size, read while it lives.
#[derive(Debug)]
struct PeakMemory {
    peak: std::sync::Arc<std::sync::atomic::AtomicU64>,
    task: tokio::task::JoinHandle<()>,
}

impl PeakMemory {
    fn watch(pid: Option<u32>) -> Self {
        let peak = std::sync::Arc::new(std::sync::atomic::AtomicU64::new(0));
        let shared = std::sync::Arc::clone(&peak);
        let task = tokio::spawn(async move {
            let Some(pid) = pid else { return };
            let mut tick = tokio::time::interval(Duration::from_millis(100));
            loop {
                tick.tick().await;
                let Some(kib) = peak_kib(pid) else { return };
                shared.fetch_max(kib, std::sync::atomic::Ordering::Relaxed);
            }
        });
        Self { peak, task }
    }

    fn mib(&self) -> u64 {
        self.peak.load(std::sync::atomic::Ordering::Relaxed) / 1024
    }
}

impl Drop for PeakMemory {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn peak_kib(pid: u32) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

/// Bytes a process has written, as the kernel counts them.
fn written(pid: u32) -> Option<u64> {
    let counts = std::fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    counts.lines().find_map(|line| line.strip_prefix("wchar: "))?.trim().parse().ok()
}

/// User plus system time of a process from `/proc`, at the kernel's 100 ticks a second.
fn cpu_seconds(pid: u32) -> Option<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |at: usize| fields.get(at)?.parse::<u32>().ok();
    Some(f64::from(ticks(11)?.checked_add(ticks(12)?)?) / 100.0)
}

/// A step of the story that did not happen as told.
pub fn not_as_told(what: &str, detail: &str) -> Failure {
    let mut failure = Failure::new(
        crate::exit::INTERNAL,
        "demo/not-as-told",
        what,
        "Run again with --keep and look at the logs in the directory it names.",
    );
    if !detail.is_empty() {
        failure.causes.push(detail.to_owned());
    }
    failure
}

fn unreadable(args: &[&str], stderr: &[u8], stdout: &[u8]) -> Failure {
    let tail = |bytes: &[u8]| {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let from = text.char_indices().rev().nth(1_500).map_or(0, |(at, _)| at);
        text.get(from..).unwrap_or_default().trim().to_owned()
    };
    not_as_told(
        &format!("'layr {}' ended without the answer expected", args.join(" ")),
        &format!("{} {}", tail(stdout), tail(stderr)),
    )
}
