//! The judge: what came back, and what it proves.

use crate::answer::{Answer, Loss};
use crate::challenge::{Challenge, Commitment};
use crate::verdict::Verdict;
use core::time::Duration;
use layr_merkle::LeafProof;
use layr_types::LeafIndex;

/// What came back from a challenge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome<'a> {
    /// An answer.
    Answered(&'a Answer),
    /// A refusal, with the code the host gave.
    Refused {
        /// The wire's error code.
        code: u32,
    },
    /// A connection and no answer before the deadline.
    Late,
    /// No connection, while other peers could be reached.
    Offline,
    /// No connection to anybody, or an error on this side.
    OwnFault,
}

/// One attempt at an audit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt<'a> {
    /// What came back.
    pub outcome: Outcome<'a>,
    /// How long it took.
    pub took: Duration,
    /// How long it was allowed to take ([`crate::answer_deadline`]).
    pub allowed: Duration,
}

/// A leaf that was not proved: ground for a named challenge on the ledger, and for repair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// The leaf.
    pub leaf: LeafIndex,
    /// What is wrong with it.
    pub loss: Loss,
}

/// What an attempt proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// How it ended.
    pub verdict: Verdict,
    /// Leaves asked for.
    pub asked: u16,
    /// Leaves proved.
    pub good: u16,
    /// Leaves not proved, in the order of the challenge; empty unless the verdict is missing or corrupt.
    pub faults: Vec<Fault>,
    /// How long it took.
    pub took: Duration,
}

/// Judges one attempt at `challenge` against what the host signed for.
///
/// Contents before time: wrong bytes are corrupt even if they come late, right bytes that come late are late. A
/// challenge that does not fit the commitment is the auditor's own mistake.
#[must_use]
pub fn judge(challenge: &Challenge, held: &Commitment, attempt: &Attempt<'_>) -> Judgement {
    let asked = u16::try_from(challenge.count()).unwrap_or(u16::MAX);
    let told = |verdict| Judgement { verdict, asked, good: 0, faults: Vec::new(), took: attempt.took };
    let Ok(leaves) = challenge.leaves(held) else {
        return told(Verdict::OwnFault);
    };
    let answer = match attempt.outcome {
        Outcome::Answered(answer) => answer,
        Outcome::Refused { .. } => return told(Verdict::Refused),
        Outcome::Late => return told(Verdict::Late),
        Outcome::Offline => return told(Verdict::Offline),
        Outcome::OwnFault => return told(Verdict::OwnFault),
    };
    let faults = examine(&leaves, held, answer);
    let verdict = match faults.iter().map(|fault| fault.loss).max() {
        Some(Loss::Corrupt) => Verdict::Corrupt,
        Some(Loss::Missing) => Verdict::Missing,
        None if attempt.took > attempt.allowed => Verdict::Late,
        None => Verdict::Passed,
    };
    let good = asked.saturating_sub(u16::try_from(faults.len()).unwrap_or(u16::MAX));
    Judgement { good, faults, ..told(verdict) }
}

/// Every leaf the answer does not prove. Bytes that cannot be read as the proof due are corrupt, and so is
/// everything behind them; an answer with bytes or admissions left over proves nothing.
fn examine(leaves: &[LeafIndex], held: &Commitment, answer: &Answer) -> Vec<Fault> {
    let corrupt = |leaf: &LeafIndex| Fault { leaf: *leaf, loss: Loss::Corrupt };
    let mut lost = answer.lost.iter().peekable();
    let mut rest = Some(&*answer.proofs).filter(|_| answer.is_bounded());
    let mut faults = Vec::new();
    for (position, leaf) in (0u16..).zip(leaves) {
        if let Some(admission) = lost.next_if(|admission| admission.position == position) {
            faults.push(Fault { leaf: *leaf, loss: admission.loss });
            continue;
        }
        match rest.and_then(|bytes| LeafProof::split(bytes, *leaf, held.sectors).ok()) {
            Some((proof, behind)) => {
                rest = Some(behind);
                if proof.verify(*leaf, held.root, held.sectors).is_err() {
                    faults.push(corrupt(leaf));
                }
            }
            None => {
                rest = None;
                faults.push(corrupt(leaf));
            }
        }
    }
    let canonical = lost.next().is_none() && rest.is_none_or(<[u8]>::is_empty);
    if canonical { faults } else { leaves.iter().map(corrupt).collect() }
}
