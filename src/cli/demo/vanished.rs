//! Two more stories on the same ledger: an owner who disappears for good, and a host that does. Nobody who stays
//! has to trust anybody who went: what each is paid is what `settle()` says, to the stroop.
//!
//! | Ledger time | The owner who vanishes | The host that vanishes |
//! |---|---|---|
//! | start | stores a file for two days, then its directory is deleted | stores a file's shards, then dies |
//! | + 1 day | – | the other owner publishes and challenges it |
//! | + 2 days | the hosts publish what both signed | nobody answers |
//! | + 3 days | the hosts post the beacon, prove, and are paid | default: refund and repair cap to the owner |

use super::balances::Balances;
use super::process::not_as_told;
use super::story::Talk;
use super::verify::{self, Agreement};
use super::world::World;
use crate::failure::Failure;
use layr_market::{BEACON_QUANTUM_SECONDS, Outcome, Settled, Settlement, SlotState, SoftwareSha256, settle};
use layr_types::{DAY_SECONDS, NodeKey, Stroops, UnixSeconds};
use serde::Serialize;
use serde_json::Value;
use std::path::Path;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Any 2 of 4 hosts are enough for these files.
const PROFILE: &str = "2/4";
/// Term of the owner who vanishes: the shortest a host offers is a day; two leave no room for a challenge.
const SHORT_TERM: u64 = 2 * DAY_SECONDS;
/// Bytes of the files: enough for a few segments.
const BYTES: usize = 3 << 20;
/// How long hosts may take to act on what the clock says.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often the ledger is looked at meanwhile.
const LOOK: Duration = Duration::from_millis(200);

/// One host of the owner who vanished.
#[derive(Debug, Clone, Serialize)]
pub struct PaidAlone {
    /// `host 1` …
    pub host: String,
    /// Its key.
    pub node: NodeKey,
    /// What `settle()` says it gets, collateral included.
    pub says: Stroops,
    /// What it earned by it: that, without its collateral.
    pub income: Stroops,
}

/// The owner disappeared for good.
#[derive(Debug, Clone, Serialize)]
pub struct VanishedOwner {
    /// `paid-by-proof`: every host published, proved and was paid with nobody's help.
    pub verdict: &'static str,
    /// Each of them.
    pub hosts: Vec<PaidAlone>,
    /// What came back to the account of the owner who is gone.
    pub refunded: Stroops,
    /// What `settle()` says about that.
    pub says: Stroops,
}

/// A host disappeared in mid-term.
#[derive(Debug, Clone, Serialize)]
pub struct VanishedHost {
    /// `defaulted`: nobody answered the challenge.
    pub verdict: &'static str,
    /// `host 1` …
    pub host: String,
    /// Its key.
    pub node: NodeKey,
    /// What the audit said of it before.
    pub audit: String,
    /// Bonded for the challenge, and back.
    pub bond: Stroops,
    /// What the owner got: the unearned escrow and the repair cap.
    pub to_owner: Stroops,
    /// What `settle()` says about that.
    pub says: Stroops,
    /// Of it, taken from the host's collateral.
    pub repair: Stroops,
    /// The rest of the collateral at stake, burned.
    pub burned: Stroops,
}

/// Both verdicts.
#[derive(Debug, Clone, Serialize)]
pub struct Vanished {
    /// The owner's story.
    #[serde(rename = "vanished_owner")]
    pub owner: VanishedOwner,
    /// The host's story.
    #[serde(rename = "vanished_host")]
    pub host: VanishedHost,
}

impl Vanished {
    /// In words.
    pub fn words(&self) -> String {
        let (owner, host) = (&self.owner, &self.host);
        let paid: Vec<String> =
            owner.hosts.iter().map(|one| format!("{} earned {} XLM", one.host, one.income)).collect();
        format!(
            "\nvanished owner: {}; {} XLM came back to its account, as settle() says\nvanished host: {} was challenged and did not answer; the owner got {} XLM ({} XLM of it for the repair), {} XLM burned, as settle() says\n",
            paid.join(", "),
            owner.refunded,
            host.host,
            host.to_owner,
            host.repair,
            host.burned
        )
    }
}

