//! An owner, a host, the deployed contract, and agreements between them.

use super::{Journal, account, config, network, payer, signer};
use layr_identity::Signer;
use layr_ledger::{Closing, Escrow, EscrowConfig, LedgerClient, NetworkConfig, Opening, Payer, Publication};
use layr_localnet::RunningLocalnet;
use layr_market::{
    AuditFields, FinalReason, FinalSplit, Kind, Offer, Request, Revision, SlotState, SoftwareSha256, Terms,
    leaf_index, message_digest,
};
use layr_merkle::{AgreementTree, LeafPath, SectorOutboard};
use layr_types::{
    AgreementId, ByteCount, GIB, GROUP_BYTES, LEAVES_PER_GROUP, LeafIndex, NodeKey, SECTOR_BYTES, Stroops,
    UnixSeconds,
};

pub const WASM: &[u8] = include_bytes!("../../../../../contracts/escrow/escrow.wasm");
pub const HASH: SoftwareSha256 = SoftwareSha256;
pub const TERM: u64 = 30 * 86_400;
/// What the host deposits.
pub const FREE: Stroops = Stroops::from_xlm(100);
pub const WINDOW: u32 = 86_400;

pub struct World {
    pub net: RunningLocalnet,
    pub client: LedgerClient,
    pub escrow: Escrow,
    pub owner: Payer,
    pub owner_log: Journal,
    pub host: Payer,
    pub owner_node: Signer,
    pub host_node: Signer,
}

/// One agreement as both parties know it.
#[derive(Clone)]
pub struct Deal {
    pub terms: Terms,
    pub id: AgreementId,
    pub state: SlotState,
}

/// Some stored sectors.
pub struct Stored {
    pub sectors: Vec<Vec<u8>>,
    pub tree: AgreementTree,
}

pub fn deployment(client: &LedgerClient) -> EscrowConfig {
    EscrowConfig {
        beacon: client.beacon().schedule(),
        beacon_key: client.beacon().uncompressed_key(),
        min_bond: Stroops::ZERO,
        tokens: vec![client.native_token()],
    }
}

impl World {
    pub async fn new() -> Self {
        let net = network().await;
        let config = config(&net).await;
        Self::over(net, config).await
    }

    pub async fn over(net: RunningLocalnet, config: NetworkConfig) -> Self {
        let client = LedgerClient::new(config).unwrap();
        let (operator, _) = payer(&client, 1).await;
        let (owner, owner_log) = payer(&client, 2).await;
        let (host, _) = payer(&client, 3).await;
        let config = deployment(&client);
        let deployed = client.ensure_deployed(&operator, WASM, [4; 32], &config).await.unwrap();
        let world = Self {
            net,
            client,
            escrow: deployed.escrow,
            owner,
            owner_log,
            host,
            owner_node: signer(12),
            host_node: signer(13),
        };
        world.settle_in().await;
        world
    }

    /// The host registers and deposits its free collateral.
    async fn settle_in(&self) {
        let payload = account(3).0;
        let digest = message_digest(&HASH, Kind::Registration, &self.escrow.context(), &payload);
        let registration =
            self.escrow.register(&account(3), &self.host_key(), &self.host_node.sign(&digest)).unwrap();
        registration.submit(&self.host).await.unwrap();
        let token = self.client.native_token();
        let deposit = self.escrow.deposit(&account(3), &self.host_key(), &token, FREE).unwrap();
        deposit.submit(&self.host).await.unwrap();
    }

    pub fn host_key(&self) -> NodeKey {
        NodeKey(self.host_node.public())
    }

    pub async fn host_balance(&self) -> Stroops {
        self.escrow.balance(&self.host_key(), &self.client.native_token()).await.unwrap()
    }

    pub async fn draft(&self, slot: u8) -> Deal {
        self.draft_with(slot, |_, _| {}).await
    }

    pub async fn draft_with(&self, slot: u8, change: impl FnOnce(&mut Offer, &mut Request)) -> Deal {
        let now = self.client.now().await.unwrap().now;
        let mut offer = Offer {
            host_key: self.host_key(),
            token: self.client.native_token(),
            rate: 200_000,
            base_fee: Stroops(200_000),
            collateral_percent: 200,
            free: ByteCount(500 * GIB),
            min_term: 86_400,
            max_term: 180 * 86_400,
            publish_window: WINDOW,
            proof_window: WINDOW,
            notice: 86_400,
            challenge_gap: 86_400,
            max_challenges: 10,
            disclosure_price: Stroops(100_000),
            exit_fee: Stroops(0),
            samples: 3,
            egress_rate: 0,
            issued: now,
            expires: now.plus(600),
        };
        let mut request = Request {
            owner_account: account(2),
            owner_key: NodeKey(self.owner_node.public()),
            folder: 0,
            slot,
            capacity: ByteCount(GIB),
            start: now,
            end: now.plus(TERM),
            voucher_part: Stroops(0),
            salt: [slot; 16],
        };
        change(&mut offer, &mut request);
        let terms = offer.draft(&request).unwrap();
        let id = terms.id(&HASH, &self.escrow.context());
        Deal { state: SlotState::opening(&terms), terms, id }
    }

