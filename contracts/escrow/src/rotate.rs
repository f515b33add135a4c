//! `rotate`, `start_rotation`, `finish_rotation`: another key signs for one side. At once where both sides
//! sign; alone, by the side's account, only after more than both windows, so that nothing the old key signed
//! is lost to the other side.

use crate::agreement::Agreement;
use crate::error::Error;
use crate::event::{Rotated, RotationStarted};
use crate::hash::{HostSha256, check_signature};
use crate::storage;
use layr_market::{Kind, Party, ROTATION_BYTES, Rotation};
use soroban_sdk::{Address, Bytes, BytesN, Env, IntoVal as _};

fn read(agreement: &Agreement<'_>, bytes: &Bytes) -> Result<(Rotation, [u8; 32]), Error> {
    let (raw, digest) = agreement.read::<ROTATION_BYTES>(bytes, Kind::Rotation)?;
    Ok((Rotation::decode(&raw).map_err(|_| Error::Malformed)?, digest))
}

/// Changes a key at once, as both sign.
pub fn rotate(
    env: &Env,
    terms: &Bytes,
    state: &Bytes,
    (rotation, owner_sig, host_sig): (&Bytes, &BytesN<64>, &BytesN<64>),
) -> Result<(), Error> {
    let agreement = Agreement::load(env, terms, state)?;
    let (rotation, digest) = read(&agreement, rotation)?;
    let state = agreement.enter(agreement.state.rotated(&rotation))?;
    check_signature(env, &agreement.state.owner_key.0, &digest, owner_sig);
    check_signature(env, &agreement.state.host_key.0, &digest, host_sig);
    Rotated { id: agreement.event_id(), state }.publish(env);
    Ok(())
}

/// Asks for a change by the side's account alone, which authorises the rotation's digest.
pub fn start_rotation(env: &Env, terms: &Bytes, state: &Bytes, bytes: &Bytes) -> Result<(), Error> {
    let agreement = Agreement::load(env, terms, state)?;
    let (rotation, digest) = read(&agreement, bytes)?;
    let hash = HostSha256(env);
    let now = storage::now(env);
    let next = agreement.state.rotation_started(&hash, &agreement.terms, &rotation, now);
    let state = agreement.enter(next)?;
    let account = account_of(&agreement, env, rotation.party)?;
    account.require_auth_for_args((BytesN::from_array(env, &digest),).into_val(env));
    RotationStarted { id: agreement.event_id(), rotation: bytes.clone(), state }.publish(env);
    Ok(())
}

/// The account that speaks for a side.
fn account_of(agreement: &Agreement<'_>, env: &Env, party: Party) -> Result<Address, Error> {
    match party {
        Party::Owner => Ok(agreement.owner.clone()),
        _ => storage::account(env, &agreement.host()).ok_or(Error::NotRegistered),
    }
}

/// Completes a change whose time has come.
pub fn finish_rotation(env: &Env, terms: &Bytes, state: &Bytes, rotation: &Bytes) -> Result<(), Error> {
    let agreement = Agreement::load(env, terms, state)?;
    let (rotation, _) = read(&agreement, rotation)?;
    let next = agreement.state.rotation_finished(&HostSha256(env), &rotation, storage::now(env));
    let state = agreement.enter(next)?;
    Rotated { id: agreement.event_id(), state }.publish(env);
    Ok(())
}
