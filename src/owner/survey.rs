//! Finding hosts: look-ups of the owner's points, then every host found is asked for its prices at once.

use crate::core::Core;
use crate::error::{HostFailure, NetFault, RecordsFault};
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use layr_placement::{Candidate, HostCard, Score, lookup_point};
use layr_protocol::SignedOffer;
use layr_types::NodeKey;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Points looked up at once.
const LOOKUPS: u32 = 6;
/// Hosts asked of one look-up at least: a Kademlia bucket.
const BUCKET: usize = 20;
/// How long slower hosts are waited for once as many as wanted have answered.
const GRACE: Duration = Duration::from_millis(300);
/// How long slower hosts are waited for once as many as needed have answered: one that hangs costs no more.
const PATIENCE: Duration = Duration::from_millis(1_500);

/// Hosts that answered.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    pub(crate) candidates: Vec<Candidate>,
    pub(crate) offers: HashMap<NodeKey, SignedOffer>,
    pub(crate) silent: Vec<HostFailure>,
}

/// Asks around until `wanted` hosts have answered, or everybody found has, or the time is over: soon once `needed`
/// have answered. `known` hosts are asked whether or not a look-up finds them; `without` are not asked.
pub(crate) async fn survey(
    core: &Core,
    (needed, wanted): (usize, usize),
    known: &[NodeKey],
    without: &[NodeKey],
) -> Result<Survey, SurveyError> {
    let mut cards = find(core, wanted).await?;
    for node in known {
        cards.entry(*node).or_insert_with(|| unlisted(*node));
    }
    cards.retain(|node, _| !without.contains(node) && *node != core.key());
    let mut asked: FuturesUnordered<_> = cards
        .into_values()
        .map(|card| async move {
            let offer = core.hosts.offer(card.node).await;
            (card, offer)
        })
        .collect();
    let mut out = Survey::default();
    let mut until = Instant::now() + core.config.connect + core.config.call;
    while let Ok(Some((card, answer))) = timeout_at(until, asked.next()).await {
        match answer {
            Ok(signed) => {
                out.candidates.push(candidate(core, card, &signed)?);
                out.offers.insert(signed.offer.host_key, signed);
            }
            Err(fault) => out.silent.push(HostFailure { node: card.node, fault }),
        }
        let grace = match out.candidates.len() {
            enough if enough >= wanted => GRACE,
            enough if enough >= needed => PATIENCE,
            _ => continue,
        };
        until = until.min(Instant::now() + grace);
    }
    out.candidates.sort_by_key(Candidate::node);
    Ok(out)
}

/// Why nobody could be asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SurveyError {
    #[error(transparent)]
    Net(#[from] NetFault),
    #[error(transparent)]
    Records(#[from] RecordsFault),
}

/// Hosts near the owner's points.
async fn find(core: &Core, wanted: usize) -> Result<HashMap<NodeKey, HostCard>, NetFault> {
    let limit = wanted.max(BUCKET);
    let owner = core.key();
    let look = |slot| core.hosts.net().closest_hosts(lookup_point(&owner, slot), limit);
    let mut cards = HashMap::new();
    let mut fault = None;
    for round in 0..3 {
        let slots = round * LOOKUPS..(round + 1) * LOOKUPS;
        for found in futures::future::join_all(slots.map(look)).await {
            match found {
                Ok(found) => cards.extend(found.into_iter().map(|card| (card.node, card))),
                Err(error) => fault = Some(error),
            }
        }
        if cards.len() >= wanted || cards.len() < limit.min(BUCKET) {
            break;
        }
    }
    match fault {
        Some(error) if cards.is_empty() => Err(error),
        _ => Ok(cards),
    }
}

fn unlisted(node: NodeKey) -> HostCard {
    HostCard { node, addresses: Vec::new(), region: String::new(), operator: String::new() }
}

fn candidate(core: &Core, card: HostCard, signed: &SignedOffer) -> Result<Candidate, RecordsFault> {
    let weight = core.experience(&card.node)?.score.weight();
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a weight lies between 0 and 1"
    )]
    let score = Score((weight * 1000.0) as u16);
    Ok(Candidate { card, offer: signed.offer.clone(), score })
}
