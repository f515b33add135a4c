//! From a wish to a transaction ready for signing: simulate, learn the footprint and the price, add head-room.

use crate::client::LedgerClient;
use crate::envelope::Draft;
use crate::error::{Cause, LedgerError, Stage};
use crate::fees::{CallQuote, Prices};
use crate::operation;
use crate::receipt::simulation_failure;
use crate::rpc_types::Simulation;
use crate::xdr;
use layr_types::{AccountKey, Stroops, UnixSeconds};
use stellar_xdr::{
    ContractEventBody, DiagnosticEvent, HostFunction, LedgerFootprint, LedgerKey, Memo, Operation, ScVal,
    SorobanAuthorizationEntry, SorobanCredentials, SorobanResources, SorobanTransactionData,
    SorobanTransactionDataExt,
};

/// Least the network takes for one operation, stroops.
const MIN_INCLUSION_FEE: u64 = 100;
/// Bytes allowed for each entry that a caught failure may have left unwritten: a balance, a trust line.
const UNWRITTEN_BYTES: usize = 512;
/// Bytes a signature adds to an unsigned envelope.
const SIGNATURE_BYTES: usize = 72;

/// What somebody wants done.
#[derive(Debug, Clone)]
pub(crate) enum Work {
    /// A classic operation, and a memo for whoever receives it.
    Classic(Operation, Memo),
    /// A host function: upload, deployment or contract call.
    Call(HostFunction),
    /// Bring archived entries back; as a simulation's preamble says.
    Restore(SorobanTransactionData, u64),
    /// Prolong the lives of entries to this many ledgers from now.
    Extend(Vec<LedgerKey>, u32),
}

/// A transaction ready for its sequence number, time and signature.
#[derive(Debug, Clone)]
pub(crate) struct Prepared {
    pub(crate) operation: Operation,
    pub(crate) memo: Memo,
    pub(crate) soroban: Option<SorobanTransactionData>,
    pub(crate) quote: CallQuote,
    /// What the call returned in simulation.
    pub(crate) value: Option<ScVal>,
    /// What must be restored first.
    pub(crate) restore: Option<Box<(SorobanTransactionData, u64)>>,
}

impl Prepared {
    /// The transaction's fee field.
    pub(crate) fn fee(&self) -> Result<u32, LedgerError> {
        let own = self.quote.total() - self.quote.restore;
        u32::try_from(own.0).map_err(|_| LedgerError::new(Stage::Prepare, Cause::Unrepresentable("the fee")))
    }
}

impl LedgerClient {
    /// Simulates and prices `work` for `account`, without spending or signing anything.
    pub(crate) async fn prepare(&self, account: &AccountKey, work: &Work) -> Result<Prepared, LedgerError> {
        self.prepare_bidding(account, work, Stroops::ZERO).await
    }

    /// The same, bidding at least `floor` for a place in the ledger.
    pub(crate) async fn prepare_bidding(
        &self,
        account: &AccountKey,
        work: &Work,
        floor: Stroops,
    ) -> Result<Prepared, LedgerError> {
        let inclusion_fee = self.inclusion_fee(matches!(work, Work::Classic(..))).await?.max(floor);
        match work {
            Work::Classic(operation, memo) => Ok(Prepared {
                operation: operation.clone(),
                memo: memo.clone(),
                soroban: None,
                quote: CallQuote { inclusion_fee, ..CallQuote::default() },
                value: None,
                restore: None,
            }),
            Work::Call(function) => self.prepare_call(account, function, inclusion_fee).await,
            Work::Restore(data, min_fee) => {
                let plain = plain_envelope(account, operation::restore()?, Some(data.clone()))?;
                let envelope = plain.len();
                let pricing = Pricing { inclusion_fee, min_fee: *min_fee, envelope, caught: false };
                self.finish(operation::restore()?, data.clone(), pricing).await
            }
            Work::Extend(keys, ledgers) => {
                let operation = operation::extend(*ledgers);
                let envelope = plain_envelope(account, operation.clone(), Some(read_only(keys)?))?;
                let (simulation, endpoint) = self.simulate(&envelope).await?;
                let (data, min_fee) = priced(&simulation, &endpoint)?;
                let pricing = Pricing { inclusion_fee, min_fee, envelope: envelope.len(), caught: false };
                self.finish(operation, data, pricing).await
            }
        }
    }

