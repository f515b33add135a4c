//! Dry runs: what a contract transaction would need, cost, return and change.
//!
//! By the official simulation crate over an immutable snapshot, so a dry run holds up nothing and disturbs nothing.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;

use soroban_env_host::e2e_invoke::RecordingInvocationAuthMode;
use soroban_env_host::storage::{EntryWithLiveUntil, SnapshotSource};
use soroban_env_host::{HostError, LedgerInfo};
use soroban_simulation::simulation::{
    InvokeHostFunctionSimulationResult, SimulationAdjustmentConfig, SimulationAdjustmentFactor,
    simulate_extend_ttl_op, simulate_invoke_host_function_op, simulate_restore_op,
};
use stellar_xdr::{
    AccountId, DiagnosticEvent, InvokeHostFunctionOp, LedgerEntry, LedgerKey, OperationBody, ScVal,
    SorobanAuthorizationEntry, SorobanTransactionData,
};

use crate::frame::Frame;
use crate::settings::Settings;
use crate::state::{Entries, State};

/// How authorization is treated in a dry run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuthMode {
    /// Enforce when the transaction carries authorization entries, record otherwise.
    #[default]
    Automatic,
    /// Check the entries the transaction carries.
    Enforce,
    /// Find out which entries are needed.
    Record,
    /// Same, also for calls not made by the root invocation.
    RecordNonRoot,
}

/// What the caller may choose.
#[derive(Clone, Copy, Debug, Default)]
pub struct SimulationOptions {
    /// Treatment of authorization.
    pub auth: AuthMode,
    /// Give recorded entries the newer credential form.
    pub auth_v2: bool,
    /// Instructions added to what was measured.
    pub instruction_leeway: u32,
}

/// Outcome of a dry run.
#[derive(Clone, Debug, Default)]
pub struct Simulation {
    /// Why the call would fail; the other fields but the diagnostics are then empty.
    pub error: Option<String>,
    /// Resources to declare, with the fee they cost in stroops.
    pub data: Option<SorobanTransactionData>,
    /// Value returned.
    pub value: Option<ScVal>,
    /// Authorization needed (recording) or given (enforcing).
    pub auth: Vec<SorobanAuthorizationEntry>,
    /// Contract events and the host's diagnostics.
    pub events: Vec<DiagnosticEvent>,
    /// Entries before and after.
    pub changes: Vec<(Option<LedgerEntry>, Option<LedgerEntry>)>,
    /// Instructions measured, without any margin.
    pub instructions: u32,
    /// Bytes of memory measured.
    pub memory: u32,
}

impl Simulation {
    fn refused(reason: impl Into<String>) -> Self {
        Self { error: Some(reason.into()), ..Self::default() }
    }
}

/// Committed entries as the host reads them.
pub(crate) struct Snapshot(Arc<State>);

impl Snapshot {
    pub(crate) fn new(state: Arc<State>) -> Self {
        Self(state)
    }
}

impl SnapshotSource for Snapshot {
    fn get(&self, key: &Rc<LedgerKey>) -> Result<Option<EntryWithLiveUntil>, HostError> {
        let Some(entry) = self.0.get(key) else { return Ok(None) };
        Ok(Some((Rc::new((**entry).clone()), self.0.live_until(key))))
    }
}

/// Runs the one contract operation of `frame` without effect.
pub(crate) fn simulate(
    frame: &Frame,
    state: &Arc<State>,
    settings: &Settings,
    info: &LedgerInfo,
    options: SimulationOptions,
) -> Simulation {
    let [operation] = frame.tx.operations.as_slice() else {
        return Simulation::refused("Transaction must contain exactly one operation");
    };
    let source = frame.operation_source(0);
    let bench = Bench { state, settings, info, options };
    // A defect in the host must fail the dry run, not the server.
    let outcome = catch_unwind(AssertUnwindSafe(|| match &operation.body {
        OperationBody::InvokeHostFunction(op) => bench.invoke(op, &source),
        OperationBody::ExtendFootprintTtl(op) => bench.extend(frame, op.extend_to),
        OperationBody::RestoreFootprint(_) => bench.restore(frame),
        _ => Simulation::refused("Transaction contains an operation that is not supported by simulation"),
    }));
    outcome.unwrap_or_else(|_| Simulation::refused("HostError: Error(Context, InternalError)"))
}

