//! Moves that leave a deal open, as the parties sign and call them. Every helper that succeeds follows with the
//! deal's own state, computed by `layr-market`; the next call would be refused if the contract differed.

use super::accounts::Party as Person;
use super::deal::{Deal, bytes, stored};
use super::outcome;
use super::std::vec::Vec;
use super::world::World;
use crate::{Accusation, Renewal};
use layr_market::{
    Challenge, ChallengeKind, FinalReason, FinalSplit, Notice, Party, Revision, Rotation, SlotState,
    SoftwareSha256, Voucher, named_leaves_hash,
};
use layr_types::{ByteCount, LeafIndex, NodeKey, Stroops, UnixSeconds};
use soroban_sdk::BytesN;

/// Whoever the owner named as its auditor.
pub fn auditor() -> Person {
    Person::new(3)
}

/// A list of leaves as a named challenge commits to it.
pub fn list(leaves: &[u64]) -> Vec<u8> {
    leaves.iter().flat_map(|leaf| leaf.to_be_bytes()).collect()
}

impl Deal {
    /// An open deal whose usual revision is published.
    pub fn published(world: &World, slot: u8) -> (Self, Revision) {
        let mut deal = Self::new(world, slot).open(world);
        let revision = deal.revision();
        deal.publish(world, &revision);
        (deal, revision)
    }

    /// The person that signs for a party now.
    pub fn person(&self, party: Party) -> Person {
        match party {
            Party::Owner => self.owner.clone(),
            Party::Host => self.host.clone(),
            Party::Auditor => auditor(),
        }
    }

    /// The next challenge by this party: of named leaves, or random where there are none.
    pub fn challenge(&self, world: &World, by: Party, leaves: &[u64]) -> Challenge {
        let random = leaves.is_empty();
        Challenge {
            id: self.id,
            n: self.state.n,
            count: self.state.challenge.count,
            kind: if random { ChallengeKind::Random } else { ChallengeKind::Named },
            by,
            bond: if by == Party::Host { Stroops::ZERO } else { self.terms.disclosure_price },
            leaves_hash: if random { [0; 32] } else { named_leaves_hash(&SoftwareSha256, &list(leaves)) },
            expires: world.now().plus(600),
        }
    }

    /// That challenge with its party's signature; the owner's account pays the bond.
    pub fn accusation(&self, world: &World, challenge: &Challenge, leaves: &[u64]) -> Accusation {
        let digest = challenge.digest(&SoftwareSha256);
        Accusation {
            challenge: bytes(world, &challenge.encode()),
            from: world.owner_address(),
            leaves: bytes(world, &list(leaves)),
            sig: world.signature(&self.person(challenge.by).sign(&digest)),
            state: self.state_bytes(world),
            terms: self.terms_bytes(world),
        }
    }

    /// Opens the challenge.
    pub fn try_challenge(&mut self, world: &World, challenge: &Challenge, leaves: &[u64]) -> Result<(), u32> {
        outcome(world.escrow.try_challenge(&self.accusation(world, challenge, leaves)))?;
        self.state = self.state.challenged(&self.terms, challenge, world.now()).unwrap();
        Ok(())
    }

    /// Opens the next challenge by this party.
    pub fn challenged(&mut self, world: &World, by: Party, leaves: &[u64]) {
        let challenge = self.challenge(world, by, leaves);
        self.try_challenge(world, &challenge, leaves).unwrap();
    }

    /// When the open challenge's root freezes.
    pub fn challenge_freezes(&self) -> UnixSeconds {
        self.state.challenge.freezes_at(&self.terms)
    }

    /// The last moment for its answer.
    pub fn challenge_deadline(&self) -> UnixSeconds {
        self.state.challenge.deadline(&self.terms)
    }

    /// The proofs that answer the open challenge, from [`stored`].
    pub fn answer(&self, revision: &Revision, leaves: &[u64]) -> Vec<u8> {
        match self.state.challenge.kind {
            ChallengeKind::Random => stored().proofs(&self.leaves_for(revision, self.challenge_freezes())),
            ChallengeKind::Named => {
                let held = leaves.iter().filter(|leaf| **leaf < revision.leaves());
                stored().proofs(&held.map(|leaf| LeafIndex(*leaf)).collect::<Vec<_>>())
            }
        }
    }

    pub fn try_respond(
        &mut self,
        world: &World,
        revision: &Revision,
        (leaves, proofs): (&[u64], &[u8]),
    ) -> Result<(), u32> {
        outcome(world.escrow.try_respond(
            &self.terms_bytes(world),
            &self.state_bytes(world),
            &bytes(world, &revision.encode()),
            &bytes(world, &list(leaves)),
            &bytes(world, proofs),
        ))?;
        self.state = self.state.answered(&self.terms, revision, world.now()).unwrap();
        Ok(())
    }