    async fn prepare_call(
        &self,
        account: &AccountKey,
        function: &HostFunction,
        inclusion_fee: Stroops,
    ) -> Result<Prepared, LedgerError> {
        let bare = plain_envelope(account, operation::host(function, Vec::new())?, None)?;
        let (simulation, endpoint) = self.simulate(&bare).await?;
        let auth = authorisations(&simulation, &endpoint)?;
        let operation = operation::host(function, auth)?;
        let (data, min_fee) = priced(&simulation, &endpoint)?;
        let complete = plain_envelope(account, operation.clone(), Some(data.clone()))?;
        let caught = caught_a_failure(&simulation);
        let pricing = Pricing { inclusion_fee, min_fee, envelope: complete.len(), caught };
        let mut prepared = self.finish(operation, data, pricing).await?;
        prepared.value = returned(&simulation);
        if let Some(preamble) = &simulation.restore_preamble {
            let data: SorobanTransactionData = xdr::decode(&preamble.transaction_data)
                .ok_or_else(|| malformed(&endpoint, "a restore preamble"))?;
            let fee = i128::from(preamble.min_resource_fee) + inclusion_fee.0;
            prepared.quote.restore = Stroops(self.with_headroom(fee));
            prepared.restore = Some(Box::new((data, preamble.min_resource_fee)));
        }
        Ok(prepared)
    }

    async fn simulate(&self, envelope: &str) -> Result<(Simulation, String), LedgerError> {
        let (simulation, endpoint) = self.rpc().simulate(envelope).await?;
        match &simulation.error {
            Some(message) => Err(LedgerError::new(Stage::Simulate, simulation_failure(message))),
            None => Ok((simulation, endpoint)),
        }
    }

    /// Adds head-room and splits the price into what is kept and what is rent.
    async fn finish(
        &self,
        operation: Operation,
        mut data: SorobanTransactionData,
        pricing: Pricing,
    ) -> Result<Prepared, LedgerError> {
        let prices = self.prices().await?;
        let simulated = prices.non_refundable(&data, pricing.assumed_size());
        if pricing.caught {
            add_writes(&mut data);
        }
        let kept = Stroops(i128::from(prices.non_refundable(&data, pricing.assumed_size())));
        let min_fee = Stroops(i128::from(pricing.min_fee) - i128::from(simulated)) + kept;
        let rent = (min_fee - kept.min(min_fee)).max(Stroops::ZERO);
        add_instructions(&mut data, &prices);
        let declared = Stroops(self.with_headroom(min_fee.0));
        data.resource_fee = i64::try_from(declared.0)
            .map_err(|_| LedgerError::new(Stage::Prepare, Cause::Unrepresentable("the fee")))?;
        let quote = CallQuote {
            inclusion_fee: pricing.inclusion_fee,
            resource_fee: min_fee - rent,
            refundable: declared - min_fee,
            rent,
            restore: Stroops::ZERO,
        };
        let memo = Memo::None;
        Ok(Prepared { operation, memo, soroban: Some(data), quote, value: None, restore: None })
    }

    fn with_headroom(&self, fee: i128) -> i128 {
        let percent = i128::from(self.config().transactions.resource_headroom_percent);
        fee + fee * percent / 100
    }

    /// What nearly every transaction of the last ledgers bid at most, stroops per operation.
    pub(crate) async fn going_price(&self, classic: bool) -> Result<Stroops, LedgerError> {
        let stats = self.rpc().fee_stats().await?;
        let bids = if classic { stats.inclusion_fee } else { stats.soroban_inclusion_fee };
        Ok(Stroops(i128::from(bids.p99.unwrap_or(bids.p90))))
    }

    async fn inclusion_fee(&self, classic: bool) -> Result<Stroops, LedgerError> {
        let stats = self.rpc().fee_stats().await?;
        let asked = if classic { stats.inclusion_fee.p90 } else { stats.soroban_inclusion_fee.p90 };
        let asked = Stroops(i128::from(asked.max(MIN_INCLUSION_FEE)));
        let least = Stroops(i128::from(MIN_INCLUSION_FEE));
        Ok(asked.min(self.config().transactions.max_inclusion_fee).max(least))
    }
}

/// What `finish` needs to know about the price.
struct Pricing {
    inclusion_fee: Stroops,
    min_fee: u64,
    /// Base64 characters of the unsigned envelope.
    envelope: usize,
    /// The call went on after a failure of a contract it called.
    caught: bool,
}

