//! How much room an upload needs before a byte of it has been read. Bounds, never guesses that can be too low:
//! compression and deduplication only make it less.

use layr_coding::{MIN_CHUNK_BYTES, Profile, SEAL_OVERHEAD};
use layr_types::ByteCount;

/// Catalogue bytes of one file, its name apart.
const PER_FILE: u64 = 256;
/// Catalogue bytes of one chunk.
const PER_CHUNK: u64 = 64;
/// Catalogue bytes of one shard.
const PER_SHARD: u64 = 40;
/// Catalogue bytes of one segment, its shards apart.
const PER_SEGMENT: u64 = 64;
/// Sectors of the catalogue's head on each host, with one to spare for a second attempt.
const HEAD_SECTORS: u64 = 2;

/// What is to be stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Amount {
    /// Files.
    pub(crate) files: u64,
    /// Their bytes.
    pub(crate) bytes: ByteCount,
    /// Bytes of their names.
    pub(crate) names: u64,
}

/// Most chunks these files can make.
const fn chunks(amount: &Amount) -> u64 {
    amount.files.saturating_add(amount.bytes.0 / MIN_CHUNK_BYTES as u64)
}

/// Most segments these files can fill.
pub(crate) const fn segments(amount: &Amount, profile: Profile) -> u64 {
    let sealed = amount.bytes.0.saturating_add(chunks(amount).saturating_mul(SEAL_OVERHEAD as u64));
    sealed.div_ceil(profile.segment_bytes() as u64)
}

/// Sectors needed on each host, catalogue included.
pub(crate) const fn sectors_per_host(amount: &Amount, profile: Profile, per_host: u8) -> u64 {
    let segments = segments(amount, profile);
    let shards = segments * profile.n() as u64;
    let catalogue = amount.files * PER_FILE
        + amount.names
        + chunks(amount) * PER_CHUNK
        + segments * PER_SEGMENT
        + shards * PER_SHARD;
    let parts = catalogue.div_ceil(profile.segment_bytes() as u64);
    (segments + parts) * per_host as u64 + HEAD_SECTORS
}

#[cfg(test)]
mod tests {
    use super::*;
    use layr_coding::{EncodeOptions, Encoded, Encoder, OwnerSecrets};
    use proptest::prelude::*;
    use std::ops::ControlFlow;

    fn noise(len: usize, seed: u8) -> Vec<u8> {
        let mut out = vec![0; len];
        blake3::Hasher::new().update(&[seed]).finalize_xof().fill(&mut out);
        out
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn files_never_fill_more_segments_than_foretold(sizes in proptest::collection::vec(0usize..400_000, 1..12)) {
            let profile = Profile::new(1, 2).unwrap();
            let secrets = OwnerSecrets::new(&[1; 32], &[2; 32]);
            let options = EncodeOptions { workers: 0, ..EncodeOptions::default() };
            let mut encoder = Encoder::new(&secrets, profile, options).unwrap();
            let mut made = 0;
            let mut sink = |item| {
                made += u64::from(matches!(item, Encoded::Segment(_)));
                ControlFlow::Continue(())
            };
            for (at, size) in sizes.iter().enumerate() {
                let content = noise(*size, u8::try_from(at).unwrap());
                encoder.add_file(content.as_slice(), &mut sink).unwrap();
            }
            encoder.finish(&mut sink).unwrap();
            let bytes = ByteCount(sizes.iter().sum::<usize>() as u64);
            let amount = Amount { files: sizes.len() as u64, bytes, names: 0 };
            prop_assert!(made <= segments(&amount, profile), "{made} segments");
        }
    }

    #[test]
    fn an_absurd_size_does_not_overflow() {
        let amount = Amount { files: 1, bytes: ByteCount(u64::MAX), names: 5 };
        assert!(sectors_per_host(&amount, Profile::WIDE, 3) > 1 << 40);
    }

    #[test]
    fn nothing_needs_no_segment_but_its_catalogue_needs_room() {
        let amount = Amount { files: 1, bytes: ByteCount::ZERO, names: 5 };
        assert_eq!(segments(&amount, Profile::SMALL), 1);
        assert_eq!(sectors_per_host(&amount, Profile::SMALL, 1), 1 + 1 + HEAD_SECTORS);
    }
}
