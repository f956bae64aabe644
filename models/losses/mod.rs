//! Loss functions, one file each.

pub mod l1;
pub mod soft_min;
