//! Parts of the generators that paint in stages of growing size and read words on the way
//! (AttnGAN, DM-GAN), and of the discriminators that judge every size.

pub mod conditioning;
pub mod config;
pub mod discriminator;
pub mod generator;
pub mod initial;
pub mod keys;
pub mod objective;
pub mod reader;
pub mod system;