struct Bench<'a> {
    state: &'a Arc<State>,
    settings: &'a Settings,
    info: &'a LedgerInfo,
    options: SimulationOptions,
}

impl Bench<'_> {
    fn adjustment(&self) -> SimulationAdjustmentConfig {
        let mut adjustment = SimulationAdjustmentConfig::default_adjustment();
        let leeway = self.options.instruction_leeway;
        if leeway > 50_000 {
            adjustment.instructions = SimulationAdjustmentFactor::new(1.04, leeway);
        }
        adjustment
    }

    fn invoke(&self, op: &InvokeHostFunctionOp, source: &AccountId) -> Simulation {
        let enforce = match self.options.auth {
            AuthMode::Automatic => !op.auth.is_empty(),
            AuthMode::Enforce => true,
            AuthMode::Record | AuthMode::RecordNonRoot => false,
        };
        let auth = if enforce {
            RecordingInvocationAuthMode::Enforcing(op.auth.to_vec())
        } else {
            let root_only = self.options.auth != AuthMode::RecordNonRoot;
            RecordingInvocationAuthMode::recording(root_only, self.options.auth_v2)
        };
        let outcome = simulate_invoke_host_function_op(
            Rc::new(Snapshot::new(Arc::clone(self.state))),
            &self.settings.network,
            &self.adjustment(),
            self.info,
            op.host_function.clone(),
            auth,
            source,
            self.seed(),
            true,
        );
        match outcome {
            Ok(result) => report(result),
            Err(error) => Simulation::refused(format!("{error:#}")),
        }
    }

    /// Fresh per ledger and second: recorded nonces must not repeat from one dry run to the next.
    fn seed(&self) -> [u8; 32] {
        let mut seed = [0; 32];
        if getrandom::fill(&mut seed).is_err() {
            seed[..8].copy_from_slice(&self.info.timestamp.to_be_bytes());
            seed[8..12].copy_from_slice(&self.info.sequence_number.to_be_bytes());
        }
        seed
    }

    fn extend(&self, frame: &Frame, extend_to: u32) -> Simulation {
        let Some(data) = frame.soroban() else {
            return Simulation::refused(
                "To perform a SimulateTransaction for ExtendFootprintTtl or RestoreFootprint operations, SorobanTransactionData must be provided",
            );
        };
        if self.info.sequence_number.checked_add(extend_to).is_none() {
            return Simulation::refused("extendTo is too far in the future");
        }
        let outcome = simulate_extend_ttl_op(
            &Snapshot::new(Arc::clone(self.state)),
            &self.settings.network,
            &self.adjustment(),
            self.info,
            data.resources.footprint.read_only.as_slice(),
            extend_to,
        );
        match outcome {
            Ok(result) => Simulation { data: Some(result.transaction_data), ..Simulation::default() },
            Err(error) => Simulation::refused(format!("{error:#}")),
        }
    }

    fn restore(&self, frame: &Frame) -> Simulation {
        let Some(data) = frame.soroban() else {
            return Simulation::refused(
                "To perform a SimulateTransaction for ExtendFootprintTtl or RestoreFootprint operations, SorobanTransactionData must be provided",
            );
        };
        let outcome = simulate_restore_op(
            &Snapshot::new(Arc::clone(self.state)),
            &self.settings.network,
            &self.adjustment(),
            self.info,
            data.resources.footprint.read_write.as_slice(),
        );
        match outcome {
            Ok(result) => Simulation { data: Some(result.transaction_data), ..Simulation::default() },
            Err(error) => Simulation::refused(format!("{error:#}")),
        }
    }
}

fn report(result: InvokeHostFunctionSimulationResult) -> Simulation {
    let mut events = result.diagnostic_events;
    events.retain(|event| event.in_successful_contract_call || result.invoke_result.is_err());
    let changes = result.modified_entries.into_iter().map(|diff| (diff.state_before, diff.state_after));
    let mut simulation = Simulation {
        data: result.transaction_data,
        auth: result.auth,
        events,
        changes: changes.collect(),
        instructions: result.simulated_instructions,
        memory: result.simulated_memory,
        ..Simulation::default()
    };
    match result.invoke_result {
        Ok(value) => simulation.value = Some(value),
        Err(error) => simulation.error = Some(format!("{error:?}")),
    }
    simulation
}
