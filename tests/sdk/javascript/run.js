// Drives a local network with the official JavaScript SDK, unmodified: `node run.js RPC_URL ESCROW_CONTRACT WASM_FILE`.
//
// One line per story; the first thing that is not as on a public network ends the run. The Python driver next
// door goes further into refusals and lifetimes; this one is the second, independent reader of every answer.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import {
  Address,
  Asset,
  BASE_FEE,
  Contract,
  Keypair,
  Operation,
  SorobanDataBuilder,
  TransactionBuilder,
  contract,
  nativeToScVal,
  rpc,
  scValToNative,
  xdr,
} from "@stellar/stellar-sdk";

const [url, escrow, code] = process.argv.slice(2);
const wasm = readFileSync(code);
const server = new rpc.Server(url, { allowHttp: true });
const { passphrase: networkPassphrase } = await server.getNetwork();
const XLM = 10_000_000n;

const keys = (name) => Keypair.fromRawEd25519Seed(createHash("sha256").update(`js: ${name}`).digest());

async function person(name) {
  const own = keys(name);
  const account = await server.requestAirdrop(own.publicKey());
  assert.equal(account.accountId(), own.publicKey());
  return own;
}

async function transaction(source, ...operations) {
  const account = await server.getAccount(source.publicKey());
  const builder = new TransactionBuilder(account, { fee: BASE_FEE, networkPassphrase }).setTimeout(300);
  return operations.reduce((made, operation) => made.addOperation(operation), builder).build();
}

async function applied(built, ...signers) {
  signers.forEach((signer) => built.sign(signer));
  const sent = await server.sendTransaction(built);
  assert.equal(sent.status, "PENDING", sent.errorResult && JSON.stringify(sent.errorResult));
  return server.pollTransaction(sent.hash, { attempts: 500, sleepStrategy: () => 20 });
}

async function succeeds(built, ...signers) {
  const found = await applied(built, ...signers);
  assert.equal(found.status, "SUCCESS");
  return found;
}

const prepared = async (source, operation) => server.prepareTransaction(await transaction(source, operation));

async function views(source, id, name, ...args) {
  const simulated = await server.simulateTransaction(
    await transaction(source, new Contract(id).call(name, ...args)),
  );
  assert.ok(rpc.Api.isSimulationSuccess(simulated), simulated.error);
  return simulated.result.retval;
}

async function refusal(built, ...signers) {
  signers.forEach((signer) => built.sign(signer));
  const sent = await server.sendTransaction(built);
  assert.equal(sent.status, "ERROR");
  return sent.errorResult;
}

