//! An asset somebody issued: what becomes of a payout whose receiver cannot take it, because its trust line is
//! frozen or gone. It becomes a credit; nothing is lost, and nobody else's settlement is held up.

use crate::common::deal::{Deal, FREE, HASH, WASM, World, deployment};
use crate::common::{account, config, network, payer, signer};
use layr_identity::Signer;
use layr_ledger::{EscrowEvent, LedgerClient, MoneyEffect};
use layr_market::{Kind, SlotState, message_digest};
use layr_types::{AccountKey, ContractId, Stroops};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use stellar_xdr::*;

const ISSUER: u8 = 20;
const OWNER: u8 = 2;
const HOST: u8 = 3;
/// What owner and host are given of the asset.
const GIVEN: i64 = 10_000_000_000;
const AUTHORIZED: u32 = 1;
const MAINTAIN: u32 = 2;
const REVOCABLE: u32 = 2;

/// A market whose money is an issued asset.
struct Market {
    world: World,
    token: ContractId,
    http: reqwest::Client,
}

impl Market {
    async fn new() -> Self {
        let net = network().await;
        let client = LedgerClient::new(config(&net).await).unwrap();
        let (operator, _) = payer(&client, 1).await;
        let (owner, owner_log) = payer(&client, OWNER).await;
        let (host, _) = payer(&client, HOST).await;
        client.fund(&account(ISSUER)).await.unwrap();
        let token = asset_contract(&client);
        let mut deployed = deployment(&client);
        deployed.tokens.push(token);
        let escrow = client.ensure_deployed(&operator, WASM, [4; 32], &deployed).await.unwrap().escrow;
        let (owner_node, host_node) = (signer(12), signer(13));
        let world = World { net, client, escrow, owner, owner_log, host, owner_node, host_node };
        let market = Self { world, token, http: reqwest::Client::builder().no_proxy().build().unwrap() };
        market.issue().await;
        market.host_joins().await;
        market
    }

    /// The asset comes into being, its contract with it, and both parties hold some.
    async fn issue(&self) {
        let revocable = SetOptionsOp { set_flags: Some(REVOCABLE), ..SetOptionsOp::default() };
        self.apply(ISSUER, OperationBody::SetOptions(revocable)).await;
        for person in [OWNER, HOST] {
            self.apply(person, trust(i64::MAX)).await;
            self.apply(ISSUER, pay(person, GIVEN)).await;
        }
        let deploy = HostFunction::CreateContract(CreateContractArgs {
            contract_id_preimage: ContractIdPreimage::Asset(asset()),
            executable: ContractExecutable::StellarAsset,
        });
        let deploy = InvokeHostFunctionOp { host_function: deploy, auth: VecM::default() };
        self.apply(ISSUER, OperationBody::InvokeHostFunction(deploy)).await;
    }

    async fn host_joins(&self) {
        let World { escrow, host, host_node, .. } = &self.world;
        let digest = message_digest(&HASH, Kind::Registration, &escrow.context(), &account(HOST).0);
        let key = self.world.host_key();
        let register = escrow.register(&account(HOST), &key, &host_node.sign(&digest)).unwrap();
        register.submit(host).await.unwrap();
        let deposit = escrow.deposit(&account(HOST), &key, &self.token, FREE).unwrap();
        deposit.submit(host).await.unwrap();
    }

    /// An agreement paid in the asset, past the moment it could be opened twice.
    async fn open(&self, slot: u8) -> Deal {
        let mut deal = self.world.draft(slot).await;
        deal.terms.token = self.token;
        deal.id = deal.terms.id(&HASH, &self.world.escrow.context());
        deal.state = SlotState::opening(&deal.terms);
        let call = self.world.escrow.open(&account(OWNER), &[self.world.opening(&deal)]).unwrap();
        call.submit(&self.world.owner).await.unwrap();
        self.world.wait_until(deal.terms.offer_expiry.plus(1)).await;
        deal
    }

    /// Closes it with the base fee for the host; gives what the events say the owner was credited.
    async fn close(&self, deal: &Deal) -> Vec<Stroops> {
        let host = deal.terms.collateral + deal.terms.base_fee;
        let closing = self.world.closing(deal, 0, host);
        let done = self.world.escrow.close(&[closing]).unwrap().submit(&self.world.host).await.unwrap();
        let credits = done.events.iter().filter_map(|event| match event {
            EscrowEvent::Credited { owner, token, amount } => {
                assert_eq!((owner, token), (&account(OWNER), &self.token));
                Some(*amount)
            }
            _ => None,
        });
        credits.collect()
    }

