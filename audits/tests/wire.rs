//! Sizes on the wire: the daily audit of 1 TiB, and the bounds a transport relies on.

mod common;

use common::{Host, in_time};
use layr_audits::{
    Answer, Challenge, Commitment, DAILY_LEAVES, LeafSource, Loss, Lost, MAX_ANSWER_BYTES, MAX_LEAVES,
    Outcome, SourceError, StoredLeaf, Verdict, judge, prove,
};
use layr_merkle::AgreementTree;
use layr_types::LeafIndex;

/// A terabyte that consists of one megabyte: a real tree over the same sector, 2^20 times.
struct Sparse(Host, AgreementTree);

impl LeafSource for Sparse {
    fn load(&self, leaf: LeafIndex) -> Result<StoredLeaf, SourceError> {
        let stored = self.0.load(LeafIndex(leaf.within_sector() as u64))?;
        Ok(StoredLeaf { path: self.1.path(leaf.sector()).expect("drawn from this tree"), ..stored })
    }
}

fn wire_size(answer: &Answer) -> usize {
    postcard::to_stdvec(answer).expect("an answer is plain data").len()
}

#[test]
fn the_daily_audit_of_a_tebibyte_takes_less_than_forty_kibibytes() {
    let host = Host::new(1);
    let tree = AgreementTree::from_roots(std::iter::repeat_n(&host.roots[0], 1 << 20)).unwrap();
    let held = Commitment { root: tree.root(), sectors: 1 << 20, ..host.held };
    let challenge = Challenge::random(&held, (1, &[2; 32]), [3; 32], DAILY_LEAVES);
    let answer = prove(&challenge, &held, &Sparse(host, tree)).unwrap();
    assert_eq!(judge(&challenge, &held, &in_time(Outcome::Answered(&answer))).verdict, Verdict::Passed);
    let (asked, answered) = (postcard::to_stdvec(&challenge).unwrap().len(), wire_size(&answer));
    println!("audit of 1 TiB, {DAILY_LEAVES} leaves: challenge {asked} B, answer {answered} B");
    assert!(asked + answered <= 40 * 1024, "{asked} + {answered}");
}

#[test]
fn no_answer_is_larger_than_its_bound() {
    let lost = (0..MAX_LEAVES).map(|position| Lost { position, loss: Loss::Corrupt }).collect();
    let largest = Answer { lost, proofs: vec![0; MAX_ANSWER_BYTES].into() };
    assert!(largest.is_bounded());
    assert!(wire_size(&largest) <= MAX_ANSWER_BYTES + 256);
    let beyond = Answer { lost: Vec::new(), proofs: vec![0; MAX_ANSWER_BYTES + 1].into() };
    assert!(!beyond.is_bounded());
}

#[test]
fn challenges_and_answers_survive_the_wire() {
    let host = Host::new(2);
    for challenge in [host.challenge(1, 3), Challenge::named(&host.held, vec![LeafIndex(3), LeafIndex(1500)])]
    {
        let bytes = postcard::to_stdvec(&challenge).unwrap();
        assert_eq!(postcard::from_bytes::<Challenge>(&bytes).unwrap(), challenge);
        let answer = prove(&challenge, &host.held, &host).unwrap();
        let bytes = postcard::to_stdvec(&answer).unwrap();
        assert_eq!(postcard::from_bytes::<Answer>(&bytes).unwrap(), answer);
    }
}
