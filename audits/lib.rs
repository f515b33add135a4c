//! Challenges, proofs, verdicts and the mathematics of sampling.
