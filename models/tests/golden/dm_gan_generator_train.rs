//! DM-GAN's generator in training: outputs, gradients and running statistics.

use wordpaint_models::staged::word_module::WordModule;

use crate::support::staged_training::check;

#[test]
fn dm_gan_generator_train() {
    check("dm_gan_generator_train", WordModule::Memory);
}
