//! What can be checked without a network: constants of the public networks, prices, and strangers' bytes.

use crate::beacon::Beacon;
use crate::envelope::Draft;
use crate::escrow::EscrowError;
use crate::fees::CallQuote;
use crate::xdr::{from, to};
use crate::*;
use layr_identity::{Signer, contract_address, verify_account};
use layr_types::{AccountKey, Stroops, TxHash, UnixSeconds};
use proptest::prelude::*;
use stellar_xdr::{LedgerEntryData, ScVal, SorobanTransactionData, TransactionMeta, TransactionResult};
use zeroize::Zeroizing;

fn client(config: NetworkConfig) -> LedgerClient {
    LedgerClient::new(config).expect("the presets are sound")
}

#[test]
fn the_lumen_contract_is_the_one_the_public_networks_have() {
    let testnet = contract_address(&client(NetworkConfig::testnet()).native_token());
    let mainnet = contract_address(&client(NetworkConfig::mainnet()).native_token());
    assert_eq!(testnet, "CDLZFC3SYJYDZT7K67VZ75HPJVIEUVNIXF47ZG2FB2RMQQVU2HHGCYSC");
    assert_eq!(mainnet, "CAS3J7GYLGXMF6TDJBBYYSE3HQ6BBSMLNUQ34T6TZMYMW2EVH34XOWMA");
}

#[test]
fn network_ids_are_the_passphrases_hashes() {
    let id = NetworkConfig::mainnet().network_id().to_string();
    assert_eq!(id, "7ac33997544e3175d266bd022439b22cdb16508c01163f26e5cb2a3e1045a979");
}

/// Round 1000 of drand's quicknet, as its public servers give it.
#[test]
fn a_round_of_the_public_beacon_verifies() {
    let beacon = Beacon::new(&BeaconConfig::quicknet(), HttpLimits::default()).unwrap();
    let signature = "b44679b9a59af2ec876b1a6b1ad52ea9b1615fc3982b19576350f93447cb1125\
                     e342b73a8dd2bacbe47e4b6b63ed5e39";
    let signature: [u8; 48] = hex::decode(signature).unwrap().try_into().unwrap();
    let round = beacon.verify(1_000, &signature).expect("it is genuine");
    let randomness = "fe290beca10872ef2fb164d2aa4442de4566183ec51c56ff3cd603d930e54fdd";
    assert_eq!(hex::encode(round.randomness), randomness);
    assert_eq!(beacon.verify(1_001, &signature), None);
    assert_eq!(round.uncompressed().len(), 96);
    assert_ne!(round.uncompressed(), [0; 96]);
}

#[test]
fn the_contracts_documented_errors_are_the_ones_known_here() {
    let readme = include_str!("../../contracts/escrow/README.md");
    let documented: Vec<(u32, String)> = readme
        .lines()
        .filter_map(|line| {
            let (code, rest) = line.strip_prefix("| 7")?.split_once(" | `")?;
            let code = format!("7{code}").parse().ok()?;
            Some((code, rest.split_once('`')?.0.to_owned()))
        })
        .collect();
    let known: Vec<(u32, String)> =
        EscrowError::ALL.iter().map(|error| (error.code(), format!("{error:?}"))).collect();
    assert_eq!(documented, known);
    for error in EscrowError::ALL {
        assert_eq!(EscrowError::from_code(error.code()), Some(*error));
    }
    assert_eq!(EscrowError::from_code(10), None);
}

#[test]
fn a_simulations_message_yields_the_contracts_code() {
    let text = "HostError: Error(Contract, #7012)\n\nEvent log (newest first):\n 0: [Diagnostic Event]";
    let failure = receipt::simulation_failure(text);
    assert_eq!(failure.code, Some(7_012));
    assert_eq!(failure.message, "HostError: Error(Contract, #7012)");
    let error = LedgerError::new(Stage::Simulate, failure);
    assert_eq!(error.escrow(), Some(EscrowError::SlotTaken));
    assert_eq!(
        error.to_string(),
        "simulating the call: the escrow contract refused: the slot the terms name is in use (code 7012) \
         (nothing was spent)"
    );
    assert_eq!(receipt::simulation_failure("HostError: Error(Budget, ExceededLimit)").code, None);
    assert_eq!(receipt::simulation_failure("Error(Contract, #99999999999)").code, None);
}

