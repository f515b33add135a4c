//! Receipts: a host's signature under its answer, so that it cannot deny later what it answered.
//!
//! The record of an audit is signed by both only when the host countersigns the next revision. A host that answers
//! and then refuses to countersign would leave no trace; with the receipt its owner can show anybody what was asked,
//! and that the host signed the digest of its answer.
//!
//! ```text
//! draw       0 ‖ round 8 ‖ nonce 32 ‖ seed 32 ‖ count 2      random
//!            1 ‖ count 2 ‖ leaf 8, once each                 named
//! answer     SHA-256(number of admissions 2 ‖ (position 2 ‖ 0 missing, 1 corrupt) each ‖ proofs)
//! receipt    SHA-256("layr/v1/auditans" ‖ agreement 32 ‖ revision 8 ‖ SHA-256(draw) ‖ answer)
//! ```

use crate::answer::{Answer, Loss};
use crate::challenge::{Challenge, Draw};
use layr_market::{Sha256 as _, SoftwareSha256};

/// Sixteen bytes, as every tag.
const TAG: &[u8; 16] = b"layr/v1/auditans";

/// The digest of an answer.
#[must_use]
pub fn answer_digest(answer: &Answer) -> [u8; 32] {
    let mut head = Vec::with_capacity(2 + 3 * answer.lost.len());
    head.extend_from_slice(&u16::try_from(answer.lost.len()).unwrap_or(u16::MAX).to_be_bytes());
    for lost in &answer.lost {
        head.extend_from_slice(&lost.position.to_be_bytes());
        head.push(u8::from(lost.loss == Loss::Corrupt));
    }
    SoftwareSha256.sha256(&[&head, &answer.proofs])
}

/// What the host signs: that it gave this answer to this challenge.
#[must_use]
pub fn receipt_digest(challenge: &Challenge, answer: &[u8; 32]) -> [u8; 32] {
    let draw = SoftwareSha256.sha256(&[&draw_bytes(&challenge.draw)]);
    let revision = challenge.revision.to_be_bytes();
    SoftwareSha256.sha256(&[TAG, challenge.agreement.as_bytes(), &revision, &draw, answer])
}

fn draw_bytes(draw: &Draw) -> Vec<u8> {
    match draw {
        Draw::Random { round, nonce, seed, count } => {
            [&[0][..], &round.to_be_bytes(), nonce, &seed.0, &count.to_be_bytes()].concat()
        }
        Draw::Named { leaves } => {
            let count = u16::try_from(leaves.len()).unwrap_or(u16::MAX);
            let mut bytes = [&[1][..], &count.to_be_bytes()].concat();
            leaves.iter().for_each(|leaf| bytes.extend_from_slice(&leaf.0.to_be_bytes()));
            bytes
        }
    }
}
