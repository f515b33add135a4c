//! Trust lines: what an account holds of an asset somebody issued, and whether the issuer lets it move.
//!
//! An issuer needs no line to its own asset: what it receives ceases to exist, what it pays comes into being.
//! There are no offers here, so no balance is ever promised to one.

use stellar_xdr::{
    AccountId, Asset, LedgerEntryData, LedgerKey, LedgerKeyTrustLine, TrustLineAsset, TrustLineEntry,
    TrustLineEntryExt, TrustLineFlags,
};

use crate::state::{Entries, Layer};

/// The holder may receive and pay.
pub(crate) const AUTHORIZED: u32 = TrustLineFlags::AuthorizedFlag as u32;
/// The holder may keep what it has and nothing more: frozen, as far as payments go.
pub(crate) const MAINTAIN: u32 = TrustLineFlags::AuthorizedToMaintainLiabilitiesFlag as u32;
/// The issuer may take the balance back.
pub(crate) const CLAWBACK: u32 = TrustLineFlags::TrustlineClawbackEnabledFlag as u32;

/// Issuer of an asset; none for lumens.
pub(crate) fn issuer(asset: &Asset) -> Option<&AccountId> {
    match asset {
        Asset::Native => None,
        Asset::CreditAlphanum4(asset) => Some(&asset.issuer),
        Asset::CreditAlphanum12(asset) => Some(&asset.issuer),
    }
}

/// Whether the asset's code is one the network takes: letters and digits, then zeros, as short as its form allows.
pub(crate) fn sound(asset: &Asset) -> bool {
    let (code, least): (&[u8], usize) = match asset {
        Asset::Native => return true,
        Asset::CreditAlphanum4(asset) => (&asset.asset_code.0, 1),
        Asset::CreditAlphanum12(asset) => (&asset.asset_code.0, 5),
    };
    let length = code.iter().take_while(|byte| byte.is_ascii_alphanumeric()).count();
    length >= least && code.iter().skip(length).all(|byte| *byte == 0)
}

fn line(asset: &Asset) -> TrustLineAsset {
    match asset {
        Asset::Native => TrustLineAsset::Native,
        Asset::CreditAlphanum4(asset) => TrustLineAsset::CreditAlphanum4(asset.clone()),
        Asset::CreditAlphanum12(asset) => TrustLineAsset::CreditAlphanum12(asset.clone()),
    }
}

/// Ledger key of the line of `holder` to `asset`.
pub(crate) fn key(holder: &AccountId, asset: &Asset) -> LedgerKey {
    LedgerKey::Trustline(LedgerKeyTrustLine { account_id: holder.clone(), asset: line(asset) })
}

/// The line, when there is one.
pub(crate) fn load(entries: &dyn Entries, holder: &AccountId, asset: &Asset) -> Option<TrustLineEntry> {
    match &entries.entry(&key(holder, asset))?.data {
        LedgerEntryData::Trustline(line) => Some(line.clone()),
        _ => None,
    }
}

/// A new, empty line.
pub(crate) fn new(holder: &AccountId, asset: &Asset, limit: i64, flags: u32) -> TrustLineEntry {
    TrustLineEntry {
        account_id: holder.clone(),
        asset: line(asset),
        balance: 0,
        limit,
        flags,
        ext: TrustLineEntryExt::V0,
    }
}

/// Why units of an issued asset did not move into or out of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The account does not trust the issuer.
    Missing,
    /// The issuer has not authorized the line, or has frozen it.
    Frozen,
    /// Less than nothing or more than the limit would be left.
    OutOfRange,
}

/// Adds `amount` (which may be negative) to the line of `holder`; an issuer's own account has no line and no end.
pub(crate) fn add(
    layer: &mut Layer<'_>,
    holder: &AccountId,
    asset: &Asset,
    amount: i64,
) -> Result<(), Fault> {
    if issuer(asset) == Some(holder) {
        return Ok(());
    }
    let mut line = load(layer, holder, asset).ok_or(Fault::Missing)?;
    if line.flags & AUTHORIZED == 0 {
        return Err(Fault::Frozen);
    }
    let balance = line.balance.checked_add(amount).ok_or(Fault::OutOfRange)?;
    if !(0..=line.limit).contains(&balance) {
        return Err(Fault::OutOfRange);
    }
    line.balance = balance;
    layer.put(LedgerEntryData::Trustline(line));
    Ok(())
}
