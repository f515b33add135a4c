//! Reading the contract's state, straight from its ledger entries: free, and true even of archived entries.

use super::{Escrow, EscrowConfig};
use crate::error::{Cause, LedgerError, Stage};
use crate::operation;
use crate::xdr::{self, from, to};
use layr_market::BeaconSchedule;
use layr_types::{AccountKey, ContractId, NodeKey, Stroops, UnixSeconds};
use stellar_xdr::{ContractDataDurability, LedgerEntryData, LedgerKey, ScVal};

/// Slots in a folder.
const SLOTS: usize = 64;

/// One of an owner's folders: up to 64 slots, one agreement's commitment each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Folder {
    slots: [[u8; 32]; SLOTS],
    /// The last ledger in which the entry is alive; `None` for a folder that was never used. Past ledgers mean
    /// archived: nothing is lost, the next call brings it back for a fee.
    pub live_until: Option<u32>,
}

impl Folder {
    /// What a slot holds: `None` for a free one. Compare with `SlotState::commitment`.
    #[must_use]
    pub fn slot(&self, slot: u8) -> Option<[u8; 32]> {
        self.slots.get(usize::from(slot)).copied().filter(|commitment| *commitment != [0; 32])
    }

    /// The lowest free slot.
    #[must_use]
    pub fn first_free(&self) -> Option<u8> {
        self.free().next()
    }

    /// Every free slot, lowest first.
    pub fn free(&self) -> impl Iterator<Item = u8> + '_ {
        (0u8..).zip(&self.slots).filter(|(_, commitment)| **commitment == [0; 32]).map(|(slot, _)| slot)
    }

    fn read(bytes: &[u8], live_until: Option<u32>) -> Option<Self> {
        let (whole, rest) = bytes.as_chunks::<32>();
        if !rest.is_empty() || whole.len() > SLOTS {
            return None;
        }
        let mut slots = [[0; 32]; SLOTS];
        slots.iter_mut().zip(whole).for_each(|(slot, commitment)| *slot = *commitment);
        Some(Self { slots, live_until })
    }
}

/// What a host key has put up beyond the collateral of its agreements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Bond {
    /// What stands.
    pub amount: Stroops,
    /// What is on its way out, and still stands behind the host until then.
    pub leaving: Stroops,
    /// When what leaves is free.
    pub free_at: UnixSeconds,
}

