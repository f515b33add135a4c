//! An account's own settings: an issuer's flags, thresholds, the weight of its key, its home domain.
//!
//! Further signers cannot be added here; the dispatcher answers such a request with `opNOT_SUPPORTED`.

use stellar_xdr::{AccountEntry, AccountFlags, AccountId, LedgerEntryData, SetOptionsOp, SetOptionsResult};

use crate::account;
use crate::state::Layer;

const REVOCABLE: u32 = AccountFlags::RevocableFlag as u32;
const IMMUTABLE: u32 = AccountFlags::ImmutableFlag as u32;
const CLAWBACK: u32 = AccountFlags::ClawbackEnabledFlag as u32;
/// Every flag there is.
const ALL_FLAGS: u32 = AccountFlags::RequiredFlag as u32 | REVOCABLE | IMMUTABLE | CLAWBACK;

/// Whether the operation decides who may sign, which takes the highest threshold.
pub(super) fn is_about_signers(op: &SetOptionsOp) -> bool {
    weights(op).iter().any(Option::is_some) || op.signer.is_some()
}

fn weights(op: &SetOptionsOp) -> [Option<u32>; 4] {
    [op.master_weight, op.low_threshold, op.med_threshold, op.high_threshold]
}

/// What is wrong with it whatever the ledger holds.
pub(super) fn malformed(op: &SetOptionsOp) -> Option<SetOptionsResult> {
    let (set, clear) = (op.set_flags.unwrap_or(0), op.clear_flags.unwrap_or(0));
    if (set | clear) & !ALL_FLAGS != 0 {
        return Some(SetOptionsResult::UnknownFlag);
    }
    if set & clear != 0 {
        return Some(SetOptionsResult::BadFlags);
    }
    if weights(op).into_iter().flatten().any(|weight| weight > u32::from(u8::MAX)) {
        return Some(SetOptionsResult::ThresholdOutOfRange);
    }
    let domain = op.home_domain.as_ref().map(|domain| domain.0.as_slice()).unwrap_or_default();
    let printable = domain.iter().all(|byte| byte.is_ascii() && !byte.is_ascii_control());
    (!printable).then_some(SetOptionsResult::InvalidHomeDomain)
}

/// Applies what is given and leaves the rest.
pub(super) fn set(op: &SetOptionsOp, source: &AccountId, layer: &mut Layer<'_>) -> SetOptionsResult {
    let Some(mut account) = account::load(layer, source) else { return SetOptionsResult::LowReserve };
    if let Some(heir) = &op.inflation_dest {
        if account::load(layer, heir).is_none() {
            return SetOptionsResult::InvalidInflation;
        }
        account.inflation_dest = Some(heir.clone());
    }
    if let Err(refusal) = set_flags(op, &mut account) {
        return refusal;
    }
    if let Some(domain) = &op.home_domain {
        account.home_domain = domain.clone();
    }
    for (at, weight) in weights(op).into_iter().enumerate() {
        if let (Some(slot), Some(Ok(weight))) = (account.thresholds.0.get_mut(at), weight.map(u8::try_from)) {
            *slot = weight;
        }
    }
    layer.put(LedgerEntryData::Account(account));
    SetOptionsResult::Success
}

fn set_flags(op: &SetOptionsOp, account: &mut AccountEntry) -> Result<(), SetOptionsResult> {
    let (set, clear) = (op.set_flags.unwrap_or(0), op.clear_flags.unwrap_or(0));
    if account.flags & IMMUTABLE != 0 && set | clear != 0 {
        return Err(SetOptionsResult::CantChange);
    }
    let flags = (account.flags & !clear) | set;
    if flags & CLAWBACK != 0 && flags & REVOCABLE == 0 {
        return Err(SetOptionsResult::AuthRevocableRequired);
    }
    account.flags = flags;
    Ok(())
}
