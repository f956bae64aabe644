//! Loss functions, one file each.

pub mod bce;
pub mod contrastive;
pub mod cross_entropy;
pub mod damsm;
pub mod gaussian_kl;
pub mod gradient_penalty;
pub mod hinge;
pub mod info_nce;
pub mod l1;
pub mod nt_xent;
pub mod similarity;
pub mod sje;
pub mod soft_min;
pub mod sup_con;
pub mod unicl;
