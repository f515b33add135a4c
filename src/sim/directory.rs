//! The network's table: which hosts lie nearest to a point, as a Kademlia look-up finds them.

/// Hosts by their place in the key space.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    sorted: Vec<(u64, u32)>,
}

impl Directory {
    /// Adds a host.
    pub(crate) fn insert(&mut self, place: u64, host: u32) {
        let at = self.sorted.partition_point(|known| *known < (place, host));
        self.sorted.insert(at, (place, host));
    }

    /// Takes a host out.
    pub(crate) fn remove(&mut self, place: u64, host: u32) {
        if let Ok(at) = self.sorted.binary_search(&(place, host)) {
            self.sorted.remove(at);
        }
    }

    /// Appends the `count` hosts whose place is nearest to `point` by XOR, nearest first.
    pub(crate) fn nearest(&self, point: u64, count: usize, out: &mut Vec<u32>) {
        let until = out.len() + count;
        descend(&self.sorted, 63, point, (until, out));
    }
}

/// The nearer half of the table first, split bit by bit.
fn descend(part: &[(u64, u32)], bit: u32, point: u64, (until, out): (usize, &mut Vec<u32>)) {
    if out.len() >= until {
        return;
    }
    if part.len() <= 8 || bit == 0 {
        let mut few: Vec<(u64, u32)> = part.iter().map(|(place, host)| (place ^ point, *host)).collect();
        few.sort_unstable();
        out.extend(few.iter().map(|(_, host)| *host).take(until - out.len()));
        return;
    }
    let split = part.partition_point(|(place, _)| place >> bit & 1 == 0);
    let (zeros, ones) = part.split_at(split);
    let (near, far) = if point >> bit & 1 == 0 { (zeros, ones) } else { (ones, zeros) };
    descend(near, bit - 1, point, (until, &mut *out));
    descend(far, bit - 1, point, (until, out));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_nearest_are_those_a_full_search_finds(
            places in proptest::collection::btree_set(any::<u64>(), 1..200), point: u64, count in 1usize..30,
        ) {
            let mut directory = Directory::default();
            let places: Vec<u64> = places.into_iter().collect();
            for (host, place) in (0u32..).zip(&places) {
                directory.insert(*place, host);
            }
            let mut found = Vec::new();
            directory.nearest(point, count, &mut found);
            let mut all: Vec<u32> = (0u32..).zip(&places).map(|(host, _)| host).collect();
            all.sort_by_key(|host| places[*host as usize] ^ point);
            all.truncate(count);
            prop_assert_eq!(found, all);
        }
    }
}