impl Escrow {
    /// One of an owner's folders; one that was never used has 64 free slots.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn folder(&self, owner: &AccountKey, folder: u32) -> Result<Folder, LedgerError> {
        let key = self.key("Folder", vec![to::account(owner), ScVal::U32(folder)])?;
        let Some((value, live_until)) = self.value(key).await? else {
            return Ok(Folder { slots: [[0; 32]; SLOTS], live_until: None });
        };
        from::bytes(&value)
            .and_then(|bytes| Folder::read(bytes, live_until))
            .ok_or_else(|| malformed("a folder"))
    }

    /// What one slot holds, `None` for a free one.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn slot(
        &self,
        owner: &AccountKey,
        folder: u32,
        slot: u8,
    ) -> Result<Option<[u8; 32]>, LedgerError> {
        Ok(self.folder(owner, folder).await?.slot(slot))
    }

    /// A host key's free balance.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn balance(&self, key: &NodeKey, token: &ContractId) -> Result<Stroops, LedgerError> {
        self.amount(self.key("Balance", vec![to::bytes(&key.0)?, to::contract(token)])?).await
    }

    /// A host key's bond; nothing for one that never had any.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn bonded(&self, key: &NodeKey, token: &ContractId) -> Result<Bond, LedgerError> {
        let key = self.key("Bond", vec![to::bytes(&key.0)?, to::contract(token)])?;
        let Some((value, _)) = self.value(key).await? else { return Ok(Bond::default()) };
        read_bond(&value).ok_or_else(|| malformed("a bond"))
    }

    /// What waits for an owner because a transfer failed.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn credit(&self, owner: &AccountKey, token: &ContractId) -> Result<Stroops, LedgerError> {
        self.amount(self.key("Credit", vec![to::account(owner), to::contract(token)])?).await
    }

    /// The account a host key is paid to, `None` before it is registered.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn registered_account(&self, host_key: &NodeKey) -> Result<Option<AccountKey>, LedgerError> {
        let key = self.key("Account", vec![to::bytes(&host_key.0)?])?;
        let Some((value, _)) = self.value(key).await? else { return Ok(None) };
        from::account(&value).map(Some).ok_or_else(|| malformed("an account"))
    }

    /// The randomness of a posted round, `None` where it was not posted or has lapsed.
    ///
    /// # Errors
    /// What reading can meet.
    pub async fn posted_beacon(&self, round: u64) -> Result<Option<[u8; 32]>, LedgerError> {
        let path = to::list(vec![ScVal::Symbol(to::symbol("Beacon")?), ScVal::U64(round)])?;
        let key = xdr::data_key(&self.contract, path, ContractDataDurability::Temporary);
        let (entries, ledger) = self.client.entries(std::slice::from_ref(&key)).await?;
        let Some(entry) = entries.into_iter().flatten().next().filter(|entry| entry.is_live(ledger)) else {
            return Ok(None);
        };
        let LedgerEntryData::ContractData(data) = entry.data else { return Err(malformed("a beacon")) };
        from::array(&data.val).map(Some).ok_or_else(|| malformed("a beacon"))
    }

    /// What the contract was given at its deployment.
    ///
    /// # Errors
    /// What reading can meet; [`Cause::ForeignContract`] where no such contract stands.
    pub async fn config(&self) -> Result<EscrowConfig, LedgerError> {
        let foreign = || LedgerError::new(Stage::Read, Cause::ForeignContract(self.contract));
        let (value, _) = self.value(operation::instance_key(&self.contract)).await?.ok_or_else(foreign)?;
        let ScVal::ContractInstance(instance) = value else { return Err(foreign()) };
        let name = to::list(vec![ScVal::Symbol(to::symbol("Config")?)])?;
        let storage = instance.storage.ok_or_else(foreign)?;
        let config = storage.0.iter().find(|entry| entry.key == name).ok_or_else(foreign)?;
        read_config(&config.val).ok_or_else(|| malformed("the contract's configuration"))
    }

    /// Makes sure that the contract at this address is the one meant: that it runs code of this hash, believes
    /// this network's beacon, and escrows lumens. For whoever was given an address by somebody else.
    ///
    /// # Errors
    /// [`Cause::ForeignContract`] where it is not; what reading can meet.
    pub async fn check_genuine(&self, code: &[u8; 32]) -> Result<(), LedgerError> {
        let found = self.client.code_of(&self.contract).await?;
        let config = self.config().await?;
        let beacon = self.client.beacon();
        let genuine = found.as_ref() == Some(code)
            && config.beacon == beacon.schedule()
            && config.beacon_key == beacon.uncompressed_key()
            && config.tokens.contains(&self.client.native_token());
        if genuine {
            Ok(())
        } else {
            Err(LedgerError::new(Stage::Read, Cause::ForeignContract(self.contract)))
        }
    }

    fn key(&self, name: &str, rest: Vec<ScVal>) -> Result<LedgerKey, LedgerError> {
        let mut path = vec![ScVal::Symbol(to::symbol(name)?)];
        path.extend(rest);
        Ok(xdr::data_key(&self.contract, to::list(path)?, ContractDataDurability::Persistent))
    }

    async fn amount(&self, key: LedgerKey) -> Result<Stroops, LedgerError> {
        let Some((value, _)) = self.value(key).await? else { return Ok(Stroops::ZERO) };
        from::amount(&value).map(Stroops).ok_or_else(|| malformed("an amount"))
    }

    async fn value(&self, key: LedgerKey) -> Result<Option<(ScVal, Option<u32>)>, LedgerError> {
        let (entries, _) = self.client.entries(std::slice::from_ref(&key)).await?;
        match entries.into_iter().flatten().next() {
            None => Ok(None),
            Some(entry) => match entry.data {
                LedgerEntryData::ContractData(data) => Ok(Some((data.val, entry.live_until))),
                _ => Err(malformed("a contract entry")),
            },
        }
    }
}

fn read_config(value: &ScVal) -> Option<EscrowConfig> {
    let genesis = from::u64(from::field(value, "beacon_genesis")?)?;
    let period = from::u32(from::field(value, "beacon_period")?)?;
    let tokens = from::list(from::field(value, "tokens")?)?;
    Some(EscrowConfig {
        beacon: BeaconSchedule { genesis: UnixSeconds(genesis), period },
        beacon_key: from::array(from::field(value, "beacon_key")?)?,
        min_bond: Stroops(from::amount(from::field(value, "min_bond")?)?),
        tokens: tokens.iter().map(from::contract).collect::<Option<Vec<_>>>()?,
    })
}

fn read_bond(value: &ScVal) -> Option<Bond> {
    Some(Bond {
        amount: Stroops(from::amount(from::field(value, "amount")?)?),
        leaving: Stroops(from::amount(from::field(value, "leaving")?)?),
        free_at: UnixSeconds(from::u64(from::field(value, "free_at")?)?),
    })
}

fn malformed(what: &'static str) -> LedgerError {
    LedgerError::new(Stage::Read, Cause::Malformed { endpoint: "the network".to_owned(), what })
}
