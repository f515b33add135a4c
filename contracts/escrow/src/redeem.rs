//! `redeem`: the owner's largest promise for bytes read, on record until the settlement pays it.
//!
//! Only the host's account may bring it. An owner could otherwise sign one voucher after the other, each a stroop
//! larger, and change in every ledger of the proof window the state that the host's proof has to name.

use crate::agreement::Agreement;
use crate::error::Error;
use crate::event::Redeemed;
use crate::hash::check_signature;
use crate::storage;
use layr_market::{Kind, VOUCHER_BYTES, Voucher};
use soroban_sdk::{Bytes, BytesN, Env, IntoVal as _};

/// Records a larger voucher; the host's account authorises its digest.
pub fn redeem(
    env: &Env,
    terms: &Bytes,
    state: &Bytes,
    (voucher, signature): (&Bytes, &BytesN<64>),
) -> Result<(), Error> {
    let agreement = Agreement::load(env, terms, state)?;
    let (raw, digest) = agreement.read::<VOUCHER_BYTES>(voucher, Kind::Voucher)?;
    let voucher = Voucher::decode(&raw).map_err(|_| Error::Malformed)?;
    let state = agreement.enter(agreement.state.redeemed(&agreement.terms, &voucher))?;
    check_signature(env, &agreement.state.owner_key.0, &digest, signature);
    let account = storage::account(env, &agreement.host()).ok_or(Error::NotRegistered)?;
    account.require_auth_for_args((BytesN::from_array(env, &digest),).into_val(env));
    Redeemed { id: agreement.event_id(), state }.publish(env);
    Ok(())
}
