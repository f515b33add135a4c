//! Which audits this host has answered lately, so that nobody can write into the shared history that it lost
//! what it proved. In memory: after a restart it simply knows of none.

use layr_audits::{Answer, AuditRecord, Challenge, Draw, Verdict};
use layr_types::AgreementId;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

/// Audits remembered over all agreements.
const REMEMBERED: usize = 4_096;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Answered {
    agreement: AgreementId,
    revision: u64,
    nonce: [u8; 32],
    /// Every leaf was proved.
    whole: bool,
}

/// Audits answered.
#[derive(Debug, Default)]
pub(crate) struct Recall(Mutex<VecDeque<Answered>>);

impl Recall {
    /// Notes an answer that leaves the host.
    pub fn note(&self, challenge: &Challenge, answer: &Answer) {
        let Draw::Random { nonce, .. } = &challenge.draw else { return };
        let answered = Answered {
            agreement: challenge.agreement,
            revision: challenge.revision,
            nonce: *nonce,
            whole: answer.lost.is_empty(),
        };
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED {
            all.pop_front();
        }
        all.push_back(answered);
    }

    /// Whether `record` says of an audit that data was lost, where this host proved every leaf of it.
    pub fn contradicts(&self, agreement: &AgreementId, record: &AuditRecord) -> bool {
        if !matches!(record.verdict, Verdict::Missing | Verdict::Corrupt) {
            return false;
        }
        let same = |known: &Answered| {
            (known.agreement, known.revision, known.nonce) == (*agreement, record.revision, record.nonce)
        };
        let all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.iter().any(|known| same(known) && known.whole)
    }
}
