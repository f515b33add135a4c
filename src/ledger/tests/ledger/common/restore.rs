//! What an endpoint of the older manner says before a call on archived entries.

use super::deal::World;
use super::{account, http_ok};
use serde_json::{Value, json};
use stellar_xdr::{
    AccountId, ContractDataDurability, ContractId, ExtensionPoint, Hash, LedgerFootprint, LedgerKey,
    LedgerKeyContractData, Limits, Memo, MuxedAccount, Operation, OperationBody, Preconditions, PublicKey,
    RestoreFootprintOp, ScAddress, ScVal, ScVec, SequenceNumber, SorobanResources, SorobanTransactionData,
    SorobanTransactionDataExt, Transaction, TransactionEnvelope, TransactionExt, TransactionV1Envelope,
    Uint256, WriteXdr as _,
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// The preamble that restores account 2's first folder.
pub async fn preamble(world: &World) -> Value {
    let simulated = simulate(world, &restoring(world)).await;
    json!({
        "transactionData": simulated["result"]["transactionData"],
        "minResourceFee": simulated["result"]["minResourceFee"],
    })
}

fn restoring(world: &World) -> String {
    let owner = AccountId(PublicKey::PublicKeyTypeEd25519(Uint256(account(2).0)));
    let path = vec![
        ScVal::Symbol("Folder".try_into().unwrap()),
        ScVal::Address(ScAddress::Account(owner)),
        ScVal::U32(0),
    ];
    let key = LedgerKey::ContractData(LedgerKeyContractData {
        contract: ScAddress::Contract(ContractId(Hash(world.escrow.contract().0))),
        key: ScVal::Vec(Some(ScVec(path.try_into().unwrap()))),
        durability: ContractDataDurability::Persistent,
    });
    let footprint =
        LedgerFootprint { read_only: vec![].try_into().unwrap(), read_write: vec![key].try_into().unwrap() };
    let data = SorobanTransactionData {
        ext: SorobanTransactionDataExt::V0,
        resources: SorobanResources { footprint, instructions: 0, disk_read_bytes: 0, write_bytes: 0 },
        resource_fee: 0,
    };
    let body = OperationBody::RestoreFootprint(RestoreFootprintOp { ext: ExtensionPoint::V0 });
    let tx = Transaction {
        source_account: MuxedAccount::Ed25519(Uint256(account(2).0)),
        fee: 100,
        seq_num: SequenceNumber(1),
        cond: Preconditions::None,
        memo: Memo::None,
        operations: vec![Operation { source_account: None, body }].try_into().unwrap(),
        ext: TransactionExt::V1(data),
    };
    let signatures = vec![].try_into().unwrap();
    TransactionEnvelope::Tx(TransactionV1Envelope { tx, signatures }).to_xdr_base64(Limits::none()).unwrap()
}

async fn simulate(world: &World, envelope: &str) -> Value {
    let call = json!({
        "jsonrpc": "2.0", "id": 1, "method": "simulateTransaction", "params": { "transaction": envelope },
    });
    let request = String::from_utf8(http_ok(&call.to_string())).unwrap();
    let request = request.replacen("HTTP/1.1 200 OK", "POST / HTTP/1.1\r\nhost: x", 1);
    let mut stream = TcpStream::connect(world.net.address()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap()
}
