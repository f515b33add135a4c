//! The erasure code: systematic Reed–Solomon over GF(2⁸), any `k` of `n`.
//!
//! The matrix and the arithmetic are the `reed-solomon-erasure` crate's (its vectorised kernels); what stands
//! here is one operation, *linear combination of columns*, from which coding, rebuilding all that is lost and
//! repairing a single shard all follow without computing anything nobody asked for. Work goes in columns that
//! stay in the processor's cache. This file knows nothing of masks, keys or files.

use crate::{Profile, ShardIndex};
use reed_solomon_erasure::galois_8;

/// Bytes of one column step: the inputs of a step stay in the second-level cache, the output in the first.
const STEP: usize = 8 * 1024;

/// A ready coder for one profile. Cheap to share, costly enough (a matrix) to keep.
#[derive(Debug, Clone)]
pub struct Code {
    profile: Profile,
    /// Row `p` holds the coefficients of parity shard `k + p`.
    parity: Vec<Vec<u8>>,
}

/// Why coding or rebuilding is not possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodeError {
    /// The vectorised kernels were compiled for instructions this processor lacks.
    #[error(
        "this processor lacks AVX2, BMI2 or FMA, which layr's erasure coder is built for (any x86-64 since 2013/2015 has them)"
    )]
    Processor,
    /// Fewer shards than the code needs.
    #[error("{have} shards are not enough: the segment needs {need}")]
    TooFewShards {
        /// Distinct usable shards at hand.
        have: usize,
        /// Shards needed, `k`.
        need: usize,
    },
    /// A shard index outside the profile.
    #[error("shard {index} does not exist in a {profile} segment")]
    NoSuchShard {
        /// The index.
        index: ShardIndex,
        /// The profile.
        profile: Profile,
    },
    /// Columns of different lengths, or an output of another length than the inputs.
    #[error("the pieces of a column have different lengths ({expected} and {found} bytes)")]
    Uneven {
        /// Length of the first piece.
        expected: usize,
        /// Length of the one that differs.
        found: usize,
    },
    /// The same shard was given twice.
    #[error("shard {index} was given twice")]
    Duplicate {
        /// The index.
        index: ShardIndex,
    },
}

impl Code {
    /// Builds the matrix, after making sure that this processor can run the kernels.
    ///
    /// # Errors
    /// [`CodeError::Processor`] on a processor without AVX2: better told here than crashed later.
    pub fn new(profile: Profile) -> Result<Self, CodeError> {
        check_processor()?;
        let k = usize::from(profile.k());
        let spare = usize::from(profile.spare());
        let mut parity = vec![vec![0u8; k]; spare];
        if spare == 0 {
            return Ok(Self { profile, parity });
        }
        let coder = galois_8::ReedSolomon::new(k, spare).expect("a valid profile is a valid code");
        for column in 0..k {
            let mut unit: Vec<[u8; 1]> = (0..k + spare).map(|row| [u8::from(row == column)]).collect();
            coder.encode(&mut unit).expect("one unit vector has the shape of the code");
            for (row, value) in parity.iter_mut().zip(&unit[k..]) {
                row[column] = value[0];
            }
        }
        Ok(Self { profile, parity })
    }

    /// The profile this coder is for.
    #[must_use]
    pub const fn profile(&self) -> Profile {
        self.profile
    }

    /// Computes the parity columns from the `k` data columns.
    ///
    /// # Errors
    /// [`CodeError`] if counts or lengths do not fit the profile.
    pub fn encode<D: AsRef<[u8]>>(&self, data: &[D], parity: &mut [&mut [u8]]) -> Result<(), CodeError> {
        if data.len() != usize::from(self.profile.k()) {
            return Err(CodeError::TooFewShards { have: data.len(), need: usize::from(self.profile.k()) });
        }
        let inputs: Vec<&[u8]> = data.iter().map(AsRef::as_ref).collect();
        combine(&self.parity, &inputs, parity)
    }

    /// Plans the rebuilding of `wanted` from the shards at hand; the plan serves any number of columns.
    ///
    /// # Errors
    /// [`CodeError`] if fewer than `k` distinct shards are at hand, or an index does not exist.
    pub fn rebuild(&self, present: &[ShardIndex], wanted: &[ShardIndex]) -> Result<Rebuild, CodeError> {
        let sources = self.sources(present)?;
        for &index in wanted {
            self.check(index)?;
        }
        let inverse = invert(sources.iter().map(|&index| self.row(index)).collect());
        let rows = wanted.iter().map(|&index| product(&self.row(index), &inverse)).collect();
        Ok(Rebuild { sources, rows })
    }

    /// The first `k` of the present shards, data shards preferred: the fewer parity shards, the less work.
    fn sources(&self, present: &[ShardIndex]) -> Result<Vec<ShardIndex>, CodeError> {
        let mut sources = present.to_vec();
        sources.sort_unstable();
        for pair in sources.windows(2) {
            if pair[0] == pair[1] {
                return Err(CodeError::Duplicate { index: pair[0] });
            }
        }
        for &index in &sources {
            self.check(index)?;
        }
        let need = usize::from(self.profile.k());
        if sources.len() < need {
            return Err(CodeError::TooFewShards { have: sources.len(), need });
        }
        sources.truncate(need);
        Ok(sources)
    }

