//! What can go wrong between this program and the ledger, said once and the same way everywhere.
//!
//! Every failure answers three questions before anybody has to ask: which endpoint, at which stage, and what
//! became of the money.

use crate::escrow::EscrowError;
use core::fmt;
use layr_types::{AccountKey, ContractId, Stroops, TxHash};
use std::time::Duration;

/// An error of the caller's own journal.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Where on its way a request failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Checking the configuration.
    Configure,
    /// Reading state or time.
    Read,
    /// Simulating a call.
    Simulate,
    /// Building and signing a transaction.
    Prepare,
    /// Writing the signed transaction to the caller's journal.
    Journal,
    /// Handing the transaction to the network.
    Send,
    /// Waiting for the network's verdict.
    Follow,
    /// Asking a faucet for test money.
    Fund,
    /// Fetching or checking public randomness.
    Beacon,
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Configure => "reading the network configuration",
            Self::Read => "reading the ledger",
            Self::Simulate => "simulating the call",
            Self::Prepare => "preparing the transaction",
            Self::Journal => "recording the transaction before sending",
            Self::Send => "sending the transaction",
            Self::Follow => "waiting for the ledger's verdict",
            Self::Fund => "asking the faucet",
            Self::Beacon => "fetching the beacon",
        })
    }
}

/// What a failure did to the account's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoneyEffect {
    /// Nothing was or can be spent.
    None,
    /// Only this fee was spent; the transaction itself had no effect.
    Fee(Stroops),
    /// The transaction may still be applied, or was, unseen. Resume it; never send another in its place.
    Unknown(TxHash),
    /// The transaction was applied; only what it returned could not be read.
    Applied(TxHash),
}

impl fmt::Display for MoneyEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("nothing was spent"),
            Self::Fee(fee) => write!(f, "only the fee of {fee} XLM was spent"),
            Self::Unknown(hash) => {
                write!(f, "transaction {hash} may still be applied: resume it, do not repeat it")
            }
            Self::Applied(hash) => write!(f, "transaction {hash} was applied: do not repeat it"),
        }
    }
}

/// A failed request to the ledger.
#[derive(Debug, thiserror::Error)]
#[error("{stage}: {cause} ({effect})")]
pub struct LedgerError {
    /// Where it failed.
    pub stage: Stage,
    /// What it did to the money.
    pub effect: MoneyEffect,
    /// Why.
    #[source]
    pub cause: Box<Cause>,
}

impl LedgerError {
    pub(crate) fn new(stage: Stage, cause: impl Into<Cause>) -> Self {
        Self { stage, effect: MoneyEffect::None, cause: Box::new(cause.into()) }
    }

    pub(crate) const fn with_effect(mut self, effect: MoneyEffect) -> Self {
        self.effect = effect;
        self
    }

    /// Adds what transactions before the failed one have cost to what the failure says was spent.
    pub(crate) fn after(self, spent: Stroops) -> Self {
        let effect = match self.effect {
            MoneyEffect::None if spent > Stroops::ZERO => MoneyEffect::Fee(spent),
            MoneyEffect::Fee(fee) => MoneyEffect::Fee(fee + spent),
            other => other,
        };
        self.with_effect(effect)
    }

    /// The contract's own reason, where the escrow contract refused.
    #[must_use]
    pub fn escrow(&self) -> Option<EscrowError> {
        match *self.cause {
            Cause::Contract(ContractFailure { code: Some(code), .. }) => EscrowError::from_code(code),
            _ => None,
        }
    }

