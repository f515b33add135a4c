"""Assets somebody issued: trust, payment, freezing, and the asset's contract holding the same balances."""

from stellar_sdk import Asset, scval, xdr
from stellar_sdk.operation.set_options import AuthorizationFlag
from stellar_sdk.operation.set_trust_line_flags import TrustLineFlags
from stellar_sdk.soroban_rpc import GetTransactionStatus

from chain import Chain, address, operation, result_of, returned

PAYMENT = xdr.PaymentResultCode
UNIT = 10_000_000


def issued(chain: Chain) -> Asset:
    """An asset whose issuer may freeze lines."""
    return Asset("EURO", chain.keys("issuer").public_key)


def paid(chain: Chain, source, target, amount: str) -> xdr.PaymentResultCode:
    """Pays units of the asset; how it ended."""
    builder = chain.builder(source).append_payment_op(target.public_key, issued(chain), amount)
    found = chain.applied(chain.signed(builder, source))
    return operation(result_of(found)).tr.payment_result.code


def held(chain: Chain, holder) -> int:
    """Units in a trust line, from its ledger entry."""
    line = xdr.TrustLineAsset(
        xdr.AssetType.ASSET_TYPE_CREDIT_ALPHANUM4, alpha_num4=issued(chain).to_xdr_object().alpha_num4
    )
    key = xdr.LedgerKey(
        xdr.LedgerEntryType.TRUSTLINE,
        trust_line=xdr.LedgerKeyTrustLine(holder.xdr_account_id(), line),
    )
    found = chain.server.get_ledger_entries([key]).entries
    return xdr.LedgerEntryData.from_xdr(found[0].xdr).trust_line.balance.int64 if found else -1


def authorize(chain: Chain, holder, set_flags=None, clear_flags=None):
    """The issuer changes what a line may do."""
    issuer = chain.keys("issuer")
    builder = chain.builder(issuer).append_set_trust_line_flags_op(
        holder.public_key, issued(chain), clear_flags, set_flags
    )
    return chain.applied(chain.signed(builder, issuer))


def trustlines(chain: Chain) -> None:
    """Nobody holds an asset without trusting it; limits hold; what comes home to the issuer is gone."""
    issuer, ann, ben = chain.person("issuer"), chain.person("ann"), chain.person("ben")
    flags = AuthorizationFlag.AUTHORIZATION_REVOCABLE
    revocable = chain.builder(issuer).append_set_options_op(set_flags=flags)
    chain.succeeds(chain.signed(revocable, issuer))
    assert paid(chain, issuer, ann, "10") == PAYMENT.PAYMENT_NO_TRUST
    for person in (ann, ben):
        trust = chain.builder(person).append_change_trust_op(issued(chain), "100")
        chain.succeeds(chain.signed(trust, person))
    assert paid(chain, issuer, ann, "100.0000001") == PAYMENT.PAYMENT_LINE_FULL
    assert paid(chain, issuer, ann, "60") == PAYMENT.PAYMENT_SUCCESS
    assert paid(chain, ann, ben, "60.5") == PAYMENT.PAYMENT_UNDERFUNDED
    assert paid(chain, ann, ben, "20") == PAYMENT.PAYMENT_SUCCESS
    assert paid(chain, ben, issuer, "5") == PAYMENT.PAYMENT_SUCCESS
    assert (held(chain, ann), held(chain, ben)) == (40 * UNIT, 15 * UNIT)
    early = chain.builder(ann).append_change_trust_op(issued(chain), "0")
    found = chain.applied(chain.signed(early, ann))
    code = operation(result_of(found)).tr.change_trust_result.code
    assert code == xdr.ChangeTrustResultCode.CHANGE_TRUST_INVALID_LIMIT, code


def contract(chain: Chain) -> None:
    """The asset's contract can be deployed by anyone and moves the very same balances."""
    ann, ben = chain.keys("ann"), chain.keys("ben")
    deploy = chain.builder(ann).append_create_stellar_asset_contract_from_asset_op(issued(chain))
    made = returned(chain.succeeds(chain.prepared(deploy, ann)))
    token = scval.from_address(made).address
    assert token == issued(chain).contract_id(chain.passphrase)
    assert scval.to_native(chain.views(ann, token, "symbol")) == "EURO"
    chain.calls(ann, token, "transfer", address(ann), address(ben), scval.to_int128(10 * UNIT))
    assert (held(chain, ann), held(chain, ben)) == (30 * UNIT, 25 * UNIT)
    balance = chain.views(ann, token, "balance", address(ben))
    assert scval.from_int128(balance) == 25 * UNIT


def frozen(chain: Chain) -> None:
    """A frozen line neither pays nor receives, by payment or by contract, until the issuer relents."""
    issuer, ann, ben = chain.keys("issuer"), chain.keys("ann"), chain.keys("ben")
    freeze = authorize(
        chain,
        ben,
        set_flags=TrustLineFlags.AUTHORIZED_TO_MAINTAIN_LIABILITIES_FLAG,
        clear_flags=TrustLineFlags.AUTHORIZED_FLAG,
    )
    assert freeze.status == GetTransactionStatus.SUCCESS, result_of(freeze)
    assert paid(chain, ann, ben, "1") == PAYMENT.PAYMENT_NOT_AUTHORIZED
    assert paid(chain, ben, ann, "1") == PAYMENT.PAYMENT_SRC_NOT_AUTHORIZED
    token = issued(chain).contract_id(chain.passphrase)
    transfer = [address(ann), address(ben), scval.to_int128(UNIT)]
    call = chain.builder(ann).append_invoke_contract_function_op(token, "transfer", transfer)
    assert "Error(Contract" in chain.server.simulate_transaction(call.build()).error
    assert (held(chain, ann), held(chain, ben)) == (30 * UNIT, 25 * UNIT), "nothing moved"
    thaw = authorize(
        chain,
        ben,
        set_flags=TrustLineFlags.AUTHORIZED_FLAG,
        clear_flags=TrustLineFlags.AUTHORIZED_TO_MAINTAIN_LIABILITIES_FLAG,
    )
    assert thaw.status == GetTransactionStatus.SUCCESS, result_of(thaw)
    assert paid(chain, ben, issuer, "25") == PAYMENT.PAYMENT_SUCCESS
    close = chain.builder(ben).append_change_trust_op(issued(chain), "0")
    chain.succeeds(chain.signed(close, ben))
    assert held(chain, ben) == -1, "the line is closed"
    missing = authorize(chain, ben, set_flags=TrustLineFlags.AUTHORIZED_FLAG)
    code = operation(result_of(missing)).tr.set_trust_line_flags_result.code
    assert code == xdr.SetTrustLineFlagsResultCode.SET_TRUST_LINE_FLAGS_NO_TRUST_LINE, code
