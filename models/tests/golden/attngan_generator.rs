//! AttnGAN's generator in evaluation, with both orders of the mask.

use burn::backend::Flex;
use burn::module::AutodiffModule;
use wordpaint_models::nn::word_attention::MaskMode;
use wordpaint_models::staged::word_module::WordModule;

use crate::support::file::{Golden, Tolerance};
use crate::support::staged::{check_output, generator, inputs};

#[test]
fn attngan_generator() {
    let Some(golden) = Golden::open("attngan_generator") else {
        return;
    };
    for (folder, mode) in [("compat", MaskMode::Tiled), ("fixed", MaskMode::Own)] {
        let generator = generator(&golden, "w/", WordModule::Attention, mode).valid();
        let inputs = inputs::<Flex>(&golden);

        let output = generator.forward(inputs.sentence, &inputs.caption, inputs.draw);

        let folder = format!("out/{folder}/");
        check_output(&golden, &folder, &output, Tolerance::Absolute(5e-4));
    }
}
