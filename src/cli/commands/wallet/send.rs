//! `layr wallet send`: lumens to another account, once.
//!
//! The signed payment is written down before it leaves, beside what it is for. Whoever runs the command again, after
//! a crash or a lost connection, first finds out what became of it: a payment of the same amount to the same account
//! is then told as done instead of being made a second time.

use crate::args::WalletSend;
use crate::compose;
use crate::envelope::Report;
use crate::exit;
use crate::failure::{Failure, MoneyEffect};
use crate::failures;
use crate::settings::Settings;
use layr_identity::{Identity, account_address, parse_account_address};
use layr_ledger::{LedgerClient, MAX_MEMO_BYTES, Payer, PaymentMemo, Pending, Receipt, Resolution};
use layr_types::{AccountKey, Stroops};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Where a payment whose fate is not known is kept, in the data directory.
const PENDING: &str = "wallet-payment.json";
/// Largest such file read: 1 MiB.
const MAX_BYTES: u64 = 1 << 20;

/// A payment on its way, and what it is for.
#[derive(Debug, Serialize, Deserialize)]
struct OnItsWay {
    to: String,
    amount: Stroops,
    memo: Option<String>,
    pending: Pending,
}

/// Sends, or says what it would cost.
pub async fn run(settings: &Settings, identity: &Identity, args: WalletSend) -> Result<Report, Failure> {
    let to = parse_account_address(args.to.trim()).map_err(|error| {
        Failure::usage(
            format!("'{}' is not an address", args.to),
            "An address has 56 characters and begins with G.",
        )
        .because(&error)
    })?;
    check(&args, &to, identity)?;
    let client = compose::ledger(settings)?;
    let path = settings.dir.join(PENDING);
    let mut words = String::new();
    let earlier = if args.dry_run { None } else { read(&path)? };
    let made = match &earlier {
        Some(earlier) => resolve(&client, &path, earlier).await?.map(|receipt| (earlier, receipt)),
        None => None,
    };
    match made {
        Some((earlier, receipt)) if earlier.is(&args) => {
            let before = "The payment of the earlier attempt was made; nothing was paid twice.\n";
            return done(&args, &receipt, before);
        }
        Some((earlier, _)) => {
            words = format!("An earlier payment of {} XLM to {} was made.\n", earlier.amount, earlier.to);
        }
        None => {}
    }
    let (quote, creates) =
        client.quote_send(&identity.account(), &to, args.amount).await.map_err(failures::ledger)?;
    let cost = args.amount + quote.total();
    if let Some(limit) = args.max_cost.filter(|limit| cost > *limit) {
        return Err(failures::over_budget(cost, limit));
    }
    afford(&client, identity, cost).await?;
    if args.dry_run {
        return quoted(&args, quote.total(), creates);
    }
    let payer =
        Payer { max_fee: args.max_cost.map(|limit| limit - args.amount), ..payer(identity, &args, &path) };
    let memo = args.memo.clone().map(PaymentMemo::Text);
    let sent = client.send(&payer, &to, args.amount, memo.as_ref()).await;
    // Whatever is certain needs no record; what is not stays written down for the next run.
    if sent
        .as_ref()
        .map_or_else(|error| !matches!(error.effect, layr_ledger::MoneyEffect::Unknown(_)), |_| true)
    {
        forget(&path)?;
    }
    let sent = sent.map_err(failures::ledger)?;
    done(&args, &sent.receipt, &words)
}

/// Refuses what the account cannot pay, before the ledger takes a fee for refusing it.
async fn afford(client: &LedgerClient, identity: &Identity, cost: Stroops) -> Result<(), Failure> {
    let account = client.account(&identity.account()).await.map_err(failures::ledger)?;
    let spendable = account.map_or(Stroops::ZERO, |state| state.spendable());
    if cost <= spendable {
        return Ok(());
    }
    Err(Failure::new(
        exit::PAYMENT,
        "ledger/funds",
        format!("it would take {cost} XLM, and the account can spend {spendable} XLM"),
        "Send less, or fund the account first.",
    ))
}

fn quoted(args: &WalletSend, fee: Stroops, creates: bool) -> Result<Report, Failure> {
    let data = json!({
        "to": args.to, "amount": args.amount, "fee_at_most": fee, "creates_account": creates,
        "total": args.amount + fee,
    });
    let new = if creates { " The account does not exist yet: the payment creates it." } else { "" };
    Report::new(
        &data,
        format!("Nothing was sent. {} XLM, and at most {fee} XLM for the ledger.{new}", args.amount),
    )
}

