//! `publish`: the newest co-signed revision on record. Publishing the newest at once ends every contest about
//! which one counts; the window never grows.

use crate::agreement::Agreement;
use crate::error::Error;
use crate::event::Published;
use crate::hash::check_signature;
use crate::storage;
use crate::types::Publication;
use layr_market::SlotState;
use soroban_sdk::Env;

/// Replaces the revision on record by a newer one.
pub fn publish(env: &Env, publication: &Publication) -> Result<(), Error> {
    let agreement = Agreement::load(env, &publication.terms, &publication.state)?;
    if !agreement.state.takes_revisions(&agreement.terms, storage::now(env)) {
        return Err(Error::WrongStage);
    }
    let (revision, digest) = agreement.read_revision(&publication.revision)?;
    if revision.n <= agreement.state.n {
        return Err(Error::OldRevision);
    }
    if !revision.fits(&agreement.terms) {
        return Err(Error::RevisionUnfit);
    }
    let state = SlotState { n: revision.n, revision: digest, ..agreement.state };
    check_signature(env, &state.owner_key.0, &digest, &publication.owner_sig);
    check_signature(env, &state.host_key.0, &digest, &publication.host_sig);
    let (id, state) = (agreement.event_id(), agreement.enter(Ok(state))?);
    Published { id, revision: publication.revision.clone(), state }.publish(env);
    Ok(())
}
