//! Issued assets: who may hold them, what moves them, and that nothing of them is lost or made on the way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a failed step of a test is a failed test")]

mod common;

use std::sync::Arc;

use common::*;
use ed25519_dalek::SigningKey;
use layr_localnet::{
    Advance, Application, Clock, Engine, EngineConfig, SimulationOptions, Submission, TransactionRecord,
    grant_envelope,
};
use proptest::prelude::*;
use stellar_xdr::*;

const REVOCABLE: u32 = 2;
const REQUIRED: u32 = 1;
const AUTHORIZED: u32 = 1;
const MAINTAIN: u32 = 2;

/// An issuer (key 1) and two others, on a network of their own.
struct World(Engine);

impl World {
    fn new(issuer_flags: u32) -> Self {
        let config =
            EngineConfig { seed: Some([5; 32]), clock: Clock::Manual(START), ..EngineConfig::default() };
        let mut world = Self(Engine::in_memory(config).unwrap());
        for number in 1..4 {
            let grant = grant_envelope(&world.0, &account_id(&key(number))).unwrap();
            assert!(world.applied(grant).succeeded);
        }
        if issuer_flags != 0 {
            let set = SetOptionsOp { set_flags: Some(issuer_flags), ..SetOptionsOp::default() };
            assert_eq!(world.run(1, OperationBody::SetOptions(set)), ok(SetOptionsResult::Success));
        }
        world
    }

    fn applied(&mut self, envelope: TransactionEnvelope) -> Arc<TransactionRecord> {
        match self.0.apply(envelope).unwrap() {
            Application::Applied(record) => record,
            Application::NotApplied(why) => panic!("not applied: {why:?}"),
        }
    }

    fn signed(&self, source: u8, body: OperationBody) -> TransactionEnvelope {
        let source = key(source);
        let next = self.0.account(&account_id(&source)).unwrap().1 + 1;
        sign(transaction(&source, next, body), &[&source])
    }

    /// Runs one operation and gives its result.
    fn run(&mut self, source: u8, body: OperationBody) -> OperationResult {
        let envelope = self.signed(source, body);
        let record = self.applied(envelope);
        match &record.applied.result.result.result {
            TransactionResultResult::TxSuccess(results) | TransactionResultResult::TxFailed(results) => {
                results[0].clone()
            }
            other => panic!("no operation results: {other:?}"),
        }
    }

    /// The result an operation is refused with before it is in a ledger.
    fn refusal(&mut self, source: u8, body: OperationBody) -> OperationResult {
        let envelope = self.signed(source, body);
        match self.0.submit(envelope).unwrap() {
            Submission::Refused(result) => match result.result {
                TransactionResultResult::TxFailed(results) => results[0].clone(),
                other => panic!("refused otherwise: {other:?}"),
            },
            other => panic!("not refused: {other:?}"),
        }
    }

    fn call(&mut self, source: u8, body: OperationBody) -> Result<Arc<TransactionRecord>, String> {
        let source = key(source);
        let next = self.0.account(&account_id(&source)).unwrap().1 + 1;
        let tx = transaction(&source, next, body);
        let found = self.0.simulate(&sign(tx.clone(), &[]), SimulationOptions::default()).unwrap();
        if let Some(error) = found.error {
            return Err(error);
        }
        let tx = prepare(tx, found.data.unwrap(), found.auth);
        Ok(self.applied(sign(tx, &[&source])))
    }

    fn line(&self, holder: u8) -> Option<TrustLineEntry> {
        let key = LedgerKey::Trustline(LedgerKeyTrustLine {
            account_id: account_id(&key(holder)),
            asset: TrustLineAsset::CreditAlphanum4(euro()),
        });
        match &self.0.entry(&key)?.data {
            LedgerEntryData::Trustline(line) => Some(line.clone()),
            other => panic!("not a line: {other:?}"),
        }
    }

    fn held(&self, holder: u8) -> i64 {
        self.line(holder).map_or(0, |line| line.balance)
    }

    fn sub_entries(&self, holder: u8) -> u32 {
        match &self.0.entry(&account_key(&key(holder))).unwrap().data {
            LedgerEntryData::Account(account) => account.num_sub_entries,
            other => panic!("not an account: {other:?}"),
        }
    }
}

