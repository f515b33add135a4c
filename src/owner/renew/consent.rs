//! What a host is asked to sign, and whether it did.

use super::record::{Renewal, Stage as Step};
use super::{Drafted, NotRenewed, Ready};
use crate::agreement::Agreement;
use crate::core::Core;
use crate::error::{HostFault, Misbehaviour};
use crate::settle::fair_split;
use crate::vouchers;
use futures::future::BoxFuture;
use layr_identity::verify;
use layr_market::{FinalReason, Revision, SoftwareSha256, Terms};
use layr_protocol::{Carried, HostApiClient, Renew, Renewed};

/// Writes the request down, then shows it to the host.
pub(super) async fn ask_one(core: &Core, drafted: Drafted) -> Result<Ready, NotRenewed> {
    let Drafted { old, seen, terms, offer } = drafted;
    let promised = vouchers::remind(core, old.host(), old.id).await?;
    let split = fair_split((&old, &seen), promised, FinalReason::Renewed)
        .ok_or(HostFault::Misbehaved(Misbehaviour::Revision))?;
    let signature = core.sign(&split.digest(&SoftwareSha256));
    let carried = carried(core, &old, &terms)?;
    let renewal = Renewal { request: Renew { terms, offer, split, signature, carried }, stage: Step::Asked };
    renewal.put(core)?;
    let consented = consent(core, renewal).await?;
    Ok((consented, old, seen))
}

/// The new agreement's first revision: what the old one holds, from the new terms' start on.
fn carried(core: &Core, old: &Agreement, terms: &Terms) -> Result<Option<Carried>, NotRenewed> {
    let held = old.current();
    if held.sectors == 0 {
        return Ok(None);
    }
    let id = terms.id(&SoftwareSha256, &core.info.context);
    let opening = Revision::opening(terms, id);
    let revision = opening
        .append(terms, terms.start, held.root, held.sectors)
        .map_err(|error| NotRenewed::Host(error.into()))?;
    let signature = core.sign(&revision.digest(&SoftwareSha256));
    Ok(Some(Carried { revision, signature }))
}

/// Gets the host's signatures, checks them and writes them down. A refusal leaves nothing behind.
pub(super) async fn consent(core: &Core, renewal: Renewal) -> Result<Renewal, NotRenewed> {
    let node = renewal.host();
    let request = renewal.request.clone();
    let answer = core
        .hosts
        .call(node, |client: HostApiClient, context| -> BoxFuture<'static, _> {
            let request = request.clone();
            Box::pin(async move { client.renew(context, request).await })
        })
        .await;
    let signed = match answer {
        Ok(signed) if genuine(core, &renewal, &signed) => signed,
        Ok(_) => {
            Renewal::forget(core, &renewal.old())?;
            return Err(HostFault::Misbehaved(Misbehaviour::Signature).into());
        }
        Err(HostFault::Refused(refusal)) => {
            // Busy or not, the host has signed nothing; whoever asks next asks anew.
            Renewal::forget(core, &renewal.old())?;
            return Err(HostFault::Refused(refusal).into());
        }
        Err(fault) => return Err(fault.into()),
    };
    let consented = Renewal { stage: Step::Consented(signed), ..renewal };
    consented.put(core)?;
    Ok(consented)
}

fn genuine(core: &Core, renewal: &Renewal, signed: &Renewed) -> bool {
    let node = renewal.host();
    let carried = match (&renewal.request.carried, &signed.carried) {
        (None, None) => true,
        (Some(carried), Some(host)) => verify(&node, &carried.revision.digest(&SoftwareSha256), host),
        _ => false,
    };
    carried
        && verify(&node, &renewal.new_id(core).0, &signed.terms)
        && verify(&node, &renewal.request.split.digest(&SoftwareSha256), &signed.split)
}
