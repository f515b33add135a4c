//! `layr agreements close`, `renew` and `dispute`: what a person does by hand about one agreement.

use super::list::word;
use crate::args::{Close, Dispute, Global, LetExpire, Renew};
use crate::commands::or_interrupted;
use crate::commands::tell::Teller;
use crate::compose;
use crate::envelope::Report;
use crate::exit;
use crate::failure::Failure;
use crate::failures;
use crate::settings::Settings;
use crate::table::{Table, short};
use layr_node::OwnerNode;
use layr_owner::{
    Ask, CallCost, CloseReport, CloseRequest, CloseStep, DisputeReport, DisputeRequest, RenewReport,
    RenewRequest,
};
use layr_types::{LeafIndex, Stroops};

/// Ends one early.
pub async fn close(global: &Global, settings: &Settings, args: Close) -> Result<Report, Failure> {
    let node = compose::joined_owner(global, settings).await?;
    let done = or_interrupted(close_with(global, &node, &args)).await;
    node.stop().await;
    let done = done?;
    Report::new(&done, close_words(&done))
}

async fn close_with(global: &Global, node: &OwnerNode, args: &Close) -> Result<CloseReport, Failure> {
    let id = super::find(node, &args.id)?;
    let request = CloseRequest { id, notice: args.notice, dry_run: true };
    let told = Teller::new(global);
    if args.dry_run || args.max_cost.is_some() {
        let would = node.owner.close(request, told.clone()).await.map_err(failures::settle)?;
        if args.dry_run {
            return Ok(would);
        }
        within(args.max_cost, would.cost)?;
    }
    node.owner.close(CloseRequest { dry_run: false, ..request }, told).await.map_err(failures::settle)
}

/// Refuses what would cost more than allowed.
pub fn within(limit: Option<Stroops>, cost: Option<CallCost>) -> Result<(), Failure> {
    match (limit, cost.map(|cost| cost.total())) {
        (Some(limit), Some(cost)) if cost > limit => Err(failures::over_budget(cost, limit)),
        _ => Ok(()),
    }
}

fn close_words(done: &CloseReport) -> String {
    let amount = |amount: Option<Stroops>| amount.map_or_else(|| "?".to_owned(), |amount| amount.to_string());
    let shares = format!(
        "{} XLM to you, {} XLM to the host with its collateral",
        amount(done.to_owner),
        amount(done.to_host)
    );
    let mut text = match done.step {
        CloseStep::Closed => format!("Closed: {shares}. Ledger fees: {} XLM.", done.fees),
        CloseStep::WouldClose => {
            format!("Nothing was sent. With the host's consent it would end now: {shares}.")
        }
        CloseStep::Noticed => format!(
            "The host did not sign; notice was given, and the agreement ends on {}. Ledger fees: {} XLM.",
            done.at, done.fees
        ),
        CloseStep::HostUnwilling => {
            "The host did not sign. --notice ends the agreement without it, after the notice both agreed on."
                .to_owned()
        }
        CloseStep::Waiting => format!(
            "Nothing yet: the offer it was opened from could still be opened again. Try after {}.",
            done.at
        ),
        other => word(&other),
    };
    if let Some(cost) = done.cost.filter(|_| done.tx.is_none()) {
        text.push_str(&format!("\nGiving notice would cost at most {} XLM in ledger fees.", cost.total()));
    }
    if let Some(detail) = &done.detail {
        text.push_str(&format!("\nThe host: {detail}"));
    }
    text
}

/// Challenges a host.
pub async fn dispute(global: &Global, settings: &Settings, args: Dispute) -> Result<Report, Failure> {
    let node = compose::joined_owner(global, settings).await?;
    let dry_run = args.dry_run;
    let disputing = async {
        let id = super::find(&node, &args.id)?;
        let ask = match args.file.clone() {
            Some(name) => Ask::File(name),
            None if args.leaf.is_empty() => Ask::Random,
            None => Ask::Named(args.leaf.iter().copied().map(LeafIndex).collect()),
        };
        let request = DisputeRequest { id, ask, bond: args.bond, max_cost: args.max_cost, dry_run };
        node.owner.dispute(request, Teller::new(global)).await.map_err(failures::settle)
    };
    let done = or_interrupted(disputing).await;
    node.stop().await;
    let done = done?;
    Report::new(&done, dispute_words(&done, dry_run))
}

