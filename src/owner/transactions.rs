//! Transactions: written down before they are sent, followed until their fate is known, and never repeated.

use crate::agreement::{Agreement, Ended, Phase};
use crate::book::Draft;
use crate::core::{Core, TxRecord, TxWhat};
use crate::error::{LedgerFault, RecordsFault};
use crate::events::{Event, Progress};
use crate::ports::{AppliedTx, EscrowCall, PendingTx, Space, TxJournal, TxOutcome};
use crate::seen::Seen;
use crate::{renew, settle};
use layr_market::{Outcome, Settled, Settlement, settle as shares};
use layr_types::{AgreementId, Stroops, TxHash};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// How long a transaction of an earlier run is waited for.
const FOLLOW: Duration = Duration::from_secs(60);
/// How often it is asked about.
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Sends `call`, written down as `what` first, and applies its effect to the records.
pub(crate) async fn send(
    core: &Core,
    call: EscrowCall,
    what: TxWhat,
    progress: &dyn Progress,
) -> Result<AppliedTx, LedgerFault> {
    let written: Arc<Mutex<Option<TxHash>>> = Arc::default();
    let sent = core.ledger.send(call, journal(core, &what, &written)).await;
    let hash = *written.lock().unwrap_or_else(PoisonError::into_inner);
    match sent {
        Ok(applied) => {
            took_effect(core, &applied, &what, progress).map_err(LedgerFault::Journal)?;
            Ok(applied)
        }
        Err(fault) => {
            let unknown = matches!(fault, LedgerFault::Unknown { .. });
            if let Some(hash) = hash.filter(|_| !unknown) {
                died(core, &hash, &what).map_err(LedgerFault::Journal)?;
            }
            Err(fault)
        }
    }
}

/// Writes a transaction down in place of the one before it, if that was built anew.
fn journal(core: &Core, what: &TxWhat, written: &Arc<Mutex<Option<TxHash>>>) -> TxJournal {
    let (book, what, written) = (core.book.clone(), what.clone(), Arc::clone(written));
    Arc::new(move |tx: &PendingTx| {
        let mut draft = book.draft();
        draft.put(Space::Transactions, &tx.hash.0, &TxRecord { tx: tx.clone(), what: what.clone() });
        let mut last = written.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(old) = last.filter(|old| *old != tx.hash) {
            draft.delete(Space::Transactions, &old.0);
        }
        *last = Some(tx.hash);
        draft.commit()
    })
}

/// Follows every transaction of an earlier run until its fate is known.
///
/// # Errors
/// [`LedgerFault::Unknown`] if one is still unknown after a minute; nothing else may be sent before.
pub(crate) async fn reconcile(core: &Core, progress: &dyn Progress) -> Result<Stroops, LedgerFault> {
    let mut fees = Stroops::ZERO;
    let open = core.book.scan::<TxRecord>(Space::Transactions, &[]).map_err(LedgerFault::Journal)?;
    for (_, TxRecord { tx, what }) in open {
        match follow(core, &tx).await? {
            Some(applied) => {
                took_effect(core, &applied, &what, progress).map_err(LedgerFault::Journal)?;
                fees += applied.fee;
            }
            None => died(core, &tx.hash, &what).map_err(LedgerFault::Journal)?,
        }
    }
    Ok(fees)
}

async fn follow(core: &Core, tx: &PendingTx) -> Result<Option<AppliedTx>, LedgerFault> {
    let until = Instant::now() + FOLLOW;
    loop {
        match core.ledger.follow(tx).await? {
            TxOutcome::Applied(applied) => return Ok(Some(applied)),
            TxOutcome::Dead { .. } => return Ok(None),
            TxOutcome::Pending if Instant::now() < until => tokio::time::sleep(ASK_AGAIN).await,
            TxOutcome::Pending => return Err(LedgerFault::Unknown { hash: tx.hash, source: None }),
        }
    }
}

/// Applies a transaction's effect to the records, in one step with forgetting it.
fn took_effect(
    core: &Core,
    applied: &AppliedTx,
    what: &TxWhat,
    progress: &dyn Progress,
) -> Result<(), RecordsFault> {
    let mut draft = core.book.draft();
    let mut escrow = Stroops::ZERO;
    let each = |ids: &[AgreementId], draft: &mut Draft<'_>, change: &mut dyn FnMut(&mut Agreement)| {
        for id in ids {
            if let Some(mut agreement) = core.agreement(id)? {
                change(&mut agreement);
                draft.agreement(&agreement);
            }
        }
        Ok::<(), RecordsFault>(())
    };
    match what {
        TxWhat::Open { ids, .. } => each(ids, &mut draft, &mut |agreement| {
            escrow += agreement.terms.escrow + agreement.terms.voucher_part;
            agreement.step(Phase::Open);
        })?,
        TxWhat::Close { ids } => each(ids, &mut draft, &mut |agreement| {
            escrow += -(agreement.terms.escrow + agreement.terms.voucher_part);
            let split = agreement.parted.as_ref().map(|parted| parted.split);
            let shares = split.and_then(|split| {
                let outcome = Outcome::Cooperative(&split);
                shares(&agreement.terms, Settled::default(), agreement.terms.end, outcome).ok()
            });
            agreement.step(Phase::Settled);
            agreement.ended = Some(Ended { settlement: shares, tx: Some(applied.hash) });
        })?,
        TxWhat::Publish { .. } | TxWhat::Move { .. } | TxWhat::Beacon => {}
        TxWhat::Renew { ids } => escrow += renew::took_effect(core, ids, applied, &mut draft)?,
        TxWhat::Show { id, n } => {
            if let Some(agreement) = core.agreement(id)? {
                let seen = core.seen(&agreement)?;
                let ours = seen.ours.max(*n);
                draft.put(Space::Seen, id.as_bytes(), &Seen { ours, ..seen });
            }
        }
        TxWhat::Expire { id } | TxWhat::Default { id } | TxWhat::Prove { id } => {
            if let Some(agreement) = core.agreement(id)? {
                escrow += -(agreement.terms.escrow + agreement.terms.voucher_part);
                let settlement = ended_alone(core, &agreement, what)?;
                let ended = Some(Ended { settlement, tx: Some(applied.hash) });
                let mut agreement = Agreement { ended, ..agreement };
                agreement.step(Phase::Settled);
                draft.agreement(&agreement);
            }
        }
    }
    draft.delete(Space::Transactions, &applied.hash.0);
    draft.commit()?;
    progress.tell(Event::Money { tx: applied.hash, escrow, fee: applied.fee });
    Ok(())
}

/// Who got what by a call that one side made alone, as the slot stood when it was last seen.
fn ended_alone(
    core: &Core,
    agreement: &Agreement,
    what: &TxWhat,
) -> Result<Option<Settlement>, RecordsFault> {
    let seen = core.seen(agreement)?;
    Ok(match what {
        TxWhat::Prove { .. } => settle::proved(agreement, &seen),
        _ => settle::missed(agreement, &seen),
    })
}

/// Forgets a transaction that never took effect and never will.
fn died(core: &Core, hash: &TxHash, what: &TxWhat) -> Result<(), RecordsFault> {
    let mut draft = core.book.draft();
    if let TxWhat::Open { ids, .. } = what {
        for id in ids {
            if let Some(mut agreement) = core.agreement(id)? {
                agreement.step(Phase::Lapsed);
                draft.agreement(&agreement);
            }
        }
    }
    draft.delete(Space::Transactions, &hash.0);
    draft.commit()
}
