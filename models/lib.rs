//! Text-to-image networks, losses and encoders, generic over Burn's backend.
//!
//! This package is pure: no files, clock, environment, printing or global state. Randomness comes
//! in as a [`noise::Noise`].

pub mod attngan;
pub mod auxiliary;
pub mod backend;
pub mod batch;
pub mod captioner;
pub mod char_cnn_rnn;
pub mod clip;
pub mod damsm;
pub mod df_gan;
pub mod dm_gan;
pub mod gan_int_cls;
pub mod grad_clip;
pub mod import;
pub mod losses;
pub mod nn;
pub mod noise;
pub mod one_stage;
pub mod probe;
pub mod published;
pub mod registry;
pub mod sdn;
pub mod ssa_gan;
pub mod staged;
pub mod state;
pub mod system;
pub mod text;
pub mod vgg_classifier;
pub mod vision;
