"""Every way a transaction is refused or fails, by the code an official SDK decodes from the answer.

The codes are those of the public network's own software; the names are the SDK's.
"""

from stellar_sdk import Asset, SorobanDataBuilder, TransactionBuilder, TransactionEnvelope, scval, xdr
from stellar_sdk.exceptions import AccountNotFoundException, SorobanRpcErrorResponse
from stellar_sdk.soroban_rpc import GetTransactionStatus, SendTransactionStatus

from chain import XLM, Chain, address, operation, result_of

TX = xdr.TransactionResultCode
OP = xdr.OperationResultCode
INVOKE = xdr.InvokeHostFunctionResultCode


def payment(chain: Chain, source, amount: str = "1", fee: int = 100) -> TransactionBuilder:
    """A payment of lumens to whom everybody pays here."""
    target = chain.keys("cashier").public_key
    return chain.builder(source, fee).append_payment_op(target, Asset.native(), amount)


def code_of(chain: Chain, envelope: TransactionEnvelope) -> xdr.TransactionResultCode:
    return chain.refusal(envelope).result.code


def signatures(chain: Chain) -> None:
    """None, a stranger's, one too many, and one made for another network."""
    alice, bob = chain.person("refused"), chain.person("cashier")
    before = chain.lumens(alice)
    assert code_of(chain, chain.signed(payment(chain, alice))) == TX.txBAD_AUTH
    assert code_of(chain, chain.signed(payment(chain, alice), bob)) == TX.txBAD_AUTH
    assert code_of(chain, chain.signed(payment(chain, alice), alice, bob)) == TX.txBAD_AUTH_EXTRA
    twice = chain.signed(payment(chain, alice), alice)
    twice.signatures.append(twice.signatures[0])
    assert code_of(chain, twice) == TX.txBAD_AUTH_EXTRA, "the same signature twice is one too many"
    elsewhere = payment(chain, alice)
    elsewhere.network_passphrase = "Test SDF Network ; September 2015"
    assert code_of(chain, chain.signed(elsewhere, alice)) == TX.txBAD_AUTH, "another network's signature"
    assert chain.lumens(alice) == before, "a refusal costs nothing"


def sequences(chain: Chain) -> None:
    """A used and a future sequence number; an account that does not exist; a transaction sent twice."""
    alice, ghost = chain.keys("refused"), chain.keys("ghost")
    for step in (-1, 1, 1_000_000):
        builder = payment(chain, alice)
        builder.source_account.sequence += step
        assert code_of(chain, chain.signed(builder, alice)) == TX.txBAD_SEQ, step
    builder = payment(chain, alice)
    builder.source_account.account = type(builder.source_account.account)(ghost.public_key)
    assert code_of(chain, chain.signed(builder, ghost)) == TX.txNO_ACCOUNT
    try:
        chain.server.load_account(ghost.public_key)
        raise AssertionError("an account out of nowhere")
    except AccountNotFoundException:
        pass
    envelope = chain.signed(payment(chain, alice), alice)
    chain.succeeds(envelope)
    assert chain.server.send_transaction(envelope).status == SendTransactionStatus.DUPLICATE


def fees(chain: Chain) -> None:
    """Too little for inclusion, with the least that would do; more than there is to pay or to spend."""
    alice, poor = chain.keys("refused"), chain.keys("poor")
    cheap = chain.refusal(chain.signed(payment(chain, alice, fee=99), alice))
    assert cheap.result.code == TX.txINSUFFICIENT_FEE
    assert cheap.fee_charged.int64 == 100, f"the least it would take: {cheap.fee_charged.int64}"
    two = payment(chain, alice, fee=70).append_payment_op(alice.public_key, Asset.native(), "1")
    cheap = chain.refusal(chain.signed(two, alice))
    assert (cheap.result.code, cheap.fee_charged.int64) == (TX.txINSUFFICIENT_FEE, 200)

    chain.succeeds(chain.signed(chain.builder(alice).append_create_account_op(poor.public_key, "1"), alice))
    assert code_of(chain, chain.signed(payment(chain, poor), poor)) == TX.txINSUFFICIENT_BALANCE
    failed = chain.applied(chain.signed(payment(chain, alice, "20000"), alice))
    assert result_of(failed).result.code == TX.txFAILED
    inner = operation(result_of(failed)).tr.payment_result.code
    assert inner == xdr.PaymentResultCode.PAYMENT_UNDERFUNDED, inner
    assert result_of(failed).fee_charged.int64 == 100, "a failed payment still costs its fee"
    nobody = chain.builder(alice).append_payment_op(chain.keys("ghost").public_key, Asset.native(), "1")
    inner = operation(result_of(chain.applied(chain.signed(nobody, alice)))).tr.payment_result.code
    assert inner == xdr.PaymentResultCode.PAYMENT_NO_DESTINATION, inner
    low = chain.builder(alice).append_create_account_op(chain.keys("ghost").public_key, "0.5")
    inner = operation(result_of(chain.applied(chain.signed(low, alice)))).tr.create_account_result.code
    assert inner == xdr.CreateAccountResultCode.CREATE_ACCOUNT_LOW_RESERVE, inner


