//! Downloads: any `k` shards of each segment, decoded ahead, written in order, checked as a whole at the end.

mod itinerary;
mod partial;
mod run;
mod write;

pub(crate) use run::download;
