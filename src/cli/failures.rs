//! Every room's errors in the command line's words: the one border where they change language.

use crate::exit::{self, Exit};
use crate::failure::{Failure, MoneyEffect};
use layr_ledger::{Cause, LedgerError};
use layr_node::{HostNodeError, OwnerNodeError};
use layr_owner::error::{AuditCause, DownloadCause, HostFailure, RecoverCause, SettleCause, UploadCause};
use layr_owner::{
    AuditError, DownloadError, Failed, HostFault, LedgerFault, NextStep, RecordsFault, RecoverError,
    SettleError, UploadError, ViewError,
};
use layr_protocol::Refusal;
use layr_store::StoreError;
use layr_types::Stroops;
use std::error::Error;

/// A failed request to the ledger.
pub fn ledger(error: LedgerError) -> Failure {
    let (exit, code, next) = match *error.cause {
        Cause::Unreachable(_) => (
            exit::NETWORK,
            "ledger/unreachable",
            "Check that the ledger runs and can be reached, then try again.",
        ),
        Cause::NoFaucet => (exit::USAGE, "ledger/no-faucet", "Send lumens to the account's address instead."),
        Cause::NoAccount(_) => (
            exit::PAYMENT,
            "ledger/no-account",
            "Fund the account first: 'layr wallet fund' on a test network, or send lumens to its address.",
        ),
        Cause::WrongNetwork { .. } => {
            (exit::USAGE, "ledger/wrong-network", "Correct the address or the passphrase of the network.")
        }
        _ => (exit::NETWORK, "ledger/refused", "Read the cause; running the command again never pays twice."),
    };
    let effect = match error.effect {
        layr_ledger::MoneyEffect::None => MoneyEffect::None,
        layr_ledger::MoneyEffect::Fee(_) | layr_ledger::MoneyEffect::Applied(_) => MoneyEffect::Spent,
        layr_ledger::MoneyEffect::Unknown(_) => MoneyEffect::Unknown,
    };
    Failure::new(exit, code, "the ledger did not do it", next).because(&error).money(effect)
}

/// A data directory that cannot be opened.
fn store(error: StoreError) -> Failure {
    let (exit, code, next) = match &error {
        StoreError::InUse { .. } => (
            exit::USAGE,
            "store/locked",
            "Stop the other layr process, or name another directory with --dir.",
        ),
        StoreError::Corrupt { .. } => (
            exit::INTEGRITY,
            "store/corrupt",
            "Nothing was changed. Copy the directory away first; as an owner, 'layr recover' in a new directory brings files and agreements back from the network.",
        ),
        _ => (
            exit::INTERNAL,
            "store/open",
            "Check the directory, its permissions and the free space of its disk.",
        ),
    };
    Failure::new(exit, code, "the data directory cannot be used", next).because(&error)
}

/// An owner that does not start.
pub fn owner_node(error: OwnerNodeError) -> Failure {
    match error {
        OwnerNodeError::Store(error) => store(error),
        OwnerNodeError::Ledger(error) => ledger(error),
        OwnerNodeError::Records(error) => records(&error),
        OwnerNodeError::Join(_) => Failure::new(
            exit::NETWORK,
            "net/join",
            "no node of the network answers",
            "Check the internet connection and the 'bootstrap' addresses in layr.toml, then try again.",
        )
        .because(&error),
        other => Failure::internal("start", &other),
    }
}

/// A host that does not start.
pub fn host_node(error: HostNodeError) -> Failure {
    match error {
        HostNodeError::Store(error) => store(error),
        HostNodeError::Ledger(error) => ledger(error),
        HostNodeError::Net(_) => Failure::new(
            exit::NETWORK,
            "net/listen",
            "the host cannot listen on its addresses",
            "Another program may use the port: choose other addresses with --listen and --lane.",
        )
        .because(&error),
        HostNodeError::Host(layr_host::HostError::QuotaTooSmall { .. }) => Failure::usage(
            "the quota is smaller than what is promised or stored already",
            "Give a larger --quota; space comes back as agreements end.",
        )
        .because(&error),
        other => Failure::internal("start the host", &other),
    }
}

fn records(error: &RecordsFault) -> Failure {
    let (exit, code, next) = match error {
        RecordsFault::DiskFull => (
            exit::INTERNAL,
            "records/disk-full",
            "Free some space and run the command again; nothing acknowledged is lost.",
        ),
        RecordsFault::Damaged { .. } => (
            exit::INTEGRITY,
            "records/damaged",
            "Check that the phrase belongs to this directory; otherwise 'layr recover' in a new directory brings everything back from the network.",
        ),
        _ => (
            exit::INTERNAL,
            "records/store",
            "Check the disk, then run the command again; nothing acknowledged is lost.",
        ),
    };
    Failure::new(exit, code, "this machine's records cannot be used", next).because(error)
}

