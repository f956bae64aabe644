//! Parts of the systems that generate in one stage, modulated by the sentence through affine maps, whose
//! discriminator is held back by a penalty on its gradient (DF-GAN, SSA-GAN).

pub mod affine;
pub mod block;
pub mod config;
pub mod discriminator;
pub mod fine_tuning;
pub mod generator;
pub mod keys;
pub mod objective;
#[cfg(test)]
mod penalty_tests;
pub mod published;
pub mod system;
