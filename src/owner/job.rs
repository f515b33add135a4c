//! Jobs: uploads that survive a crash.

use std::fmt;
use std::str::FromStr;

/// Names one upload from its first word in the journal on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
pub struct JobId(#[serde(with = "layr_types::hex_bytes")] pub [u8; 16]);

impl fmt::Display for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for JobId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobId({self})")
    }
}

/// A text that is not a job's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a job's name is 32 hexadecimal characters")]
pub struct NotAJobId;

impl FromStr for JobId {
    type Err = NotAJobId;
    fn from_str(text: &str) -> Result<Self, NotAJobId> {
        let mut out = [0u8; 16];
        if text.len() != 32 {
            return Err(NotAJobId);
        }
        for (at, byte) in out.iter_mut().enumerate() {
            let pair = text.get(2 * at..2 * at + 2).ok_or(NotAJobId)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| NotAJobId)?;
        }
        Ok(Self(out))
    }
}
