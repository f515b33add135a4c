//! Which slots hold a sector: one bit each, in memory, rebuilt at start from the sector index.
//!
//! A slot no record names is free. That is the whole crash rule: bytes written before a crash whose record was
//! not are simply overwritten by the next sector.

use crate::ports::Slot;

/// The set of taken slots.
#[derive(Debug, Clone, Default)]
pub(crate) struct SlotMap {
    /// Bit set: taken.
    words: Vec<u64>,
    limit: u32,
    taken: u32,
    /// No word before this one has a free slot.
    hint: usize,
}

impl SlotMap {
    /// All of `limit` slots free.
    pub fn new(limit: u32) -> Self {
        Self { words: vec![0; limit.div_ceil(64) as usize], limit, taken: 0, hint: 0 }
    }

    /// Marks a slot an existing record names; false if another record named it before.
    pub fn occupy(&mut self, slot: Slot) -> bool {
        let at = (slot.0 / 64) as usize;
        if at >= self.words.len() {
            self.words.resize(at + 1, 0);
        }
        let Some(word) = self.words.get_mut(at) else { return false };
        let bit = 1u64 << (slot.0 % 64);
        let was_free = *word & bit == 0;
        *word |= bit;
        self.taken += u32::from(was_free);
        was_free
    }

    /// Takes the lowest free slot; `None` when as many are taken as there may be.
    pub fn take(&mut self) -> Option<Slot> {
        if self.taken >= self.limit {
            return None;
        }
        while self.words.get(self.hint).is_some_and(|word| *word == u64::MAX) {
            self.hint += 1;
        }
        let free = self.words.get(self.hint).map_or(0, |word| word.trailing_ones());
        let slot = Slot(u32::try_from(self.hint).ok()?.checked_mul(64)?.checked_add(free)?);
        self.occupy(slot);
        Some(slot)
    }

    /// Gives a slot back.
    pub fn give_back(&mut self, slot: Slot) {
        let at = (slot.0 / 64) as usize;
        let bit = 1u64 << (slot.0 % 64);
        if let Some(word) = self.words.get_mut(at)
            && *word & bit != 0
        {
            *word &= !bit;
            self.taken -= 1;
            self.hint = self.hint.min(at);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #[test]
        fn no_slot_is_ever_taken_twice_and_the_lowest_goes_first(steps in proptest::collection::vec(any::<Option<u8>>(), 0..400)) {
            let mut map = SlotMap::new(130);
            let mut model = BTreeSet::new();
            for step in steps {
                match step {
                    None => {
                        let lowest = (0..130).find(|slot| !model.contains(slot));
                        prop_assert_eq!(map.take().map(|slot| slot.0), lowest);
                        model.extend(lowest);
                    }
                    Some(slot) => {
                        map.give_back(Slot(u32::from(slot)));
                        model.remove(&u32::from(slot));
                    }
                }
                prop_assert_eq!(map.taken as usize, model.len());
            }
        }
    }

    #[test]
    fn slots_beyond_a_shrunk_limit_still_count() {
        let mut map = SlotMap::new(2);
        assert!(map.occupy(Slot(200)) && !map.occupy(Slot(200)));
        assert_eq!((map.take(), map.take()), (Some(Slot(0)), None));
    }
}