    async fn credit(&self) -> Stroops {
        self.world.escrow.credit(&account(OWNER), &self.token).await.unwrap()
    }

    async fn owner_withdraws(&self) -> Result<(), MoneyEffect> {
        let call = self.world.escrow.owner_withdraw(&account(OWNER), &self.token).unwrap();
        call.submit(&self.world.host).await.map(drop).map_err(|error| error.effect)
    }

    /// Units in accounts and contract together: issuing apart, nothing may change it.
    async fn circulating(&self) -> i128 {
        let contract = self.world.escrow.contract();
        let escrowed = self.world.client.contract_balance(&self.token, &contract).await.unwrap().0;
        let free = self.world.escrow.balance(&self.world.host_key(), &self.token).await.unwrap();
        assert!(escrowed >= free.0 + self.credit().await.0, "the contract owes more than it holds");
        i128::from(self.held(OWNER).await.unwrap_or(0) + self.held(HOST).await.unwrap_or(0)) + escrowed
    }

    async fn freeze(&self, frozen: bool) {
        let (set_flags, clear_flags) = if frozen { (MAINTAIN, AUTHORIZED) } else { (AUTHORIZED, MAINTAIN) };
        let trustor = account_id(&account(OWNER));
        let op = SetTrustLineFlagsOp { trustor, asset: asset(), clear_flags, set_flags };
        self.apply(ISSUER, OperationBody::SetTrustLineFlags(op)).await;
    }

    /// Units in a trust line; `None` where there is no line.
    async fn held(&self, person: u8) -> Option<i64> {
        let key = LedgerKey::Trustline(LedgerKeyTrustLine {
            account_id: account_id(&account(person)),
            asset: TrustLineAsset::CreditAlphanum4(euro()),
        });
        let keys = json!({ "keys": [key.to_xdr_base64(Limits::none()).unwrap()] });
        let found = self.ask("getLedgerEntries", keys).await;
        let text = found["entries"][0]["xdr"].as_str()?;
        match LedgerEntryData::from_xdr_base64(text, Limits::none()).unwrap() {
            LedgerEntryData::Trustline(line) => Some(line.balance),
            other => panic!("not a line: {other:?}"),
        }
    }

    async fn ask(&self, method: &str, params: Value) -> Value {
        let call = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let request = self.http.post(self.world.net.rpc_url()).header("content-type", "application/json");
        let answer = request.body(call.to_string()).send().await.unwrap().text().await.unwrap();
        let mut answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["error"], Value::Null, "{method}");
        answer["result"].take()
    }

    /// Runs one operation of a person's to its success.
    async fn apply(&self, person: u8, body: OperationBody) {
        let state = self.world.client.account(&account(person)).await.unwrap().unwrap();
        let mut tx = Transaction {
            source_account: muxed(&account(person)),
            fee: 100,
            seq_num: SequenceNumber(state.sequence + 1),
            cond: Preconditions::None,
            memo: Memo::None,
            operations: vec![Operation { source_account: None, body: body.clone() }].try_into().unwrap(),
            ext: TransactionExt::V0,
        };
        if matches!(body, OperationBody::InvokeHostFunction(_)) {
            let simulated = self.ask("simulateTransaction", transaction(&tx, None)).await;
            let data = simulated["transactionData"].as_str().unwrap_or_else(|| panic!("{simulated}"));
            let data = SorobanTransactionData::from_xdr_base64(data, Limits::none()).unwrap();
            tx.fee = u32::try_from(data.resource_fee).unwrap() + 100;
            tx.ext = TransactionExt::V1(data);
        }
        let hash = tx.hash(self.world.client.network().0).unwrap();
        let sent = self.ask("sendTransaction", transaction(&tx, Some((&signer(person), hash)))).await;
        assert_eq!(sent["status"], "PENDING", "{sent}");
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.ask("getTransaction", json!({ "hash": sent["hash"] })).await;
            if found["status"] != "NOT_FOUND" {
                assert_eq!(found["status"], "SUCCESS", "{body:?}: {found}");
                return;
            }
            assert!(Instant::now() < deadline, "{body:?} never got into a ledger");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

fn transaction(tx: &Transaction, signed: Option<(&Signer, [u8; 32])>) -> Value {
    let signatures: Vec<DecoratedSignature> = signed
        .iter()
        .map(|(signer, hash)| DecoratedSignature {
            hint: SignatureHint(signer.public()[28..].try_into().unwrap()),
            signature: Signature(signer.sign(hash).0.to_vec().try_into().unwrap()),
        })
        .collect();
    let signatures = signatures.try_into().unwrap();
    let envelope = TransactionEnvelope::Tx(TransactionV1Envelope { tx: tx.clone(), signatures });
    json!({ "transaction": envelope.to_xdr_base64(Limits::none()).unwrap() })
}

fn account_id(account: &AccountKey) -> AccountId {
    AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(account.0)))
}

