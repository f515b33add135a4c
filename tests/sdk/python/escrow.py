"""A stranger's way to the escrow contract: fund, pay, upload, deploy, call, read, extend, archive, restore."""

import hashlib

from stellar_sdk import Address, Asset, SorobanDataBuilder, StrKey, TransactionBuilder, scval, xdr
from stellar_sdk.contract import ContractClient
from stellar_sdk.soroban_rpc import EventFilter, EventFilterType, GetTransactionStatus

from chain import WASM, XLM, Chain, address, operation, result_of, returned

REGISTRATION_TAG = b"layr/v1/register"


def money(chain: Chain) -> None:
    """Accounts come from friendbot or from another account; lumens move; a second grant is refused."""
    alice, bob, carol = chain.person("alice"), chain.person("bob"), chain.keys("carol")
    assert chain.lumens(alice) == chain.lumens(bob) == 10_000 * XLM
    builder = chain.builder(alice)
    builder.append_create_account_op(carol.public_key, "5")
    builder.append_payment_op(bob.public_key, Asset.native(), "12.5")
    paid = chain.succeeds(chain.signed(builder, alice))
    assert chain.lumens(alice) == 10_000 * XLM - 175_000_000 - 200
    assert chain.lumens(bob) == 10_000 * XLM + 125_000_000
    assert chain.lumens(carol) == 5 * XLM
    assert result_of(paid).fee_charged.int64 == 200
    listed = chain.server.get_transactions(start_ledger=paid.ledger, limit=5)
    assert listed.transactions[0].transaction_hash == paid.transaction_hash
    assert chain.server.get_fee_stats().inclusion_fee.min == 100
    assert chain.server.get_health().status == "healthy"
    assert chain.server.get_version_info().protocol_version == chain.server.get_network().protocol_version


def sponsored(chain: Chain) -> None:
    """A fee bump: one signs what is done, another pays for it, and both results can be told apart."""
    alice, bob = chain.keys("alice"), chain.keys("bob")
    before = chain.lumens(alice), chain.lumens(bob)
    payment = chain.builder(alice).append_payment_op(bob.public_key, Asset.native(), "1")
    inner = chain.signed(payment, alice)
    bump = TransactionBuilder.build_fee_bump_transaction(bob, 300, inner, chain.passphrase)
    assert chain.refusal(bump).result.code == xdr.TransactionResultCode.txBAD_AUTH, "the payer has to sign"
    bump.sign(bob)
    paid = chain.succeeds(bump)
    result = result_of(paid)
    assert paid.fee_bump and result.result.code == xdr.TransactionResultCode.txFEE_BUMP_INNER_SUCCESS
    assert result.result.inner_result_pair.transaction_hash.hash == inner.hash()
    assert result.fee_charged.int64 == 200, "the bump counts as one operation more"
    assert chain.lumens(alice) == before[0] - XLM
    assert chain.lumens(bob) == before[1] + XLM - 200


def deployed(chain: Chain) -> str:
    """The escrow contract of this repository, uploaded and deployed by hand beside the network's own.

    Its constructor wants a beacon key as a curve point; the contract the network came with lends its
    configuration, which is one more thing to read with the SDK.
    """
    alice = chain.person("deployer")
    code = WASM.read_bytes()
    upload = chain.builder(alice).append_upload_contract_wasm_op(code)
    wasm = returned(chain.succeeds(chain.prepared(upload, alice))).bytes.sc_bytes
    assert wasm == hashlib.sha256(code).digest()
    assert chain.server.get_contract_wasm_by_hash(wasm) == code
    config = chain.views(alice, theirs(chain), "config")
    create = chain.builder(alice).append_create_contract_op(wasm, alice.public_key, [config], b"\7" * 32)
    contract = scval.from_address(returned(chain.succeeds(chain.prepared(create, alice)))).address
    image = xdr.HashIDPreimage(
        xdr.EnvelopeType.ENVELOPE_TYPE_CONTRACT_ID,
        contract_id=xdr.HashIDPreimageContractID(
            xdr.Hash(hashlib.sha256(chain.passphrase.encode()).digest()),
            xdr.ContractIDPreimage(
                xdr.ContractIDPreimageType.CONTRACT_ID_PREIMAGE_FROM_ADDRESS,
                from_address=xdr.ContractIDPreimageFromAddress(
                    Address(alice.public_key).to_xdr_sc_address(), xdr.Uint256(b"\7" * 32)
                ),
            ),
        ),
    )
    expected = hashlib.sha256(image.to_xdr_bytes()).digest()
    assert contract == StrKey.encode_contract(expected), "the address follows from deployer and salt"
    assert chain.views(alice, contract, "config") == config
    return contract