    fn check(&self, index: ShardIndex) -> Result<(), CodeError> {
        if self.profile.contains(index) {
            return Ok(());
        }
        Err(CodeError::NoSuchShard { index, profile: self.profile })
    }

    /// The coefficients that make shard `index` out of the data shards.
    fn row(&self, index: ShardIndex) -> Vec<u8> {
        let k = usize::from(self.profile.k());
        match index.position().checked_sub(k) {
            Some(parity) => self.parity[parity].clone(),
            None => (0..k).map(|column| u8::from(column == index.position())).collect(),
        }
    }
}

/// How to make the wanted shards from `k` others.
#[derive(Debug, Clone)]
pub struct Rebuild {
    sources: Vec<ShardIndex>,
    rows: Vec<Vec<u8>>,
}

impl Rebuild {
    /// The shards whose columns [`Self::columns`] wants, in this order; always `k` of them, ascending.
    #[must_use]
    pub fn sources(&self) -> &[ShardIndex] {
        &self.sources
    }

    /// Computes one column range of every wanted shard from the same range of the sources, all unmasked.
    ///
    /// # Errors
    /// [`CodeError`] if counts or lengths differ.
    pub fn columns(&self, sources: &[&[u8]], wanted: &mut [&mut [u8]]) -> Result<(), CodeError> {
        if sources.len() != self.sources.len() {
            return Err(CodeError::TooFewShards { have: sources.len(), need: self.sources.len() });
        }
        combine(&self.rows, sources, wanted)
    }
}

/// `outputs[r] = Σ rows[r][c] · inputs[c]`, in steps that stay in cache.
fn combine(rows: &[Vec<u8>], inputs: &[&[u8]], outputs: &mut [&mut [u8]]) -> Result<(), CodeError> {
    if rows.len() != outputs.len() {
        return Err(CodeError::TooFewShards { have: outputs.len(), need: rows.len() });
    }
    let expected = inputs.first().map_or(0, |input| input.len());
    let lengths = inputs.iter().map(|i| i.len()).chain(outputs.iter().map(|o| o.len()));
    for found in lengths {
        if found != expected {
            return Err(CodeError::Uneven { expected, found });
        }
    }
    for start in (0..expected).step_by(STEP) {
        let range = start..expected.min(start + STEP);
        for (row, output) in rows.iter().zip(outputs.iter_mut()) {
            combine_step(row, inputs, range.clone(), &mut output[range.clone()]);
        }
    }
    Ok(())
}

fn combine_step(row: &[u8], inputs: &[&[u8]], range: core::ops::Range<usize>, output: &mut [u8]) {
    let mut fresh = true;
    for (&coefficient, input) in row.iter().zip(inputs).filter(|(coefficient, _)| **coefficient != 0) {
        let input = &input[range.clone()];
        if fresh {
            galois_8::mul_slice(coefficient, input, output);
        } else {
            galois_8::mul_slice_xor(coefficient, input, output);
        }
        fresh = false;
    }
    if fresh {
        output.fill(0);
    }
}

/// Inverts a square matrix of full rank by elimination. Any `k` rows of the code have full rank: that is
/// what makes it a code.
fn invert(mut rows: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
    let size = rows.len();
    for (at, row) in rows.iter_mut().enumerate() {
        row.extend((0..size).map(|column| u8::from(column == at)));
    }
    for pivot in 0..size {
        let found = (pivot..size).find(|&row| rows[row][pivot] != 0);
        rows.swap(pivot, found.expect("any k rows of the code are independent"));
        let scale = galois_8::div(1, rows[pivot][pivot]);
        for value in &mut rows[pivot] {
            *value = galois_8::mul(*value, scale);
        }
        let reference = rows[pivot].clone();
        for (_, row) in rows.iter_mut().enumerate().filter(|(at, _)| *at != pivot) {
            let factor = row[pivot];
            for (value, unit) in row.iter_mut().zip(&reference) {
                *value ^= galois_8::mul(factor, *unit);
            }
        }
    }
    rows.into_iter().map(|row| row[size..].to_vec()).collect()
}

/// A row vector times a matrix.
fn product(row: &[u8], matrix: &[Vec<u8>]) -> Vec<u8> {
    let mut out = vec![0u8; row.len()];
    for (&coefficient, line) in row.iter().zip(matrix) {
        for (sum, &value) in out.iter_mut().zip(line) {
            *sum ^= galois_8::mul(coefficient, value);
        }
    }
    out
}

/// The kernels are compiled for Haswell on x86-64; elsewhere they use what every such processor has.
fn check_processor() -> Result<(), CodeError> {
    #[cfg(target_arch = "x86_64")]
    {
        let able = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("fma");
        if !able {
            return Err(CodeError::Processor);
        }
    }
    Ok(())
}
