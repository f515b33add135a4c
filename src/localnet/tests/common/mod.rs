//! A client for the tests: keys, envelopes, and JSON-RPC over HTTP.
#![allow(dead_code, reason = "each test binary uses its own part")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test is a failed test")]

pub mod wasm;

use std::time::{Duration, Instant};

use ed25519_dalek::{Signer, SigningKey};
use layr_localnet::{Clock, Localnet, LocalnetConfig, RunningLocalnet, native_contract, network_id};
use serde_json::{Value, json};
use stellar_xdr::*;

/// Where manual clocks start: 2026-11-20.
pub const START: u64 = 1_795_132_800;

pub fn key(number: u8) -> SigningKey {
    SigningKey::from_bytes(&[number; 32])
}

pub fn account_id(key: &SigningKey) -> AccountId {
    layr_localnet::account_of(key)
}

pub fn address(key: &SigningKey) -> String {
    stellar_strkey::ed25519::PublicKey(key.verifying_key().to_bytes()).to_string().as_str().to_owned()
}

pub fn id() -> [u8; 32] {
    network_id(layr_localnet::STANDALONE_PASSPHRASE)
}

pub fn muxed(key: &SigningKey) -> MuxedAccount {
    MuxedAccount::Ed25519(Uint256(key.verifying_key().to_bytes()))
}

pub fn account_key(key: &SigningKey) -> LedgerKey {
    LedgerKey::Account(LedgerKeyAccount { account_id: account_id(key) })
}

pub fn transaction(source: &SigningKey, sequence: i64, body: OperationBody) -> Transaction {
    Transaction {
        source_account: muxed(source),
        fee: 100,
        seq_num: SequenceNumber(sequence),
        cond: Preconditions::None,
        memo: Memo::None,
        operations: vec![Operation { source_account: None, body }].try_into().unwrap(),
        ext: TransactionExt::V0,
    }
}

pub fn payment(to: &SigningKey, amount: i64) -> OperationBody {
    OperationBody::Payment(PaymentOp { destination: muxed(to), asset: Asset::Native, amount })
}

pub fn create_account(to: &SigningKey, starting_balance: i64) -> OperationBody {
    OperationBody::CreateAccount(CreateAccountOp { destination: account_id(to), starting_balance })
}

pub fn sign_hash(hash: &[u8; 32], signers: &[&SigningKey]) -> VecM<DecoratedSignature, 20> {
    let signatures = signers.iter().map(|key| {
        let public = key.verifying_key().to_bytes();
        DecoratedSignature {
            hint: SignatureHint(public[28..].try_into().unwrap()),
            signature: Signature(key.sign(hash).to_bytes().to_vec().try_into().unwrap()),
        }
    });
    signatures.collect::<Vec<_>>().try_into().unwrap()
}

pub fn sign(tx: Transaction, signers: &[&SigningKey]) -> TransactionEnvelope {
    let signatures = sign_hash(&tx.hash(id()).unwrap(), signers);
    TransactionEnvelope::Tx(TransactionV1Envelope { tx, signatures })
}

/// Takes over what a simulation found: resources, fee, and recorded authorization.
pub fn prepare(
    mut tx: Transaction,
    data: SorobanTransactionData,
    auth: Vec<SorobanAuthorizationEntry>,
) -> Transaction {
    tx.fee = u32::try_from(data.resource_fee).unwrap() + 100;
    tx.ext = TransactionExt::V1(data);
    let mut operations = tx.operations.to_vec();
    if let OperationBody::InvokeHostFunction(op) = &mut operations[0].body
        && op.auth.is_empty()
    {
        op.auth = auth.try_into().unwrap();
    }
    tx.operations = operations.try_into().unwrap();
    tx
}

pub fn host_function(host_function: HostFunction) -> OperationBody {
    OperationBody::InvokeHostFunction(InvokeHostFunctionOp { host_function, auth: VecM::default() })
}

pub fn invoke(contract: &ContractId, function: &str, args: Vec<ScVal>) -> OperationBody {
    host_function(HostFunction::InvokeContract(InvokeContractArgs {
        contract_address: ScAddress::Contract(contract.clone()),
        function_name: ScSymbol(function.try_into().unwrap()),
        args: args.try_into().unwrap(),
    }))
}

pub fn native() -> ContractId {
    native_contract(id()).unwrap()
}

pub fn native_transfer(from: &SigningKey, to: &SigningKey, amount: u64) -> OperationBody {
    invoke(&native(), "transfer", vec![address_value(from), address_value(to), amount_value(amount)])
}

