//! The arguments of `layr audit`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `layr audit`.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:
  layr audit                                   every agreement
  layr audit film.mkv                          only the hosts of one file
  layr audit photos/                           of every file whose name begins so
  layr audit 3f9a01c2                          one agreement, or every one with a host, by its id's beginning
  layr audit --confidence 99.9% --loss 1%      as many leaves as find a loss of 1 % with that confidence
  layr audit --hosts                           what is thought of each host, and what that is made of
  layr audit export film.mkv -o cert.json      a certificate anybody can check
Exit code 0: all passed and every file is healthy; 10: some host failed or some file is degraded; 12: some file is
at or below the point where repair starts; 11: some file is lost; 3: nobody could be reached.")]
pub struct Audit {
    /// Export or check a custody certificate.
    #[command(subcommand)]
    pub command: Option<AuditCommand>,
    /// A file, the beginning of files' names, or the beginning of an agreement's or a host's id.
    pub name: Option<String>,
    /// Leaves to ask of each host.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
    pub samples: u16,
    /// Ask as many leaves as find a loss with this confidence.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, conflicts_with = "samples")]
    pub confidence: Option<f64>,
    /// The loss that is to be found: the fraction of leaves a host lacks.
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent, default_value = "1%")]
    pub loss: f64,
    /// Audit nobody; show the score of every host with what it is made of.
    #[arg(long)]
    pub hosts: bool,
}

/// `layr audit …`.
#[derive(Debug, Subcommand)]
pub enum AuditCommand {
    /// Write a custody certificate: what hosts answered, when, and how it ended. Asks nobody.
    #[command(after_help = "Examples:
  layr audit export film.mkv -o cert.json      every agreement the file lies under
  layr audit export 3f9a01c2 -o cert.json      one agreement
Whoever gets the file needs 'layr audit verify' and the beacon's public key, no network and no keys.")]
    Export {
        /// A file, the beginning of files' names, or the beginning of an agreement's or a host's id.
        name: String,
        /// Where to write it.
        #[arg(long, short, value_name = "FILE")]
        output: PathBuf,
    },
    /// Check a custody certificate, offline.
    #[command(after_help = "Examples:
  layr audit verify cert.json                          against drand's public beacon
  layr audit verify cert.json --beacon-key 83cf0f28…   against another, such as a local network's
Exit code 0: everything in it holds; 6: something does not, and the message says what.")]
    Verify {
        /// The certificate.
        file: PathBuf,
        /// The beacon's public key, 192 hexadecimal digits [default: drand's quicknet].
        #[arg(long, value_name = "HEX")]
        beacon_key: Option<String>,
    },
}

/// A percentage as a fraction: `1%`, `99.9`.
fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.trim().trim_end_matches('%').trim_end();
    match number.parse::<f64>() {
        Ok(percent) if percent > 0.0 && percent < 100.0 => Ok(percent / 100.0),
        _ => Err("expected a percentage above 0 and below 100, such as 99.9% or 1%".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::parse_percent;

    #[test]
    fn percentages_read_with_and_without_their_sign_and_nothing_else_does() {
        let near =
            |text: &str, value: f64| parse_percent(text).is_ok_and(|read| (read - value).abs() < 1e-12);
        assert!(near("99.9%", 0.999) && near("1", 0.01) && near("0.5 %", 0.005));
        for wrong in ["0", "100", "-1%", "x", "", "%", "NaN", "inf"] {
            assert!(parse_percent(wrong).is_err(), "{wrong}");
        }
    }
}