/// Tells both, side by side in time.
pub async fn tell(
    talk: &Talk,
    world: &mut World,
    now: UnixSeconds,
) -> Result<(Vanished, UnixSeconds), Failure> {
    let before = Balances::read(world).await?;
    let file = world.root.join("small-file");
    std::fs::write(&file, noise()).map_err(|error| Failure::internal("write a small file", &error))?;

    talk.chapter("A host disappears in mid-term");
    let stayed = store(world, &file, None).await?;
    // Never the first host: the other owner enters the network through it.
    let entrance = world.hosts.first().map(|host| host.node);
    let gone = stayed.iter().map(|one| one.terms.host_key).find(|node| Some(*node) != entrance);
    let gone = gone.ok_or_else(|| not_as_told("an upload made no agreement", ""))?;
    let number = world.number_of(gone)?;
    world.kill(number).await?;
    talk.say(&format!("host {number} dies and never comes back"));

    talk.chapter("An owner disappears for good");
    let left = store(world, &file, Some(SHORT_TERM)).await?;
    let refunded_from = Balances::read(world).await?;
    world.forget_second_owner()?;
    talk.say(&format!(
        "stored on {} hosts for two days; then its keys, records and phrase are deleted",
        left.len()
    ));

    let (now, dispute) = challenge(talk, world, (gone, now)).await?;
    let now = hosts_publish(talk, world, &left, now).await?;
    let frozen = latest(&left, |one| one.terms.freezes_at(one.terms.end));
    let deadline = UnixSeconds(dispute["deadline"].as_u64().unwrap_or_default());
    let now = world.advance_to(now, frozen.plus(BEACON_QUANTUM_SECONDS).max(deadline).plus(60)).await?;
    let owner = hosts_prove(talk, world, &left, &refunded_from).await?;
    let host = defaulted(talk, world, (gone, number), &dispute).await?;
    close_the_rest(talk, world, &stayed, gone).await?;
    every_host_got_its_due(world, &before, (&stayed, &left), gone).await?;
    Ok((Vanished { owner, host }, now))
}

/// The same bytes every time, and nothing that compresses.
fn noise() -> Vec<u8> {
    let mut bytes = vec![0; BYTES];
    blake3::Hasher::new().update(b"layr demo small file").finalize_xof().fill(&mut bytes);
    bytes
}

/// Stores a small file: the first owner's for 30 days, or the second one's for a term.
async fn store(world: &World, file: &Path, term: Option<u64>) -> Result<Vec<Agreement>, Failure> {
    let path = super::shown(file);
    let term = term.map(|seconds| format!("{seconds}s"));
    let mut args = vec!["upload", &path, "--profile", PROFILE];
    if let Some(term) = &term {
        args.extend(["--term", term]);
    }
    let dir = if term.is_some() { world.second_owner()? } else { world.owner.clone() };
    // Hosts whose power was cut spread their records anew. Until enough are found, an upload says so and pays nothing.
    let until = Instant::now() + PATIENCE;
    loop {
        let done = world.program.run(&dir, &args).await?;
        if done.envelope["error"]["code"] != "upload/too-few-hosts" || Instant::now() > until {
            done.succeeded(&args)?;
            break;
        }
        sleep(LOOK).await;
    }
    let all = verify::agreements(world, &dir).await?;
    let open: Vec<Agreement> = all.into_iter().filter(|one| !one.settled).collect();
    if open.len() == 4 {
        Ok(open)
    } else {
        Err(not_as_told("an upload is not on four hosts", &open.len().to_string()))
    }
}

/// A day later: the owner who stayed finds its host gone, publishes the newest revision and challenges it.
async fn challenge(
    talk: &Talk,
    world: &World,
    (gone, now): (NodeKey, UnixSeconds),
) -> Result<(UnixSeconds, Value), Failure> {
    talk.chapter("A day later");
    let now = world.advance_to(now, now.plus(DAY_SECONDS)).await?;
    let audited = world.program.run(&world.owner, &["audit"]).await?;
    let hosts = audited.data()["hosts"].as_array().cloned().unwrap_or_default();
    let of = |host: &&Value| host["node"].as_str() == Some(&gone.to_string());
    let found =
        hosts.iter().find(of).ok_or_else(|| not_as_told("an audit left a host out", &gone.to_string()))?;
    let (verdict, agreement) = (text(found, "verdict"), text(found, "agreement"));
    if verdict != "offline" || hosts.iter().any(|host| !of(&host) && text(host, "verdict") != "passed") {
        return Err(not_as_told("an audit did not find what was done", &Value::from(hosts).to_string()));
    }
    let done = world.owner(&["agreements", "dispute", &agreement]).await?;
    let mut dispute = done.data().clone();
    talk.say(&format!(
        "audit: the host is offline; the owner publishes, and bonds {} XLM for a challenge to prove what it holds",
        stroops(&dispute, "bond")?
    ));
    dispute["audit"] = verdict.into();
    Ok((now, dispute))
}

