//! The network settings a fresh local network starts with, and the form the engine reads them in.
//!
//! Figures are the main network's as published on 2026-08 (limits, fees, lifetimes), so that fees and limits met
//! here are the ones met there. They are written into the ledger once, at genesis, as ordinary configuration
//! entries; the engine and its callers read them from the ledger, never from this file.

use std::rc::Rc;

use soroban_env_host::storage::{EntryWithLiveUntil, SnapshotSource};
use soroban_env_host::{HostError, budget::Budget};
use soroban_simulation::NetworkConfig;
use stellar_xdr::{
    ConfigSettingContractBandwidthV0, ConfigSettingContractComputeV0, ConfigSettingContractEventsV0,
    ConfigSettingContractExecutionLanesV0, ConfigSettingContractHistoricalDataV0,
    ConfigSettingContractLedgerCostExtV0, ConfigSettingContractLedgerCostV0,
    ConfigSettingContractParallelComputeV0, ConfigSettingEntry, ConfigSettingId, ConfigSettingScpTiming,
    EvictionIterator, LedgerEntryData, LedgerKey, LedgerKeyConfigSetting, StateArchivalSettings,
};

use crate::cost_params;
use crate::error::EngineError;
use crate::state::State;

/// Protocol the ledger runs; equal to the host's major version because a host runs one protocol only.
pub const PROTOCOL_VERSION: u32 = 30;
/// Smallest fee for one operation, in stroops.
pub const BASE_FEE: u32 = 100;
/// Reserve per account half and per sub-entry, in stroops (0.5 XLM).
pub const BASE_RESERVE: u32 = 5_000_000;
/// All lumens, in stroops: 100 billion XLM.
pub const TOTAL_COINS: i64 = 1_000_000_000_000_000_000;
/// Operations of classic transactions that fit one ledger.
pub const MAX_CLASSIC_OPERATIONS: u32 = 1_000;

/// Size of the contract state the rent curve is read at; the main network's, since ours would be near zero.
const STATE_SIZE_BYTES: u64 = 832_596_955;
const STATE_SIZE_SAMPLES: u32 = 30;

/// Limits and prices in force, read once from the ledger's configuration entries.
pub(crate) struct Settings {
    pub network: NetworkConfig,
    pub compute: ConfigSettingContractComputeV0,
    pub cost: ConfigSettingContractLedgerCostV0,
    pub cost_ext: ConfigSettingContractLedgerCostExtV0,
    pub bandwidth: ConfigSettingContractBandwidthV0,
    pub events: ConfigSettingContractEventsV0,
    pub max_wasm_bytes: u32,
    pub max_key_bytes: u32,
    pub max_data_entry_bytes: u32,
    pub max_transactions: u32,
    pub clusters: u32,
}

impl Settings {
    /// Reads every setting the engine needs.
    ///
    /// # Errors
    /// When an entry is missing or of the wrong kind, i.e. the state is not one of ours.
    pub(crate) fn load(state: &State) -> Result<Self, EngineError> {
        use ConfigSettingId as Id;
        macro_rules! read {
            ($id:ident) => {
                match setting(state, Id::$id)? {
                    ConfigSettingEntry::$id(value) => value,
                    _ => return Err(EngineError::Setting(Id::$id)),
                }
            };
        }
        let network = NetworkConfig::load_from_snapshot(&StateSource(state))
            .map_err(|_| EngineError::Setting(Id::ContractComputeV0))?;
        Ok(Self {
            network,
            compute: read!(ContractComputeV0),
            cost: read!(ContractLedgerCostV0),
            cost_ext: read!(ContractLedgerCostExtV0),
            bandwidth: read!(ContractBandwidthV0),
            events: read!(ContractEventsV0),
            max_wasm_bytes: read!(ContractMaxSizeBytes),
            max_key_bytes: read!(ContractDataKeySizeBytes),
            max_data_entry_bytes: read!(ContractDataEntrySizeBytes),
            max_transactions: read!(ContractExecutionLanes).ledger_max_tx_count,
            clusters: read!(ContractParallelComputeV0).ledger_max_dependent_tx_clusters,
        })
    }

    /// A fresh meter allowing `instructions`, under the network's memory limit and cost table.
    pub(crate) fn budget(&self, instructions: u32) -> Result<Budget, HostError> {
        Budget::try_from_configs(
            u64::from(instructions),
            u64::from(self.compute.tx_memory_limit),
            self.network.cpu_cost_params.clone(),
            self.network.memory_cost_params.clone(),
        )
    }
}

fn setting(state: &State, id: ConfigSettingId) -> Result<ConfigSettingEntry, EngineError> {
    let key = LedgerKey::ConfigSetting(LedgerKeyConfigSetting { config_setting_id: id });
    match state.get(&key).map(|entry| &entry.data) {
        Some(LedgerEntryData::ConfigSetting(value)) => Ok(value.clone()),
        _ => Err(EngineError::Setting(id)),
    }
}

