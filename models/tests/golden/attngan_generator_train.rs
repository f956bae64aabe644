//! AttnGAN's generator in training: outputs, gradients and running statistics.

use wordpaint_models::staged::word_module::WordModule;

use crate::support::staged_training::check;

#[test]
fn attngan_generator_train() {
    check("attngan_generator_train", WordModule::Attention);
}