#[test]
fn a_signed_transaction_carries_the_accounts_signature_over_its_hash() {
    let signer = Signer::from_seed(&Zeroizing::new([1; 32]));
    let account = AccountKey(signer.public());
    let draft = Draft {
        account,
        sequence: 5,
        fee: 100,
        operation: operation::payment(&AccountKey([9; 32]), Stroops(1)).unwrap(),
        memo: stellar_xdr::Memo::None,
        soroban: None,
        signed_at: UnixSeconds(10),
        valid_until: UnixSeconds(130),
        not_before: UnixSeconds(0),
    };
    let network = NetworkConfig::testnet().network_id();
    let pending = draft.sign(&network, &signer).unwrap();
    let envelope: stellar_xdr::TransactionEnvelope = xdr::decode(&pending.envelope_xdr).unwrap();
    assert_eq!(TxHash(envelope.hash(network.0).unwrap()), pending.hash);
    let stellar_xdr::TransactionEnvelope::Tx(envelope) = envelope else { panic!("a current envelope") };
    let signature: [u8; 64] = envelope.signatures[0].signature.0.as_slice().try_into().unwrap();
    assert!(verify_account(&account, &pending.hash.0, &layr_types::Signature(signature)));
    assert_eq!((pending.sequence, pending.valid_until), (5, UnixSeconds(130)));
}

fn signed(fee: u32) -> Pending {
    let signer = Signer::from_seed(&Zeroizing::new([1; 32]));
    let draft = Draft {
        account: AccountKey(signer.public()),
        sequence: 5,
        fee,
        operation: operation::payment(&AccountKey([9; 32]), Stroops(1)).unwrap(),
        memo: stellar_xdr::Memo::None,
        soroban: None,
        signed_at: UnixSeconds(10),
        valid_until: UnixSeconds(130),
        not_before: UnixSeconds(0),
    };
    draft.sign(&NetworkConfig::testnet().network_id(), &signer).unwrap()
}

#[test]
fn a_fee_bump_carries_the_very_same_transaction_and_is_signed_by_its_payer() {
    let signer = Signer::from_seed(&Zeroizing::new([1; 32]));
    let network = NetworkConfig::testnet().network_id();
    let pending = signed(100);
    let bumped = bump::bump(&pending, Stroops(2_000), &network, &signer).unwrap();
    assert_eq!((bumped.hash, &bumped.envelope_xdr), (pending.hash, &pending.envelope_xdr));
    let last = bumped.bumps.last().unwrap();
    let envelope: stellar_xdr::TransactionEnvelope = xdr::decode(&last.envelope_xdr).unwrap();
    assert_eq!(TxHash(envelope.hash(network.0).unwrap()), last.hash);
    let stellar_xdr::TransactionEnvelope::TxFeeBump(outer) = envelope else { panic!("a fee bump") };
    assert_eq!((outer.tx.fee, &outer.tx.fee_source), (2_000, &xdr::muxed(&pending.account)));
    let stellar_xdr::FeeBumpTransactionInnerTx::Tx(inner) = outer.tx.inner_tx;
    let inner = xdr::encode(&stellar_xdr::TransactionEnvelope::Tx(inner)).unwrap();
    assert_eq!(inner, pending.envelope_xdr);
    let signature: [u8; 64] = outer.signatures[0].signature.0.as_slice().try_into().unwrap();
    assert!(verify_account(&pending.account, &last.hash.0, &layr_types::Signature(signature)));
}