def theirs(chain: Chain) -> str:
    """The contract the network came with, found through the events of its deployment or its network file."""
    return chain.escrow


def calls(chain: Chain, contract: str) -> None:
    """A host registers, deposits collateral, sees it, takes some out again; every step leaves an event."""
    host, node = chain.person("host"), chain.keys("host's node")
    token = Asset.native().contract_id(chain.passphrase)
    key = scval.to_bytes(node.raw_public_key())
    context = hashlib.sha256(chain.passphrase.encode()).digest() + StrKey.decode_contract(contract)
    digest = hashlib.sha256(REGISTRATION_TAG + context + host.raw_public_key()).digest()
    first = chain.server.get_latest_ledger().sequence

    proof = scval.to_bytes(node.sign(digest))
    assert chain.calls(host, contract, "register", address(host), key, proof).type == xdr.SCValType.SCV_VOID
    known = scval.from_address(chain.views(host, contract, "account", key))
    assert known.address == host.public_key
    amount = scval.to_int128(20 * XLM)
    chain.calls(host, contract, "deposit", address(host), key, scval.to_address(token), amount)
    half = scval.to_int128(5 * XLM)
    chain.calls(host, contract, "withdraw", key, scval.to_address(token), half)
    left = chain.views(host, contract, "balance", key, scval.to_address(token))
    assert scval.from_int128(left) == 15 * XLM
    held = chain.server.get_sac_balance(contract, Asset.native(), chain.passphrase).balance_entry
    assert int(held.amount) == 15 * XLM, held

    mine = [EventFilter(event_type=EventFilterType.CONTRACT, contract_ids=[contract])]
    events = chain.server.get_events(start_ledger=first, filters=mine).events
    names = [scval.from_symbol(xdr.SCVal.from_xdr(event.topic[0])) for event in events]
    assert names == ["registered", "deposited", "withdrawn"], names
    topics = [[scval.to_symbol("deposited").to_xdr(), "*"]]
    only = [EventFilter(event_type=EventFilterType.CONTRACT, contract_ids=[contract], topics=topics)]
    found = chain.server.get_events(start_ledger=first, filters=only, limit=1)
    data = scval.to_native(found.events[0].value)
    assert data["amount"] == 20 * XLM and data["token"].address == token, data
    rest = chain.server.get_events(filters=mine, cursor=found.cursor).events
    assert len(rest) == 1, rest
    tx = chain.server.get_transaction(found.events[0].transaction_hash)
    assert tx.status == GetTransactionStatus.SUCCESS and tx.ledger == found.events[0].ledger
    assert len(tx.events.contract_events_xdr[0]) == 2, "the transfer of the asset, and the deposit"

    refused = chain.builder(host).append_invoke_contract_function_op(
        contract, "withdraw", [key, scval.to_address(token), scval.to_int128(99 * XLM)]
    )
    simulated = chain.server.simulate_transaction(refused.build())
    assert "Error(Contract, #7007)" in simulated.error, simulated.error


def high_level(chain: Chain, contract: str) -> None:
    """The SDK's own contract client does the same, with a second party's authorization."""
    host, payer = chain.person("client"), chain.person("payer")
    token = Asset.native().contract_id(chain.passphrase)
    key = chain.keys("client's node").raw_public_key()
    with ContractClient(contract, chain.url, chain.passphrase) as client:
        version = client.invoke("constants", source=host.public_key, parse_result_xdr_fn=scval.to_native)
        assert version.result()["max_open"] >= 1, version.result()
        deposit = client.invoke(
            "deposit",
            [address(host), scval.to_bytes(key), scval.to_address(token), scval.to_int128(XLM)],
            payer.public_key,
            payer,
            transaction_timeout=3_600,
        )
        assert deposit.needs_non_invoker_signing_by() == {host.public_key}
        deposit.sign_auth_entries(host)
        deposit.sign_and_submit()
    left = chain.views(host, contract, "balance", scval.to_bytes(key), scval.to_address(token))
    assert scval.from_int128(left) == XLM
    assert chain.lumens(host) == 9_999 * XLM, "the payer paid the fee, the host the deposit"


