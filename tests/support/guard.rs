//! What must not happen whatever becomes of a test: processes left running, directories left lying about,
//! secrets printed.
//!
//! A shell waits at the other end of a pipe. When the test binary ends, however it ends, the pipe closes, and the
//! shell kills what still runs and removes the directory. `LAYR_TEST_KEEP=1` keeps the directory.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{LazyLock, Mutex, PoisonError};

/// Reads `start PID`, `gone PID`, `mount PATH` and `undo COMMAND`; at the end kills who is left, unmounts, runs the
/// commands, and removes the directory.
const SCRIPT: &str = r#"
trap '' INT TERM HUP
left=
mounts=
undo=
while read -r what pid; do
    [ "$what" = mount ] && mounts="$mounts $pid" && continue
    [ "$what" = undo ] && undo="$undo $pid;" && continue
    kept=
    for one in $left; do [ "$one" = "$pid" ] || kept="$kept $one"; done
    left=$kept
    [ "$what" = start ] && left="$left $pid"
done
for one in $mounts; do umount -l "$one"; done
for one in $left; do kill -CONT "$one"; kill -KILL "$one"; done
eval "$undo"
[ -n "$LAYR_TEST_KEEP" ] || rm -rf "$0"
"#;

struct Guard {
    root: PathBuf,
    pipe: Mutex<ChildStdin>,
    /// Outlives this process on purpose: it is what cleans up afterwards.
    _shell: Child,
}

static GUARD: LazyLock<Guard> = LazyLock::new(|| {
    let root = tempfile::Builder::new().prefix("layr-test-").tempdir().expect("a temporary directory").keep();
    let mut shell = Command::new("sh")
        .args(["-c", SCRIPT])
        .arg(&root)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("a shell");
    let pipe = Mutex::new(shell.stdin.take().expect("its input is piped"));
    Guard { root, pipe, _shell: shell }
});

fn tell(what: &str, whom: impl std::fmt::Display) {
    let mut pipe = GUARD.pipe.lock().unwrap_or_else(PoisonError::into_inner);
    writeln!(pipe, "{what} {whom}").expect("the guard listens");
}

/// This process must not outlive the test binary.
pub fn started(pid: u32) {
    tell("start", pid);
}

/// It has ended.
pub fn gone(pid: u32) {
    tell("gone", pid);
}

/// Something may be mounted there when the test binary ends.
pub fn mounted(at: &Path) {
    tell("mount", at.display());
}

/// This shell command is to be run when the test binary has ended.
pub fn undo(command: &str) {
    tell("undo", command);
}

/// A new, empty directory that only this user can enter.
pub fn scratch(name: &str) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let dir = GUARD.root.join(format!("{number:02}-{name}"));
    std::fs::create_dir(&dir).expect("a new directory");
    dir
}

static SECRETS: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// From now on no command may print this recovery phrase, or three of its words in a row.
pub fn keep_secret(phrase: &str) {
    let words: Vec<&str> = phrase.split_whitespace().collect();
    let runs = words.windows(3).map(|run| run.join(" "));
    SECRETS.lock().unwrap_or_else(PoisonError::into_inner).extend(runs);
}

/// Fails if `text`, printed by `whom`, holds key material.
pub fn assert_no_secrets(whom: &str, dir: &Path, text: &str) {
    let plain = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let secrets = SECRETS.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let leaked = secrets.iter().any(|secret| plain.contains(secret.as_str()));
    assert!(!leaked, "{whom} in {} printed words of a recovery phrase:\n{text}", dir.display());
    assert!(!plain.contains(super::command::PASSPHRASE), "{whom} printed the passphrase:\n{text}");
    let seed = |word: &str| word.len() == 56 && word.starts_with('S') && word.chars().all(is_base32);
    let words = plain.split(|letter: char| !letter.is_ascii_alphanumeric());
    assert!(!words.into_iter().any(seed), "{whom} printed a secret seed:\n{text}");
}

const fn is_base32(letter: char) -> bool {
    letter.is_ascii_uppercase() || matches!(letter, '2'..='7')
}
