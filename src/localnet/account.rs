//! Account entries: making them, reading them, moving their balance and sequence number.

use stellar_xdr::{
    AccountEntry, AccountEntryExt, AccountEntryExtensionV1, AccountEntryExtensionV1Ext,
    AccountEntryExtensionV2, AccountEntryExtensionV2Ext, AccountEntryExtensionV3, AccountId, ExtensionPoint,
    LedgerEntryData, LedgerKey, LedgerKeyAccount, Liabilities, SequenceNumber, SponsorshipDescriptor,
    Thresholds, TimePoint,
};

use crate::settings::BASE_RESERVE;
use crate::state::{Entries, Layer};

/// Ledger key of an account.
pub(crate) fn key(id: &AccountId) -> LedgerKey {
    LedgerKey::Account(LedgerKeyAccount { account_id: id.clone() })
}

/// The account, when it exists.
pub(crate) fn load(entries: &dyn Entries, id: &AccountId) -> Option<AccountEntry> {
    match &entries.entry(&key(id))?.data {
        LedgerEntryData::Account(account) => Some(account.clone()),
        _ => None,
    }
}

/// A new account with its master key at weight one.
pub(crate) fn new(id: AccountId, balance: i64, sequence: i64) -> AccountEntry {
    AccountEntry {
        account_id: id,
        balance,
        seq_num: SequenceNumber(sequence),
        num_sub_entries: 0,
        inflation_dest: None,
        flags: 0,
        home_domain: Default::default(),
        thresholds: Thresholds([1, 0, 0, 0]),
        signers: Default::default(),
        ext: AccountEntryExt::V0,
    }
}

/// Stroops that must stay in the account.
pub(crate) fn minimum_balance(account: &AccountEntry) -> i64 {
    i64::from(account.num_sub_entries).saturating_add(2).saturating_mul(i64::from(BASE_RESERVE))
}

/// Stroops that may leave the account.
pub(crate) fn available(account: &AccountEntry) -> i64 {
    account.balance.saturating_sub(minimum_balance(account)).max(0)
}

/// Adds `amount` (which may be negative) and stores the account; false, and nothing stored, when the account is
/// missing or the balance would leave the range of the type.
pub(crate) fn add_balance(layer: &mut Layer<'_>, id: &AccountId, amount: i64) -> bool {
    let Some(mut account) = load(layer, id) else { return false };
    let Some(balance) = account.balance.checked_add(amount).filter(|balance| *balance >= 0) else {
        return false;
    };
    account.balance = balance;
    layer.put(LedgerEntryData::Account(account));
    true
}

/// Uses up sequence number `sequence`, recording when, as precondition checks need.
pub(crate) fn set_sequence(account: &mut AccountEntry, sequence: i64, ledger: u32, time: u64) {
    account.seq_num = SequenceNumber(sequence);
    let signers = account.signers.len();
    if matches!(account.ext, AccountEntryExt::V0) {
        account.ext = AccountEntryExt::V1(AccountEntryExtensionV1 {
            liabilities: Liabilities { buying: 0, selling: 0 },
            ext: AccountEntryExtensionV1Ext::V0,
        });
    }
    let AccountEntryExt::V1(v1) = &mut account.ext else { return };
    if matches!(v1.ext, AccountEntryExtensionV1Ext::V0) {
        v1.ext = AccountEntryExtensionV1Ext::V2(AccountEntryExtensionV2 {
            num_sponsored: 0,
            num_sponsoring: 0,
            signer_sponsoring_i_ds: vec![SponsorshipDescriptor(None); signers].try_into().unwrap_or_default(),
            ext: AccountEntryExtensionV2Ext::V0,
        });
    }
    let AccountEntryExtensionV1Ext::V2(v2) = &mut v1.ext else { return };
    v2.ext = AccountEntryExtensionV2Ext::V3(AccountEntryExtensionV3 {
        ext: ExtensionPoint::V0,
        seq_ledger: ledger,
        seq_time: TimePoint(time),
    });
}

/// Ledger and time the account last used a sequence number; zeros when it never did.
pub(crate) fn last_sequence_use(account: &AccountEntry) -> (u32, u64) {
    let AccountEntryExt::V1(v1) = &account.ext else { return (0, 0) };
    let AccountEntryExtensionV1Ext::V2(v2) = &v1.ext else { return (0, 0) };
    match &v2.ext {
        AccountEntryExtensionV2Ext::V3(v3) => (v3.seq_ledger, v3.seq_time.0),
        AccountEntryExtensionV2Ext::V0 => (0, 0),
    }
}
