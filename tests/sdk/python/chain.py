"""What every story needs: a served network, funded accounts, and transactions seen through to a ledger.

Everything goes through the unmodified SDK, which checks each answer against its own model of the public RPC.
Only moving the clock (`advance`) speaks to the local network directly: public networks have no such thing.
"""

import hashlib
import json
import urllib.request
from pathlib import Path

from stellar_sdk import Keypair, SorobanServer, TransactionBuilder, TransactionEnvelope, scval, xdr
from stellar_sdk.soroban_rpc import GetTransactionStatus, SendTransactionStatus

WASM = Path(__file__).resolve().parents[3] / "contracts" / "escrow" / "escrow.wasm"
XLM = 10_000_000


class Chain:
    """A network and the person using it."""

    def __init__(self, url: str):
        self.url = url
        self.server = SorobanServer(url)
        about = self.server.get_network()
        self.passphrase = about.passphrase
        self.friendbot = about.friendbot_url

    def person(self, name: str) -> Keypair:
        """A funded account; the same name gives the same keys."""
        keys = self.keys(name)
        with urllib.request.urlopen(f"{self.friendbot}?addr={keys.public_key}", timeout=30) as answer:
            assert json.load(answer)["successful"], name
        return keys

    @staticmethod
    def keys(name: str) -> Keypair:
        """Keys without an account."""
        return Keypair.from_raw_ed25519_seed(hashlib.sha256(f"sdk test: {name}".encode()).digest())

    def builder(self, source: Keypair, fee: int = 100) -> TransactionBuilder:
        """A transaction that is valid for five minutes of the ledger's time."""
        account = self.server.load_account(source.public_key)
        now = self.server.get_latest_ledger().close_time
        return TransactionBuilder(account, self.passphrase, fee).add_time_bounds(0, now + 300)

    def signed(self, builder: TransactionBuilder, *signers: Keypair) -> TransactionEnvelope:
        """Built and signed, as it is."""
        envelope = builder.build()
        for signer in signers:
            envelope.sign(signer)
        return envelope

    def prepared(self, builder: TransactionBuilder, *signers: Keypair) -> TransactionEnvelope:
        """Simulated, with the resources the simulation found, and signed."""
        envelope = self.server.prepare_transaction(builder.build())
        for signer in signers:
            envelope.sign(signer)
        return envelope

    def applied(self, envelope: TransactionEnvelope):
        """Sends, and waits until it is in a ledger, whatever came of it there."""
        sent = self.server.send_transaction(envelope)
        assert sent.status == SendTransactionStatus.PENDING, (sent.status, sent.error_result_xdr)
        assert sent.hash == envelope.hash_hex()
        found = self.server.poll_transaction(sent.hash, 500, lambda _: 0.02)
        assert found.status != GetTransactionStatus.NOT_FOUND, sent.hash
        return found

    def succeeds(self, envelope: TransactionEnvelope):
        """Sends, and waits until it has succeeded."""
        found = self.applied(envelope)
        assert found.status == GetTransactionStatus.SUCCESS, result_of(found)
        return found

    def calls(self, source: Keypair, contract: str, function: str, *args, others=()):
        """Calls a contract function; gives what it returned."""
        builder = self.builder(source).append_invoke_contract_function_op(contract, function, list(args))
        return returned(self.succeeds(self.prepared(builder, source, *others)))

    def views(self, source: Keypair, contract: str, function: str, *args):
        """What a function would return, by simulation alone."""
        builder = self.builder(source).append_invoke_contract_function_op(contract, function, list(args))
        simulated = self.server.simulate_transaction(builder.build())
        assert simulated.error is None, simulated.error
        return xdr.SCVal.from_xdr(simulated.results[0].xdr)

    def lumens(self, keys: Keypair) -> int:
        """Stroops in an account, from its ledger entry."""
        key = xdr.LedgerKey(
            xdr.LedgerEntryType.ACCOUNT, account=xdr.LedgerKeyAccount(keys.xdr_account_id())
        )
        found = self.server.get_ledger_entries([key]).entries
        return xdr.LedgerEntryData.from_xdr(found[0].xdr).account.balance.int64

    def refusal(self, envelope: TransactionEnvelope) -> xdr.TransactionResult:
        """The result a transaction is refused with at once."""
        sent = self.server.send_transaction(envelope)
        assert sent.status == SendTransactionStatus.ERROR, sent.status
        return xdr.TransactionResult.from_xdr(sent.error_result_xdr)

    def advance(self, ledgers: int = 0, seconds: int = 0) -> None:
        """Lets time pass, as only a local network can."""
        body = json.dumps({"ledgers": ledgers, "seconds": seconds}).encode()
        request = urllib.request.Request(
            f"{self.url}/dev/advance", body, {"content-type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=30).close()


def returned(found) -> xdr.SCVal:
    """The value a contract returned, from the transaction's metadata."""
    meta = xdr.TransactionMeta.from_xdr(found.result_meta_xdr)
    assert meta.v == 4, meta.v
    return meta.v4.soroban_meta.return_value


def result_of(found) -> xdr.TransactionResult:
    """The result of an applied transaction."""
    return xdr.TransactionResult.from_xdr(found.result_xdr)


def operation(result: xdr.TransactionResult, index: int = 0) -> xdr.OperationResult:
    """The result of one operation."""
    return result.result.results[index]


def address(keys: Keypair) -> xdr.SCVal:
    """An account as a contract sees it."""
    return scval.to_address(keys.public_key)
