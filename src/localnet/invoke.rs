//! Running one contract call in the real host, under the declared footprint and limits.
//!
//! The host enforces instructions, memory, authorization and the footprint. What the network around it must
//! enforce is here: archived entries, bytes read and written, sizes of entries and events, and the refundable fee.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sha2::{Digest, Sha256};
use soroban_env_host::e2e_invoke::{
    InvokeHostFunctionResult as HostOutput, LedgerEntryChange as HostChange, TtlLedgerEntryMeta,
    entry_size_for_rent, extract_rent_changes, invoke_host_function,
};
use soroban_env_host::fees::compute_rent_fee;
use soroban_env_host::{DEFAULT_XDR_RW_LIMITS, HostError, LedgerInfo, ModuleCache, budget::Budget};
use stellar_xdr::{
    AccountId, ContractDataDurability, ContractEvent, DiagnosticEvent, Hash, InvokeHostFunctionOp,
    InvokeHostFunctionResult, InvokeHostFunctionSuccessPreImage, LedgerEntry, LedgerKey, Limits, ReadXdr,
    ScVal, SorobanTransactionData, WriteXdr,
};

use crate::fees::{count, is_classic, resource_fee};
use crate::frame::{Frame, archived_indices};
use crate::settings::Settings;
use crate::state::{Entries, Layer, durability, ttl_key};

/// The ledger being built, as contract code and fee code see it.
pub(crate) struct World<'a> {
    pub settings: &'a Settings,
    pub cache: &'a ModuleCache,
    pub info: LedgerInfo,
}

/// What a successful contract operation leaves behind besides its entries.
#[derive(Default)]
pub(crate) struct Harvest {
    pub return_value: Option<ScVal>,
    pub events: Vec<ContractEvent>,
    pub events_fee: i64,
    pub rent_fee: i64,
}

type Fault = InvokeHostFunctionResult;

/// Runs `op`; on success its entries are in `layer`, on failure `layer` must be dropped.
///
/// # Errors
/// The operation's result code.
pub(crate) fn invoke(
    frame: &Frame,
    op: &InvokeHostFunctionOp,
    layer: &mut Layer<'_>,
    world: &World<'_>,
    diagnostics: &mut Vec<DiagnosticEvent>,
) -> Result<(Hash, Harvest), Fault> {
    let data = frame.soroban().ok_or(Fault::Malformed)?;
    let inputs = gather(data, layer, world)?;
    let budget = world.settings.budget(data.resources.instructions).map_err(|_| Fault::Trapped)?;
    let call = Call { op, source: frame.operation_source(0), seed: prng_seed(frame, world), data };
    let output = run(&call, &inputs, &budget, world, diagnostics);
    let output = output.ok().filter(|output| output.encoded_invoke_result.is_ok());
    let Some(output) = output else { return Err(blame(&budget, data, world.settings)) };
    let harvest = harvest(frame, data, &output, world)?;
    store(&output.ledger_changes, data, layer, world.settings)?;
    for key in &inputs.restored {
        layer.mark_restored(key);
    }
    let image = InvokeHostFunctionSuccessPreImage {
        return_value: harvest.return_value.clone().unwrap_or(ScVal::Void),
        events: harvest.events.clone().try_into().map_err(|_| Fault::Trapped)?,
    };
    let image = image.to_xdr(Limits::none()).map_err(|_| Fault::Trapped)?;
    Ok((Hash(Sha256::digest(image).into()), harvest))
}

/// Entries for the host, one slot per footprint key, read-only keys first.
struct Inputs {
    slots: Vec<(Option<Vec<u8>>, Option<TtlLedgerEntryMeta>)>,
    restored: Vec<LedgerKey>,
}

fn gather(data: &SorobanTransactionData, layer: &Layer<'_>, world: &World<'_>) -> Result<Inputs, Fault> {
    let footprint = &data.resources.footprint;
    let declared = archived_indices(data);
    let mut inputs = Inputs { slots: Vec::new(), restored: Vec::new() };
    let mut disk_bytes = 0_u32;
    for key in footprint.read_only.iter() {
        disk_bytes = disk_bytes.saturating_add(inputs.add(key, false, layer, world)?);
    }
    for (index, key) in (0_u32..).zip(footprint.read_write.iter()) {
        let archived = declared.binary_search(&index).is_ok();
        disk_bytes = disk_bytes.saturating_add(inputs.add(key, archived, layer, world)?);
    }
    if disk_bytes > data.resources.disk_read_bytes {
        return Err(Fault::ResourceLimitExceeded);
    }
    Ok(inputs)
}