/// Two days later the term of the owner who vanished is over: its hosts put what both signed on the ledger.
async fn hosts_publish(
    talk: &Talk,
    world: &World,
    left: &[Agreement],
    now: UnixSeconds,
) -> Result<UnixSeconds, Failure> {
    // Hosts give an owner a quarter of the window to close by consent first.
    let half = |one: &Agreement| one.terms.end.plus(u64::from(one.terms.publish_window) / 2);
    let now = world.advance_to(now, latest(left, half)).await?;
    let published = |one: &Agreement, held: Option<[u8; 32]>| {
        one.revision.as_ref().is_some_and(|revision| {
            let state = SlotState::opening(&one.terms).published(&SoftwareSha256, revision);
            held == Some(state.commitment(&SoftwareSha256, &one.id))
        })
    };
    slots(world, left, "hosts did not publish", published).await?;
    talk.say("the absent owner's term ends: each of its hosts publishes the newest revision both signed");
    Ok(now)
}

/// After the freeze: the hosts post the beacon round nobody could foresee, prove its leaves, and are paid.
async fn hosts_prove(
    talk: &Talk,
    world: &World,
    left: &[Agreement],
    before: &Balances,
) -> Result<VanishedOwner, Failure> {
    slots(world, left, "hosts did not prove", |_, held| held.is_none_or(|held| held == [0; 32])).await?;
    let after = Balances::read(world).await?;
    let refunded = after.owner(1)?.account - before.owner(1)?.account;
    let mut hosts = Vec::new();
    let mut says = Stroops::ZERO;
    for one in left {
        let shares = one.shares(Outcome::Proved)?;
        says += shares.owner;
        hosts.push(PaidAlone {
            host: format!("host {}", world.number_of(one.terms.host_key)?),
            node: one.terms.host_key,
            says: shares.host,
            income: shares.host - one.terms.collateral,
        });
    }
    if refunded != says {
        return Err(not_as_told(
            "an absent owner got something else than settle() says",
            &format!("{refunded} XLM, not {says} XLM"),
        ));
    }
    let earned: Stroops = hosts.iter().map(|host| host.income).sum();
    talk.say(&format!(
        "they post the beacon and prove on the ledger alone: paid {earned} XLM, {refunded} XLM back to the account nobody holds"
    ));
    Ok(VanishedOwner { verdict: "paid-by-proof", hosts, refunded, says })
}

/// Nobody answered the challenge: the owner settles, and gets what `settle()` says.
async fn defaulted(
    talk: &Talk,
    world: &World,
    (gone, number): (NodeKey, usize),
    dispute: &Value,
) -> Result<VanishedHost, Failure> {
    let agreements = verify::agreements(world, &world.owner).await?;
    let one = agreements.iter().find(|one| one.terms.host_key == gone && !one.settled);
    let one = one.ok_or_else(|| not_as_told("the agreement of the dead host is missing", ""))?;
    let before = Balances::read(world).await?;
    let done = world.owner(&["settle"]).await?;
    let step = verify::steps(done.data()).find(|(host, _)| *host == gone.to_string());
    if step.as_ref().map(|(_, step)| step.as_str()) != Some("defaulted") {
        return Err(not_as_told(
            "the dead host's agreement did not end by default",
            &done.data().to_string(),
        ));
    }
    let after = Balances::read(world).await?;
    let shares = one.shares(Outcome::Missed)?;
    let bond = stroops(dispute, "bond")?;
    let fees = stroops(done.data(), "fees")?;
    let to_owner = after.owner(0)?.account - before.owner(0)?.account + fees - bond;
    if to_owner != shares.owner {
        return Err(not_as_told(
            "the owner got something else than settle() says",
            &format!("{to_owner} XLM, not {} XLM", shares.owner),
        ));
    }
    let risk = one.revision.as_ref().map_or(Stroops::ZERO, |revision| revision.risk);
    let repair = risk.min(one.terms.repair_cap);
    talk.say(&format!(
        "nobody answers for host {number}: default pays the owner {to_owner} XLM, {repair} XLM of it for the repair, and the bond back; {} XLM burn",
        shares.burn
    ));
    Ok(VanishedHost {
        verdict: "defaulted",
        host: format!("host {number}"),
        node: gone,
        audit: text(dispute, "audit"),
        bond,
        to_owner,
        says: shares.owner,
        repair,
        burned: shares.burn,
    })
}

