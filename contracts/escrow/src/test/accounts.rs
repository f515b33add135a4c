//! Classic accounts, their assets, and signatures as wallets make them.

use super::std::{rc::Rc, vec::Vec};
use ed25519_dalek::{Signer as _, SigningKey};
use soroban_sdk::xdr::{
    AccountEntry, AccountEntryExt, AccountId, AlphaNum4, Asset, AssetCode4, ContractExecutable,
    ContractIdPreimage, CreateContractArgs, Hash, HashIdPreimage, HashIdPreimageSorobanAuthorization,
    HostFunction, InvokeContractArgs, LedgerEntry, LedgerEntryData, LedgerEntryExt, LedgerKey,
    LedgerKeyAccount, LedgerKeyTrustLine, Limits, PublicKey, ScAddress, ScBytes, ScMap, ScSymbol, ScVal,
    SequenceNumber, SorobanAddressCredentials, SorobanAuthorizationEntry, SorobanAuthorizedFunction,
    SorobanAuthorizedInvocation, SorobanCredentials, Thresholds, TrustLineAsset, TrustLineEntry,
    TrustLineEntryExt, Uint256, VecM, WriteXdr as _,
};
use soroban_sdk::{Address, Env, TryFromVal as _, TryIntoVal as _, Val};

/// One who has a Stellar account and a node.
#[derive(Clone)]
pub struct Party {
    pub account: SigningKey,
    pub node: SigningKey,
}

impl Party {
    /// The `seed`th party; always the same.
    pub fn new(seed: u8) -> Self {
        let key = |role: u8| SigningKey::from_bytes(&[seed, role].repeat(16).try_into().unwrap());
        Self { account: key(1), node: key(2) }
    }

    pub fn account_key(&self) -> [u8; 32] {
        self.account.verifying_key().to_bytes()
    }

    pub fn node_key(&self) -> [u8; 32] {
        self.node.verifying_key().to_bytes()
    }

    pub fn address(&self, env: &Env) -> Address {
        let val: Val = ScVal::Address(ScAddress::Account(self.id())).try_into_val(env).unwrap();
        val.try_into_val(env).unwrap()
    }

    /// Signs 32 bytes with the node key.
    pub fn sign(&self, digest: &[u8; 32]) -> [u8; 64] {
        self.node.sign(digest).to_bytes()
    }

    /// Makes this account the source of the transactions to come: its authorisation is then its signature on
    /// the envelope.
    pub fn sends(&self, env: &Env) {
        env.host().set_source_account(self.id()).unwrap();
    }

    fn id(&self) -> AccountId {
        AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(self.account_key())))
    }

    /// Creates the account with this many stroops.
    pub fn fund(&self, env: &Env, balance: i64) {
        let key = LedgerKey::Account(LedgerKeyAccount { account_id: self.id() });
        let entry = AccountEntry {
            account_id: self.id(),
            balance,
            flags: 0,
            home_domain: Default::default(),
            inflation_dest: None,
            num_sub_entries: 0,
            seq_num: SequenceNumber(0),
            thresholds: Thresholds([1, 0, 0, 0]),
            signers: VecM::default(),
            ext: AccountEntryExt::V0,
        };
        put(env, key, LedgerEntryData::Account(entry));
    }

    /// Gives the account a trust line; with `authorized` false its issuer has frozen it.
    pub fn trust(&self, env: &Env, asset: &TrustLineAsset, (balance, authorized): (i64, bool)) {
        let key = LedgerKey::Trustline(LedgerKeyTrustLine { account_id: self.id(), asset: asset.clone() });
        let entry = TrustLineEntry {
            account_id: self.id(),
            asset: asset.clone(),
            balance,
            limit: i64::MAX,
            flags: u32::from(authorized),
            ext: TrustLineEntryExt::V0,
        };
        put(env, key, LedgerEntryData::Trustline(entry));
    }

    /// The account's signature over a call, as a wallet gives it.
    pub fn authorize(
        &self,
        env: &Env,
        nonce: i64,
        call: SorobanAuthorizedInvocation,
    ) -> SorobanAuthorizationEntry {
        let expiration = env.ledger().sequence() + 100;
        let preimage = HashIdPreimage::SorobanAuthorization(HashIdPreimageSorobanAuthorization {
            network_id: Hash(env.ledger().network_id().to_array()),
            nonce,
            signature_expiration_ledger: expiration,
            invocation: call.clone(),
        });
        let bytes = preimage.to_xdr(Limits::none()).unwrap();
        let digest = env.crypto().sha256(&soroban_sdk::Bytes::from_slice(env, &bytes)).to_array();
        let field = |name: &str, bytes: &[u8]| {
            let name = ScVal::Symbol(ScSymbol(name.try_into().unwrap()));
            (name, ScVal::Bytes(ScBytes(bytes.to_vec().try_into().unwrap())))
        };
        let signature = self.account.sign(&digest).to_bytes();
        let fields = [field("public_key", &self.account_key()), field("signature", &signature)];
        let map = ScVal::Map(Some(ScMap::sorted_from(fields).unwrap()));
        SorobanAuthorizationEntry {
            credentials: SorobanCredentials::Address(SorobanAddressCredentials {
                address: ScAddress::Account(self.id()),
                nonce,
                signature_expiration_ledger: expiration,
                signature: ScVal::Vec(Some([map].to_vec().try_into().unwrap())),
            }),
            root_invocation: call,
        }
    }
}

/// A call for [`Party::authorize`], with the calls it makes in turn.
pub fn call(
    env: &Env,
    contract: &Address,
    name: &str,
    (args, inner): (&[Val], &[SorobanAuthorizedInvocation]),
) -> SorobanAuthorizedInvocation {
    let args: Vec<ScVal> = args.iter().map(|arg| ScVal::try_from_val(env, arg).unwrap()).collect();
    SorobanAuthorizedInvocation {
        function: SorobanAuthorizedFunction::ContractFn(InvokeContractArgs {
            contract_address: contract.into(),
            function_name: ScSymbol(name.try_into().unwrap()),
            args: args.try_into().unwrap(),
        }),
        sub_invocations: inner.to_vec().try_into().unwrap(),
    }
}

/// Deploys the asset contract of lumens.
pub fn native_token(env: &Env) -> Address {
    asset_contract(env, Asset::Native)
}

/// Deploys the asset contract of an asset issued by `issuer`; with the key its trust lines have.
pub fn issued_token(env: &Env, issuer: &Party) -> (Address, TrustLineAsset) {
    let asset = AlphaNum4 { asset_code: AssetCode4(*b"TEST"), issuer: issuer.id() };
    let token = asset_contract(env, Asset::CreditAlphanum4(asset.clone()));
    (token, TrustLineAsset::CreditAlphanum4(asset))
}

fn asset_contract(env: &Env, asset: Asset) -> Address {
    let create = HostFunction::CreateContract(CreateContractArgs {
        contract_id_preimage: ContractIdPreimage::Asset(asset),
        executable: ContractExecutable::StellarAsset,
    });
    env.host().invoke_function(create).unwrap().try_into_val(env).unwrap()
}

fn put(env: &Env, key: LedgerKey, data: LedgerEntryData) {
    let entry = LedgerEntry { last_modified_ledger_seq: 0, data, ext: LedgerEntryExt::V0 };
    env.host().add_ledger_entry(&Rc::new(key), &Rc::new(entry), None).unwrap();
}

/// A contract address's id.
pub fn contract_id(address: &Address) -> [u8; 32] {
    match address.into() {
        ScAddress::Contract(id) => id.0.0,
        _ => panic!("a contract's address"),
    }
}
