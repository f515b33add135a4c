//! Counting who is inside: a limit per key and a limit over all, given back when the permit drops.
//!
//! Every door a stranger can knock on (RPC streams, lanes, half-done handshakes) has one gate, so that no
//! single peer can take all the places and all peers together cannot take more than the node planned for.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many may be inside at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateLimits {
    /// Places one key (a peer, an address) may hold.
    pub per_key: u32,
    /// Places over all keys; also the size of the inbox behind the gate, which therefore never overflows.
    pub total: u32,
}

#[derive(Debug)]
struct Inside<K> {
    by_key: HashMap<K, u32>,
    total: u32,
    refused: u64,
}

/// See the module's preface.
#[derive(Debug)]
pub(crate) struct Gate<K: Eq + Hash> {
    limits: GateLimits,
    inside: Arc<Mutex<Inside<K>>>,
}

impl<K: Eq + Hash> Clone for Gate<K> {
    fn clone(&self) -> Self {
        Self { limits: self.limits, inside: Arc::clone(&self.inside) }
    }
}

impl<K: Eq + Hash + Clone> Gate<K> {
    pub(crate) fn new(limits: GateLimits) -> Self {
        let inside = Inside { by_key: HashMap::new(), total: 0, refused: 0 };
        Self { limits, inside: Arc::new(Mutex::new(inside)) }
    }

    /// A place for `key`, or `None` where its own or everybody's places are taken.
    pub(crate) fn enter(&self, key: K) -> Option<Permit<K>> {
        let mut inside = lock(&self.inside);
        let own = inside.by_key.get(&key).copied().unwrap_or(0);
        if own >= self.limits.per_key || inside.total >= self.limits.total {
            inside.refused = inside.refused.saturating_add(1);
            return None;
        }
        inside.by_key.insert(key.clone(), own + 1);
        inside.total += 1;
        drop(inside);
        Some(Permit { inside: Arc::clone(&self.inside), key })
    }

    /// Places taken now.
    pub(crate) fn held(&self) -> u32 {
        lock(&self.inside).total
    }

    /// Knocks turned away since the start.
    pub(crate) fn refused(&self) -> u64 {
        lock(&self.inside).refused
    }
}

/// One place; dropping it gives the place back.
#[derive(Debug)]
pub(crate) struct Permit<K: Eq + Hash> {
    inside: Arc<Mutex<Inside<K>>>,
    key: K,
}

impl<K: Eq + Hash> Drop for Permit<K> {
    fn drop(&mut self) {
        let mut inside = lock(&self.inside);
        inside.total = inside.total.saturating_sub(1);
        if let Some(own) = inside.by_key.get_mut(&self.key) {
            *own = own.saturating_sub(1);
            if *own == 0 {
                inside.by_key.remove(&self.key);
            }
        }
    }
}

fn lock<K>(inside: &Mutex<Inside<K>>) -> MutexGuard<'_, Inside<K>> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_key_cannot_take_every_place() {
        let gate = Gate::new(GateLimits { per_key: 2, total: 3 });
        let held: Vec<_> = [gate.enter("a"), gate.enter("a")].into_iter().flatten().collect();
        assert_eq!(held.len(), 2);
        assert!(gate.enter("a").is_none());
        assert!(gate.enter("b").is_some());
        assert_eq!(gate.refused(), 1);
    }

    #[test]
    fn all_keys_together_stay_under_the_total_and_places_come_back() {
        let gate = Gate::new(GateLimits { per_key: 2, total: 2 });
        let first = gate.enter(1);
        let second = gate.enter(2);
        assert!(gate.enter(3).is_none());
        drop((first, second));
        assert_eq!(gate.held(), 0);
        assert!(gate.enter(3).is_some());
    }
}
