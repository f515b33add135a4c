//! How far files are from being lost: which hosts count as there, what that means for each segment, and a file's
//! health as that of its worst segment. Asks nobody; what it knows is as old as the newest audits.
//!
//! What must never happen: a file whose segment the records do not know is called readable.

use crate::agreement::{Agreement, Phase};
use crate::core::Core;
use crate::error::RecordsFault;
use crate::foreign;
use crate::lookup;
use crate::ports::Space;
use crate::views::{Health, SegmentCounts};
use layr_audits::{Redundancy, Verdict, segment_loss};
use layr_manifests::SegmentRecord;
use layr_placement::{Condition, HostCard, Kin, RepairPolicy, Seat, SegmentHealth};
use layr_types::{AgreementId, NodeKey, UnixSeconds};
use std::collections::{HashMap, HashSet};

/// Days of the model's figure: a year.
const YEAR: f64 = 365.0;

/// When a host that gives no proof counts as gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// As soon as its newest audit did not pass, for whatever reason.
    None,
    /// At once where it is proved not to have the data; otherwise only after it has answered nothing for this
    /// long at `now`, seconds: offline is not lost.
    Silent(u64, UnixSeconds),
}

/// What is believed of hosts, and what follows for segments.
pub(crate) struct Standing {
    policy: RepairPolicy,
    alive: HashSet<AgreementId>,
    /// Of those, the ones that end before their term: what lies there is to be moved while it can be read.
    leaving: HashSet<AgreementId>,
    kin: HashMap<NodeKey, Kin>,
    cards: HashMap<NodeKey, HostCard>,
    nobody: Kin,
    thresholds: HashMap<(u8, u8), u8>,
}

impl Standing {
    /// As the records have it.
    pub(crate) fn load(core: &Core, patience: Patience) -> Result<Self, RecordsFault> {
        let (mut alive, mut leaving) = (HashSet::new(), HashSet::new());
        for agreement in core.agreements()? {
            if is_alive(core, &agreement, patience)? {
                alive.insert(agreement.id);
                if core.seen(&agreement)?.state.ending_at < agreement.terms.end {
                    leaving.insert(agreement.id);
                }
            }
        }
        let now = core.last_known();
        let foreign = foreign::all(core)?.into_iter().filter(|foreign| foreign.there && now < foreign.ends);
        alive.extend(foreign.map(|foreign| foreign.id));
        let cards = core.book.scan::<HostCard>(Space::Meta, CARD)?;
        let cards: HashMap<_, _> = cards.into_iter().map(|(_, card)| (card.node, card)).collect();
        let kin = cards.iter().map(|(node, card)| (*node, Kin::of(card, true))).collect();
        let (policy, nobody, thresholds) = (RepairPolicy::default(), Kin::default(), HashMap::new());
        Ok(Self { policy, alive, leaving, kin, cards, nobody, thresholds })
    }

    /// Whether what lies under this agreement counts as there.
    pub(crate) fn is_alive(&self, id: &AgreementId) -> bool {
        self.alive.contains(id)
    }

    /// Whether what lies under this agreement is to be moved, because it ends by notice.
    pub(crate) fn is_leaving(&self, id: &AgreementId) -> bool {
        self.leaving.contains(id)
    }

    /// Takes an agreement out: its host has just failed.
    pub(crate) fn bury(&mut self, id: &AgreementId) {
        self.alive.remove(id);
    }

    /// The policy it assesses by.
    pub(crate) const fn policy(&self) -> &RepairPolicy {
        &self.policy
    }

    /// What a host shares with others, as far as its card is known.
    pub(crate) fn kin(&self, node: &NodeKey) -> &Kin {
        self.kin.get(node).unwrap_or(&self.nobody)
    }

    /// What is known of a host.
    pub(crate) fn card(&self, node: &NodeKey) -> Option<&HostCard> {
        self.cards.get(node)
    }

