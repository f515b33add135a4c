//! The command line this process was started with, as it can be typed again.

use std::ffi::{OsStr, OsString};
use std::fmt::Write as _;
use std::os::unix::ffi::OsStrExt as _;

/// The very command that runs now.
pub fn this_command() -> String {
    typed(std::env::args_os())
}

/// Arguments joined so that a shell takes them apart again unchanged.
fn typed(args: impl Iterator<Item = OsString>) -> String {
    args.map(|arg| quoted(&arg)).collect::<Vec<_>>().join(" ")
}

/// One argument: bare where a shell leaves it alone, else in quotes.
fn quoted(arg: &OsStr) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-./:=@%+,".contains(byte);
    match arg.to_str() {
        Some(text) if !text.is_empty() && text.as_bytes().iter().all(plain) => text.to_owned(),
        Some(text) if !text.chars().any(char::is_control) => format!("'{}'", text.replace('\'', r"'\''")),
        _ => escaped(arg.as_bytes()),
    }
}

/// What no other quotes can hold: `$'…'`, understood by bash, zsh, ksh and every shell of the newest POSIX.
fn escaped(bytes: &[u8]) -> String {
    let mut text = String::from("$'");
    for byte in bytes {
        match byte {
            b'\'' | b'\\' => {
                text.push('\\');
                text.push(char::from(*byte));
            }
            b' '..=b'~' => text.push(char::from(*byte)),
            // Octal, because three digits end it whatever follows.
            _ => {
                let _written = write!(text, "\\{byte:03o}");
            }
        }
    }
    text.push('\'');
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_is_shown_is_what_a_shell_reads() {
        let args = [
            &b"upload"[..],
            b"",
            b"a file",
            b"it's \"mine\"",
            b"$HOME `id` \\ * ? ~ ! # ;",
            b"-dash",
            "ünïcode 文件".as_bytes(),
            b"two\nlines\t7",
            b"not \xff text",
        ];
        let args: Vec<OsString> = args.iter().map(|arg| OsStr::from_bytes(arg).to_owned()).collect();
        let line = format!("printf '%s\\0' {}", typed(args.iter().cloned()));
        let out = Command::new("bash").args(["-c", &line]).output().expect("bash runs");
        let expected: Vec<u8> = args.iter().flat_map(|arg| [arg.as_bytes(), b"\0"].concat()).collect();
        assert!(out.stdout == expected, "{line}: {}", String::from_utf8_lossy(&out.stdout));
    }

    #[test]
    fn plain_arguments_stay_plain() {
        let args = ["layr", "upload", "film.mkv", "--profile", "4/12"].map(OsString::from);
        assert_eq!(typed(args.into_iter()), "layr upload film.mkv --profile 4/12");
    }
}