fn check(args: &WalletSend, to: &AccountKey, identity: &Identity) -> Result<(), Failure> {
    if args.amount <= Stroops::ZERO {
        return Err(Failure::usage("nothing is to be sent", "Give an amount above zero."));
    }
    if *to == identity.account() {
        return Err(Failure::usage("this is the account's own address", "Name the receiver's."));
    }
    if args.memo.as_ref().is_some_and(|memo| memo.len() > MAX_MEMO_BYTES) {
        return Err(Failure::usage(
            format!("the memo is longer than {MAX_MEMO_BYTES} bytes"),
            "Shorten it; letters beyond ASCII take two bytes and more.",
        ));
    }
    Ok(())
}

impl OnItsWay {
    /// Whether this is what is asked for now.
    fn is(&self, args: &WalletSend) -> bool {
        (self.to.as_str(), self.amount, &self.memo) == (args.to.trim(), args.amount, &args.memo)
    }
}

/// A payer that writes the payment down before it leaves.
fn payer(identity: &Identity, args: &WalletSend, path: &Path) -> Payer {
    let (to, amount, memo) = (args.to.trim().to_owned(), args.amount, args.memo.clone());
    let path: PathBuf = path.to_owned();
    let log = move |pending: &Pending| {
        let record = OnItsWay { to: to.clone(), amount, memo: memo.clone(), pending: pending.clone() };
        write(&path, &record).map_err(Into::into)
    };
    Payer::new(identity.account_signer(), Arc::new(log))
}

fn write(path: &Path, record: &OnItsWay) -> std::io::Result<()> {
    let bytes = serde_json::to_vec(record).map_err(std::io::Error::other)?;
    let beside = path.with_extension("new");
    let mut file = std::fs::File::create(&beside)?;
    file.write_all(&bytes)?;
    file.sync_all()?;
    std::fs::rename(&beside, path)?;
    let parent = path.parent().unwrap_or_else(|| Path::new("."));
    std::fs::File::open(parent)?.sync_all()
}

fn read(path: &Path) -> Result<Option<OnItsWay>, Failure> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    match std::fs::File::open(path).and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes)) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(Failure::internal("read the payment under way", &error)),
    }
    serde_json::from_slice(&bytes).map(Some).map_err(|error| {
        Failure::new(
            exit::INTEGRITY,
            "wallet/payment-record",
            format!(
                "{} is damaged: what became of an earlier payment cannot be found out from it",
                path.display()
            ),
            "Compare 'layr wallet history' with what was meant, then move the file away.",
        )
        .because(&error)
    })
}

fn forget(path: &Path) -> Result<(), Failure> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(Failure::internal("forget a payment that is done", &error))
        }
        _ => Ok(()),
    }
}

/// What became of an earlier payment; `None` where it was never made and never will be.
async fn resolve(client: &LedgerClient, path: &Path, earlier: &OnItsWay) -> Result<Option<Receipt>, Failure> {
    let fate = client.resume(&earlier.pending).await.map_err(failures::ledger)?;
    let made = match fate {
        Resolution::Applied(receipt) => Some(receipt),
        Resolution::Forgotten => {
            return Err(Failure::new(
                exit::PARTIAL,
                "wallet/payment-forgotten",
                format!(
                    "the network no longer says what became of a payment of {} XLM to {}",
                    earlier.amount, earlier.to
                ),
                format!("Ask the receiver, then move {} away.", path.display()),
            )
            .money(MoneyEffect::Unknown));
        }
        _ => None,
    };
    forget(path)?;
    Ok(made)
}

fn done(args: &WalletSend, receipt: &Receipt, before: &str) -> Result<Report, Failure> {
    let to = parse_account_address(args.to.trim()).map(|to| account_address(&to)).unwrap_or_default();
    Report::new(
        &json!({"to": to, "amount": args.amount, "fee": receipt.fee, "tx": receipt.hash, "ledger": receipt.ledger}),
        format!(
            "{before}Sent {} XLM to {to} (fee {} XLM, transaction {}).",
            args.amount, receipt.fee, receipt.hash
        ),
    )
}
