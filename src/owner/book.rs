//! The owner's records as typed values: sealed before the store sees them, checked when they come back.
//!
//! A value on disk is `version (1) ‖ nonce (12) ‖ ChaCha20-Poly1305(postcard) ‖ tag (16)` with space and key as
//! associated data, under a key of the identity: names of files stay private, and a record of another identity,
//! or one moved to another key, does not open.

use crate::error::RecordsFault;
use crate::ports::{Batch, OwnerRecords, Space};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use ring::rand::{SecureRandom, SystemRandom};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::sync::Arc;
use zeroize::Zeroizing;

const VERSION: u8 = 1;
const NONCE: usize = 12;
const LABEL: &str = "layr 2026 v1 owner records";

/// Typed records.
#[derive(Clone)]
pub(crate) struct Book {
    records: Arc<dyn OwnerRecords>,
    key: Arc<LessSafeKey>,
    random: SystemRandom,
}

/// Changes being collected.
pub(crate) struct Draft<'a> {
    book: &'a Book,
    batch: Batch,
}

impl Book {
    /// Records under the identity's journal secret.
    pub(crate) fn new(records: Arc<dyn OwnerRecords>, secret: &[u8; 32]) -> Self {
        let key = Zeroizing::new(blake3::derive_key(LABEL, secret));
        let key = UnboundKey::new(&CHACHA20_POLY1305, key.as_slice()).expect("the key has 32 bytes");
        Self { records, key: Arc::new(LessSafeKey::new(key)), random: SystemRandom::new() }
    }

    /// Fresh random bytes.
    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut out = [0; N];
        self.random.fill(&mut out).expect("the system's random number generator works");
        out
    }

    /// One value.
    pub(crate) fn get<T: DeserializeOwned>(
        &self,
        space: Space,
        key: &[u8],
    ) -> Result<Option<T>, RecordsFault> {
        self.records.get(space, key)?.map(|sealed| self.open(space, key, sealed)).transpose()
    }

    /// Every value whose key begins with `prefix`, in key order.
    pub(crate) fn scan<T: DeserializeOwned>(
        &self,
        space: Space,
        prefix: &[u8],
    ) -> Result<Vec<(Vec<u8>, T)>, RecordsFault> {
        let entries = self.records.scan(space, prefix)?;
        let open =
            |(key, sealed): (Vec<u8>, Vec<u8>)| self.open(space, &key, sealed).map(|value| (key, value));
        entries.into_iter().map(open).collect()
    }

    /// Whether anything begins with `prefix`.
    pub(crate) fn keys(&self, space: Space, prefix: &[u8]) -> Result<Vec<Vec<u8>>, RecordsFault> {
        Ok(self.records.scan(space, prefix)?.into_iter().map(|(key, _)| key).collect())
    }

    /// Starts collecting changes.
    pub(crate) const fn draft(&self) -> Draft<'_> {
        Draft { book: self, batch: Batch::new() }
    }

    /// Puts one value, durably.
    pub(crate) fn put<T: Serialize>(&self, space: Space, key: &[u8], value: &T) -> Result<(), RecordsFault> {
        let mut draft = self.draft();
        draft.put(space, key, value);
        draft.commit()
    }

    fn seal(&self, space: Space, key: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce = self.random::<NONCE>();
        let mut out = Vec::with_capacity(1 + NONCE + plain.len() + 16);
        out.push(VERSION);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let tag = self
            .key
            .seal_in_place_separate_tag(
                Nonce::assume_unique_for_key(nonce),
                Aad::from(associated(space, key)),
                out.get_mut(1 + NONCE..).unwrap_or_default(),
            )
            .expect("a record is far below the cipher's message limit");
        out.extend_from_slice(tag.as_ref());
        out
    }

    fn open<T: DeserializeOwned>(
        &self,
        space: Space,
        key: &[u8],
        sealed: Vec<u8>,
    ) -> Result<T, RecordsFault> {
        let damaged = || RecordsFault::Damaged { space };
        let (version, rest) = sealed.split_first().ok_or_else(damaged)?;
        let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or_else(damaged)?;
        if *version != VERSION {
            return Err(damaged());
        }
        let mut body = body.to_vec();
        let nonce = Nonce::assume_unique_for_key(*nonce);
        let plain = self
            .key
            .open_in_place(nonce, Aad::from(associated(space, key)), &mut body)
            .map_err(|_| damaged())?;
        postcard::from_bytes(plain).map_err(|_| damaged())
    }
}

fn associated(space: Space, key: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + key.len());
    out.push(space as u8);
    out.extend_from_slice(key);
    out
}

impl Draft<'_> {
    /// Sets a value.
    pub(crate) fn put<T: Serialize>(&mut self, space: Space, key: &[u8], value: &T) {
        let plain = postcard::to_allocvec(value).expect("a vector takes every byte");
        self.batch.changes.push((space, key.to_vec(), Some(self.book.seal(space, key, &plain))));
    }

    /// Deletes a value.
    pub(crate) fn delete(&mut self, space: Space, key: &[u8]) {
        self.batch.changes.push((space, key.to_vec(), None));
    }

    /// Makes all changes, or none.
    pub(crate) fn commit(self) -> Result<(), RecordsFault> {
        if self.batch.is_empty() { Ok(()) } else { self.book.records.commit(self.batch) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::twins::MemoryRecords;

    fn book(records: &Arc<MemoryRecords>, secret: u8) -> Book {
        Book::new(Arc::clone(records) as Arc<dyn OwnerRecords>, &[secret; 32])
    }

    #[test]
    fn values_read_back_and_the_store_never_sees_them() {
        let records = Arc::new(MemoryRecords::new());
        let book = book(&records, 1);
        book.put(Space::Files, b"key", &"holiday.jpg").unwrap();
        assert_eq!(book.get::<String>(Space::Files, b"key").unwrap().as_deref(), Some("holiday.jpg"));
        let stored = records.get(Space::Files, b"key").unwrap().unwrap();
        assert!(!stored.windows(7).any(|part| part == b"holiday"));
    }

    #[test]
    fn another_identity_another_key_and_any_flipped_bit_are_damage() {
        let records = Arc::new(MemoryRecords::new());
        let mine = book(&records, 1);
        mine.put(Space::Files, b"key", &7u32).unwrap();
        let damaged =
            |result: Result<Option<u32>, RecordsFault>| matches!(result, Err(RecordsFault::Damaged { .. }));
        assert!(damaged(book(&records, 2).get(Space::Files, b"key")));
        let stored = records.get(Space::Files, b"key").unwrap().unwrap();
        for at in 0..stored.len() * 8 {
            let mut flipped = stored.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            let change = (Space::Files, b"key".to_vec(), Some(flipped));
            records.commit(Batch { changes: vec![change] }).unwrap();
            assert!(damaged(mine.get(Space::Files, b"key")), "bit {at}");
        }
        let moved = Batch { changes: vec![(Space::Files, b"other".to_vec(), Some(stored))] };
        records.commit(moved).unwrap();
        assert!(damaged(mine.get(Space::Files, b"other")));
    }
}