impl Inputs {
    /// Adds the slot of `key` and gives the bytes it reads from disk.
    fn add(
        &mut self,
        key: &LedgerKey,
        declared_archived: bool,
        layer: &Layer<'_>,
        world: &World<'_>,
    ) -> Result<u32, Fault> {
        let Some(entry) = layer.entry(key) else {
            self.slots.push((None, None));
            return Ok(0);
        };
        let bytes = entry.to_xdr(Limits::none()).map_err(|_| Fault::Trapped)?;
        let size = count(bytes.len());
        let Some(durability) = durability(key) else {
            self.slots.push((Some(bytes), None));
            return Ok(size);
        };
        let live_until = layer.live_until(key).ok_or(Fault::Trapped)?;
        let archived = live_until < world.info.sequence_number;
        if archived && durability == ContractDataDurability::Temporary {
            self.slots.push((None, None));
            return Ok(0);
        }
        if archived && !declared_archived {
            return Err(Fault::EntryArchived);
        }
        let live_until = if archived { restored_until(world).ok_or(Fault::Trapped)? } else { live_until };
        let rent_size = rent_size(&entry, size, world.settings).map_err(|_| Fault::Trapped)?;
        let meta = TtlLedgerEntryMeta { live_until_ledger: live_until, entry_size_for_rent: rent_size };
        self.slots.push((Some(bytes), Some(meta)));
        if archived {
            self.restored.push(key.clone());
        }
        Ok(if archived { size } else { 0 })
    }
}

/// Last ledger of an entry restored in this one.
pub(crate) fn restored_until(world: &World<'_>) -> Option<u32> {
    world.info.min_live_until_ledger_checked(ContractDataDurability::Persistent)
}

/// Size an entry pays rent for.
pub(crate) fn rent_size(entry: &LedgerEntry, size: u32, settings: &Settings) -> Result<u32, HostError> {
    let budget = settings.budget(u32::try_from(settings.compute.tx_max_instructions).unwrap_or(u32::MAX))?;
    entry_size_for_rent(&budget, entry, size)
}

struct Call<'a> {
    op: &'a InvokeHostFunctionOp,
    source: AccountId,
    seed: [u8; 32],
    data: &'a SorobanTransactionData,
}

fn run(
    call: &Call<'_>,
    inputs: &Inputs,
    budget: &Budget,
    world: &World<'_>,
    diagnostics: &mut Vec<DiagnosticEvent>,
) -> Result<HostOutput, ()> {
    let encode = |value: &dyn EncodeXdr| value.encode().map_err(|_| ());
    let function = encode(&call.op.host_function)?;
    let resources = encode(&call.data.resources)?;
    let source = encode(&call.source)?;
    let auth = call.op.auth.iter().map(|entry| encode(entry)).collect::<Result<Vec<_>, ()>>()?;
    // A defect in the host must fail the transaction, not the network.
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        invoke_host_function(
            budget,
            true,
            function.as_slice(),
            resources.as_slice(),
            archived_indices(call.data),
            source.as_slice(),
            auth.iter().map(Vec::as_slice),
            world.info.clone(),
            inputs.slots.iter().map(|(entry, meta)| (entry.as_deref(), *meta)),
            call.seed.as_slice(),
            diagnostics,
            None,
            Some(world.cache.clone()),
        )
    }));
    outcome.map_err(|_| ())?.map_err(|_| ())
}

/// Object-safe XDR encoding, so that one closure serves every argument.
trait EncodeXdr {
    fn encode(&self) -> Result<Vec<u8>, stellar_xdr::Error>;
}

impl<T: WriteXdr> EncodeXdr for T {
    fn encode(&self) -> Result<Vec<u8>, stellar_xdr::Error> {
        self.to_xdr(DEFAULT_XDR_RW_LIMITS)
    }
}