fn euro() -> AlphaNum4 {
    AlphaNum4 { asset_code: AssetCode4(*b"EURO"), issuer: account_id(&key(1)) }
}

fn pay(to: u8, amount: i64) -> OperationBody {
    let asset = Asset::CreditAlphanum4(euro());
    OperationBody::Payment(PaymentOp { destination: muxed(&key(to)), asset, amount })
}

fn trust(limit: i64) -> OperationBody {
    OperationBody::ChangeTrust(ChangeTrustOp { line: ChangeTrustAsset::CreditAlphanum4(euro()), limit })
}

fn allow(holder: u8, set_flags: u32, clear_flags: u32) -> OperationBody {
    OperationBody::SetTrustLineFlags(SetTrustLineFlagsOp {
        trustor: account_id(&key(holder)),
        asset: Asset::CreditAlphanum4(euro()),
        clear_flags,
        set_flags,
    })
}

fn token() -> ContractId {
    use sha2::Digest as _;
    let image = HashIdPreimage::ContractId(HashIdPreimageContractId {
        network_id: Hash(id()),
        contract_id_preimage: ContractIdPreimage::Asset(Asset::CreditAlphanum4(euro())),
    });
    ContractId(Hash(sha2::Sha256::digest(image.to_xdr(Limits::none()).unwrap()).into()))
}

fn deploy() -> OperationBody {
    host_function(HostFunction::CreateContract(CreateContractArgs {
        contract_id_preimage: ContractIdPreimage::Asset(Asset::CreditAlphanum4(euro())),
        executable: ContractExecutable::StellarAsset,
    }))
}

fn transfer(from: &SigningKey, to: &SigningKey, amount: u64) -> OperationBody {
    let args = vec![address_value(from), address_value(to), amount_value(amount)];
    invoke(&token(), "transfer", args)
}

/// An inner result, whichever operation it is of.
trait Told {
    fn told(self) -> OperationResult;
}

macro_rules! told {
    ($($result:ident => $operation:ident),*) => {
        $(impl Told for $result {
            fn told(self) -> OperationResult {
                OperationResult::OpInner(OperationResultTr::$operation(self))
            }
        })*
    };
}

told!(PaymentResult => Payment, ChangeTrustResult => ChangeTrust,
      SetTrustLineFlagsResult => SetTrustLineFlags, SetOptionsResult => SetOptions);

fn ok(result: impl Told) -> OperationResult {
    result.told()
}

#[test]
fn nobody_holds_an_asset_without_trusting_its_issuer_and_no_more_than_the_limit() {
    use ChangeTrustResult as T;
    use PaymentResult as P;
    let mut world = World::new(0);
    assert_eq!(world.run(1, pay(2, 5)), ok(P::NoTrust));
    assert_eq!(world.run(2, pay(1, 5)), ok(P::SrcNoTrust));
    assert_eq!(world.run(2, trust(0)), ok(T::InvalidLimit));
    assert_eq!(world.run(2, trust(100)), ok(T::Success));
    assert_eq!(world.sub_entries(2), 1);
    assert_eq!(world.run(1, pay(2, 101)), ok(P::LineFull));
    assert_eq!(world.run(1, pay(2, 100)), ok(P::Success));
    assert_eq!(world.run(2, pay(1, 101)), ok(P::Underfunded));
    assert_eq!(world.run(2, pay(9, 1)), ok(P::NoDestination));
    assert_eq!(world.run(2, pay(3, 1)), ok(P::NoTrust));
    assert_eq!(world.run(2, pay(2, 1)), ok(P::LineFull), "received before it is paid, as on the network");
    assert_eq!(world.run(2, trust(99)), ok(T::InvalidLimit), "below what is held");
    assert_eq!(world.run(2, trust(i64::MAX)), ok(T::Success));
    assert_eq!(world.run(2, trust(0)), ok(T::InvalidLimit), "not while something is held");
    assert_eq!(world.run(2, pay(1, 100)), ok(P::Success));
    assert_eq!(world.run(2, trust(0)), ok(T::Success));
    assert_eq!((world.line(2), world.sub_entries(2)), (None, 0));
}

