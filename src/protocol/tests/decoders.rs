//! Every decoder that sees a stranger's bytes, under mutated ones: nothing panics, and whatever is accepted is
//! encoded as it came.
//!
//! The corpora are the rooms' committed vectors, and every message of the service made out of them; mutations come
//! from a fixed seed, so a failure repeats. `LAYR_FUZZ_ROUNDS` sets how many mutations each decoder sees. This runs
//! on the stable compiler with the ordinary tests; coverage-guided fuzzing wants another one, and the same table of
//! targets would serve it.

#[path = "decoders/corpus.rs"]
mod corpus;
#[path = "decoders/targets.rs"]
mod targets;

use corpus::{Seed, seeds};
use targets::{TARGETS, Target};

/// SplitMix64.
struct Dice(u64);

impl Dice {
    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, count: usize) -> usize {
        usize::try_from(self.roll() % count.max(1) as u64).expect("small")
    }
}

/// Values at which integers and lengths go wrong.
const EDGES: [u64; 8] = [0, 1, 0x7f, 0x80, 0xffff, 1 << 63, u64::MAX - 1, u64::MAX];

/// One to four changes of the bytes.
fn mutate(bytes: &mut Vec<u8>, other: &[u8], dice: &mut Dice) {
    for _ in 0..=dice.below(4) {
        let at = dice.below(bytes.len() + 1);
        match dice.below(8) {
            0 | 1 => flip(bytes, dice),
            2 => bytes.truncate(at),
            3 => bytes.insert(at, EDGES[dice.below(8)].to_be_bytes()[7]),
            4 => overwrite(bytes, at, &EDGES[dice.below(8)].to_be_bytes()),
            5 => overwrite(bytes, at, &EDGES[dice.below(8)].to_be_bytes()[4..]),
            6 => {
                let from = dice.below(other.len() + 1);
                overwrite(bytes, at, &other[from..other.len().min(from + 40)]);
            }
            _ => {
                let from = dice.below(other.len() + 1);
                bytes.truncate(at);
                bytes.extend_from_slice(&other[from..]);
            }
        }
    }
}

fn flip(bytes: &mut [u8], dice: &mut Dice) {
    let at = dice.below(bytes.len());
    if let Some(byte) = bytes.get_mut(at) {
        *byte ^= 1 << dice.below(8);
    }
}

fn overwrite(bytes: &mut [u8], at: usize, by: &[u8]) {
    bytes.iter_mut().skip(at).zip(by).for_each(|(byte, new)| *byte = *new);
}

fn rounds() -> usize {
    std::env::var("LAYR_FUZZ_ROUNDS").ok().map_or(3_000, |text| text.parse().expect("a number"))
}

/// How many of the mutated seeds a target accepts.
fn accepted(target: &Target, seeds: &[Seed], dice: &mut Dice) -> usize {
    let own: Vec<&Seed> = seeds.iter().filter(|seed| seed.target == target.name).collect();
    (0..rounds())
        .filter(|round| {
            let mut bytes = match round % 4 {
                0 => seeds[dice.below(seeds.len())].bytes.clone(),
                _ => own[dice.below(own.len())].bytes.clone(),
            };
            mutate(&mut bytes, &seeds[dice.below(seeds.len())].bytes, dice);
            (target.run)(&bytes)
        })
        .count()
}

#[test]
fn whatever_decodes_is_encoded_as_it_came() {
    let (seeds, mut dice) = (seeds(), Dice(21));
    let mut total = 0;
    for target in TARGETS {
        assert!(seeds.iter().any(|seed| seed.target == target.name), "{} has no corpus", target.name);
        let accepted = accepted(target, &seeds, &mut dice);
        println!("{}: {accepted} of {} accepted", target.name, rounds());
        total += accepted;
    }
    assert!(total > rounds(), "mutations that nothing accepts test little");
}

#[test]
fn every_seed_is_taken_by_its_own_decoder() {
    for seed in seeds() {
        let target = TARGETS.iter().find(|target| target.name == seed.target).expect(seed.target);
        assert!((target.run)(&seed.bytes), "{}", seed.target);
    }
}

#[test]
fn nothing_decodes_out_of_nothing() {
    for target in TARGETS.iter().filter(|target| target.name != "answer") {
        assert!(!(target.run)(&[]), "{}", target.name);
    }
}