fn dispute_words(done: &DisputeReport, dry_run: bool) -> String {
    let mut text = if dry_run {
        format!(
            "Nothing was sent. The challenge would bond {} XLM and cost at most {} XLM in ledger fees for the next call.",
            done.bond,
            done.cost.total()
        )
    } else {
        format!("Challenged. {} XLM are bonded; ledger fees: {} XLM.", done.bond, done.fees)
    };
    text.push_str(&format!(
        "\nThe host may answer until {}: then the bond is its. If it does not, 'layr settle' ends the agreement for it",
        done.deadline
    ));
    match done.if_silent {
        Some(amount) => text.push_str(&format!(", and you get {amount} XLM and the bond back.")),
        None => text.push('.'),
    }
    text
}

/// Lets some end with their terms, or no longer.
pub async fn let_expire(global: &Global, settings: &Settings, args: LetExpire) -> Result<Report, Failure> {
    let node = compose::owner(global, settings).await?;
    let done = (|| {
        let ids = args.ids.iter().map(|id| super::find(&node, id)).collect::<Result<Vec<_>, _>>()?;
        node.owner.let_expire(&ids, !args.undo).map_err(failures::view)?;
        Ok::<_, Failure>(ids)
    })();
    node.stop().await;
    let ids = done?;
    let named = ids.iter().map(short).collect::<Vec<_>>().join(", ");
    let words = if args.undo {
        format!("{named}: renewed again by a node in the owner's role, within its budget.")
    } else {
        format!(
            "{named}: ends with its term. Hosts hand the data out for a day after that; \
             'layr agreements renew' or --undo changes your mind before."
        )
    };
    Report::new(&serde_json::json!({ "agreements": ids, "let_expire": !args.undo }), words)
}

/// Renews some or all.
pub async fn renew(global: &Global, settings: &Settings, args: Renew) -> Result<Report, Failure> {
    let max_rate = args.max_price.map(compose::rate_of).transpose()?;
    let node = compose::joined_owner(global, settings).await?;
    let dry_run = args.dry_run;
    let renewing = async {
        let ids = args.ids.iter().map(|id| super::find(&node, id)).collect::<Result<Vec<_>, _>>()?;
        let request = RenewRequest {
            ids: Some(ids).filter(|ids| !ids.is_empty()),
            term: args.term.unwrap_or(settings.term),
            max_cost: args.max_cost,
            max_rate,
            shrink: args.shrink,
            dry_run,
        };
        node.owner.renew(&request, Teller::new(global)).await.map_err(failures::settle)
    };
    let done = or_interrupted(renewing).await;
    node.stop().await;
    let done = done?;
    let exit = if done.failed.is_empty() { exit::OK } else { exit::PARTIAL };
    Ok(Report::new(&done, renew_words(&done, dry_run))?.with_exit(exit))
}

fn renew_words(done: &RenewReport, dry_run: bool) -> String {
    if done.renewed.is_empty() && done.failed.is_empty() {
        return "There are no open agreements to renew.".to_owned();
    }
    let mut text = String::new();
    if !done.renewed.is_empty() {
        let mut table = Table::new([
            "agreement",
            "becomes",
            "host",
            "until",
            "XLM per TiB and 30 days",
            "escrow XLM",
            "back XLM",
        ]);
        for one in &done.renewed {
            table.row([
                short(one.old),
                one.new.map_or_else(|| "–".to_owned(), short),
                short(one.host),
                one.end.to_string(),
                compose::price_of(one.rate).to_string(),
                one.escrow.to_string(),
                one.refund.to_string(),
            ]);
        }
        text.push_str(&format!("{}\n\n", table.render()));
    }
    for one in &done.failed {
        text.push_str(&format!("{}: not renewed: {}\n", short(one.node), one.why));
    }
    text.push_str(&if dry_run {
        format!(
            "Nothing was sent. It would lock {} XLM anew and cost at most {} XLM in ledger fees.",
            done.net,
            done.cost.total()
        )
    } else {
        format!("Locked anew: {} XLM. Ledger fees: {} XLM.", done.net, done.fees)
    });
    text
}
