//! One agreement as the two parties hold it, and everything they sign about it.

use super::accounts::Party;
use super::std::{boxed::Box, sync::OnceLock, vec, vec::Vec};
use super::world::{GENESIS, PERIOD, World, beacon_secret, sign_round};
use crate::{Closing, Opening, Publication};
use layr_market::{
    BeaconSchedule, FinalReason, FinalSplit, Offer, Request, Revision, Sha256 as _, SlotState,
    SoftwareSha256, Terms, leaf_index,
};
use layr_merkle::{AgreementTree, Digest, LeafPath, SectorOutboard};
use layr_types::{
    AccountKey, AgreementId, AgreementRoot, ByteCount, ContractId, GIB, LeafIndex, NodeKey, SECTOR_BYTES,
    SectorRoot, Stroops, UnixSeconds,
};
use soroban_sdk::{Address, Bytes, Vec as HostVec, xdr::ScAddress};

pub const DAY: u64 = 86_400;

/// Terms and state, with the keys of both parties.
#[derive(Clone)]
pub struct Deal {
    pub terms: Terms,
    pub id: AgreementId,
    pub state: SlotState,
    pub owner: Party,
    pub host: Party,
}

impl Deal {
    /// 30 days, 1 GiB, with the world's first host, in this slot of folder 0.
    pub fn new(world: &World, slot: u8) -> Self {
        Self::with(world, world.host(), |terms| terms.slot = slot)
    }

    /// The same with another host and altered terms.
    pub fn with(world: &World, host: &Party, alter: impl FnOnce(&mut Terms)) -> Self {
        let now = world.now();
        let offer = offer(host, &world.token, now);
        let request = Request {
            owner_account: AccountKey(world.owner.account_key()),
            owner_key: NodeKey(world.owner.node_key()),
            folder: 0,
            slot: 0,
            capacity: ByteCount(GIB),
            start: now,
            end: now.plus(30 * DAY),
            voucher_part: Stroops(7_000),
            salt: [3; 16],
        };
        let mut terms = offer.draft(&request).unwrap();
        alter(&mut terms);
        let id = terms.id(&SoftwareSha256, &world.context());
        Self { state: SlotState::opening(&terms), id, terms, owner: world.owner.clone(), host: host.clone() }
    }

    pub fn opening(&self, world: &World) -> Opening {
        Opening {
            host_sig: world.signature(&self.host.sign(&self.id.0)),
            terms: bytes(world, &self.terms.encode()),
        }
    }

    /// Opens it alone.
    pub fn open(self, world: &World) -> Self {
        world.escrow.open(&world.owner_address(), &HostVec::from_array(&world.env, [self.opening(world)]));
        self
    }

    /// The revision after all of [`stored`] was accepted a day after the start and a first audit a day later.
    pub fn revision(&self) -> Revision {
        let terms = &self.terms;
        let stored = stored();
        Revision::opening(terms, self.id)
            .append(terms, terms.start.plus(DAY), stored.tree.root(), stored.tree.count())
            .and_then(|next| next.acknowledge(terms, terms.start.plus(2 * DAY), Default::default()))
            .and_then(|next| next.record_failure(terms, terms.start.plus(3 * DAY), Default::default()))
            .unwrap()
    }

    /// A revision that holds nothing.
    pub fn empty_revision(&self) -> Revision {
        Revision::opening(&self.terms, self.id)
            .append(&self.terms, self.terms.start.plus(DAY), AgreementRoot::default(), 0)
            .unwrap()
    }

    pub fn publication(&self, world: &World, revision: &Revision) -> Publication {
        let digest = revision.digest(&SoftwareSha256);
        Publication {
            host_sig: world.signature(&self.host.sign(&digest)),
            owner_sig: world.signature(&self.owner.sign(&digest)),
            revision: bytes(world, &revision.encode()),
            state: self.state_bytes(world),
            terms: self.terms_bytes(world),
        }
    }

    /// Publishes and follows with the own state.
    pub fn publish(&mut self, world: &World, revision: &Revision) {
        world.escrow.publish(&self.publication(world, revision));
        self.state = self.state.published(&SoftwareSha256, revision);
    }

    /// A split that gives the host its collateral and this much more.
    pub fn split(&self, n: u64, earned: i128) -> FinalSplit {
        let host = self.terms.collateral + Stroops(earned);
        let owner = self.terms.locked() - host;
        FinalSplit { id: self.id, n, host, owner, reason: FinalReason::TermOver }
    }

    pub fn closing(&self, world: &World, split: &FinalSplit) -> Closing {
        let digest = split.digest(&SoftwareSha256);
        Closing {
            host_sig: world.signature(&self.host.sign(&digest)),
            owner_sig: world.signature(&self.owner.sign(&digest)),
            split: bytes(world, &split.encode()),
            state: self.state_bytes(world),
            terms: self.terms_bytes(world),
        }
    }

    pub fn terms_bytes(&self, world: &World) -> Bytes {
        bytes(world, &self.terms.encode())
    }

