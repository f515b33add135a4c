//! The entry points of an agreement's middle and of its harder ends: challenge, answer, default, notice, vouchers,
//! new keys, renewal, and a host's bond.

use super::{Accusation, Call, Escrow, Renewal};
use crate::error::LedgerError;
use crate::xdr::to;
use layr_market::{Notice, Revision, Rotation, SlotState, Terms, Voucher};
use layr_types::{AccountKey, ContractId, LeafIndex, NodeKey, Signature, Stroops};
use stellar_xdr::ScVal;

/// An agreement as the contract has to be told of it: its terms, and the slot's present state.
#[derive(Debug, Clone, Copy)]
pub struct Standing<'a> {
    /// The terms.
    pub terms: &'a Terms,
    /// What the slot holds the commitment of.
    pub state: &'a SlotState,
}

impl Standing<'_> {
    fn values(&self) -> Result<Vec<ScVal>, LedgerError> {
        Ok(vec![to::bytes(&self.terms.encode())?, to::bytes(&self.state.encode())?])
    }
}

/// Every method fails only where an argument is too large for the ledger's format.
impl Escrow {
    /// Demands leaves in mid-term. With a bond, the payer must be `accusation.from`, which it is pulled from;
    /// without one, anybody may pay for it.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn challenge(&self, accusation: &Accusation) -> Result<Call<()>, LedgerError> {
        self.call("challenge", vec![accusation.value()?])
    }

    /// Answers an open challenge with the published revision. `leaves` repeats a named challenge's list and is empty
    /// for a random one; `proofs` holds the encoded leaf proofs, one after the other, in order. Anybody may pay.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn respond(
        &self,
        at: Standing<'_>,
        revision: &Revision,
        leaves: &[LeafIndex],
        proofs: &[u8],
    ) -> Result<Call<()>, LedgerError> {
        let mut args = at.values()?;
        args.push(to::bytes(&revision.encode())?);
        args.push(to::bytes(&leaf_list(leaves))?);
        args.push(to::bytes(proofs)?);
        self.call("respond", args)
    }

    /// Ends an agreement whose challenge nobody answered in time; `revision` is the published one. Anybody may pay.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn default(&self, at: Standing<'_>, revision: &Revision) -> Result<Call<()>, LedgerError> {
        let mut args = at.values()?;
        args.push(to::bytes(&revision.encode())?);
        self.call("default", args)
    }

    /// Puts an early end on record, signed by the party that gives notice. Anybody may pay for it.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn start_close(
        &self,
        at: Standing<'_>,
        notice: &Notice,
        signature: &Signature,
    ) -> Result<Call<()>, LedgerError> {
        let mut args = at.values()?;
        args.push(to::bytes(&notice.encode())?);
        args.push(to::bytes(&signature.0)?);
        self.call("start_close", args)
    }

    /// Puts the owner's promise for bytes read on record; it is paid at the settlement. The payer must be the account
    /// the host's key is registered to, which alone gains by it.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn redeem(
        &self,
        at: Standing<'_>,
        voucher: &Voucher,
        owner_signature: &Signature,
    ) -> Result<Call<()>, LedgerError> {
        let mut args = at.values()?;
        args.push(to::bytes(&voucher.encode())?);
        args.push(to::bytes(&owner_signature.0)?);
        self.call("redeem", args)
    }

    /// Changes one side's key at once, as both sign. Anybody may pay for it.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn rotate(
        &self,
        at: Standing<'_>,
        rotation: &Rotation,
        owner_signature: &Signature,
        host_signature: &Signature,
    ) -> Result<Call<()>, LedgerError> {
        let mut args = at.values()?;
        args.push(to::bytes(&rotation.encode())?);
        args.push(to::bytes(&owner_signature.0)?);
        args.push(to::bytes(&host_signature.0)?);
        self.call("rotate", args)
    }

    /// Asks alone for a new key of one side; it counts after a delay. The payer must be the owner's account, or the
    /// account the host's key is registered to.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn start_rotation(&self, at: Standing<'_>, rotation: &Rotation) -> Result<Call<()>, LedgerError> {
        let mut args = at.values()?;
        args.push(to::bytes(&rotation.encode())?);
        self.call("start_rotation", args)
    }

    /// Completes a rotation whose delay is over. Anybody may pay for it.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn finish_rotation(&self, at: Standing<'_>, rotation: &Rotation) -> Result<Call<()>, LedgerError> {
        let mut args = at.values()?;
        args.push(to::bytes(&rotation.encode())?);
        self.call("finish_rotation", args)
    }

    /// Closes old agreements and opens their successors in the same slots, all or none. The payer must be `owner`.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn renew(&self, owner: &AccountKey, batch: &[Renewal]) -> Result<Call<()>, LedgerError> {
        let batch = batch.iter().map(Renewal::value).collect::<Result<Vec<_>, _>>()?;
        self.call("renew", vec![to::account(owner), to::list(batch)?])
    }

    /// Moves free balance into a host key's bond. The payer must be the registered account.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn bond(&self, key: &NodeKey, token: &ContractId, amount: Stroops) -> Result<Call<()>, LedgerError> {
        self.call("bond", vec![to::bytes(&key.0)?, to::contract(token), to::amount(amount.0)])
    }

    /// Takes from a bond; what is taken is free after 15 days. The payer must be the registered account.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn unbond(
        &self,
        key: &NodeKey,
        token: &ContractId,
        amount: Stroops,
    ) -> Result<Call<()>, LedgerError> {
        self.call("unbond", vec![to::bytes(&key.0)?, to::contract(token), to::amount(amount.0)])
    }

    /// Moves what has left a bond to the free balance. The payer must be the registered account.
    ///
    /// # Errors
    /// See the implementation's note.
    pub fn release(&self, key: &NodeKey, token: &ContractId) -> Result<Call<()>, LedgerError> {
        self.call("release", vec![to::bytes(&key.0)?, to::contract(token)])
    }
}

/// A list of leaves as a named challenge commits to it: eight bytes each, big-endian.
pub(super) fn leaf_list(leaves: &[LeafIndex]) -> Vec<u8> {
    leaves.iter().flat_map(|leaf| leaf.0.to_be_bytes()).collect()
}
