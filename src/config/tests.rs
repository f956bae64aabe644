//! Experiments as a whole.

mod cases;
mod numbers;
mod shipped;
mod wrong;
