//! The fault switch: hosts that lie in named ways. It exists in these tests only; no program that is shipped has it.
//!
//! A liar is a real host behind a service that answers audits for it. It has the host's key, so what it makes up is
//! signed as properly as the truth; what it has not got is the data.

use crate::world::Guest;
use layr_audits::{Answer, Challenge, Commitment, answer_digest, receipt_digest};
use layr_host::HostService;
use layr_host::ports::Slot;
use layr_protocol::{AuditReply, AuditRequest, HostApi as _, HostApiRequest, HostApiResponse, Refusal};
use layr_types::{AgreementId, LEAF_BYTES, LeafIndex, NodeKey, SECTOR_BYTES};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tarpc::ServerError;
use tarpc::context::Context;
use tarpc::server::Serve;

/// A way to lie.
pub enum Lie {
    /// Puts another leaf's proof where it has none.
    Forge,
    /// Says nothing of leaves it has not got.
    Silence,
    /// Refuses whenever the truth would show that something is lost.
    Excuse,
    /// Has whoever holds that agreement answer, and passes the answer on as its own.
    Outsource(Arc<Guest>, AgreementId),
    /// Fetches what it needs from a copy of its data that is so far away.
    FarCopy(Duration),
    /// Answers with the proofs of the first audit it saw.
    Replay(Mutex<Option<Answer>>),
    /// Keeps every proof it ever made and throws the data away: answers what it has proofs for, makes up the rest.
    Hoard(Mutex<HashMap<LeafIndex, Vec<u8>>>),
}

/// The service of a host that may lie.
#[derive(Clone)]
pub struct Face {
    pub service: HostService,
    pub guest: Arc<Guest>,
}

impl Serve for Face {
    type Req = HostApiRequest;
    type Resp = HostApiResponse;

    async fn serve(self, context: Context, request: HostApiRequest) -> Result<HostApiResponse, ServerError> {
        let lie = self.guest.lie.lock().unwrap().clone();
        match (request, lie) {
            (HostApiRequest::Audit { request }, Some(lie)) => {
                Ok(HostApiResponse::Audit(self.answer(&lie, request).await))
            }
            (request, _) => self.service.serve().serve(context, request).await,
        }
    }
}

impl Face {
    async fn answer(&self, lie: &Lie, request: AuditRequest) -> Result<AuditReply, Refusal> {
        let (of, challenge) = (&self.service, request.challenge);
        let truth = of.host.audit(of.peer, challenge.clone()).await?;
        let answer = match lie {
            Lie::Forge => forged(&truth, challenge.count()),
            Lie::Silence => Answer { lost: Vec::new(), proofs: truth.proofs },
            Lie::Excuse if truth.lost.is_empty() => truth,
            Lie::Excuse => return Err(Refusal::DiskFault),
            Lie::Outsource(friend, theirs) => {
                outsourced(friend, of.peer, (*theirs, challenge.clone())).await?
            }
            Lie::FarCopy(distance) => {
                tokio::time::sleep(*distance).await;
                truth
            }
            Lie::Replay(first) => first.lock().unwrap().get_or_insert(truth).clone(),
            Lie::Hoard(kept) => {
                let newest = of.host.latest(of.peer, challenge.agreement).await?.expect("it holds something");
                let leaves = challenge.leaves(&Commitment::from(&newest.revision)).expect("drawn from it");
                hoarded(&mut kept.lock().unwrap(), &leaves, truth)
            }
        };
        let signature = self.guest.signer.sign(&receipt_digest(&challenge, &answer_digest(&answer)));
        Ok(AuditReply { answer, signature })
    }
}

/// The friend proves the same draw of its own agreement: it has nothing else.
async fn outsourced(
    friend: &Guest,
    peer: NodeKey,
    (theirs, asked): (AgreementId, Challenge),
) -> Result<Answer, Refusal> {
    let revision = friend.host.latest(peer, theirs).await?.expect("it holds something").revision.n;
    friend.host.audit(peer, Challenge { agreement: theirs, revision, ..asked }).await
}

/// Proofs one by one: ten siblings, a leaf, and as many siblings above it as the byte behind the leaf says.
fn split(proofs: &[u8]) -> Vec<Vec<u8>> {
    const BEFORE_LENGTH: usize = 10 * 32 + LEAF_BYTES;
    let (mut rest, mut all) = (proofs, Vec::new());
    while let Some(above) = rest.get(BEFORE_LENGTH) {
        let (one, behind) = rest.split_at(BEFORE_LENGTH + 1 + 32 * usize::from(*above));
        all.push(one.to_vec());
        rest = behind;
    }
    all
}

/// A proof of nothing.
fn made_up() -> Vec<u8> {
    vec![0; 10 * 32 + LEAF_BYTES + 1]
}

fn forged(truth: &Answer, count: usize) -> Answer {
    let mut sound = split(&truth.proofs).into_iter();
    let any = split(&truth.proofs).into_iter().next().unwrap_or_else(made_up);
    let lost = |at: usize| truth.lost.iter().any(|lost| usize::from(lost.position) == at);
    let each = (0..count).map(|at| if lost(at) { any.clone() } else { sound.next().expect("proved") });
    Answer { lost: Vec::new(), proofs: each.flatten().collect::<Vec<u8>>().into() }
}

fn hoarded(kept: &mut HashMap<LeafIndex, Vec<u8>>, leaves: &[LeafIndex], truth: Answer) -> Answer {
    if truth.lost.is_empty() {
        kept.extend(leaves.iter().copied().zip(split(&truth.proofs)));
        return truth;
    }
    let each = leaves.iter().map(|leaf| kept.get(leaf).cloned().unwrap_or_else(made_up));
    Answer { lost: Vec::new(), proofs: each.flatten().collect::<Vec<u8>>().into() }
}

impl Guest {
    /// From now on the host lies so.
    pub fn lies(&self, lie: Lie) {
        *self.lie.lock().unwrap() = Some(Arc::new(lie));
    }

    /// Drops one sector whole: the one in this slot.
    pub fn drop_sector(&self, slot: u32) {
        self.drop_leaves(slot, 0..SECTOR_BYTES / LEAF_BYTES);
    }

    /// Drops leaves of the sector in a slot.
    pub fn drop_leaves(&self, slot: u32, leaves: impl IntoIterator<Item = usize>) {
        leaves.into_iter().for_each(|leaf| self.sectors.rot(Slot(slot), leaf * LEAF_BYTES));
    }
}
