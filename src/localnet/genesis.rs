//! The first ledger: all lumens in the root account, the network's settings, and the native asset's contract.

use std::rc::Rc;

use ed25519_dalek::SigningKey;
use sha2::{Digest, Sha256};
use soroban_env_host::LedgerInfo;
use soroban_env_host::e2e_invoke::RecordingInvocationAuthMode;
use soroban_simulation::NetworkConfig;
use soroban_simulation::simulation::{SimulationAdjustmentConfig, simulate_invoke_host_function_op};
use stellar_xdr::{
    AccountId, Asset, ContractExecutable, ContractId, ContractIdPreimage, CreateContractArgs, Hash,
    HashIdPreimage, HashIdPreimageContractId, HostFunction, LedgerCloseMetaV2, LedgerEntryChanges,
    LedgerEntryData, LedgerUpgrade, Limits, PublicKey, Uint256, UpgradeEntryMeta, WriteXdr,
};

use crate::account;
use crate::close::{Parent, assemble, blank_header};
use crate::error::EngineError;
use crate::settings::{BASE_RESERVE, PROTOCOL_VERSION, TOTAL_COINS, genesis_settings};
use crate::simulate::Snapshot;
use crate::state::{Layer, State};

/// Hash of a passphrase: what signatures bind to.
#[must_use]
pub fn network_id(passphrase: &str) -> [u8; 32] {
    Sha256::digest(passphrase.as_bytes()).into()
}

/// Key of the account that holds every lumen at genesis; known to whoever knows the passphrase, as on every
/// stand-alone Stellar network.
#[must_use]
pub fn root_key(network_id: &[u8; 32]) -> SigningKey {
    SigningKey::from_bytes(network_id)
}

/// Account of a signing key.
#[must_use]
pub fn account_of(key: &SigningKey) -> AccountId {
    AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(key.verifying_key().to_bytes())))
}

/// Contract of the native asset on the network.
///
/// # Errors
/// Never in practice; the encoder's refusal is passed on.
pub fn native_contract(network_id: [u8; 32]) -> Result<ContractId, stellar_xdr::Error> {
    let image = HashIdPreimage::ContractId(HashIdPreimageContractId {
        network_id: Hash(network_id),
        contract_id_preimage: ContractIdPreimage::Asset(Asset::Native),
    });
    Ok(ContractId(Hash(Sha256::digest(image.to_xdr(Limits::none())?).into())))
}

/// Metadata of the genesis ledger of a network born at `time`.
pub(crate) fn genesis(network_id: [u8; 32], time: u64) -> Result<LedgerCloseMetaV2, EngineError> {
    let root = account_of(&root_key(&network_id));
    let base = first_entries(&root)?;
    let mut state = State::default();
    state.replay(&base);
    let contract = native_contract_entries(state, network_id, &root, time)?;
    let parent = Parent { header: &blank_header(), hash: [0; 32] };
    let mut meta = assemble(&[], Vec::new(), &parent, (1, time), Vec::new())?;
    let changes: Vec<_> = base.0.iter().chain(contract.0.iter()).cloned().collect();
    let upgrade = UpgradeEntryMeta {
        upgrade: LedgerUpgrade::Version(PROTOCOL_VERSION),
        changes: LedgerEntryChanges(changes.try_into()?),
    };
    meta.upgrades_processing = vec![upgrade].try_into()?;
    Ok(meta)
}

fn first_entries(root: &AccountId) -> Result<LedgerEntryChanges, EngineError> {
    let nothing = State::default();
    let mut layer = Layer::above(&nothing);
    layer.put(LedgerEntryData::Account(account::new(root.clone(), TOTAL_COINS, 0)));
    for setting in genesis_settings()? {
        layer.put(LedgerEntryData::ConfigSetting(setting));
    }
    Ok(layer.into_changes(1)?)
}

/// Deploys the native asset's contract in the real host and gives what it created, living as long as anything may.
fn native_contract_entries(
    state: State,
    network_id: [u8; 32],
    root: &AccountId,
    time: u64,
) -> Result<LedgerEntryChanges, EngineError> {
    let state = std::sync::Arc::new(state);
    let settings = crate::settings::Settings::load(&state)?;
    let info = ledger_info(&settings.network, network_id, 1, time);
    let create = HostFunction::CreateContract(CreateContractArgs {
        contract_id_preimage: ContractIdPreimage::Asset(Asset::Native),
        executable: ContractExecutable::StellarAsset,
    });
    let outcome = simulate_invoke_host_function_op(
        Rc::new(Snapshot::new(std::sync::Arc::clone(&state))),
        &settings.network,
        &SimulationAdjustmentConfig::no_adjustments(),
        &info,
        create,
        RecordingInvocationAuthMode::recording(true, false),
        root,
        [0; 32],
        false,
    )
    .map_err(|_| EngineError::Genesis)?;
    outcome.invoke_result.map_err(EngineError::from)?;
    let mut layer = Layer::above(&*state);
    let live_until = info.max_live_until_ledger_checked().ok_or(EngineError::Overflow)?;
    for entry in outcome.modified_entries.into_iter().filter_map(|diff| diff.state_after) {
        layer.set_live_until(&entry.to_key(), live_until);
        layer.put(entry.data);
    }
    Ok(layer.into_changes(1)?)
}

/// What contracts are told of the ledger they run in.
pub(crate) fn ledger_info(
    network: &NetworkConfig,
    network_id: [u8; 32],
    sequence: u32,
    time: u64,
) -> LedgerInfo {
    let mut info = LedgerInfo {
        protocol_version: PROTOCOL_VERSION,
        sequence_number: sequence,
        timestamp: time,
        network_id,
        base_reserve: BASE_RESERVE,
        ..LedgerInfo::default()
    };
    network.fill_config_fields_in_ledger_info(&mut info);
    info
}
