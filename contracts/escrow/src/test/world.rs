//! A network with one escrow on it, an owner, some hosts, and a beacon whose key we have.

use super::accounts::{Party, issued_token, native_token};
use super::deal::Deal;
use super::std::{env as process, vec::Vec};
use crate::{Config, Escrow, EscrowClient};
use blst::min_sig::{SecretKey, Signature};
use layr_market::{Context, Kind, SoftwareSha256, message_digest};
use layr_types::{ContractId, NetworkId, UnixSeconds};
use soroban_sdk::testutils::{EnvTestConfig, Ledger as _};
use soroban_sdk::xdr::{ScAddress, TrustLineAsset};
use soroban_sdk::{Address, BytesN, Env, token::TokenClient, vec};

/// The committed Wasm.
pub const WASM: &[u8] = include_bytes!("../../escrow.wasm");
/// The ledger's time when the world begins; not a full hour.
pub const BEGIN: u64 = 1_800_000_123;
pub const GENESIS: u64 = 1_700_000_000;
pub const PERIOD: u32 = 3;
/// What every party begins with: 1,000,000 lumens.
pub const FUNDS: i64 = 10_000_000_000_000;
/// What every host deposits: 100,000 lumens.
pub const DEPOSIT: i128 = 1_000_000_000_000;
const DOMAIN: &[u8] = b"BLS_SIG_BLS12381G1_XMD:SHA-256_SSWU_RO_NUL_";

pub struct World {
    pub env: Env,
    pub escrow: EscrowClient<'static>,
    /// Lumens.
    pub token: Address,
    /// An issued asset, also allowed, and the key of its trust lines.
    pub other: Address,
    pub other_asset: TrustLineAsset,
    pub owner: Party,
    pub hosts: Vec<Party>,
}

/// The world's beacon.
pub fn beacon_secret() -> SecretKey {
    SecretKey::key_gen(&[7; 32], &[]).unwrap()
}

/// The round's signature, by any key.
pub fn sign_round(secret: &SecretKey, round: u64) -> Signature {
    use layr_market::Sha256 as _;
    secret.sign(&SoftwareSha256.sha256(&[&round.to_be_bytes()]), DOMAIN, &[])
}

/// An empty network at [`BEGIN`], with mainnet's lives.
pub fn network() -> Env {
    let env = Env::new_with_config(EnvTestConfig { capture_snapshot_at_drop: false });
    env.ledger().with_mut(|info| {
        info.timestamp = BEGIN;
        info.sequence_number = 1_000;
        info.network_id = [9; 32];
        info.min_persistent_entry_ttl = 2_073_600;
        info.min_temp_entry_ttl = 17_280;
        info.max_entry_ttl = 3_110_400;
    });
    env
}

/// True where the Rust code is tested instead of the Wasm.
pub fn is_native() -> bool {
    process::var_os("LAYR_ESCROW_NATIVE").is_some()
}

/// The contract on a network; the committed Wasm unless told otherwise.
pub fn deploy(env: &Env, config: Config) -> EscrowClient<'static> {
    let id = if is_native() { env.register(Escrow, (config,)) } else { env.register(WASM, (config,)) };
    EscrowClient::new(env, &id)
}

impl World {
    /// One host, registered and with collateral deposited; every authorisation is given.
    pub fn new() -> Self {
        Self::with_hosts(1)
    }

    pub fn with_hosts(count: u8) -> Self {
        let world = Self::bare(count);
        world.env.mock_all_auths();
        for host in &world.hosts {
            world.register(host);
            world.escrow.deposit(&host.address(&world.env), &world.key(host), &world.token, &DEPOSIT);
        }
        world
    }

