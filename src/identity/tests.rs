//! What an identity promises: the same keys from the same words, everywhere, and no secret in sight.

use crate::key_file::{Cost, seal_at};
use crate::*;
use layr_types::{AccountKey, ContractId, NodeKey};
use proptest::prelude::*;

const CHEAP: Cost = Cost { memory_kib: 8, passes: 1, lanes: 1 };

fn phrase() -> Phrase {
    Phrase::from_entropy(&[7; 32])
}

fn cheap_file(passphrase: &str) -> Vec<u8> {
    seal_at(CHEAP, &phrase(), passphrase, (&[1; 16], &[2; 12])).expect("sealing works")
}

/// SEP-0005, test 3: the specification's own 24-word phrase and its first three accounts.
#[test]
fn the_account_is_the_one_sep_0005_publishes() {
    let words = "bench hurt jump file august wise shallow faculty impulse spring exact slush \
                 thunder author capable act festival slice deposit sauce coconut afford frown better";
    let phrase = Phrase::parse(words).expect("the published phrase is valid");
    let published = [
        "GC3MMSXBWHL6CPOAVERSJITX7BH76YU252WGLUOM5CJX3E7UCYZBTPJQ",
        "GB3MTYFXPBZBUINVG72XR7AQ6P2I32CYSXWNRKJ2PV5H5C7EAM5YYISO",
        "GDYF7GIHS2TRGJ5WW4MZ4ELIUIBINRNYPPAWVQBPLAZXC2JRDI4DGAKU",
    ];
    for (number, address) in (0u32..).zip(published) {
        let seed = slip10::stellar_account_seed(&phrase.seed(), number);
        assert_eq!(account_address(&AccountKey(Signer::from_seed(&seed).public())), address);
    }
    assert_eq!(account_address(&Identity::from_phrase(phrase).account()), published[0]);
}

/// SEP-0005, test 1: seed bytes of a 12-word phrase (which this program does not accept from people).
#[test]
fn derivation_follows_the_published_intermediate_values() {
    let seed = "e4a5a632e70943ae7f07659df1332160937fad82587216a4c64315a0fb39497ee4a01f76ddab4cba\
                68147977f3a147b6ad584c41808e8238a07f6cc4b582f186";
    let seed: [u8; 64] = hex::decode(seed).unwrap().try_into().unwrap();
    let key = Signer::from_seed(&slip10::stellar_account_seed(&seed, 9)).public();
    let published = "GBTVYYDIYWGUQUTKX6ZMLGSZGMTESJYJKJWAATGZGITA25ZB6T5REF44";
    assert_eq!(account_address(&AccountKey(key)), published);
}

#[test]
fn every_derived_key_is_pinned() {
    let identity = Identity::from_phrase(phrase());
    let mut lines = vec![
        format!("phrase = {}", *phrase().reveal()),
        format!("account = {}", account_address(&identity.account())),
        format!("node key = {}", identity.node_key()),
        format!("node seed = {}", hex::encode(*identity.node_seed())),
    ];
    for purpose in Purpose::ALL {
        lines.push(format!("{purpose:?} = {}", hex::encode(*identity.secret(purpose))));
    }
    lines.push(format!("key file = {}", hex::encode(cheap_file("correct horse"))));
    let pinned: Vec<&str> =
        include_str!("vectors/v1.txt").lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines, pinned);
}

#[test]
fn no_two_purposes_share_a_secret() {
    let identity = Identity::from_phrase(phrase());
    let mut secrets: Vec<[u8; 32]> = Purpose::ALL.iter().map(|p| *identity.secret(*p)).collect();
    secrets.push(*identity.node_seed());
    secrets.push(*identity.account_signer().seed());
    secrets.sort_unstable();
    secrets.dedup();
    assert_eq!(secrets.len(), Purpose::ALL.len() + 2);
}

#[test]
fn words_are_read_in_any_case_and_spacing() {
    let text = phrase().reveal().to_uppercase().replace(' ', " \n\t ");
    assert_eq!(Phrase::parse(&text), Ok(phrase()));
}

#[test]
fn a_missing_word_is_counted() {
    let words = phrase().reveal();
    let (_, short) = words.split_once(' ').unwrap();
    assert_eq!(Phrase::parse(short), Err(PhraseError::WordCount { got: 23 }));
    assert_eq!(Phrase::parse(""), Err(PhraseError::WordCount { got: 0 }));
}

#[test]
fn a_misspelt_word_is_named_by_its_position_and_not_repeated() {
    let words = phrase().reveal();
    let mut words: Vec<&str> = words.split(' ').collect();
    words[6] = "zebraa";
    let error = Phrase::parse(&words.join(" ")).unwrap_err();
    assert_eq!(error, PhraseError::UnknownWord { position: 7 });
    assert!(!error.to_string().contains("zebraa"));
}

#[test]
fn a_word_of_the_list_in_the_wrong_place_fails_the_checksum() {
    let words = "abandon ".repeat(24);
    assert_eq!(Phrase::parse(&words), Err(PhraseError::Checksum));
}

#[test]
fn debugging_shows_no_secret() {
    let identity = Identity::from_phrase(phrase());
    let shown = format!("{identity:?} {:?} {:?}", identity.phrase(), identity.node_signer());
    for secret in [*identity.node_seed(), *identity.secret(Purpose::Chunk), [7; 32]] {
        assert!(!shown.contains(&hex::encode(secret)[..8]), "{shown}");
    }
    assert!(!shown.contains(phrase().reveal().split(' ').next().unwrap()));
}

