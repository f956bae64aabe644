//! Golden files of the networks and losses: one test per file, named after it.

#[path = "../support/golden/mod.rs"]
mod support;

mod attngan_d_step;
mod attngan_discriminators;
mod attngan_g_step;
mod attngan_generator;
mod attngan_generator_train;
mod char_cnn_rnn;
mod clip_torchscript;
mod clip_vit;
mod damsm_cl_pretrain_step;
mod damsm_cnn_heads;
mod damsm_losses;
mod damsm_rnn_encoder;
mod df_gan_discriminator;
mod df_gan_generator;
mod df_gan_v1_generator;
mod dm_gan_discriminator64;
mod dm_gan_generator;
mod dm_gan_generator_train;
mod gan_cls_pytorch;
mod gan_int_cls_reed;
mod gradient_penalty;
mod metrics_inception_fid_tiny;
mod metrics_lpips;
mod ntxent;
mod registry_inception_nsfwjs;
mod registry_minilm;
mod registry_vgg16_hed;
mod sdn_diverse_losses;
mod sdn_generator_losses;
mod ssa_gan_d_step;
mod ssa_gan_discriminator;
mod ssa_gan_g_step;
mod ssa_gan_generator;
mod ssa_gan_generator_train;
mod supcon_multi;
mod supcon_single;
mod vgg19_taps;
