//! How many threads compute.

use std::num::NonZero;

/// `RAYON_NUM_THREADS`, where it is a number above 0, else one per core.
pub fn threads() -> usize {
    let asked = std::env::var("RAYON_NUM_THREADS").ok();
    let asked: Option<NonZero<usize>> = asked.and_then(|text| text.parse().ok());
    let all = || std::thread::available_parallelism().ok();
    asked.or_else(all).map_or(1, NonZero::get)
}
