//! Opening, changing and closing trust lines, and the issuer's say over them.

use stellar_xdr::{
    AccountFlags, AccountId, Asset, ChangeTrustAsset, ChangeTrustOp, ChangeTrustResult, LedgerEntryData,
    SetTrustLineFlagsOp, SetTrustLineFlagsResult, TrustLineEntry,
};

use crate::account;
use crate::state::Layer;
use crate::trustline::{self, AUTHORIZED, CLAWBACK, MAINTAIN};

/// Most sub-entries an account may have.
const MAX_SUBENTRIES: u32 = 1_000;

/// The asset of a line; none for a liquidity pool's share, which there is not here.
pub(super) fn asset_of(line: &ChangeTrustAsset) -> Option<Asset> {
    match line {
        ChangeTrustAsset::Native => Some(Asset::Native),
        ChangeTrustAsset::CreditAlphanum4(asset) => Some(Asset::CreditAlphanum4(asset.clone())),
        ChangeTrustAsset::CreditAlphanum12(asset) => Some(Asset::CreditAlphanum12(asset.clone())),
        ChangeTrustAsset::PoolShare(_) => None,
    }
}

/// A line nobody could have: to lumens, to oneself, or below nothing.
pub(super) fn malformed_line(
    op: &ChangeTrustOp,
    asset: &Asset,
    source: &AccountId,
) -> Option<ChangeTrustResult> {
    let issuer = trustline::issuer(asset);
    let nonsense = op.limit < 0 || !trustline::sound(asset) || issuer.is_none() || issuer == Some(source);
    nonsense.then_some(ChangeTrustResult::Malformed)
}

/// Flags that contradict each other, or are not the source's to set.
pub(super) fn malformed_flags(
    op: &SetTrustLineFlagsOp,
    source: &AccountId,
) -> Option<SetTrustLineFlagsResult> {
    let settable = AUTHORIZED | MAINTAIN;
    let nonsense = !trustline::sound(&op.asset)
        || trustline::issuer(&op.asset) != Some(source)
        || op.trustor == *source
        || op.set_flags & op.clear_flags != 0
        || op.set_flags & !settable != 0
        || op.set_flags & settable == settable
        || op.clear_flags & !(settable | CLAWBACK) != 0;
    nonsense.then_some(SetTrustLineFlagsResult::Malformed)
}

/// Opens a line, changes its limit, or (limit zero) closes it.
pub(super) fn change_trust(
    asset: &Asset,
    limit: i64,
    source: &AccountId,
    layer: &mut Layer<'_>,
) -> ChangeTrustResult {
    let Some(line) = trustline::load(layer, source, asset) else {
        return open(asset, limit, source, layer);
    };
    if limit < line.balance {
        return ChangeTrustResult::InvalidLimit;
    }
    if limit == 0 {
        layer.remove(trustline::key(source, asset));
        count_subentry(layer, source, false);
        return ChangeTrustResult::Success;
    }
    let issued = trustline::issuer(asset).is_some_and(|issuer| account::load(layer, issuer).is_some());
    if !issued {
        return ChangeTrustResult::NoIssuer;
    }
    layer.put(LedgerEntryData::Trustline(TrustLineEntry { limit, ..line }));
    ChangeTrustResult::Success
}

fn open(asset: &Asset, limit: i64, source: &AccountId, layer: &mut Layer<'_>) -> ChangeTrustResult {
    if limit == 0 {
        return ChangeTrustResult::InvalidLimit;
    }
    let issuer = trustline::issuer(asset).and_then(|issuer| account::load(layer, issuer));
    let Some(issuer) = issuer else { return ChangeTrustResult::NoIssuer };
    let mut flags = 0;
    if issuer.flags & AccountFlags::RequiredFlag as u32 == 0 {
        flags |= AUTHORIZED;
    }
    if issuer.flags & AccountFlags::ClawbackEnabledFlag as u32 != 0 {
        flags |= CLAWBACK;
    }
    if !count_subentry(layer, source, true) {
        return ChangeTrustResult::LowReserve;
    }
    layer.put(LedgerEntryData::Trustline(trustline::new(source, asset, limit, flags)));
    ChangeTrustResult::Success
}

/// Counts one sub-entry more or less; false, and nothing stored, when the reserve of one more is not there.
fn count_subentry(layer: &mut Layer<'_>, id: &AccountId, more: bool) -> bool {
    let Some(mut account) = account::load(layer, id) else { return false };
    account.num_sub_entries = if more {
        account.num_sub_entries.saturating_add(1)
    } else {
        account.num_sub_entries.saturating_sub(1)
    };
    let affordable =
        account.num_sub_entries <= MAX_SUBENTRIES && account.balance >= account::minimum_balance(&account);
    if more && !affordable {
        return false;
    }
    layer.put(LedgerEntryData::Account(account));
    true
}

/// The issuer authorizes a line or freezes it; taking authorization away needs the issuer's revocable flag.
pub(super) fn set_flags(
    op: &SetTrustLineFlagsOp,
    source: &AccountId,
    layer: &mut Layer<'_>,
) -> SetTrustLineFlagsResult {
    let Some(line) = trustline::load(layer, &op.trustor, &op.asset) else {
        return SetTrustLineFlagsResult::NoTrustLine;
    };
    let flags = (line.flags & !op.clear_flags) | op.set_flags;
    let settable = AUTHORIZED | MAINTAIN;
    if flags & settable == settable {
        return SetTrustLineFlagsResult::InvalidState;
    }
    let revocable = account::load(layer, source)
        .is_some_and(|issuer| issuer.flags & AccountFlags::RevocableFlag as u32 != 0);
    let lost_payments = line.flags & AUTHORIZED != 0 && flags & AUTHORIZED == 0;
    let lost_everything = line.flags & settable != 0 && flags & settable == 0;
    if !revocable && (lost_payments || lost_everything) {
        return SetTrustLineFlagsResult::CantRevoke;
    }
    layer.put(LedgerEntryData::Trustline(TrustLineEntry { flags, ..line }));
    SetTrustLineFlagsResult::Success
}
