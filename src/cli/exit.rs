//! Exit codes. They are part of the interface: scripts rely on them.

/// One exit code with its meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exit {
    /// The number.
    pub code: u8,
    /// What it means, as `layr help exit-codes` prints it.
    pub meaning: &'static str,
}

/// All went well.
pub const OK: Exit = Exit { code: 0, meaning: "all went well" };
/// The unexpected.
pub const INTERNAL: Exit =
    Exit { code: 1, meaning: "a fault of layr's own, or of the machine (disk, memory)" };
/// The command line or the configuration is wrong.
pub const USAGE: Exit = Exit { code: 2, meaning: "the command line or a setting is wrong; nothing was done" };
/// Hosts or ledger cannot be reached.
pub const NETWORK: Exit = Exit { code: 3, meaning: "hosts or the ledger could not be reached" };
/// Money is missing or a limit would be passed.
pub const PAYMENT: Exit = Exit { code: 4, meaning: "not enough money, or --max-cost would be passed" };
/// No such file, agreement or directory.
pub const NOT_FOUND: Exit = Exit { code: 5, meaning: "no such file, agreement or data directory" };
/// Bytes are not what they should be.
pub const INTEGRITY: Exit =
    Exit { code: 6, meaning: "stored or received data is damaged or does not verify" };
/// Part of the work was done.
pub const PARTIAL: Exit =
    Exit { code: 7, meaning: "part of the work was done; the message says how to finish it" };
/// Key or passphrase wrong.
pub const KEY: Exit = Exit { code: 8, meaning: "the recovery phrase or the passphrase is wrong" };
/// Files are degraded but readable.
pub const DEGRADED: Exit = Exit {
    code: 10,
    meaning: "audit: at least one host failed or a file is degraded; every file is still readable",
};
/// Files are lost.
pub const LOST: Exit = Exit { code: 11, meaning: "audit: at least one file can no longer be rebuilt" };
/// Files are at or below the point where repair starts.
pub const AT_RISK: Exit =
    Exit { code: 12, meaning: "audit: at least one file is at or below the point where repair starts" };
/// Stopped by a signal.
pub const INTERRUPTED: Exit = Exit { code: 130, meaning: "interrupted; nothing acknowledged was lost" };

/// Every code, in order.
pub const ALL: [Exit; 13] = [
    OK,
    INTERNAL,
    USAGE,
    NETWORK,
    PAYMENT,
    NOT_FOUND,
    INTEGRITY,
    PARTIAL,
    KEY,
    DEGRADED,
    LOST,
    AT_RISK,
    INTERRUPTED,
];

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        exit.code.into()
    }
}
