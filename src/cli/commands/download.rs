//! `layr download`.

use super::interrupt::or_interrupted;
use super::tell::Teller;
use crate::args::{Download, Global};
use crate::compose;
use crate::envelope::Report;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use layr_owner::views::DownloadReport;
use layr_owner::{DownloadRequest, Target};
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Brings a file back.
pub async fn run(global: &Global, settings: &Settings, args: Download) -> Result<Report, Failure> {
    let range = args.range.as_deref().map(parse_range).transpose()?;
    let to_stdout = args.output.as_deref() == Some(Path::new("-"));
    if to_stdout && global.json {
        return Err(Failure::usage(
            "standard output cannot carry both the file and --json",
            "Name a file with -o, or leave out --json.",
        ));
    }
    let target = if to_stdout {
        Target::Stream(Box::new(std::io::stdout()))
    } else {
        Target::File { path: path(&args), force: args.force }
    };
    let node = compose::joined_owner(global, settings).await?;
    let request = DownloadRequest { name: args.name.clone(), range, target, max_cost: args.max_cost };
    let downloading =
        async { node.owner.download(request, Teller::new(global)).await.map_err(failures::download) };
    let done = or_interrupted(downloading).await;
    node.stop().await;
    let done = done?;
    Report::new(&done, if to_stdout { String::new() } else { words(&args, &done) })
}

/// Where the file goes: the path given, inside it if it is a directory, or here under its own last part.
fn path(args: &Download) -> PathBuf {
    let own = args.name.rsplit('/').next().unwrap_or(&args.name);
    match &args.output {
        Some(path) if path.is_dir() => path.join(own),
        Some(path) => path.clone(),
        None => PathBuf::from(own),
    }
}

fn parse_range(text: &str) -> Result<Range<u64>, Failure> {
    let parsed =
        text.split_once("..").and_then(|(from, to)| Some(from.trim().parse().ok()?..to.trim().parse().ok()?));
    parsed.filter(|range: &Range<u64>| range.start <= range.end).ok_or_else(|| {
        Failure::usage(format!("'{text}' is not a range"), "Write A..B in bytes, for example 0..1048576.")
    })
}

fn words(args: &Download, done: &DownloadReport) -> String {
    let mut text = format!(
        "{}: {} from {} hosts in {:.1} s ({:.0} MiB/s)",
        path(args).display(),
        done.bytes,
        done.hosts.len(),
        done.seconds,
        crate::bench::mib(done.bytes.0) / done.seconds.max(0.001)
    );
    text.push_str(match done.hash {
        Some(_) => "; every leaf and the whole file verified.",
        None => "; every leaf verified.",
    });
    if !done.failed.is_empty() {
        text.push_str(&format!("\n{} host(s) did not deliver; 'layr audit' says more.", done.failed.len()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::parse_range;

    #[test]
    fn ranges_read_as_a_to_b() {
        assert_eq!(parse_range("0..10").ok(), Some(0..10));
        for text in ["", "5", "5..", "..5", "9..3", "a..b", "-1..3"] {
            assert!(parse_range(text).is_err(), "{text}");
        }
    }
}