#[test]
fn a_signature_holds_for_its_key_and_digest_only() {
    let identity = Identity::from_phrase(phrase());
    let signature = identity.sign_as_node(&[3; 32]);
    assert!(verify(&identity.node_key(), &[3; 32], &signature));
    assert!(!verify(&identity.node_key(), &[4; 32], &signature));
    assert!(!verify(&NodeKey(identity.account().0), &[3; 32], &signature));
    assert!(verify_account(&identity.account(), &[5; 32], &identity.sign_as_account(&[5; 32])));
}

/// A key of small order makes one signature valid for almost every message; strict checking refuses it.
#[test]
fn a_key_of_small_order_signs_nothing() {
    let mut identity_point = [0; 32];
    identity_point[0] = 1;
    let mut signature = [0; 64];
    signature[0] = 1;
    assert!(!verify(&NodeKey(identity_point), &[9; 32], &layr_types::Signature(signature)));
    assert!(!verify(&NodeKey([0xff; 32]), &[9; 32], &layr_types::Signature(signature)));
}

#[test]
fn a_key_file_at_the_standard_cost_opens_with_its_passphrase_only() {
    let file = seal_key_file(&phrase(), "correct horse", &[1; 16], &[2; 12]).unwrap();
    assert_eq!(file.len(), KEY_FILE_BYTES);
    let opened = open_key_file(&file, "correct horse").unwrap();
    assert_eq!(opened.phrase(), &phrase());
    assert_eq!(open_key_file(&file, "correct horsf").unwrap_err(), KeyFileError::WrongPassphrase);
}

#[test]
fn a_passphrase_opens_the_file_however_the_keyboard_composes_it() {
    let file = cheap_file("caf\u{e9}");
    assert!(open_key_file(&file, "cafe\u{301}").is_ok());
}

#[test]
fn an_empty_passphrase_is_refused() {
    let sealed = seal_key_file(&phrase(), "", &[1; 16], &[2; 12]);
    assert_eq!(sealed, Err(KeyFileError::EmptyPassphrase));
    assert_eq!(open_key_file(&cheap_file("x"), "").unwrap_err(), KeyFileError::EmptyPassphrase);
}

#[test]
fn a_later_version_is_named() {
    let mut file = cheap_file("x");
    file[8] = 2;
    assert_eq!(open_key_file(&file, "x").unwrap_err(), KeyFileError::UnknownVersion(2));
}

#[test]
fn a_file_that_asks_for_too_much_memory_is_refused_before_any_is_taken() {
    let cost = Cost { memory_kib: u32::MAX, ..CHEAP };
    let mut file = cheap_file("x");
    file[9..13].copy_from_slice(&cost.memory_kib.to_be_bytes());
    let check = *blake3::hash(&file[..97]).as_bytes();
    file[97..].copy_from_slice(&check[..8]);
    let refused = KeyFileError::CostOutOfRange { memory_kib: u32::MAX, passes: 1 };
    assert_eq!(open_key_file(&file, "x").unwrap_err(), refused);
}

#[test]
fn a_secret_key_typed_as_an_address_is_recognised_and_not_repeated() {
    let secret = stellar_strkey::ed25519::PrivateKey([5; 32]).to_string();
    let error = parse_account_address(secret.as_str()).unwrap_err();
    assert_eq!(error, AddressError::IsSecret);
    assert_eq!(parse_contract_address(secret.as_str()), Err(AddressError::IsSecret));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn any_phrase_reads_back(entropy: [u8; 32]) {
        let phrase = Phrase::from_entropy(&entropy);
        prop_assert_eq!(Phrase::parse(&phrase.reveal()), Ok(phrase));
    }

    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,300}") {
        let _ = Phrase::parse(&text);
        let _ = parse_account_address(&text);
        let _ = parse_contract_address(&text);
    }

    #[test]
    fn a_flipped_bit_anywhere_in_a_key_file_is_detected(bit in 0usize..KEY_FILE_BYTES * 8) {
        let mut file = cheap_file("x");
        file[bit / 8] ^= 1 << (bit % 8);
        let expected = matches!(
            open_key_file(&file, "x"),
            Err(KeyFileError::Corrupt | KeyFileError::UnknownVersion(_))
        );
        prop_assert!(expected);
    }

    #[test]
    fn a_key_file_cut_short_or_lengthened_is_corrupt(len in 0usize..KEY_FILE_BYTES * 2) {
        prop_assume!(len != KEY_FILE_BYTES);
        let mut file = cheap_file("x");
        file.resize(len, 0);
        prop_assert_eq!(open_key_file(&file, "x").unwrap_err(), KeyFileError::Corrupt);
    }

    #[test]
    fn any_address_reads_back(bytes: [u8; 32]) {
        let (account, contract) = (AccountKey(bytes), ContractId(bytes));
        prop_assert_eq!(parse_account_address(&account_address(&account)), Ok(account));
        prop_assert_eq!(parse_contract_address(&contract_address(&contract)), Ok(contract));
        prop_assert_eq!(parse_account_address(&contract_address(&contract)), Err(AddressError::NotAccount));
    }
}