pub fn address_value(key: &SigningKey) -> ScVal {
    ScVal::Address(ScAddress::Account(account_id(key)))
}

pub fn amount_value(amount: u64) -> ScVal {
    ScVal::I128(Int128Parts { hi: 0, lo: amount })
}

pub fn symbol(text: &str) -> ScVal {
    ScVal::Symbol(ScSymbol(text.try_into().unwrap()))
}

/// Creates a contract of `wasm` with an address that follows from `source` and `salt`.
pub fn create_contract(source: &SigningKey, wasm_hash: Hash, salt: u8) -> OperationBody {
    host_function(HostFunction::CreateContractV2(CreateContractArgsV2 {
        contract_id_preimage: ContractIdPreimage::Address(ContractIdPreimageFromAddress {
            address: ScAddress::Account(account_id(source)),
            salt: Uint256([salt; 32]),
        }),
        executable: ContractExecutable::Wasm(wasm_hash),
        constructor_args: VecM::default(),
    }))
}

pub fn upload(wasm: Vec<u8>) -> OperationBody {
    host_function(HostFunction::UploadContractWasm(wasm.try_into().unwrap()))
}

pub fn wasm_hash(wasm: &[u8]) -> Hash {
    use sha2::Digest;
    Hash(sha2::Sha256::digest(wasm).into())
}

/// Key of the data the keeper contract keeps under `name`.
pub fn kept_key(contract: &ContractId, name: &str, durability: ContractDataDurability) -> LedgerKey {
    LedgerKey::ContractData(LedgerKeyContractData {
        contract: ScAddress::Contract(contract.clone()),
        key: symbol(name),
        durability,
    })
}

/// A served network and a client of it.
pub struct Net {
    pub running: RunningLocalnet,
    pub http: reqwest::Client,
}

impl Net {
    pub async fn start() -> Self {
        Self::with(LocalnetConfig {
            seed: Some([1; 32]),
            clock: Clock::Manual(START),
            ..LocalnetConfig::default()
        })
        .await
    }

    pub async fn with(config: LocalnetConfig) -> Self {
        // Another test of this process may have installed it already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let running = Localnet::start(config).await.expect("the network starts");
        let http = reqwest::Client::builder().timeout(Duration::from_secs(20)).no_proxy().build().unwrap();
        Self { running, http }
    }

