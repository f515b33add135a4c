//! `start_close`: one side's word that the agreement ends early. A host that gives it pays the exit fee.

use crate::account;
use crate::agreement::Agreement;
use crate::error::Error;
use crate::event::NoticeGiven;
use crate::hash::check_signature;
use crate::payout::pay;
use crate::storage;
use layr_market::{Kind, NOTICE_BYTES, Notice, Party};
use soroban_sdk::{Bytes, BytesN, Env};

/// Moves the end forward.
pub fn start_close(
    env: &Env,
    terms: &Bytes,
    state: &Bytes,
    (notice, signature): (&Bytes, &BytesN<64>),
) -> Result<(), Error> {
    let agreement = Agreement::load(env, terms, state)?;
    let (raw, digest) = agreement.read::<NOTICE_BYTES>(notice, Kind::Notice)?;
    let notice = Notice::decode(&raw).map_err(|_| Error::Malformed)?;
    let state = agreement.enter(agreement.state.noticed(&agreement.terms, &notice, storage::now(env)))?;
    let key = agreement.state.key_of(notice.by).ok_or(Error::NotParty)?;
    check_signature(env, &key.0, &digest, signature);
    let fee = agreement.terms.exit_fee.0;
    if notice.by == Party::Host && fee > 0 {
        account::take(env, &agreement.host(), &agreement.token, fee)?;
        pay(env, &agreement.token, &agreement.owner, fee);
    }
    NoticeGiven { id: agreement.event_id(), state }.publish(env);
    Ok(())
}