    pub fn try_default(&self, world: &World, revision: &Revision) -> Result<(), u32> {
        let (terms, state) = (self.terms_bytes(world), self.state_bytes(world));
        outcome(world.escrow.try_default(&terms, &state, &bytes(world, &revision.encode())))
    }

    pub fn notice(&self, by: Party, ending_at: UnixSeconds) -> Notice {
        Notice { id: self.id, by, ending_at }
    }

    pub fn try_notice(&mut self, world: &World, notice: &Notice, signer: &Person) -> Result<(), u32> {
        outcome(world.escrow.try_start_close(
            &self.terms_bytes(world),
            &self.state_bytes(world),
            &bytes(world, &notice.encode()),
            &world.signature(&signer.sign(&notice.digest(&SoftwareSha256))),
        ))?;
        self.state = self.state.noticed(&self.terms, notice, world.now()).unwrap();
        Ok(())
    }

    pub fn voucher(&self, amount: i128) -> Voucher {
        Voucher { id: self.id, amount: Stroops(amount), bytes: ByteCount(1) }
    }

    pub fn try_redeem(&mut self, world: &World, voucher: &Voucher, signer: &Person) -> Result<(), u32> {
        outcome(world.escrow.try_redeem(
            &self.terms_bytes(world),
            &self.state_bytes(world),
            &bytes(world, &voucher.encode()),
            &world.signature(&signer.sign(&voucher.digest(&SoftwareSha256))),
        ))?;
        self.state = self.state.redeemed(&self.terms, voucher).unwrap();
        Ok(())
    }

    /// A rotation of this party's key to another node's.
    pub fn rotation(&self, party: Party, to: &Person) -> Rotation {
        let from = self.state.key_of(party).unwrap_or_default();
        Rotation { id: self.id, party, from, to: NodeKey(to.node_key()) }
    }

    pub fn try_rotate(
        &mut self,
        world: &World,
        rotation: &Rotation,
        signers: [&Person; 2],
    ) -> Result<(), u32> {
        let digest = rotation.digest(&SoftwareSha256);
        let [owner, host] = signers.map(|signer| world.signature(&signer.sign(&digest)));
        outcome(world.escrow.try_rotate(
            &self.terms_bytes(world),
            &self.state_bytes(world),
            &bytes(world, &rotation.encode()),
            &owner,
            &host,
        ))?;
        self.state = self.state.rotated(rotation).unwrap();
        Ok(())
    }

    pub fn try_start_rotation(&mut self, world: &World, rotation: &Rotation) -> Result<(), u32> {
        let (terms, state) = (self.terms_bytes(world), self.state_bytes(world));
        let encoded = bytes(world, &rotation.encode());
        outcome(world.escrow.try_start_rotation(&terms, &state, &encoded))?;
        let next = self.state.rotation_started(&SoftwareSha256, &self.terms, rotation, world.now());
        self.state = next.unwrap();
        Ok(())
    }

    pub fn try_finish_rotation(&mut self, world: &World, rotation: &Rotation) -> Result<(), u32> {
        let (terms, state) = (self.terms_bytes(world), self.state_bytes(world));
        let encoded = bytes(world, &rotation.encode());
        outcome(world.escrow.try_finish_rotation(&terms, &state, &encoded))?;
        self.state = self.state.rotation_finished(&SoftwareSha256, rotation, world.now()).unwrap();
        Ok(())
    }

    /// A split like [`Deal::split`] for a renewal.
    pub fn renewal_split(&self, n: u64, earned: i128) -> FinalSplit {
        FinalSplit { reason: FinalReason::Renewed, ..self.split(n, earned) }
    }

    /// The deal that takes this one's place, from now on.
    pub fn successor(&self, world: &World) -> Self {
        Self::with(world, &self.host, |terms| {
            terms.previous = self.id;
            terms.slot = self.terms.slot;
            terms.folder = self.terms.folder;
            terms.token = self.terms.token;
        })
    }

    /// The call's argument that puts `next` in this deal's place.
    pub fn renewal(&self, world: &World, next: &Self, split: &FinalSplit) -> Renewal {
        Renewal { closing: self.closing(world, split), opening: next.opening(world) }
    }

    /// Checks that the slot holds this deal in its state.
    pub fn assert_held(&self, world: &World) {
        let (folder, slot) = (self.terms.folder, u32::from(self.terms.slot));
        let held: BytesN<32> = world.escrow.slot(&world.owner_address(), &folder, &slot);
        assert_eq!(held.to_array(), self.state.commitment(&SoftwareSha256, &self.id));
    }
}

/// An opening state is what a deal begins with.
#[test]
fn a_deal_begins_in_the_state_the_contract_writes() {
    let world = World::new();
    let deal = Deal::new(&world, 0).open(&world);
    assert_eq!(deal.state, SlotState::opening(&deal.terms));
    deal.assert_held(&world);
}