fn ledger_fault(fault: &LedgerFault) -> (Exit, &'static str) {
    match fault {
        LedgerFault::Unreachable(_) => (exit::NETWORK, "ledger/unreachable"),
        LedgerFault::Unknown { .. } => (exit::NETWORK, "ledger/unknown"),
        LedgerFault::Funds { .. } => (exit::PAYMENT, "ledger/funds"),
        LedgerFault::Journal(_) => (exit::INTERNAL, "records/journal"),
        _ => (exit::NETWORK, "ledger/refused"),
    }
}

/// What every verb's failure has in common.
fn verb<C: Error + 'static>(what: &str, error: &Failed<C>, exit: Exit, code: &'static str) -> Failure {
    let message = match error.host {
        Some(host) => format!("{what}: {error} (host {}…)", crate::table::short(host)),
        None => format!("{what}: {error}"),
    };
    let mut failure = Failure::new(exit, code, message, sentence(&error.next));
    let mut cause = error.cause.source();
    while let Some(current) = cause {
        failure.causes.push(current.to_string());
        cause = current.source();
    }
    failure.money(match error.money {
        layr_owner::MoneyEffect::None => MoneyEffect::None,
        layr_owner::MoneyEffect::Reserved(_) => MoneyEffect::Reserved,
        layr_owner::MoneyEffect::Spent(_) => MoneyEffect::Spent,
        layr_owner::MoneyEffect::Unknown(_) => MoneyEffect::Unknown,
    })
}

fn sentence(next: &NextStep) -> String {
    let text = match next {
        NextStep::Resume(_) => {
            let command = crate::shell::this_command();
            return format!(
                "Run the same command again; it goes on where it stopped and pays nothing twice: {command}"
            );
        }
        NextStep::RaiseLimit { cost } => format!("accept it with --max-cost {cost}xlm"),
        NextStep::Wait { until } => format!("wait until the ledger's clock shows {until}"),
        other => other.to_string(),
    };
    let mut letters = text.chars();
    letters
        .next()
        .map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect::<String>() + ".")
}

/// A repair that failed.
pub fn repair(error: UploadError) -> Failure {
    let (exit, code) = match &error.cause {
        UploadCause::NoSuchFile(_) => (exit::NOT_FOUND, "files/unknown"),
        UploadCause::Shortage(_) => (exit::NETWORK, "repair/too-few-hosts"),
        UploadCause::NotAgreed { .. } => (exit::NETWORK, "repair/not-agreed"),
        UploadCause::OverBudget { .. } => (exit::PAYMENT, "repair/over-budget"),
        UploadCause::Package(_) => (exit::USAGE, "delegate/package"),
        UploadCause::Ledger(fault) => ledger_fault(fault),
        UploadCause::Records(_) => (exit::INTERNAL, "repair/records"),
        UploadCause::Net(_) => (exit::NETWORK, "repair/network"),
        UploadCause::HostsFailed { .. } => (exit::PARTIAL, "repair/hosts-failed"),
        _ => (exit::INTERNAL, "repair/internal"),
    };
    verb("the repair is not done", &error, exit, code)
}

/// A failed upload or quote.
pub fn upload(error: UploadError) -> Failure {
    let (exit, code) = match &error.cause {
        UploadCause::Source(_) => (exit::USAGE, "upload/source"),
        UploadCause::Shortage(_) => (exit::NETWORK, "upload/too-few-hosts"),
        UploadCause::NotAgreed { .. } => (exit::NETWORK, "upload/not-agreed"),
        UploadCause::OverBudget { .. } => (exit::PAYMENT, "upload/over-budget"),
        UploadCause::OverCapacity { .. } => (exit::PARTIAL, "upload/over-capacity"),
        UploadCause::Ledger(fault) => ledger_fault(fault),
        UploadCause::Records(_) => (exit::INTERNAL, "upload/records"),
        UploadCause::Net(_) => (exit::NETWORK, "upload/network"),
        UploadCause::HostsFailed { .. } => (exit::PARTIAL, "upload/hosts-failed"),
        UploadCause::FirstAudit { .. } => (exit::PARTIAL, "upload/first-audit"),
        UploadCause::Stopped => (exit::INTERRUPTED, "upload/stopped"),
        UploadCause::NoSuchJob(_) => (exit::NOT_FOUND, "upload/no-such-job"),
        UploadCause::Profile(_) | UploadCause::StreamGone => (exit::USAGE, "upload/request"),
        _ => (exit::INTERNAL, "upload/internal"),
    };
    verb("the upload is not done", &error, exit, code)
}