    /// True where the same request may succeed later without anybody changing anything.
    #[must_use]
    pub fn is_transient(&self) -> bool {
        matches!(*self.cause, Cause::Unreachable(_) | Cause::Expired | Cause::Busy)
    }
}

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Cause {
    /// No endpoint gave a usable answer; every attempt in turn.
    #[error("no endpoint answered: {}", Listed(.0))]
    Unreachable(Vec<EndpointFault>),
    /// An endpoint understood the request and refused it.
    #[error("{endpoint} refused: {message} (code {code})")]
    Refused {
        /// Which endpoint.
        endpoint: String,
        /// JSON-RPC error code or HTTP status.
        code: i64,
        /// The endpoint's words, shortened.
        message: String,
    },
    /// An answer that does not follow the protocol.
    #[error("{endpoint} answered with {what} that cannot be read")]
    Malformed {
        /// Which endpoint.
        endpoint: String,
        /// Which part of the answer.
        what: &'static str,
    },
    /// The endpoint serves another network.
    #[error("{endpoint} serves the network {found:?}, not {wanted:?}")]
    WrongNetwork {
        /// Which endpoint.
        endpoint: String,
        /// Passphrase found.
        found: String,
        /// Passphrase configured.
        wanted: String,
    },
    /// The account does not exist on this network.
    #[error("account {} does not exist on this network; fund it first", layr_identity::account_address(.0))]
    NoAccount(AccountKey),
    /// A new account must begin with more.
    #[error("a new account needs at least {least} XLM, and {amount} XLM is less")]
    BelowReserve {
        /// What was to be sent.
        amount: Stroops,
        /// The least that creates an account.
        least: Stroops,
    },
    /// A contract, or the machine that runs it, refused the call.
    #[error(transparent)]
    Contract(#[from] ContractFailure),
    /// The network refused the transaction before applying it.
    #[error("the network refused the transaction: {0}")]
    Rejected(Rejection),
    /// The transaction was applied and failed.
    #[error("the transaction failed when it was applied: {0}")]
    Failed(Rejection),
    /// The fee would exceed what the caller allows.
    #[error("the fee would be {quoted} XLM, above the allowed {allowed} XLM")]
    FeeAboveLimit {
        /// What it would cost at most.
        quoted: Stroops,
        /// What the caller allowed.
        allowed: Stroops,
    },
    /// The transaction was not applied before its time was up, and never will be.
    #[error("the transaction was not applied in time and has expired")]
    Expired,
    /// The network kept asking to try again later until the time was up.
    #[error("the network is busy and asks to try again later")]
    Busy,
    /// The network no longer remembers whether the transaction was applied.
    #[error("the network no longer remembers this transaction; compare the ledger's state instead")]
    Forgotten,
    /// The caller's journal failed; nothing was sent.
    #[error("the journal failed, so nothing was sent")]
    Journal(#[source] BoxError),
    /// A call needs a signature this program does not hold.
    #[error("the call needs a signature of another party")]
    NeedsOtherSignature,
    /// A value does not fit the ledger's formats.
    #[error("{0} does not fit the ledger's format")]
    Unrepresentable(&'static str),
    /// A contract stands at the address but runs other code.
    #[error("the contract {} runs code other than expected", layr_identity::contract_address(.0))]
    ForeignContract(ContractId),
    /// This network has no faucet.
    #[error("this network has no faucet; send lumens to the account instead")]
    NoFaucet,
    /// An address in the configuration cannot be used.
    #[error("{url:?} is not a usable address: {reason}")]
    BadUrl {
        /// The address.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The HTTP client cannot be built on this machine.
    #[error("cannot set up HTTP on this machine")]
    Http(#[source] reqwest::Error),
    /// The beacon has not published this round yet.
    #[error("beacon round {0} has not been published yet")]
    BeaconNotYet(u64),
}

/// One endpoint's failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EndpointFault {
    /// Which endpoint.
    pub endpoint: String,
    /// What happened.
    pub fault: Fault,
}

/// How an endpoint failed to answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Fault {
    /// No connection.
    #[error("no connection")]
    Connect,
    /// Its name could not be resolved.
    #[error("its name cannot be resolved")]
    Name,
    /// No complete answer in time.
    #[error("no answer in time")]
    Timeout,
    /// The connection broke.
    #[error("the connection broke")]
    Broken,
    /// An HTTP status other than success.
    #[error("HTTP status {0}")]
    Status(u16),
    /// It asked to be left alone.
    #[error("it asks for fewer requests{}", Wish(.retry_after))]
    RateLimited {
        /// For how long, where it said so.
        retry_after: Option<Duration>,
    },
    /// It does not know what was known before: its ledger lags behind.
    #[error("its ledger {ledger} lies behind ledger {seen}, which was seen before")]
    Stale {
        /// Its newest ledger.
        ledger: u32,
        /// The newest ledger seen before.
        seen: u32,
    },
    /// It serves another network.
    #[error("it serves the network {0:?}")]
    WrongNetwork(String),
    /// The answer is to another question.
    #[error("the answer belongs to another request")]
    WrongId,
    /// The answer is larger than any honest one.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The answer is not what the protocol says.
    #[error("the answer cannot be read")]
    Garbage,
    /// A beacon round that is not genuine; which check failed.
    #[error("the beacon round is not genuine: {0}")]
    Forged(&'static str),
}

impl Fault {
    /// True for an answer that asking again will not change: the request was read and refused.
    pub(crate) const fn is_settled(&self) -> bool {
        matches!(self, Self::Status(400..=407 | 409..=428 | 430..=499) | Self::WrongNetwork(_))
    }

    /// True where the request certainly was not carried out.
    pub(crate) const fn is_before_delivery(&self) -> bool {
        matches!(self, Self::Connect | Self::Name | Self::RateLimited { .. } | Self::Status(400..=499))
    }
}

struct Wish<'a>(&'a Option<Duration>);

impl fmt::Display for Wish<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(rest) => write!(f, " for {} s", rest.as_secs_f32().ceil()),
            None => Ok(()),
        }
    }
}