def times(chain: Chain) -> None:
    """Before its time and after it, by the ledger's clock and by its number; nothing to do; nonsense."""
    alice = chain.keys("refused")
    now = chain.server.get_latest_ledger()
    late = payment(chain, alice).add_time_bounds(0, now.close_time - 100)
    assert code_of(chain, chain.signed(late, alice)) == TX.txTOO_LATE
    early = payment(chain, alice).add_time_bounds(now.close_time + 3_600, 0)
    assert code_of(chain, chain.signed(early, alice)) == TX.txTOO_EARLY
    late = payment(chain, alice).set_ledger_bounds(0, now.sequence)
    assert code_of(chain, chain.signed(late, alice)) == TX.txTOO_LATE
    early = payment(chain, alice).set_ledger_bounds(now.sequence + 1_000, 0)
    assert code_of(chain, chain.signed(early, alice)) == TX.txTOO_EARLY
    aged = payment(chain, alice).set_min_sequence_age(86_400)
    assert code_of(chain, chain.signed(aged, alice)) == TX.txBAD_MIN_SEQ_AGE_OR_GAP
    assert code_of(chain, chain.signed(chain.builder(alice), alice)) == TX.txMISSING_OPERATION
    theft = chain.builder(alice).append_payment_op(
        alice.public_key, Asset.native(), "1", source=chain.keys("cashier").public_key
    )
    refused = chain.refusal(chain.signed(theft, alice))
    assert refused.result.code == TX.txFAILED and operation(refused).code == OP.opBAD_AUTH


def transfer(chain: Chain, source) -> TransactionBuilder:
    """A call of the native asset's contract."""
    token = Asset.native().contract_id(chain.passphrase)
    args = [address(source), address(chain.keys("cashier")), scval.to_int128(XLM)]
    return chain.builder(source).append_invoke_contract_function_op(token, "transfer", args)


def changed(chain: Chain, source, change) -> TransactionEnvelope:
    """A prepared transfer with its declaration changed, then signed."""
    envelope = chain.server.prepare_transaction(transfer(chain, source).build())
    change(envelope.transaction.soroban_data)
    envelope.sign(source)
    return envelope


def contracts(chain: Chain) -> None:
    """Without a declaration, with too small a one, with a fee that is too small, without authorization."""
    alice, bob = chain.keys("refused"), chain.keys("cashier")
    bare = chain.signed(transfer(chain, alice), alice)
    assert code_of(chain, bare) == TX.txMALFORMED, "a contract call without a declaration"

    def cheap(data):
        data.resource_fee = xdr.Int64(1)

    def greedy(data):
        data.resources.instructions = xdr.Uint32(400_000_001)

    for change in (cheap, greedy):
        assert code_of(chain, changed(chain, alice, change)) == TX.txSOROBAN_INVALID, change.__name__

    def blind(data):
        data.resources.footprint.read_only = []

    def starved(data):
        data.resources.instructions = xdr.Uint32(10_000)

    def mute(data):
        data.resources.write_bytes = xdr.Uint32(1)

    wanted = {
        blind: INVOKE.INVOKE_HOST_FUNCTION_TRAPPED,
        starved: INVOKE.INVOKE_HOST_FUNCTION_RESOURCE_LIMIT_EXCEEDED,
        mute: INVOKE.INVOKE_HOST_FUNCTION_RESOURCE_LIMIT_EXCEEDED,
    }
    for change, code in wanted.items():
        failed = chain.applied(changed(chain, alice, change))
        assert failed.status == GetTransactionStatus.FAILED
        found = operation(result_of(failed)).tr.invoke_host_function_result.code
        assert found == code, (change.__name__, found)
    assert failed.diagnostic_events_xdr is not None

    token = Asset.native().contract_id(chain.passphrase)
    theft = chain.builder(alice).append_invoke_contract_function_op(
        token, "transfer", [address(bob), address(alice), scval.to_int128(XLM)]
    )
    envelope = chain.server.prepare_transaction(theft.build())
    envelope.transaction.operations[0].auth = []
    envelope.sign(alice)
    failed = chain.applied(envelope)
    found = operation(result_of(failed)).tr.invoke_host_function_result.code
    assert found == INVOKE.INVOKE_HOST_FUNCTION_TRAPPED, found


def malformed(chain: Chain) -> None:
    """What is not XDR, or not a question, is answered with a JSON-RPC error and never with a result."""
    for text in ("AAAA", "not base64!", ""):
        for send in (chain.server.send_transaction, chain.server.simulate_transaction):
            try:
                send(Raw(text))
                raise AssertionError(f"took {text!r}")
            except SorobanRpcErrorResponse as error:
                assert error.code == -32602, (text, error.code)
    try:
        chain.server.get_transaction("zz")
        raise AssertionError("took zz for a hash")
    except SorobanRpcErrorResponse as error:
        assert error.code == -32602, error.code
    try:
        chain.server.get_events(start_ledger=4_000_000_000)
        raise AssertionError("gave events of the future")
    except SorobanRpcErrorResponse as error:
        assert error.code in (-32600, -32602), error.code
    absent = chain.server.get_transaction("0" * 64)
    assert absent.status == GetTransactionStatus.NOT_FOUND


class Raw(TransactionEnvelope):
    """Bytes that are no transaction, sent as one."""

    def __init__(self, text: str):
        self.text = text

    def to_xdr(self) -> str:
        return self.text