/// Out of a declared or network limit, or a failure of the contract itself?
fn blame(budget: &Budget, data: &SorobanTransactionData, settings: &Settings) -> Fault {
    let instructions = budget.get_cpu_insns_consumed().unwrap_or(u64::MAX);
    let memory = budget.get_mem_bytes_consumed().unwrap_or(u64::MAX);
    if instructions > u64::from(data.resources.instructions)
        || memory > u64::from(settings.compute.tx_memory_limit)
    {
        Fault::ResourceLimitExceeded
    } else {
        Fault::Trapped
    }
}

fn harvest(
    frame: &Frame,
    data: &SorobanTransactionData,
    output: &HostOutput,
    world: &World<'_>,
) -> Result<Harvest, Fault> {
    let value = output.encoded_invoke_result.as_ref().map_err(|_| Fault::Trapped)?;
    let emitted: usize = output.encoded_contract_events.iter().map(Vec::len).sum();
    let event_bytes = count(emitted.saturating_add(value.len()));
    if event_bytes > world.settings.events.tx_max_contract_events_size_bytes {
        return Err(Fault::ResourceLimitExceeded);
    }
    let price = resource_fee(data, frame.size, event_bytes, world.settings);
    let rent_fee = compute_rent_fee(
        &extract_rent_changes(&output.ledger_changes),
        &world.settings.network.rent_fee_configuration,
        world.info.sequence_number,
    );
    let refundable = data.resource_fee.saturating_sub(price.non_refundable);
    if price.events.saturating_add(rent_fee) > refundable {
        return Err(Fault::InsufficientRefundableFee);
    }
    let events = output.encoded_contract_events.iter();
    let events = events.map(|event| ContractEvent::from_xdr(event, DEFAULT_XDR_RW_LIMITS));
    Ok(Harvest {
        return_value: Some(ScVal::from_xdr(value, DEFAULT_XDR_RW_LIMITS).map_err(|_| Fault::Trapped)?),
        events: events.collect::<Result<_, _>>().map_err(|_| Fault::Trapped)?,
        events_fee: price.events,
        rent_fee,
    })
}

/// Puts what the host changed into the layer, within the declared bytes and the network's entry sizes.
fn store(
    changes: &[HostChange],
    data: &SorobanTransactionData,
    layer: &mut Layer<'_>,
    settings: &Settings,
) -> Result<(), Fault> {
    let mut written = 0_u32;
    for change in changes {
        let key =
            LedgerKey::from_xdr(&change.encoded_key, DEFAULT_XDR_RW_LIMITS).map_err(|_| Fault::Trapped)?;
        if let Some(bytes) = &change.encoded_new_value {
            let size = count(bytes.len());
            written = written.saturating_add(size);
            if size > largest(&key, settings) || written > data.resources.write_bytes {
                return Err(Fault::ResourceLimitExceeded);
            }
            let entry = LedgerEntry::from_xdr(bytes, DEFAULT_XDR_RW_LIMITS).map_err(|_| Fault::Trapped)?;
            layer.put(entry.data);
        } else if !change.read_only && layer.entry(&key).is_some() {
            if let Some(ttl) = ttl_key(&key) {
                layer.remove(ttl);
            }
            layer.remove(key);
            continue;
        }
        if let Some(ttl) = &change.ttl_change {
            let changed = layer.live_until(&key) != Some(ttl.new_live_until_ledger);
            if ttl.new_live_until_ledger > 0 && changed {
                layer.set_live_until(&key, ttl.new_live_until_ledger);
            }
        }
    }
    Ok(())
}

fn largest(key: &LedgerKey, settings: &Settings) -> u32 {
    match key {
        LedgerKey::ContractCode(_) => settings.max_wasm_bytes.saturating_add(1_024),
        key if is_classic(key) => u32::MAX,
        _ => settings.max_data_entry_bytes,
    }
}

fn prng_seed(frame: &Frame, world: &World<'_>) -> [u8; 32] {
    let mut hasher = Sha256::new();
    hasher.update(world.info.network_id);
    hasher.update(world.info.sequence_number.to_be_bytes());
    hasher.update(frame.hash);
    hasher.finalize().into()
}