const stories = {
  async money() {
    const [alice, bob] = [await person("alice"), await person("bob")];
    const pay = Operation.payment({ destination: bob.publicKey(), asset: Asset.native(), amount: "12.5" });
    const carol = Operation.createAccount({ destination: keys("carol").publicKey(), startingBalance: "5" });
    const paid = await succeeds(await transaction(alice, pay, carol), alice);
    const entry = await server.getAccountEntry(bob.publicKey());
    assert.equal(BigInt(entry.balance.toString()), 10_000n * XLM + 125_000_000n);
    const listed = await server.getTransactions({ startLedger: paid.ledger, pagination: { limit: 5 } });
    assert.equal(listed.transactions[0].txHash, paid.txHash);
    assert.equal((await server.getHealth()).status, "healthy");
    assert.equal((await server.getFeeStats()).inclusionFee.min, "100");
  },

  async deploy() {
    const alice = keys("alice");
    const uploaded = await succeeds(await prepared(alice, Operation.uploadContractWasm({ wasm })), alice);
    const wasmHash = Buffer.from(scValToNative(uploaded.returnValue));
    assert.deepEqual(wasmHash, createHash("sha256").update(wasm).digest());
    const config = await views(alice, escrow, "config");
    const create = Operation.createCustomContract({
      address: new Address(alice.publicKey()),
      wasmHash,
      constructorArgs: [config],
      salt: Buffer.alloc(32, 9),
    });
    const made = await succeeds(await prepared(alice, create), alice);
    this.own = Address.fromScVal(made.returnValue).toString();
    assert.notEqual(this.own, escrow);
    assert.deepEqual(scValToNative(await views(alice, this.own, "config")), scValToNative(config));
  },

  async calls() {
    const [host, node] = [await person("host"), keys("node")];
    const token = Asset.native().contractId(networkPassphrase);
    const key = xdr.ScVal.scvBytes(node.rawPublicKey());
    const first = (await server.getLatestLedger()).sequence;
    const context = Buffer.concat([
      createHash("sha256").update(networkPassphrase).digest(),
      new Contract(this.own).address().toBuffer(),
    ]);
    const digest = createHash("sha256")
      .update("layr/v1/register")
      .update(context)
      .update(host.rawPublicKey())
      .digest();
    const me = new Address(host.publicKey()).toScVal();
    const call = async (name, ...args) =>
      succeeds(await prepared(host, new Contract(this.own).call(name, ...args)), host);
    await call("register", me, key, xdr.ScVal.scvBytes(node.sign(digest)));
    await call("deposit", me, key, new Address(token).toScVal(), nativeToScVal(20n * XLM, { type: "i128" }));
    const balance = await views(host, this.own, "balance", key, new Address(token).toScVal());
    assert.equal(scValToNative(balance), 20n * XLM);
    const filters = [{ type: "contract", contractIds: [this.own] }];
    const { events } = await server.getEvents({ startLedger: first, filters });
    assert.deepEqual(events.map((event) => scValToNative(event.topic[0])), ["registered", "deposited"]);
    assert.equal(scValToNative(events[1].value).amount, 20n * XLM);
    const found = await server.getTransaction(events[1].txHash);
    assert.equal(found.status, "SUCCESS");
    assert.equal(found.ledger, events[1].ledger);
  },

  async client() {
    const host = keys("host");
    const client = await contract.Client.from({
      contractId: this.own,
      networkPassphrase,
      rpcUrl: url,
      allowHttp: true,
      publicKey: host.publicKey(),
      ...contract.basicNodeSigner(host, networkPassphrase),
    });
    const token = Asset.native().contractId(networkPassphrase);
    const { result } = await client.balance({ key: keys("node").rawPublicKey(), token });
    assert.equal(result, 20n * XLM, "typed by the contract's own interface description");
  },

  async assets() {
    const [issuer, ann] = [await person("issuer"), await person("ann")];
    const asset = new Asset("EURO", issuer.publicKey());
    await succeeds(await transaction(ann, Operation.changeTrust({ asset, limit: "100" })), ann);
    const pay = Operation.payment({ destination: ann.publicKey(), asset, amount: "7" });
    await succeeds(await transaction(issuer, pay), issuer);
    await succeeds(await prepared(ann, Operation.createStellarAssetContract({ asset })), ann);
    const held = await views(
      ann,
      asset.contractId(networkPassphrase),
      "balance",
      new Address(ann.publicKey()).toScVal(),
    );
    assert.equal(scValToNative(held), 7n * XLM);
  },

  async refusals() {
    const [alice, bob] = [keys("alice"), keys("bob")];
    const pay = Operation.payment({ destination: bob.publicKey(), asset: Asset.native(), amount: "1" });
    const code = async (built, ...signers) => (await refusal(built, ...signers)).result.type;
    const wanted = [
      ["txBadAuth", await transaction(alice, pay), bob],
      ["txBadAuthExtra", await transaction(alice, pay), alice, bob],
    ];
    for (const [name, built, ...signers] of wanted) assert.equal(await code(built, ...signers), name);
    const account = await server.getAccount(alice.publicKey());
    const late = { fee: BASE_FEE, networkPassphrase, timebounds: { minTime: 0, maxTime: 1 } };
    assert.equal(
      await code(new TransactionBuilder(account, late).addOperation(pay).build(), alice),
      "txTooLate",
    );
    const again = await server.getAccount(alice.publicKey());
    again.incrementSequenceNumber();
    const skipped = new TransactionBuilder(again, { fee: BASE_FEE, networkPassphrase }).setTimeout(300);
    assert.equal(await code(skipped.addOperation(pay).build(), alice), "txBadSeq");
    const sent = await transaction(alice, pay);
    await succeeds(sent, alice);
    assert.equal((await server.sendTransaction(sent)).status, "DUPLICATE");
  },

  async lifetimes() {
    const keeper = keys("alice");
    const instance = new Contract(this.own).getFootprint();
    const extend = new TransactionBuilder(await server.getAccount(keeper.publicKey()), {
      fee: BASE_FEE,
      networkPassphrase,
    })
      .addOperation(Operation.extendFootprintTtl({ extendTo: 2_500_000 }))
      .setSorobanData(new SorobanDataBuilder().setReadOnly([instance]).build())
      .setTimeout(300)
      .build();
    await succeeds(await server.prepareTransaction(extend), keeper);
    const { entries, latestLedger } = await server.getLedgerEntries(instance);
    assert.ok(entries[0].liveUntilLedgerSeq >= latestLedger + 2_499_000);
  },
};

const shared = {};
for (const [name, story] of Object.entries(stories)) {
  const began = performance.now();
  await story.call(shared);
  console.log(`ok  ${name}  ${((performance.now() - began) / 1000).toFixed(2)} s`);
}
console.log(`${Object.keys(stories).length} stories told by the JavaScript SDK`);