    /// As [`World::with_hosts`], deployed with an altered configuration.
    pub fn deployed(count: u8, alter: impl FnOnce(&mut Config)) -> Self {
        let mut world = Self::with_hosts(count);
        let mut changed = world.escrow.config();
        alter(&mut changed);
        world.escrow = deploy(&world.env, changed);
        for host in &world.hosts {
            world.register(host);
            world.escrow.deposit(&host.address(&world.env), &world.key(host), &world.token, &DEPOSIT);
        }
        world
    }

    /// Hosts have accounts and nothing else; nobody has authorised anything.
    pub fn bare(count: u8) -> Self {
        let env = network();
        let (owner, issuer) = (Party::new(1), Party::new(2));
        let hosts: Vec<Party> = (0..count).map(|i| Party::new(10 + i)).collect();
        let token = native_token(&env);
        issuer.fund(&env, FUNDS);
        let (other, other_asset) = issued_token(&env, &issuer);
        for party in hosts.iter().chain([&owner]) {
            party.fund(&env, FUNDS);
            party.trust(&env, &other_asset, (FUNDS, true));
        }
        let config = config(&env, vec![&env, token.clone(), other.clone()]);
        let escrow = deploy(&env, config);
        Self { env, escrow, token, other, other_asset, owner, hosts }
    }

    pub fn host(&self) -> &Party {
        &self.hosts[0]
    }

    pub fn owner_address(&self) -> Address {
        self.owner.address(&self.env)
    }

    /// A party's node key.
    pub fn key(&self, party: &Party) -> BytesN<32> {
        BytesN::from_array(&self.env, &party.node_key())
    }

    pub fn signature(&self, bytes: &[u8; 64]) -> BytesN<64> {
        BytesN::from_array(&self.env, bytes)
    }

    pub fn context(&self) -> Context {
        let ScAddress::Contract(id) = (&self.escrow.address).into() else {
            panic!("a contract's address");
        };
        Context { network: NetworkId([9; 32]), contract: ContractId(id.0.0) }
    }

    /// The signature by which a node binds itself to an account.
    pub fn registration(&self, node: &Party, account: &Party) -> BytesN<64> {
        let payload = account.account_key();
        let digest = message_digest(&SoftwareSha256, Kind::Registration, &self.context(), &payload);
        self.signature(&node.sign(&digest))
    }

    pub fn register(&self, party: &Party) {
        let signature = self.registration(party, party);
        self.escrow.register(&party.address(&self.env), &self.key(party), &signature);
    }

    pub fn now(&self) -> UnixSeconds {
        UnixSeconds(self.env.ledger().timestamp())
    }

    /// Lets time pass, a ledger every 5 seconds.
    pub fn pass(&self, seconds: u64) {
        self.env.ledger().with_mut(|info| {
            info.timestamp += seconds;
            info.sequence_number += u32::try_from(seconds / 5).unwrap();
        });
    }

    /// Lets time pass until `moment`.
    pub fn pass_until(&self, moment: UnixSeconds) {
        self.pass(moment.since(self.now()));
    }

    /// Posts the round that decides over a deal.
    pub fn post_round_of(&self, deal: &Deal) {
        self.post_round(deal.round());
    }

    /// Posts a round.
    pub fn post_round(&self, round: u64) {
        let signature = sign_round(&beacon_secret(), round).serialize();
        self.escrow.post_beacon(&round, &BytesN::from_array(&self.env, &signature));
    }

    /// Stroops of lumens somebody has.
    pub fn lumens(&self, address: &Address) -> i128 {
        TokenClient::new(&self.env, &self.token).balance(address)
    }

    /// A host's free balance of lumens.
    pub fn free(&self, host: &Party) -> i128 {
        self.escrow.balance(&self.key(host), &self.token)
    }
}

/// A configuration with the world's beacon.
pub fn config(env: &Env, tokens: soroban_sdk::Vec<Address>) -> Config {
    Config {
        beacon_genesis: GENESIS,
        beacon_key: BytesN::from_array(env, &beacon_secret().sk_to_pk().serialize()),
        beacon_period: PERIOD,
        min_bond: 0,
        tokens,
    }
}
