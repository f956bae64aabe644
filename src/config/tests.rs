//! Experiments as a whole.

mod cases;
mod shipped;
mod wrong;
