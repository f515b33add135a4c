//! `layr wallet`.

mod send;
mod statement;

use crate::args::{Global, WalletCommand};
use crate::compose;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use layr_identity::{Identity, account_address};
use layr_ledger::{LedgerClient, Payer};
use layr_node::Network;
use layr_owner::Outlook;
use layr_types::Stroops;
use serde::Serialize;
use serde_json::json;

#[derive(Debug, Serialize)]
struct Balance {
    address: String,
    exists: bool,
    balance: Stroops,
    spendable: Stroops,
    escrow_free: Stroops,
    owner_credit: Stroops,
    /// For how many days the spendable balance pays renewals; `None` where nothing is to be renewed, or this
    /// machine's records are in use.
    runway_days: Option<u64>,
    /// What renewing every agreement for another term costs.
    renewal: Option<Stroops>,
}

/// Address, balances, funding, withdrawal.
pub async fn run(global: &Global, settings: &Settings, command: WalletCommand) -> Result<Report, Failure> {
    let identity = compose::identity(global, settings)?;
    let address = account_address(&identity.account());
    match command {
        WalletCommand::Address => Report::new(&json!({ "address": address }), address),
        WalletCommand::Balance => {
            let ahead = ahead(global, settings).await;
            balance(settings, &identity, (address, ahead)).await
        }
        WalletCommand::Fund => {
            compose::ledger(settings)?.fund(&identity.account()).await.map_err(failures::ledger)?;
            balance(settings, &identity, (address, None)).await
        }
        WalletCommand::Withdraw { amount, dry_run, max_cost } => {
            withdraw(settings, &identity, (amount, dry_run, max_cost)).await
        }
        WalletCommand::Send(args) => send::run(settings, &identity, args).await,
        WalletCommand::History { limit } => statement::history(settings, &identity, limit).await,
        WalletCommand::Statement { csv } => statement::statement(settings, &identity, csv).await,
    }
}

/// What the owner's agreements will cost, where this machine has some.
async fn ahead(global: &Global, settings: &Settings) -> Option<Outlook> {
    let node = compose::owner(global, settings).await.ok()?;
    let outlook = node.owner.outlook(settings.term).await.ok();
    node.stop().await;
    outlook.filter(|outlook| !outlook.ends.is_empty())
}

async fn balance(
    settings: &Settings,
    identity: &Identity,
    (address, ahead): (String, Option<Outlook>),
) -> Result<Report, Failure> {
    let network = compose::network(settings)?;
    let client = LedgerClient::new(network.ledger.clone()).map_err(failures::ledger)?;
    let account = client.account(&identity.account()).await.map_err(failures::ledger)?;
    let escrow = client.escrow(network.escrow);
    let free = escrow.balance(&identity.node_key(), &network.token).await.map_err(failures::ledger)?;
    let credit = escrow.credit(&identity.account(), &network.token).await.map_err(failures::ledger)?;
    let made = Balance {
        address,
        exists: account.is_some(),
        balance: account.map_or(Stroops::ZERO, |state| state.balance),
        spendable: account.map_or(Stroops::ZERO, |state| state.spendable()),
        escrow_free: free,
        owner_credit: credit,
        runway_days: None,
        renewal: ahead.as_ref().map(|ahead| ahead.renewal),
    };
    let made =
        Balance { runway_days: ahead.as_ref().and_then(|ahead| ahead.runway_days(made.spendable)), ..made };
    let unit = compose::asset_name(&client, network.token);
    let mut words = format!(
        "{}\naccount            {} {unit} ({} spendable)\nhost's free escrow {} {unit}",
        made.address, made.balance, made.spendable, made.escrow_free
    );
    if made.owner_credit > Stroops::ZERO {
        words.push_str(&format!("\nwaiting for you    {} {unit}", made.owner_credit));
    }
    if let (Some(days), Some(renewal)) = (made.runway_days, made.renewal) {
        words.push_str(&format!(
            "\nrunway             {days} days: renewing everything costs {renewal} {unit} a term"
        ));
    }
    if !made.exists {
        words
            .push_str("\nThe account does not exist on this network yet: it appears with its first payment.");
    }
    Report::new(&made, words)
}

async fn withdraw(
    settings: &Settings,
    identity: &Identity,
    (amount, dry_run, max_cost): (Option<Stroops>, bool, Option<Stroops>),
) -> Result<Report, Failure> {
    let network: Network = compose::network(settings)?;
    let client = LedgerClient::new(network.ledger.clone()).map_err(failures::ledger)?;
    let escrow = client.escrow(network.escrow);
    let free = escrow.balance(&identity.node_key(), &network.token).await.map_err(failures::ledger)?;
    let amount = amount.unwrap_or(free - settings.collateral);
    if amount <= Stroops::ZERO || amount > free {
        return Err(Failure::new(
            exit::PAYMENT,
            "wallet/withdraw",
            format!("{free} XLM are free in escrow, of which {} are kept as collateral", settings.collateral),
            "Name an --amount up to what is free; collateral is needed to take new agreements.",
        ));
    }
    let call = escrow.withdraw(&identity.node_key(), &network.token, amount).map_err(failures::ledger)?;
    if dry_run {
        let quote = call.quote(&identity.account()).await.map_err(failures::ledger)?;
        return Report::new(
            &json!({"would_withdraw": amount, "fee_at_most": quote.total(), "quote": quote}),
            format!(
                "Nothing was sent. {amount} XLM would come; the ledger takes at most {} XLM.",
                quote.total()
            ),
        );
    }
    let mut payer = Payer::unlogged(identity.account_signer());
    payer.max_fee = max_cost;
    let done = call.submit(&payer).await.map_err(failures::ledger)?;
    Report::new(
        &json!({"withdrawn": amount, "fee": done.receipt.fee, "tx": done.receipt.hash}),
        format!("Withdrew {amount} XLM to the account (fee {} XLM).", done.receipt.fee),
    )
}