/// A failed download.
pub fn download(error: DownloadError) -> Failure {
    let (exit, code) = match &error.cause {
        DownloadCause::NoSuchFile(_) => (exit::NOT_FOUND, "download/no-such-file"),
        DownloadCause::Exists { .. } | DownloadCause::Range { .. } => (exit::USAGE, "download/request"),
        DownloadCause::Write { .. } => (exit::INTERNAL, "download/write"),
        DownloadCause::Lost { failed, .. } if failed.iter().any(wants_payment) => {
            (exit::PAYMENT, "download/unpaid-reads")
        }
        DownloadCause::Lost { .. } => (exit::NETWORK, "download/too-few-shards"),
        DownloadCause::WrongHash | DownloadCause::Decode(_) | DownloadCause::Open(_) => {
            (exit::INTEGRITY, "download/integrity")
        }
        _ => (exit::INTERNAL, "download/internal"),
    };
    let mut failure = verb("the download is not done", &error, exit, code);
    match &error.cause {
        DownloadCause::Exists { .. } => {
            failure.next = "Add --force to replace it, or name another file with -o.".to_owned();
        }
        DownloadCause::NoSuchFile(_) => failure.next = "'layr ls' lists what there is.".to_owned(),
        DownloadCause::Lost { failed, .. } => {
            for one in failed.iter().take(MOST_HOSTS) {
                failure.causes.push(format!("host {}: {}", crate::table::short(one.node), one.fault));
            }
            if failed.iter().any(wants_payment) {
                failure.next =
                    "Raise --max-cost if you gave one. If what the agreements set aside for reading is used \
                    up, 'layr agreements renew' sets it aside anew; the file is still there."
                        .to_owned();
            }
        }
        _ => {}
    }
    failure
}

/// Hosts named in one failure at most.
const MOST_HOSTS: usize = 8;

/// True where a host hands nothing out before it is paid.
const fn wants_payment(failed: &HostFailure) -> bool {
    matches!(failed.fault, HostFault::Refused(Refusal::PaymentRequired { .. }))
}

/// A failed audit.
pub fn audit(error: AuditError) -> Failure {
    let (exit, code) = match &error.cause {
        AuditCause::NoSuchFile(_) | AuditCause::NoSuchAgreement(_) | AuditCause::NoSuchHost(_) => {
            (exit::NOT_FOUND, "audit/not-found")
        }
        AuditCause::NothingAudited => (exit::NOT_FOUND, "audit/nothing-audited"),
        AuditCause::HistoryIncomplete(_) => (exit::PARTIAL, "audit/history-incomplete"),
        AuditCause::Ledger(fault) => ledger_fault(fault),
        _ => (exit::INTERNAL, "audit/internal"),
    };
    verb("the audit could not be made", &error, exit, code)
}

/// A failed settlement.
pub fn settle(error: SettleError) -> Failure {
    let (exit, code) = match &error.cause {
        SettleCause::Ledger(fault) => ledger_fault(fault),
        SettleCause::NoSuchAgreement(_) => (exit::NOT_FOUND, "agreements/unknown"),
        SettleCause::NotOpen(_) => (exit::USAGE, "agreements/not-open"),
        SettleCause::NothingStored(_) => (exit::USAGE, "agreements/nothing-stored"),
        SettleCause::Unexplained(_) => (exit::INTEGRITY, "agreements/unexplained"),
        SettleCause::Move(_) => (exit::USAGE, "agreements/refused"),
        SettleCause::Leaves { .. } => (exit::USAGE, "agreements/leaves"),
        SettleCause::OverBudget { .. } => (exit::PAYMENT, "agreements/over-budget"),
        _ => (exit::INTERNAL, "settle/internal"),
    };
    verb("it was not done", &error, exit, code)
}

/// Something would cost more than allowed; nothing was sent.
pub fn over_budget(cost: Stroops, limit: Stroops) -> Failure {
    Failure::new(
        exit::PAYMENT,
        "agreements/over-budget",
        format!("it would take {cost} XLM, more than the limit of {limit} XLM"),
        format!("Accept it with --max-cost {cost}xlm."),
    )
}

/// A failed recovery.
pub fn recover(error: RecoverError) -> Failure {
    let (exit, code) = match &error.cause {
        RecoverCause::Unknown => (exit::NOT_FOUND, "recover/unknown"),
        RecoverCause::Incomplete { .. } => (exit::NETWORK, "recover/incomplete"),
        RecoverCause::Damaged => (exit::INTEGRITY, "recover/damaged"),
        RecoverCause::NotEmpty => (exit::USAGE, "recover/not-empty"),
        RecoverCause::Ledger(fault) => ledger_fault(fault),
        RecoverCause::Net(_) => (exit::NETWORK, "recover/network"),
        _ => (exit::INTERNAL, "recover/internal"),
    };
    verb("nothing could be recovered", &error, exit, code)
}

/// A failed look-up in the records.
pub fn view(error: ViewError) -> Failure {
    match &error {
        ViewError::NoSuchFile(name) => Failure::new(
            exit::NOT_FOUND,
            "view/no-such-file",
            format!("there is no file named '{name}'"),
            "'layr ls' lists what there is.",
        ),
        ViewError::Records(fault) => records(fault),
        ViewError::Ledger(fault) => {
            let (exit, code) = ledger_fault(fault);
            Failure::new(
                exit,
                code,
                "the ledger could not be asked",
                "Check that it can be reached, then try again.",
            )
            .because(&error)
        }
        _ => Failure::internal("read the records", &error),
    }
}