fn muxed(account: &AccountKey) -> MuxedAccount {
    MuxedAccount::Ed25519(Uint256(account.0))
}

fn euro() -> AlphaNum4 {
    AlphaNum4 { asset_code: AssetCode4(*b"EURO"), issuer: account_id(&account(ISSUER)) }
}

fn asset() -> Asset {
    Asset::CreditAlphanum4(euro())
}

fn asset_contract(client: &LedgerClient) -> ContractId {
    use sha2::Digest as _;
    let image = HashIdPreimage::ContractId(HashIdPreimageContractId {
        network_id: Hash(client.network().0),
        contract_id_preimage: ContractIdPreimage::Asset(asset()),
    });
    ContractId(sha2::Sha256::digest(image.to_xdr(Limits::none()).unwrap()).into())
}

fn trust(limit: i64) -> OperationBody {
    OperationBody::ChangeTrust(ChangeTrustOp { line: ChangeTrustAsset::CreditAlphanum4(euro()), limit })
}

fn pay(to: u8, amount: i64) -> OperationBody {
    OperationBody::Payment(PaymentOp { destination: muxed(&account(to)), asset: asset(), amount })
}

#[tokio::test]
async fn a_payout_to_a_frozen_account_becomes_a_credit_until_the_issuer_relents() {
    let market = Market::new().await;
    let before = market.circulating().await;
    let deal = market.open(0).await;
    let left = market.held(OWNER).await.unwrap();
    market.freeze(true).await;
    let due = deal.terms.locked() - deal.terms.collateral - deal.terms.base_fee;

    assert_eq!(market.close(&deal).await, [due]);
    assert_eq!(market.credit().await, due);
    assert_eq!(market.held(OWNER).await, Some(left), "nothing reached the frozen line");
    let host = market.world.escrow.balance(&market.world.host_key(), &market.token).await.unwrap();
    assert_eq!(host, FREE + deal.terms.base_fee, "the host is paid all the same");
    assert_eq!(market.circulating().await, before);
    assert_eq!(market.owner_withdraws().await, Err(MoneyEffect::None), "still frozen");
    assert_eq!(market.credit().await, due);

    market.freeze(false).await;
    market.owner_withdraws().await.unwrap();
    assert_eq!(market.credit().await, Stroops::ZERO);
    assert_eq!(market.held(OWNER).await.map(i128::from), Some(i128::from(left) + due.0));
    assert_eq!(market.circulating().await, before);
}

#[tokio::test]
async fn a_payout_to_an_account_without_a_trust_line_waits_as_a_credit_until_there_is_one() {
    let market = Market::new().await;
    let before = market.circulating().await;
    let deal = market.open(0).await;
    let spent = market.held(OWNER).await.unwrap();
    market.apply(OWNER, pay(HOST, spent)).await;
    market.apply(OWNER, trust(0)).await;
    assert_eq!(market.held(OWNER).await, None);
    let due = deal.terms.locked() - deal.terms.collateral - deal.terms.base_fee;

    assert_eq!(market.close(&deal).await, [due]);
    assert_eq!(market.circulating().await, before);
    assert_eq!(market.owner_withdraws().await, Err(MoneyEffect::None), "no line to pay into");
    market.apply(OWNER, trust(i64::MAX)).await;
    market.owner_withdraws().await.unwrap();
    assert_eq!(market.held(OWNER).await.map(i128::from), Some(due.0));
    assert_eq!((market.credit().await, market.circulating().await), (Stroops::ZERO, before));
}