/// Lets the simulation crate read settings by reference.
struct StateSource<'a>(&'a State);

impl SnapshotSource for StateSource<'_> {
    fn get(&self, key: &Rc<LedgerKey>) -> Result<Option<EntryWithLiveUntil>, HostError> {
        Ok(self.0.get(key).map(|entry| (Rc::new((**entry).clone()), None)))
    }
}

/// Every configuration entry of a fresh ledger.
pub(crate) fn genesis_settings() -> Result<Vec<ConfigSettingEntry>, stellar_xdr::Error> {
    use ConfigSettingEntry as E;
    let window = vec![STATE_SIZE_BYTES; usize::try_from(STATE_SIZE_SAMPLES).unwrap_or(1)];
    Ok(vec![
        E::ContractMaxSizeBytes(131_072),
        E::ContractComputeV0(compute()),
        E::ContractLedgerCostV0(ledger_cost()),
        E::ContractLedgerCostExtV0(ConfigSettingContractLedgerCostExtV0 {
            tx_max_footprint_entries: 400,
            fee_write1_kb: 875,
        }),
        E::ContractHistoricalDataV0(ConfigSettingContractHistoricalDataV0 { fee_historical1_kb: 4_059 }),
        E::ContractEventsV0(ConfigSettingContractEventsV0 {
            tx_max_contract_events_size_bytes: 16_384,
            fee_contract_events1_kb: 5_000,
        }),
        E::ContractBandwidthV0(ConfigSettingContractBandwidthV0 {
            ledger_max_txs_size_bytes: 266_240,
            tx_max_size_bytes: 132_096,
            fee_tx_size1_kb: 406,
        }),
        E::ContractCostParamsCpuInstructions(cost_params::instruction_costs()?),
        E::ContractCostParamsMemoryBytes(cost_params::memory_costs()?),
        E::ContractDataKeySizeBytes(250),
        E::ContractDataEntrySizeBytes(65_536),
        E::StateArchival(archival()),
        E::ContractExecutionLanes(ConfigSettingContractExecutionLanesV0 { ledger_max_tx_count: 2_000 }),
        E::LiveSorobanStateSizeWindow(window.try_into()?),
        E::EvictionIterator(EvictionIterator {
            bucket_list_level: 7,
            is_curr_bucket: true,
            bucket_file_offset: 0,
        }),
        E::ContractParallelComputeV0(ConfigSettingContractParallelComputeV0 {
            ledger_max_dependent_tx_clusters: 2,
        }),
        E::ScpTiming(ConfigSettingScpTiming {
            ledger_target_close_time_milliseconds: 5_000,
            nomination_timeout_initial_milliseconds: 1_000,
            nomination_timeout_increment_milliseconds: 1_000,
            ballot_timeout_initial_milliseconds: 1_000,
            ballot_timeout_increment_milliseconds: 1_000,
        }),
    ])
}

fn compute() -> ConfigSettingContractComputeV0 {
    ConfigSettingContractComputeV0 {
        ledger_max_instructions: 580_000_000,
        tx_max_instructions: 400_000_000,
        fee_rate_per_instructions_increment: 7,
        tx_memory_limit: 41_943_040,
    }
}

fn ledger_cost() -> ConfigSettingContractLedgerCostV0 {
    ConfigSettingContractLedgerCostV0 {
        ledger_max_disk_read_entries: 1_000,
        ledger_max_disk_read_bytes: 400_000,
        ledger_max_write_ledger_entries: 1_000,
        ledger_max_write_bytes: 286_720,
        tx_max_disk_read_entries: 200,
        tx_max_disk_read_bytes: 200_000,
        tx_max_write_ledger_entries: 200,
        tx_max_write_bytes: 132_096,
        fee_disk_read_ledger_entry: 1_563,
        fee_write_ledger_entry: 2_500,
        fee_disk_read1_kb: 447,
        soroban_state_target_size_bytes: 3_000_000_000,
        rent_fee1_kb_soroban_state_size_low: -17_000,
        rent_fee1_kb_soroban_state_size_high: 10_000,
        soroban_state_rent_fee_growth_factor: 5_000,
    }
}

fn archival() -> StateArchivalSettings {
    StateArchivalSettings {
        max_entry_ttl: 3_110_400,
        min_temporary_ttl: 17_280,
        min_persistent_ttl: 2_073_600,
        persistent_rent_rate_denominator: 1_215,
        temp_rent_rate_denominator: 2_430,
        max_entries_to_archive: 1_000,
        live_soroban_state_size_window_sample_size: STATE_SIZE_SAMPLES,
        live_soroban_state_size_window_sample_period: 64,
        eviction_scan_size: 500_000,
        starting_eviction_scan_level: 7,
    }
}