def instance_key(contract: str) -> xdr.LedgerKey:
    """Where a contract's instance is kept."""
    return xdr.LedgerKey(
        xdr.LedgerEntryType.CONTRACT_DATA,
        contract_data=xdr.LedgerKeyContractData(
            Address(contract).to_xdr_sc_address(),
            xdr.SCVal(xdr.SCValType.SCV_LEDGER_KEY_CONTRACT_INSTANCE),
            xdr.ContractDataDurability.PERSISTENT,
        ),
    )


def lifetimes(chain: Chain, contract: str) -> None:
    """Lives are extended; what was not, is archived, says so, and comes back whole."""
    keeper, node = chain.person("keeper"), chain.keys("host's node")
    token = Asset.native().contract_id(chain.passphrase)
    balance = xdr.LedgerKey(
        xdr.LedgerEntryType.CONTRACT_DATA,
        contract_data=xdr.LedgerKeyContractData(
            Address(contract).to_xdr_sc_address(),
            scval.to_vec(
                [scval.to_symbol("Balance"), scval.to_bytes(node.raw_public_key()), scval.to_address(token)]
            ),
            xdr.ContractDataDurability.PERSISTENT,
        ),
    )
    wasm = hashlib.sha256(WASM.read_bytes()).digest()
    code = xdr.LedgerKey(
        xdr.LedgerEntryType.CONTRACT_CODE, contract_code=xdr.LedgerKeyContractCode(xdr.Hash(wasm))
    )
    long_lived = [instance_key(contract), code, instance_key(token)]
    extend = chain.builder(keeper).append_extend_footprint_ttl_op(3_000_000)
    extend.set_soroban_data(SorobanDataBuilder().set_read_only(long_lived).build())
    chain.succeeds(chain.prepared(extend, keeper))
    latest = chain.server.get_latest_ledger().sequence
    for entry in chain.server.get_ledger_entries(long_lived).entries:
        assert entry.live_until_ledger >= latest + 2_999_990, entry

    args = [scval.to_bytes(node.raw_public_key()), scval.to_address(token)]
    touch = [address(keeper), *args, scval.to_int128(1)]
    builder = chain.builder(keeper).append_invoke_contract_function_op(contract, "deposit", touch)
    stale = chain.server.prepare_transaction(builder.build())
    chain.advance(ledgers=2_100_000)
    entry = chain.server.get_ledger_entries([balance]).entries[0]
    assert entry.live_until_ledger < chain.server.get_latest_ledger().sequence, "archived"
    stale.sign(keeper)
    failed = chain.applied(stale)
    assert failed.status == GetTransactionStatus.FAILED
    code = operation(result_of(failed)).tr.invoke_host_function_result.code
    assert code == xdr.InvokeHostFunctionResultCode.INVOKE_HOST_FUNCTION_ENTRY_ARCHIVED, code

    restore = chain.builder(keeper).append_restore_footprint_op()
    restore.set_soroban_data(SorobanDataBuilder().set_read_write([balance]).build())
    chain.succeeds(chain.prepared(restore, keeper))
    entry = chain.server.get_ledger_entries([balance]).entries[0]
    assert entry.live_until_ledger > chain.server.get_latest_ledger().sequence, "restored"
    assert scval.from_int128(chain.views(keeper, contract, "balance", *args)) == 15 * XLM
    chain.calls(keeper, contract, "deposit", *touch)

    other = [scval.to_bytes(chain.keys("client's node").raw_public_key()), scval.to_address(token)]
    chain.calls(keeper, contract, "deposit", address(keeper), *other, scval.to_int128(1))
    left = chain.views(keeper, contract, "balance", *other)
    assert scval.from_int128(left) == XLM + 1, "restored on the way by the call itself"
