//! The canonical byte layout of everything that is signed or goes on the ledger.
//!
//! Fixed-width fields, big-endian, in declaration order, nothing optional, nothing self-describing: one value
//! has one encoding, and a decoder that is handed one byte too many or too few refuses. Works on borrowed
//! slices so that the contract needs no allocator.

use core::fmt;

/// Why bytes are not the object they were taken for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecodeError {
    /// The bytes ended before the object did.
    Truncated,
    /// This many bytes were left over.
    TrailingBytes(usize),
    /// The version byte is not one this program knows.
    UnknownVersion(u8),
    /// A field holds a value outside its range; the field's position in the layout, in bytes.
    OutOfRange(usize),
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the bytes end too early"),
            Self::TrailingBytes(n) => write!(f, "{n} bytes too many"),
            Self::UnknownVersion(v) => write!(f, "version {v} is unknown to this program"),
            Self::OutOfRange(at) => write!(f, "the field at byte {at} is out of range"),
        }
    }
}

impl core::error::Error for DecodeError {}

/// Reads fixed-width fields from the front of a slice.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes, at: 0 }
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The next `n` bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn take(&mut self, n: usize) -> Result<&'a [u8], DecodeError> {
        let (head, tail) = self.rest.split_at_checked(n).ok_or(DecodeError::Truncated)?;
        self.rest = tail;
        self.at += n;
        Ok(head)
    }

    /// The next `N` bytes as an array.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let mut out = [0u8; N];
        out.copy_from_slice(self.take(N)?);
        Ok(out)
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] at the end.
    pub fn u8(&mut self) -> Result<u8, DecodeError> {
        self.array::<1>().map(|[byte]| byte)
    }

    /// One byte, which must be the layout's version.
    ///
    /// # Errors
    /// [`DecodeError::UnknownVersion`] for another one, [`DecodeError::Truncated`] at the end.
    pub fn version(&mut self, known: u8) -> Result<(), DecodeError> {
        match self.u8()? {
            version if version == known => Ok(()),
            other => Err(DecodeError::UnknownVersion(other)),
        }
    }

    /// Two bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn u16(&mut self) -> Result<u16, DecodeError> {
        self.array().map(u16::from_be_bytes)
    }

    /// Four bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn u32(&mut self) -> Result<u32, DecodeError> {
        self.array().map(u32::from_be_bytes)
    }

    /// Eight bytes.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn u64(&mut self) -> Result<u64, DecodeError> {
        self.array().map(u64::from_be_bytes)
    }

    /// Sixteen bytes, two's complement.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] if fewer are left.
    pub fn i128(&mut self) -> Result<i128, DecodeError> {
        self.array().map(i128::from_be_bytes)
    }

    /// Succeeds only where every byte has been read.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`] otherwise.
    pub const fn finish(self) -> Result<(), DecodeError> {
        match self.rest.len() {
            0 => Ok(()),
            n => Err(DecodeError::TrailingBytes(n)),
        }
    }
}

/// Writes fixed-width fields into an array of exactly `N` bytes.
#[derive(Debug)]
pub struct Writer<const N: usize> {
    out: [u8; N],
    at: usize,
}

impl<const N: usize> Default for Writer<N> {
    fn default() -> Self {
        Self::new()
    }
}

impl<const N: usize> Writer<N> {
    /// Starts at the first byte.
    #[must_use]
    pub const fn new() -> Self {
        Self { out: [0; N], at: 0 }
    }

    /// Appends `bytes`. Writing past `N` is a layout bug and shows in [`Writer::finish`].
    #[must_use]
    pub fn put(mut self, bytes: &[u8]) -> Self {
        let end = self.at + bytes.len();
        if let Some(place) = self.out.get_mut(self.at..end) {
            place.copy_from_slice(bytes);
        }
        self.at = end;
        self
    }

    /// Appends one byte.
    #[must_use]
    pub fn u8(self, value: u8) -> Self {
        self.put(&[value])
    }

    /// Appends two bytes.
    #[must_use]
    pub fn u16(self, value: u16) -> Self {
        self.put(&value.to_be_bytes())
    }

    /// Appends four bytes.
    #[must_use]
    pub fn u32(self, value: u32) -> Self {
        self.put(&value.to_be_bytes())
    }

    /// Appends eight bytes.
    #[must_use]
    pub fn u64(self, value: u64) -> Self {
        self.put(&value.to_be_bytes())
    }

    /// Appends sixteen bytes.
    #[must_use]
    pub fn i128(self, value: i128) -> Self {
        self.put(&value.to_be_bytes())
    }

    /// The finished array.
    ///
    /// # Panics
    /// If the fields written do not add up to `N` bytes: a constant of the layout is wrong, which every
    /// round-trip test meets at once.
    #[must_use]
    pub fn finish(self) -> [u8; N] {
        assert!(self.at == N, "a canonical layout writes exactly its declared size");
        self.out
    }
}