    pub fn opening(&self, deal: &Deal) -> Opening {
        Opening { terms: deal.terms.clone(), host_signature: self.host_node.sign(&deal.id.0) }
    }

    pub async fn open(&self, slot: u8) -> Deal {
        let deal = self.draft(slot).await;
        let call = self.escrow.open(&account(2), &[self.opening(&deal)]).unwrap();
        call.submit(&self.owner).await.unwrap();
        deal
    }

    /// The state after `stored` was accepted at the agreement's start and acknowledged a day later.
    pub fn revision(&self, deal: &Deal, stored: &Stored) -> Revision {
        let opening = Revision::opening(&deal.terms, deal.id);
        let start = deal.terms.start;
        let full = opening.append(&deal.terms, start, stored.tree.root(), stored.tree.count()).unwrap();
        full.acknowledge(&deal.terms, start.plus(86_400), AuditFields::default()).unwrap()
    }

    /// Publishes and returns the deal with its new state.
    pub async fn publish(&self, deal: &Deal, revision: &Revision) -> Deal {
        let digest = revision.digest(&HASH);
        let publication = Publication {
            terms: deal.terms.clone(),
            state: deal.state,
            revision: revision.clone(),
            owner_signature: self.owner_node.sign(&digest),
            host_signature: self.host_node.sign(&digest),
        };
        self.escrow.publish(&publication).unwrap().submit(&self.host).await.unwrap();
        Deal { state: deal.state.published(&HASH, revision), ..deal.clone() }
    }

    pub fn closing(&self, deal: &Deal, n: u64, host: Stroops) -> Closing {
        let owner = deal.terms.locked() - host;
        let split = FinalSplit { id: deal.id, n, host, owner, reason: FinalReason::Early };
        let digest = split.digest(&HASH);
        Closing {
            terms: deal.terms.clone(),
            state: deal.state,
            split,
            owner_signature: self.owner_node.sign(&digest),
            host_signature: self.host_node.sign(&digest),
        }
    }

    /// Moves the ledger's clock to `time`.
    pub async fn wait_until(&self, time: UnixSeconds) {
        let now = self.client.now().await.unwrap().now;
        super::advance(&self.net, time.since(now)).await;
    }
}

impl Stored {
    pub fn new(sectors: u8) -> Self {
        let sectors: Vec<Vec<u8>> = (0..sectors).map(|n| vec![n + 1; SECTOR_BYTES]).collect();
        let mut tree = AgreementTree::new();
        for sector in &sectors {
            tree.append(&outboard(sector).root()).unwrap();
        }
        Self { sectors, tree }
    }

    /// The proofs a round's randomness asks for.
    pub fn proofs(&self, deal: &Deal, revision: &Revision, seed: &[u8; 32]) -> Vec<u8> {
        let samples = 0..u32::from(deal.terms.samples);
        let chosen =
            samples.map(|i| leaf_index(&HASH, seed, (&deal.id, revision.n), i, revision.leaves()).unwrap());
        self.proofs_of(chosen)
    }

    /// The proofs of these leaves, one after the other.
    pub fn proofs_of(&self, leaves: impl IntoIterator<Item = LeafIndex>) -> Vec<u8> {
        let mut out = Vec::new();
        for leaf in leaves {
            let sector = &self.sectors[usize::try_from(leaf.sector().0).unwrap()];
            let group = leaf.within_sector() / LEAVES_PER_GROUP;
            let bytes: &[u8; GROUP_BYTES] =
                sector[group * GROUP_BYTES..(group + 1) * GROUP_BYTES].try_into().unwrap();
            let path = LeafPath::new(leaf.within_sector(), bytes, &outboard(sector)).unwrap();
            path.write_proof(&self.tree.path(leaf.sector()).unwrap(), &mut out).unwrap();
        }
        out
    }
}

fn outboard(sector: &[u8]) -> SectorOutboard {
    SectorOutboard::of(sector.try_into().unwrap())
}