#[test]
fn a_line_needs_its_reserve_and_an_issuer() {
    let mut world = World::new(0);
    let reserve_and_fees = 10_000_000 + 4_999_999;
    assert!(matches!(
        world.run(1, create_account(&key(7), reserve_and_fees)),
        OperationResult::OpInner(OperationResultTr::CreateAccount(CreateAccountResult::Success))
    ));
    assert_eq!(world.run(7, trust(5)), ok(ChangeTrustResult::LowReserve));
    assert!(world.line(7).is_none());
    let nobody = AlphaNum4 { issuer: account_id(&key(9)), ..euro() };
    let line = ChangeTrustAsset::CreditAlphanum4(nobody);
    let orphan = OperationBody::ChangeTrust(ChangeTrustOp { line, limit: 5 });
    assert_eq!(world.run(2, orphan), ok(ChangeTrustResult::NoIssuer));
}

#[test]
fn an_issuer_authorizes_and_freezes_only_as_its_flags_allow() {
    use SetTrustLineFlagsResult as S;
    let mut open = World::new(0);
    assert_eq!(open.run(1, allow(2, AUTHORIZED, 0)), ok(S::NoTrustLine));
    assert_eq!(open.run(2, trust(100)), ok(ChangeTrustResult::Success));
    assert_eq!(open.run(1, allow(2, MAINTAIN, AUTHORIZED)), ok(S::CantRevoke));
    assert_eq!(open.run(1, allow(2, MAINTAIN, 0)), ok(S::InvalidState));

    let mut strict = World::new(REQUIRED | REVOCABLE);
    assert_eq!(strict.run(2, trust(100)), ok(ChangeTrustResult::Success));
    assert_eq!(strict.run(1, pay(2, 5)), ok(PaymentResult::NotAuthorized), "not asked yet");
    assert_eq!(strict.run(1, allow(2, AUTHORIZED, 0)), ok(S::Success));
    assert_eq!(strict.run(1, pay(2, 5)), ok(PaymentResult::Success));
    for frozen in [MAINTAIN, 0] {
        assert_eq!(strict.run(1, allow(2, frozen, AUTHORIZED)), ok(S::Success));
        assert_eq!(strict.run(1, pay(2, 5)), ok(PaymentResult::NotAuthorized));
        assert_eq!(strict.run(2, pay(1, 5)), ok(PaymentResult::SrcNotAuthorized));
        assert_eq!(strict.held(2), 5, "frozen, not lost");
        assert_eq!(strict.run(1, allow(2, AUTHORIZED, MAINTAIN)), ok(S::Success));
    }
    assert_eq!(strict.run(2, pay(1, 5)), ok(PaymentResult::Success));
}

#[test]
fn what_nobody_could_mean_is_refused_before_it_is_in_a_ledger() {
    use SetOptionsResult as O;
    let mut world = World::new(0);
    assert_eq!(world.refusal(2, trust(-1)), ok(ChangeTrustResult::Malformed));
    assert_eq!(world.refusal(1, trust(5)), ok(ChangeTrustResult::Malformed), "an issuer trusts itself");
    let native = OperationBody::ChangeTrust(ChangeTrustOp { line: ChangeTrustAsset::Native, limit: 5 });
    assert_eq!(world.refusal(2, native), ok(ChangeTrustResult::Malformed));
    for code in [*b"\0\0\0\0", *b"A\0B\0", *b"A B\0", [0xff; 4]] {
        let asset = Asset::CreditAlphanum4(AlphaNum4 { asset_code: AssetCode4(code), ..euro() });
        let odd = OperationBody::Payment(PaymentOp { destination: muxed(&key(2)), asset, amount: 1 });
        assert_eq!(world.refusal(1, odd), ok(PaymentResult::Malformed), "{code:?}");
    }
    assert_eq!(world.refusal(2, allow(3, AUTHORIZED, 0)), ok(SetTrustLineFlagsResult::Malformed));
    assert_eq!(world.refusal(1, allow(2, AUTHORIZED | MAINTAIN, 0)), ok(SetTrustLineFlagsResult::Malformed));
    assert_eq!(world.refusal(1, allow(2, 1, 1)), ok(SetTrustLineFlagsResult::Malformed));
    let set = |set: SetOptionsOp| OperationBody::SetOptions(set);
    let base = SetOptionsOp::default();
    let unknown = set(SetOptionsOp { set_flags: Some(16), ..base.clone() });
    assert_eq!(world.refusal(1, unknown), ok(O::UnknownFlag));
    let both = set(SetOptionsOp { set_flags: Some(1), clear_flags: Some(1), ..base.clone() });
    assert_eq!(world.refusal(1, both), ok(O::BadFlags));
    let heavy = set(SetOptionsOp { low_threshold: Some(256), ..base.clone() });
    assert_eq!(world.refusal(1, heavy), ok(O::ThresholdOutOfRange));
    let clawback = set(SetOptionsOp { set_flags: Some(8), ..base });
    assert_eq!(world.run(1, clawback), ok(O::AuthRevocableRequired));
}

