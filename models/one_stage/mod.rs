//! Parts of the systems that paint in one stage, with the sentence let in by affine maps, and whose
//! discriminator is held back by a penalty on its gradient (DF-GAN, SSA-GAN).

pub mod affine;
pub mod block;
pub mod config;
pub mod discriminator;
pub mod generator;
pub mod keys;
pub mod objective;
#[cfg(test)]
mod penalty_tests;
pub mod system;
pub mod tuning;
