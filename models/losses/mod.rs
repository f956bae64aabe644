//! Loss functions, one file each.

pub mod bce;
pub mod cross_entropy;
pub mod l1;
pub mod sje;
pub mod soft_min;
