//! What a call costs before it is made: inclusion, resources, rent, each as its own number.
//!
//! Prices are the network's own, read from its configuration entries; nothing is written down here, because
//! validators change them by vote.

use crate::error::{Cause, LedgerError};
use crate::rpc::Rpc;
use crate::xdr;
use layr_types::Stroops;
use stellar_xdr::{
    ConfigSettingEntry, ConfigSettingId, LedgerEntryData, LedgerKey, LedgerKeyConfigSetting,
    SorobanTransactionData, SorobanTransactionDataExt,
};

/// Bytes the network adds for every transaction's result when it prices history.
const RESULT_BYTES: i64 = 300;
const INSTRUCTIONS_PER_UNIT: i64 = 10_000;
const BYTES_PER_UNIT: i64 = 1_024;

/// What a call will cost at most, line by line. What is not used of `refundable` and `rent` comes back when the
/// call is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct CallQuote {
    /// For a place in the ledger.
    pub inclusion_fee: Stroops,
    /// For computing, reading, writing and sending: kept by the network whatever happens.
    pub resource_fee: Stroops,
    /// Head-room, in case another call comes first and this one turns out dearer.
    #[serde(default)]
    pub refundable: Stroops,
    /// For keeping ledger entries alive, events' fee included; an upper bound.
    pub rent: Stroops,
    /// For first bringing archived entries back, where that is needed.
    pub restore: Stroops,
}

impl CallQuote {
    /// The most all of it can come to.
    #[must_use]
    pub fn total(&self) -> Stroops {
        self.inclusion_fee + self.resource_fee + self.refundable + self.rent + self.restore
    }
}

/// The network's prices, stroops per unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Prices {
    instructions: i64,
    read_entry: i64,
    write_entry: i64,
    read_kib: i64,
    write_kib: i64,
    history_kib: i64,
    bandwidth_kib: i64,
    /// Most instructions a transaction may declare.
    pub(crate) max_instructions: u32,
}

impl Prices {
    pub(crate) async fn read(rpc: &Rpc) -> Result<Self, LedgerError> {
        const WANTED: [ConfigSettingId; 5] = [
            ConfigSettingId::ContractComputeV0,
            ConfigSettingId::ContractLedgerCostV0,
            ConfigSettingId::ContractLedgerCostExtV0,
            ConfigSettingId::ContractHistoricalDataV0,
            ConfigSettingId::ContractBandwidthV0,
        ];
        let keys = WANTED
            .iter()
            .map(|id| {
                xdr::encode(&LedgerKey::ConfigSetting(LedgerKeyConfigSetting { config_setting_id: *id }))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let answer = rpc.ledger_entries(&keys).await?;
        let mut prices = Self {
            instructions: 0,
            read_entry: 0,
            write_entry: 0,
            read_kib: 0,
            write_kib: 0,
            history_kib: 0,
            bandwidth_kib: 0,
            max_instructions: u32::MAX,
        };
        let mut seen = 0;
        for entry in answer.entries.iter().flatten() {
            if let Some(LedgerEntryData::ConfigSetting(setting)) = xdr::decode(&entry.xdr) {
                prices.take(&setting);
                seen += 1;
            }
        }
        if seen == WANTED.len() {
            return Ok(prices);
        }
        let cause = Cause::Malformed { endpoint: "the network".to_owned(), what: "its fee settings" };
        Err(LedgerError::new(crate::error::Stage::Read, cause))
    }

    fn take(&mut self, setting: &ConfigSettingEntry) {
        match setting {
            ConfigSettingEntry::ContractComputeV0(compute) => {
                self.instructions = compute.fee_rate_per_instructions_increment;
                self.max_instructions = u32::try_from(compute.tx_max_instructions).unwrap_or(u32::MAX);
            }
            ConfigSettingEntry::ContractLedgerCostV0(cost) => {
                self.read_entry = cost.fee_disk_read_ledger_entry;
                self.write_entry = cost.fee_write_ledger_entry;
                self.read_kib = cost.fee_disk_read1_kb;
            }
            ConfigSettingEntry::ContractLedgerCostExtV0(cost) => self.write_kib = cost.fee_write1_kb,
            ConfigSettingEntry::ContractHistoricalDataV0(data) => self.history_kib = data.fee_historical1_kb,
            ConfigSettingEntry::ContractBandwidthV0(width) => self.bandwidth_kib = width.fee_tx_size1_kb,
            _ => {}
        }
    }

    /// What the network keeps whatever happens: everything but rent and events.
    pub(crate) fn non_refundable(&self, data: &SorobanTransactionData, envelope_bytes: usize) -> i64 {
        let resources = &data.resources;
        let footprint = &resources.footprint;
        let classic = |keys: &[LedgerKey]| {
            let on_disk =
                |key: &&LedgerKey| !matches!(key, LedgerKey::ContractData(_) | LedgerKey::ContractCode(_));
            count(keys.iter().filter(on_disk).count())
        };
        let restored = match &data.ext {
            SorobanTransactionDataExt::V0 => 0,
            SorobanTransactionDataExt::V1(ext) => count(ext.archived_soroban_entries.len()),
        };
        let read_entries = classic(&footprint.read_only) + classic(&footprint.read_write) + restored;
        let size = count(envelope_bytes);
        [
            per_unit(i64::from(resources.instructions), self.instructions, INSTRUCTIONS_PER_UNIT),
            self.read_entry.saturating_mul(read_entries),
            self.write_entry.saturating_mul(count(footprint.read_write.len())),
            per_unit(i64::from(resources.disk_read_bytes), self.read_kib, BYTES_PER_UNIT),
            per_unit(i64::from(resources.write_bytes), self.write_kib, BYTES_PER_UNIT),
            per_unit(size.saturating_add(RESULT_BYTES), self.history_kib, BYTES_PER_UNIT),
            per_unit(size, self.bandwidth_kib, BYTES_PER_UNIT),
        ]
        .into_iter()
        .fold(0, i64::saturating_add)
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn per_unit(amount: i64, price: i64, unit: i64) -> i64 {
    let product = i128::from(amount.max(0)) * i128::from(price.max(0));
    let unit = i128::from(unit.max(1));
    i64::try_from((product + unit - 1) / unit).unwrap_or(i64::MAX)
}