    /// Where a segment's shards lie, and which of them are there.
    pub(crate) fn seats(&self, segment: &SegmentRecord) -> Vec<Seat<'_>> {
        let seat = |shard: &layr_manifests::ShardRecord| Seat {
            shard: shard.index.0,
            host: shard.host,
            kin: self.kin(&shard.host),
            alive: self.alive.contains(&shard.agreement),
        };
        segment.shards.iter().map(seat).collect()
    }

    /// One segment's health. What lies with hosts that leave counts as one too many there: it is to be moved.
    pub(crate) fn segment(&mut self, segment: &SegmentRecord) -> SegmentHealth {
        let code = (segment.profile.k(), segment.profile.n());
        let policy = self.policy;
        let threshold = *self.thresholds.entry(code).or_insert_with(|| policy.threshold(code.0, code.1));
        let mut health = self.policy.assess_at(code, threshold, &self.seats(segment));
        for index in segment.profile.shards() {
            let here = segment.placements(index).filter(|shard| self.is_alive(&shard.agreement));
            let (stays, there) = here.fold((false, false), |(stays, _), shard| {
                (stays || !self.is_leaving(&shard.agreement), true)
            });
            if there && !stays && !health.clumped.contains(&index.0) {
                health.clumped.push(index.0);
                health.sound = health.sound.saturating_sub(1);
            }
        }
        health.clumped.sort_unstable();
        health
    }
}

/// Whether a host still counts as having what lies under its agreement.
fn is_alive(core: &Core, agreement: &Agreement, patience: Patience) -> Result<bool, RecordsFault> {
    if agreement.phase != Phase::Open {
        return Ok(false);
    }
    Ok(match (agreement.audited, patience) {
        (None | Some((Verdict::Passed, _)), _) => true,
        (Some((Verdict::Corrupt | Verdict::Missing, _)), _) | (Some(_), Patience::None) => false,
        (Some(_), Patience::Silent(limit, now)) => {
            let silent = core.seen(agreement)?.silent_since.map_or(0, |since| now.since(since));
            silent < limit
        }
    })
}

/// Where hosts' cards are kept.
const CARD: &[u8] = b"card ";

/// Keeps a host's card: what declumping knows it by.
pub(crate) fn keep_card(draft: &mut crate::book::Draft<'_>, card: &HostCard) {
    draft.put(Space::Meta, &[CARD, card.node.as_bytes()].concat(), card);
}

/// How far a file is from being lost, by each host's newest audit.
pub(crate) fn of_file(core: &Core, standing: &mut Standing, name: &str) -> Result<Health, RecordsFault> {
    let Some(file) = lookup::file(core, name)? else { return Ok(Health::nothing()) };
    let segments = lookup::segments(core, &file.manifest)?;
    let unknown = file.manifest.segments().len() - segments.len();
    let healths: Vec<SegmentHealth> = segments.values().map(|segment| standing.segment(segment)).collect();
    Ok(sum(&healths, unknown, standing.policy()))
}

/// The health of whatever lies in all of these segments, and in `unknown` ones of which nothing is known.
pub(crate) fn sum(segments: &[SegmentHealth], unknown: usize, policy: &RepairPolicy) -> Health {
    let spare = |health: &&SegmentHealth| (i16::from(health.alive) - i16::from(health.k), health.sound);
    let Some(worst) = segments.iter().min_by_key(spare) else {
        let nothing = Health::nothing();
        return if unknown > 0 { Health { needed: 1, made: 1, ..nothing }.lost(unknown) } else { nothing };
    };
    let survive = |chance: &dyn Fn(&SegmentHealth) -> f64| {
        let logs: f64 = segments.iter().map(|health| (-chance(health)).ln_1p()).sum();
        -logs.exp_m1()
    };
    let year = |health: &SegmentHealth| {
        let (k, n, repair_at) = (health.k.into(), health.n.into(), health.threshold.into());
        if health.condition() == Condition::Lost {
            return 1.0;
        }
        segment_loss(Redundancy { k, n, repair_at }, policy.life, policy.window, YEAR)
    };
    let mut counts = SegmentCounts::default();
    segments.iter().for_each(|health| counts.add(health.condition()));
    let health = Health {
        survivors: worst.alive,
        needed: worst.k,
        made: worst.n,
        threshold: worst.threshold,
        condition: segments.iter().map(SegmentHealth::condition).max().unwrap_or(Condition::Healthy),
        danger: survive(&|health| health.danger),
        loss_in_a_year: survive(&year),
        segments: counts,
    };
    if unknown > 0 { health.lost(unknown) } else { health }
}