impl Pricing {
    /// Bytes the simulation assumed for the signed envelope: its own head-room is a tenth and 500 bytes.
    const fn assumed_size(&self) -> usize {
        let bytes = self.envelope / 4 * 3 + SIGNATURE_BYTES;
        bytes + bytes / 10 + 500
    }
}

/// A tenth more instructions than simulated, within the network's limit: another call may come first.
fn add_instructions(data: &mut SorobanTransactionData, prices: &Prices) {
    let simulated = data.resources.instructions;
    let roomy = simulated.saturating_add(simulated / 10);
    data.resources.instructions = roomy.min(prices.max_instructions).max(simulated);
}

/// Whether the simulated call went on after a contract it called had failed: the host remarks on such a failure.
fn caught_a_failure(simulation: &Simulation) -> bool {
    simulation.events.iter().flatten().any(|text| {
        let event: Option<DiagnosticEvent> = xdr::decode(text);
        event.is_some_and(|event| {
            let ContractEventBody::V0(body) = event.event.body;
            matches!(body.topics.first(), Some(ScVal::Symbol(name)) if name.0.as_slice() == b"error")
        })
    })
}

/// Room for what a caught failure left as it was: such entries stay in the footprint and the network counts them
/// as written, while simulation does not.
fn add_writes(data: &mut SorobanTransactionData) {
    let unwritten = data.resources.footprint.read_write.len().saturating_mul(UNWRITTEN_BYTES);
    let unwritten = u32::try_from(unwritten).unwrap_or(u32::MAX);
    data.resources.write_bytes = data.resources.write_bytes.saturating_add(unwritten);
}

fn plain_envelope(
    account: &AccountKey,
    operation: Operation,
    soroban: Option<SorobanTransactionData>,
) -> Result<String, LedgerError> {
    Draft {
        account: *account,
        sequence: 1,
        fee: 100,
        operation,
        memo: Memo::None,
        soroban,
        signed_at: UnixSeconds(0),
        valid_until: UnixSeconds(0),
        not_before: UnixSeconds(0),
    }
    .unsigned()
}

fn read_only(keys: &[LedgerKey]) -> Result<SorobanTransactionData, LedgerError> {
    let read_only = keys
        .to_vec()
        .try_into()
        .map_err(|_| LedgerError::new(Stage::Prepare, Cause::Unrepresentable("a footprint")))?;
    Ok(SorobanTransactionData {
        ext: SorobanTransactionDataExt::V0,
        resources: SorobanResources {
            footprint: LedgerFootprint { read_only, read_write: Vec::new().try_into().unwrap_or_default() },
            instructions: 0,
            disk_read_bytes: 0,
            write_bytes: 0,
        },
        resource_fee: 0,
    })
}

fn priced(simulation: &Simulation, endpoint: &str) -> Result<(SorobanTransactionData, u64), LedgerError> {
    let data = simulation.transaction_data.as_deref().and_then(xdr::decode);
    match (data, simulation.min_resource_fee) {
        (Some(data), Some(fee)) => Ok((data, fee)),
        _ => Err(malformed(endpoint, "a simulation")),
    }
}

fn returned(simulation: &Simulation) -> Option<ScVal> {
    simulation.results.as_ref()?.first()?.xdr.as_deref().and_then(xdr::decode)
}

/// The authorisations the call asks for. Ours are covered by the transaction's own signature.
fn authorisations(
    simulation: &Simulation,
    endpoint: &str,
) -> Result<Vec<SorobanAuthorizationEntry>, LedgerError> {
    let asked = simulation.results.iter().flatten().flat_map(|result| result.auth.iter().flatten());
    let mut entries = Vec::new();
    for text in asked {
        let entry: SorobanAuthorizationEntry =
            xdr::decode(text).ok_or_else(|| malformed(endpoint, "an authorisation"))?;
        if entry.credentials != SorobanCredentials::SourceAccount {
            return Err(LedgerError::new(Stage::Simulate, Cause::NeedsOtherSignature));
        }
        entries.push(entry);
    }
    Ok(entries)
}

fn malformed(endpoint: &str, what: &'static str) -> LedgerError {
    LedgerError::new(Stage::Simulate, Cause::Malformed { endpoint: endpoint.to_owned(), what })
}
