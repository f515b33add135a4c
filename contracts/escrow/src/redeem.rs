//! `redeem`: the owner's largest promise for bytes read, on record until the settlement pays it.

use crate::agreement::Agreement;
use crate::error::Error;
use crate::event::Redeemed;
use crate::hash::check_signature;
use layr_market::{Kind, VOUCHER_BYTES, Voucher};
use soroban_sdk::{Bytes, BytesN, Env};

/// Records a larger voucher.
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
    Redeemed { id: agreement.event_id(), state }.publish(env);
    Ok(())
}