/// Journals keep this form across versions of the program.
#[test]
fn a_pending_transaction_is_kept_in_a_pinned_form() {
    let pending = Pending {
        hash: TxHash([1; 32]),
        account: AccountKey([2; 32]),
        sequence: 7,
        envelope_xdr: "AAAA".to_owned(),
        signed_at: UnixSeconds(10),
        valid_until: UnixSeconds(130),
        max_fee: Stroops(100),
        bumps: Vec::new(),
        restores: false,
    };
    let bytes = |byte: u8| hex::encode([byte; 32]);
    let kept = serde_json::json!({
        "hash": bytes(1), "account": bytes(2), "sequence": 7, "envelope_xdr": "AAAA",
        "signed_at": 10, "valid_until": 130, "max_fee": 100,
    });
    assert_eq!(serde_json::to_value(&pending).unwrap(), kept);
    assert_eq!(serde_json::from_value::<Pending>(kept.clone()).unwrap(), pending);

    let bump = Bump { hash: TxHash([3; 32]), envelope_xdr: "BBBB".to_owned(), fee: Stroops(2_000) };
    let raised = Pending { bumps: vec![bump], restores: true, max_fee: Stroops(2_000), ..pending };
    let mut more = kept;
    more["max_fee"] = 2_000.into();
    more["restores"] = true.into();
    more["bumps"] = serde_json::json!([{ "hash": bytes(3), "envelope_xdr": "BBBB", "fee": 2_000 }]);
    assert_eq!(serde_json::to_value(&raised).unwrap(), more);
    assert_eq!(serde_json::from_value::<Pending>(more).unwrap(), raised);
}

#[test]
fn a_quote_adds_up() {
    let quote = CallQuote {
        inclusion_fee: Stroops(100),
        resource_fee: Stroops(20_000),
        refundable: Stroops(50_000),
        rent: Stroops(3_000),
        restore: Stroops(4),
    };
    assert_eq!(quote.total(), Stroops(73_104));
}

#[test]
fn a_strangers_message_is_shortened_and_flattened() {
    let long = format!("a\nb\u{1b}[31m{}", "x".repeat(10_000));
    let shown = rpc::shorten(&long);
    assert!(shown.starts_with("a b [31mx"));
    assert!(shown.chars().count() <= 401);
}

#[test]
fn debugging_a_payer_shows_no_secret() {
    let payer = Payer::unlogged(Signer::from_seed(&Zeroizing::new([0xab; 32])));
    assert!(!format!("{payer:?}").contains("abab"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn strangers_xdr_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        use base64::Engine as _;
        let text = base64::engine::general_purpose::STANDARD.encode(&bytes);
        let _ = xdr::decode::<ScVal>(&text);
        let _ = xdr::decode::<TransactionMeta>(&text);
        let _ = xdr::decode::<TransactionResult>(&text);
        let _ = xdr::decode::<LedgerEntryData>(&text);
        let _ = xdr::decode::<SorobanTransactionData>(&text);
        let _ = xdr::decode::<ScVal>(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn bids_rise_tenfold_and_never_past_a_limit(
        fee in 100u32..200_000,
        going in 0i128..1_000_000,
        allowed in prop::option::of(0i128..300_000),
    ) {
        let policy = TransactionPolicy::default();
        let allowed = allowed.map(Stroops);
        let network = NetworkConfig::testnet().network_id();
        let signer = Signer::from_seed(&Zeroizing::new([1; 32]));
        let mut pending = signed(fee);
        let mut last_each = i128::from(fee);
        while let Some(next) = bump::next_fee(&pending, &policy, Stroops(going), allowed) {
            prop_assert!(next <= policy.max_inclusion_fee);
            prop_assert!(allowed.is_none_or(|allowed| next <= allowed));
            prop_assert!(next.0 / 2 >= last_each * 10);
            last_each = next.0 / 2;
            pending = bump::bump(&pending, next, &network, &signer).unwrap();
            prop_assert!(pending.bumps.len() <= 4, "it ends");
        }
        prop_assert_eq!(pending.hash, signed(fee).hash);
    }

    #[test]
    fn amounts_cross_into_the_contract_and_back(amount: i128) {
        prop_assert_eq!(from::amount(&to::amount(amount)), Some(amount));
    }

    #[test]
    fn any_simulation_message_is_read_without_panic(text in "\\PC{0,200}") {
        let _ = receipt::simulation_failure(&text);
        let _ = receipt::simulation_failure(&format!("Error(Contract, #{text}"));
    }
}

/// Nested vectors: eight bytes buy a level, so a megabyte would buy 131,072 of them.
#[test]
fn deeply_nested_xdr_is_refused_before_the_stack_ends() {
    use base64::Engine as _;
    let level = [0, 0, 0, 16, 0, 0, 0, 1, 0, 0, 0, 1];
    let bytes: Vec<u8> = level.iter().copied().cycle().take(level.len() * 100_000).collect();
    let text = base64::engine::general_purpose::STANDARD.encode(bytes);
    assert!(xdr::decode::<ScVal>(&text).is_none());
}