struct Listed<'a>(&'a [EndpointFault]);

impl fmt::Display for Listed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, fault) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            write!(f, "{separator}{}: {}", fault.endpoint, fault.fault)?;
        }
        Ok(())
    }
}

/// A call that a contract or its host refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContractFailure {
    /// The contract's error code, where a contract gave one.
    pub code: Option<u32>,
    /// The host's words, shortened.
    pub message: String,
}

impl fmt::Display for ContractFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.code.and_then(EscrowError::from_code)) {
            (Some(code), Some(known)) => write!(f, "the escrow contract refused: {known} (code {code})"),
            (Some(code), None) => match asset_refusal(code) {
                Some(why) => write!(f, "the asset's contract refused: {why} (code {code})"),
                None => write!(f, "a contract refused with code {code}: {}", self.message),
            },
            (None, _) => write!(f, "the contract's machine refused: {}", self.message),
        }
    }
}

impl std::error::Error for ContractFailure {}

/// The refusals of the network's built-in asset contracts that payments can meet.
const fn asset_refusal(code: u32) -> Option<&'static str> {
    match code {
        6 => Some("the account does not exist"),
        8 => Some("the amount is negative"),
        10 => Some("the account does not hold enough"),
        11 => Some("the account is not authorised to hold the asset"),
        13 => Some("the account has no trust line for the asset"),
        _ => None,
    }
}

/// Why the network did not take, or did not carry out, a transaction.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Rejection {
    /// The sequence number is not the account's next.
    BadSequence,
    /// The account cannot pay.
    InsufficientBalance,
    /// The fee is below what the network takes now.
    InsufficientFee,
    /// The transaction's time is over.
    TooLate,
    /// The signature is not by the account.
    BadAuth,
    /// The paying account does not exist.
    NoAccount,
    /// Another transaction-level code, by its name in the protocol.
    Transaction(&'static str),
    /// An operation failed, by its code's name in the protocol.
    Operation(String),
}

impl fmt::Display for Rejection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadSequence => f.write_str("its sequence number is not the account's next"),
            Self::InsufficientBalance => f.write_str("the account cannot pay for it"),
            Self::InsufficientFee => f.write_str("its fee is below what the network takes now"),
            Self::TooLate => f.write_str("its time is over"),
            Self::BadAuth => f.write_str("its signature is not accepted"),
            Self::NoAccount => f.write_str("the paying account does not exist"),
            Self::Transaction(name) => f.write_str(name),
            Self::Operation(name) => write!(f, "operation failed with {name}"),
        }
    }
}