    pub fn state_bytes(&self, world: &World) -> Bytes {
        bytes(world, &self.state.encode())
    }

    /// When the root freezes.
    pub fn frozen(&self) -> UnixSeconds {
        self.terms.freezes_at(self.state.ending_at)
    }

    /// The last moment for a proof.
    pub fn deadline(&self) -> UnixSeconds {
        self.terms.proof_deadline(self.state.ending_at)
    }

    /// The round that decides over the end.
    pub fn round(&self) -> u64 {
        round_for(self.frozen())
    }

    /// The leaves the contract will ask for at the end.
    pub fn leaves(&self, revision: &Revision) -> Vec<LeafIndex> {
        self.leaves_for(revision, self.frozen())
    }

    /// The leaves it asks for where the root froze at `frozen`.
    pub fn leaves_for(&self, revision: &Revision, frozen: UnixSeconds) -> Vec<LeafIndex> {
        let seed = seed_of(round_for(frozen));
        let leaf =
            |i| leaf_index(&SoftwareSha256, &seed, (&self.id, revision.n), i, revision.leaves()).unwrap();
        (0..u32::from(self.terms.samples)).map(leaf).collect()
    }

    /// The proofs of those leaves, from [`stored`].
    pub fn proofs(&self, revision: &Revision) -> Vec<u8> {
        stored().proofs(&self.leaves(revision))
    }
}

/// The round that decides over a root frozen at `frozen`.
pub fn round_for(frozen: UnixSeconds) -> u64 {
    let genesis = UnixSeconds(GENESIS);
    BeaconSchedule { genesis, period: PERIOD }.deciding_round(frozen)
}

/// A round's randomness, as drand defines it.
pub fn seed_of(round: u64) -> [u8; 32] {
    SoftwareSha256.sha256(&[&sign_round(&beacon_secret(), round).compress()])
}

/// An offer like a host's.
fn offer(host: &Party, token: &Address, now: UnixSeconds) -> Offer {
    let ScAddress::Contract(token) = token.into() else {
        panic!("a token is a contract");
    };
    Offer {
        host_key: NodeKey(host.node_key()),
        token: ContractId(token.0.0),
        rate: 20_000,
        base_fee: Stroops(200_000),
        collateral_percent: 200,
        free: ByteCount(500 * GIB),
        min_term: 86_400,
        max_term: 180 * 86_400,
        publish_window: 86_400,
        proof_window: 86_400,
        notice: 3 * 86_400,
        challenge_gap: 86_400,
        max_challenges: 10,
        disclosure_price: Stroops(100_000),
        exit_fee: Stroops(0),
        samples: 10,
        egress_rate: 0,
        issued: now,
        expires: now.plus(600),
    }
}

/// What the hosts of these tests store: 1 GiB, of five different sectors in turn.
pub struct Stored {
    sectors: Vec<(Box<[u8; SECTOR_BYTES]>, SectorOutboard)>,
    pub tree: AgreementTree,
}

/// The gibibyte, made once.
pub fn stored() -> &'static Stored {
    static STORED: OnceLock<Stored> = OnceLock::new();
    STORED.get_or_init(|| {
        let fill = |seed: usize| -> Box<[u8; SECTOR_BYTES]> {
            let bytes: Vec<u8> =
                (0..SECTOR_BYTES).map(|at| (at.wrapping_mul(31 + seed) >> 5).to_le_bytes()[0]).collect();
            bytes.into_boxed_slice().try_into().unwrap()
        };
        let sectors: Vec<_> = (0..5).map(fill).map(|s| (s.clone(), SectorOutboard::of(&s))).collect();
        let roots: Vec<_> = sectors.iter().map(|(_, outboard)| outboard.root()).collect();
        let tree = AgreementTree::from_roots(roots.iter().cycle().take(1_024)).unwrap();
        Stored { tree, sectors }
    })
}

impl Stored {
    /// The root of one of the five sectors.
    pub fn root(&self, sector: usize) -> SectorRoot {
        self.sectors[sector].1.root()
    }

    /// The proof of a leaf of one of the five, along this path in the agreement.
    pub fn proof(&self, sector: usize, within: usize, path: &[Digest]) -> Vec<u8> {
        let (bytes, outboard) = &self.sectors[sector];
        let group = bytes.as_chunks().0[within / 16];
        let mut out = vec![];
        LeafPath::new(within, &group, outboard).unwrap().write_proof(path, &mut out).unwrap();
        out
    }

    /// The proofs of these leaves, one after the other.
    pub fn proofs(&self, leaves: &[LeafIndex]) -> Vec<u8> {
        let proof = |leaf: &LeafIndex| {
            let sector = usize::try_from(leaf.sector().0 % 5).unwrap();
            self.proof(sector, leaf.within_sector(), &self.tree.path(leaf.sector()).unwrap())
        };
        leaves.iter().flat_map(proof).collect()
    }
}

/// Bytes for the contract.
pub fn bytes(world: &World, bytes: &[u8]) -> Bytes {
    Bytes::from_slice(&world.env, bytes)
}
