//! One training loop for every system.

pub mod checkpoint;
pub mod optimizer;
pub mod signals;
pub mod trainee;
