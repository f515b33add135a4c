//! Progress on standard error: one live line on a terminal, plain lines otherwise, nothing with `--json`.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::IsTerminal as _;
use std::time::Duration;

/// A progress display; dropping it clears the live line.
#[derive(Debug)]
pub struct Display {
    bar: ProgressBar,
    plain: bool,
}

impl Display {
    /// Starts one. `quiet` shows nothing at all.
    pub fn start(quiet: bool) -> Self {
        let plain = !quiet && !std::io::stderr().is_terminal();
        let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr());
        if quiet || plain {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        } else {
            bar.enable_steady_tick(Duration::from_millis(120));
        }
        Self { bar, plain }
    }

    /// Begins a stage with a known amount of bytes (0 for unknown).
    pub fn stage(&self, name: &str, bytes: u64) {
        if self.plain {
            eprintln!("{name}");
        }
        let template = if bytes == 0 {
            "{spinner} {prefix} {msg}"
        } else {
            "{spinner} {prefix} [{bar:28}] {bytes}/{total_bytes} {bytes_per_sec} {msg}"
        };
        if let Ok(style) = ProgressStyle::with_template(template) {
            self.bar.set_style(style.progress_chars("=> "));
        }
        self.bar.reset();
        self.bar.set_length(bytes);
        self.bar.set_prefix(name.to_owned());
        self.bar.set_message(String::new());
    }

    /// Bytes done in this stage.
    pub fn bytes(&self, done: u64) {
        self.bar.set_position(done);
    }

    /// A remark beside the bar (hosts, money).
    pub fn note(&self, text: &str) {
        if self.plain {
            eprintln!("  {text}");
        }
        self.bar.set_message(text.to_owned());
    }

    /// A line that stays.
    pub fn line(&self, text: &str) {
        if self.plain {
            eprintln!("{text}");
        } else {
            self.bar.println(text);
        }
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