    pub async fn raw(&self, method: &str, params: Value) -> Value {
        let call = json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params });
        let answer = self.http.post(self.running.rpc_url()).json(&call).send().await.unwrap();
        answer.json().await.unwrap()
    }

    pub async fn call(&self, method: &str, params: Value) -> Value {
        let mut answer = self.raw(method, params).await;
        assert_eq!(answer["error"], Value::Null, "{method} failed");
        answer["result"].take()
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        let answer = self.http.get(format!("{}{path}", self.running.rpc_url())).send().await.unwrap();
        (answer.status().as_u16(), answer.json().await.unwrap())
    }

    pub async fn advance(&self, request: Value) -> (u16, Value) {
        let url = format!("{}/dev/advance", self.running.rpc_url());
        let answer = self.http.post(url).json(&request).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.json().await.unwrap_or(Value::Null))
    }

    pub async fn fund(&self, key: &SigningKey) {
        let (status, answer) = self.get(&format!("/friendbot?addr={}", address(key))).await;
        assert_eq!(status, 200, "{answer}");
    }

    pub async fn entry(&self, key: &LedgerKey) -> Option<(LedgerEntryData, Value)> {
        let keys = json!({ "keys": [key.to_xdr_base64(Limits::none()).unwrap()] });
        let mut answer = self.call("getLedgerEntries", keys).await;
        let entry = answer["entries"].get_mut(0)?.take();
        let data = LedgerEntryData::from_xdr_base64(entry["xdr"].as_str().unwrap(), Limits::none()).unwrap();
        Some((data, entry))
    }

    pub async fn account(&self, key: &SigningKey) -> AccountEntry {
        match self.entry(&account_key(key)).await {
            Some((LedgerEntryData::Account(account), _)) => account,
            other => panic!("no account: {other:?}"),
        }
    }

    pub async fn next_sequence(&self, key: &SigningKey) -> i64 {
        self.account(key).await.seq_num.0 + 1
    }

    pub async fn send(&self, envelope: &TransactionEnvelope) -> Value {
        let text = envelope.to_xdr_base64(Limits::none()).unwrap();
        self.call("sendTransaction", json!({ "transaction": text })).await
    }

    /// The code a refused transaction is refused with.
    pub async fn refusal(&self, envelope: &TransactionEnvelope) -> TransactionResultResult {
        let answer = self.send(envelope).await;
        assert_eq!(answer["status"], "ERROR", "{answer}");
        let text = answer["errorResultXdr"].as_str().unwrap();
        TransactionResult::from_xdr_base64(text, Limits::none()).unwrap().result
    }

    /// Sends, and polls until the transaction is in a ledger.
    pub async fn settle(&self, envelope: &TransactionEnvelope) -> Value {
        let sent = self.send(envelope).await;
        assert_eq!(sent["status"], "PENDING", "{sent}");
        self.wait_for(sent["hash"].as_str().unwrap()).await
    }

    pub async fn wait_for(&self, hash: &str) -> Value {
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let found = self.call("getTransaction", json!({ "hash": hash })).await;
            if found["status"] != "NOT_FOUND" {
                return found;
            }
            assert!(Instant::now() < deadline, "transaction {hash} never got into a ledger");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    pub async fn simulate(&self, tx: &Transaction) -> Value {
        let envelope =
            TransactionEnvelope::Tx(TransactionV1Envelope { tx: tx.clone(), signatures: VecM::default() });
        let text = envelope.to_xdr_base64(Limits::none()).unwrap();
        self.call("simulateTransaction", json!({ "transaction": text })).await
    }

    /// Simulates, and gives the transaction ready to be signed.
    pub async fn prepared(&self, tx: Transaction) -> Transaction {
        let simulated = self.simulate(&tx).await;
        assert_eq!(simulated["error"], Value::Null, "{simulated}");
        let data = simulated["transactionData"].as_str().unwrap();
        let data = SorobanTransactionData::from_xdr_base64(data, Limits::none()).unwrap();
        let auth = simulated["results"][0]["auth"].as_array().cloned().unwrap_or_default();
        let auth = auth.iter().map(|entry| {
            SorobanAuthorizationEntry::from_xdr_base64(entry.as_str().unwrap(), Limits::none()).unwrap()
        });
        prepare(tx, data, auth.collect())
    }

    /// Simulates, signs, sends and waits: the whole life of a contract call.
    pub async fn run(&self, source: &SigningKey, body: OperationBody) -> Value {
        let tx = transaction(source, self.next_sequence(source).await, body);
        let tx = self.prepared(tx).await;
        self.settle(&sign(tx, &[source])).await
    }
}

impl Net {
    /// Uploads the keeper and creates a contract of it, paid by `source`.
    pub async fn deploy_keeper(&self, source: &SigningKey) -> ContractId {
        let wasm = wasm::keeper();
        let hash = wasm_hash(&wasm);
        let uploaded = self.run(source, upload(wasm)).await;
        assert_eq!(uploaded["status"], "SUCCESS", "{uploaded}");
        let created = self.run(source, create_contract(source, hash, 1)).await;
        match return_value(&created) {
            ScVal::Address(ScAddress::Contract(id)) => id,
            other => panic!("not a contract: {other:?}"),
        }
    }
}

/// Result of the first operation of a failed or successful transaction.
pub fn operation_result(found: &Value) -> OperationResult {
    match result_of(found).result {
        TransactionResultResult::TxSuccess(results) | TransactionResultResult::TxFailed(results) => {
            results[0].clone()
        }
        other => panic!("no operation results: {other:?}"),
    }
}

/// How a contract call ended.
pub fn invoke_result(found: &Value) -> InvokeHostFunctionResult {
    match operation_result(found) {
        OperationResult::OpInner(OperationResultTr::InvokeHostFunction(result)) => result,
        other => panic!("not a contract call: {other:?}"),
    }
}

pub fn result_of(found: &Value) -> TransactionResult {
    TransactionResult::from_xdr_base64(found["resultXdr"].as_str().unwrap(), Limits::none()).unwrap()
}

pub fn meta_of(found: &Value) -> TransactionMetaV4 {
    match TransactionMeta::from_xdr_base64(found["resultMetaXdr"].as_str().unwrap(), Limits::none()).unwrap()
    {
        TransactionMeta::V4(meta) => meta,
        other => panic!("unexpected metadata {other:?}"),
    }
}

pub fn return_value(found: &Value) -> ScVal {
    meta_of(found).soroban_meta.expect("contract metadata").return_value.expect("a returned value")
}