/// The owner who stayed ends its other agreements early, with the consent of hosts that are there.
async fn close_the_rest(
    talk: &Talk,
    world: &World,
    stayed: &[Agreement],
    gone: NodeKey,
) -> Result<(), Failure> {
    let rest = stayed.iter().filter(|one| one.terms.host_key != gone);
    for one in rest {
        let id = one.id.to_string();
        let done = world.owner(&["agreements", "close", &id]).await?;
        if text(done.data(), "step") != "closed" {
            return Err(not_as_told("a host did not end an agreement by consent", &done.data().to_string()));
        }
    }
    talk.say("the owner's other hosts agree to end early, and are paid up to then and the notice");
    Ok(())
}

/// Every host's free balance moved by exactly what its agreements say.
async fn every_host_got_its_due(
    world: &World,
    before: &Balances,
    (stayed, left): (&[Agreement], &[Agreement]),
    gone: NodeKey,
) -> Result<(), Failure> {
    let after = Balances::read(world).await?;
    let closed = verify::agreements(world, &world.owner).await?;
    for host in &world.hosts {
        let mut due = Stroops::ZERO;
        for one in left.iter().filter(|one| one.terms.host_key == host.node) {
            due += one.shares(Outcome::Proved)?.host - one.terms.collateral;
        }
        for one in stayed.iter().filter(|one| one.terms.host_key == host.node) {
            let newest = closed.iter().find(|known| known.id == one.id).unwrap_or(one);
            let locked = one.terms.locked();
            due += if host.node == gone {
                newest.shares(Outcome::Missed)?.host - one.terms.collateral
            } else {
                locked - newest.refunded.unwrap_or_default() - one.terms.collateral
            };
        }
        let gained = after.host(host.node)?.escrow_free - before.host(host.node)?.escrow_free;
        if gained != due {
            let detail = format!("host {} gained {gained} XLM, not {due} XLM", host.number);
            return Err(not_as_told("a host got something else than settle() says", &detail));
        }
    }
    Ok(())
}

impl Agreement {
    /// What `settle()` says for its newest revision, had nothing been settled before its end.
    fn shares<'a>(
        &'a self,
        outcome: impl FnOnce(&'a layr_market::Revision) -> Outcome<'a>,
    ) -> Result<Settlement, Failure> {
        let revision = self.revision.as_ref().ok_or_else(|| not_as_told("an agreement holds nothing", ""))?;
        settle(&self.terms, Settled::default(), self.terms.end, outcome(revision))
            .map_err(|error| Failure::internal("compute a settlement", &error))
    }
}

/// Waits until every slot is as told.
async fn slots(
    world: &World,
    agreements: &[Agreement],
    otherwise: &str,
    as_told: impl Fn(&Agreement, Option<[u8; 32]>) -> bool,
) -> Result<(), Failure> {
    let until = Instant::now() + PATIENCE;
    for one in agreements {
        while !as_told(one, world.slot(&one.terms).await?) {
            if Instant::now() > until {
                return Err(not_as_told(otherwise, &format!("host {}", one.terms.host_key)));
            }
            sleep(LOOK).await;
        }
    }
    Ok(())
}

fn latest(agreements: &[Agreement], of: impl Fn(&Agreement) -> UnixSeconds) -> UnixSeconds {
    agreements.iter().map(of).max().unwrap_or_default()
}

fn text(value: &Value, key: &str) -> String {
    value[key].as_str().unwrap_or_default().to_owned()
}

fn stroops(value: &Value, key: &str) -> Result<Stroops, Failure> {
    let amount = value[key].as_i64().map(|amount| Stroops(amount.into()));
    amount.ok_or_else(|| not_as_told(&format!("an answer lacks '{key}'"), &value.to_string()))
}
