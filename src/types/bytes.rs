//! Hex for 32-byte values, without an allocator: what ids print as and parse from.

use core::fmt;

/// Why a text is not 32 bytes of hexadecimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HexError {
    /// The text has this many characters instead of 64.
    Length(usize),
    /// The character at this position is not a hexadecimal digit.
    Digit(usize),
}

impl fmt::Display for HexError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Length(n) => write!(f, "expected 64 hexadecimal characters, got {n}"),
            Self::Digit(at) => write!(f, "character {} is not a hexadecimal digit", at + 1),
        }
    }
}

impl core::error::Error for HexError {}

/// Shows 32 bytes as 64 lower-case hexadecimal characters.
pub fn hex32(bytes: &[u8; 32], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

/// Reads 64 hexadecimal characters of either case.
///
/// # Errors
/// [`HexError`] names the length or the first character that does not fit.
pub fn parse_hex32(text: &str) -> Result<[u8; 32], HexError> {
    let digits = text.as_bytes();
    if digits.len() != 64 {
        return Err(HexError::Length(digits.len()));
    }
    let mut out = [0u8; 32];
    for (at, (pair, byte)) in digits.chunks_exact(2).zip(out.iter_mut()).enumerate() {
        for (offset, digit) in pair.iter().enumerate() {
            let value = nibble(*digit).ok_or(HexError::Digit(at * 2 + offset))?;
            *byte = (*byte << 4) | value;
        }
    }
    Ok(out)
}

fn nibble(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