#[test]
fn an_immutable_account_keeps_its_flags_and_a_locked_one_its_thresholds() {
    let mut world = World::new(4 | REVOCABLE);
    let clear = SetOptionsOp { clear_flags: Some(REVOCABLE), ..SetOptionsOp::default() };
    assert_eq!(world.run(1, OperationBody::SetOptions(clear)), ok(SetOptionsResult::CantChange));
    let locked = SetOptionsOp { high_threshold: Some(2), ..SetOptionsOp::default() };
    assert_eq!(world.run(2, OperationBody::SetOptions(locked)), ok(SetOptionsResult::Success));
    let back = SetOptionsOp { high_threshold: Some(0), ..SetOptionsOp::default() };
    assert_eq!(world.refusal(2, OperationBody::SetOptions(back)), OperationResult::OpBadAuth);
    assert_eq!(world.run(2, trust(5)), ok(ChangeTrustResult::Success), "lesser operations still go");
}

#[test]
fn the_assets_contract_moves_the_same_balances_and_respects_a_freeze() {
    let mut world = World::new(REVOCABLE);
    for holder in [2, 3] {
        assert_eq!(world.run(holder, trust(100)), ok(ChangeTrustResult::Success));
    }
    assert_eq!(world.run(1, pay(2, 60)), ok(PaymentResult::Success));
    assert!(world.call(3, deploy()).unwrap().succeeded, "anyone may deploy it");
    assert!(world.call(2, transfer(&key(2), &key(3), 25)).unwrap().succeeded);
    assert_eq!((world.held(2), world.held(3)), (35, 25));
    assert_eq!(world.run(1, allow(3, MAINTAIN, AUTHORIZED)), ok(SetTrustLineFlagsResult::Success));
    assert!(world.call(2, transfer(&key(2), &key(3), 1)).is_err(), "to a frozen account");
    assert!(world.call(3, transfer(&key(3), &key(2), 1)).is_err(), "from a frozen account");
    assert!(world.call(2, transfer(&key(2), &key(9), 1)).is_err(), "to an account that does not exist");
    assert_eq!((world.held(2), world.held(3)), (35, 25));
    world.0.advance(Advance { seconds: 60, ledgers: 1 }).unwrap();
    assert_eq!(world.run(1, allow(3, AUTHORIZED, MAINTAIN)), ok(SetTrustLineFlagsResult::Success));
    assert!(world.call(3, transfer(&key(3), &key(1), 25)).unwrap().succeeded, "home to the issuer");
    assert_eq!(world.held(3), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Whatever is tried, what circulates is what was issued less what came home, and no limit is passed.
    #[test]
    fn units_are_made_by_the_issuer_alone(steps in prop::collection::vec((1u8..4, 1u8..4, 1i64..120), 1..24)) {
        let mut world = World::new(0);
        for holder in [2, 3] {
            world.run(holder, trust(100));
        }
        let mut circulating = 0;
        for (from, to, amount) in steps {
            let done = world.run(from, pay(to, amount)) == ok(PaymentResult::Success);
            if done && from == 1 && to != 1 {
                circulating += amount;
            }
            if done && to == 1 && from != 1 {
                circulating -= amount;
            }
            prop_assert_eq!(world.held(2) + world.held(3), circulating);
            prop_assert!([2, 3].iter().all(|holder| (0..=100).contains(&world.held(*holder))));
        }
    }
}
