//! Systems that generate in stages of growing size, read words on the way and discriminate every size
//! (AttnGAN, DM-GAN).

pub mod conditioning;
pub mod config;
pub mod discriminator;
pub mod generator;
pub mod initial;
pub mod keys;
pub mod objective;
pub mod published;
pub mod system;
pub mod word_module;
