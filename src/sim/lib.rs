//! A network of thousands of hosts in virtual time, run by the real rules: does data stay?
//!
//! In: a [`Scenario`] and a seed. Out: a [`Tally`] — segments lost, repair traffic, money, how long things took to
//! be found. Hosts come and go ([`Lifetime`]), are away for a while, lose leaves silently, cheat, and fail together
//! with their operator or region. What owners do about it is not modelled but called: placement chooses
//! ([`layr_placement::choose`]), the schedule says when which leaves are drawn, containment when silence counts, the
//! judge what an answer proves, the repair policy what is in danger, and the market's arithmetic who is paid.
//!
//! Simulated instead: bytes. Which leaves are lost is a rule ([`Damage`]) rather than a disk, and a host that has
//! every leaf and is there passes without a proof being made; the merkle and audit rooms show that it would.
//!
//! What must never happen: the same seed gives another tally; a segment falls below k shards and nobody is told;
//! money appears or vanishes. No clock, no files, no global randomness.

mod books;
mod bounds;
mod compare;
mod damage;
mod dice;
mod directory;
mod find;
mod hosts;
mod lifetime;
mod number;
mod owner;
mod queue;
mod run;
mod scenario;
mod segments;
pub mod table;
mod tally;
mod troubles;
mod watch;
mod world;

pub use books::Money;
pub use bounds::{Bounded, chance, poisson_at_most, rate};
pub use compare::{Comparison, compare, formula};
pub use damage::Damage;
pub use find::{Found, Search, search};
pub use lifetime::Lifetime;
pub use run::simulate;
pub use scenario::{Clock, Scenario, ScenarioError, Troubles};
pub use tally::{Spans, Tally};
