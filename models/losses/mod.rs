//! Loss functions, one file each.

pub mod cross_entropy;
pub mod l1;
pub mod soft_min;
