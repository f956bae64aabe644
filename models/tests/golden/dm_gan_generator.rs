//! DM-GAN's generator in evaluation, with both orders of the mask, and the inside of its memories.

use burn::backend::Flex;
use burn::module::AutodiffModule;
use wordpaint_models::nn::word_attention::MaskMode;
use wordpaint_models::staged::word_module::WordModule;

use crate::support::file::{Golden, Tolerance};
use crate::support::staged::{check_output, every, generator, inputs};

/// Of the inside of the memories.
const INSIDE: Tolerance = Tolerance::Absolute(1e-5);

#[test]
fn dm_gan_generator() {
    let Some(golden) = Golden::open("dm_gan_generator") else {
        return;
    };
    for (folder, mode) in [("compat", MaskMode::Tiled), ("fixed", MaskMode::Own)] {
        let generator = generator(&golden, "w/", WordModule::Memory, mode).valid();
        let inputs = inputs::<Flex>(&golden);

        let output = generator.forward(inputs.sentence, &inputs.caption, inputs.draw);

        let folder = format!("out/{folder}/");
        check_output(&golden, &folder, &output, Tolerance::Absolute(5e-4));
        if mode == MaskMode::Own {
            continue;
        }
        for (i, trace) in output.memories.iter().enumerate() {
            let at = |name: &str| format!("{folder}h_net{}/{name}", i + 2);
            let dims = trace.from_words.dims();
            // The file holds the image's part once per word.
            let from_image = trace.from_image.clone().expand(dims);
            golden.check(&at("M_w"), trace.from_words.to_data(), INSIDE);
            golden.check(&at("M_r"), from_image.into_data(), INSIDE);
            golden.check(&at("key"), trace.key.to_data(), INSIDE);
            golden.check(&at("value"), trace.value.to_data(), INSIDE);
            let gate = every(trace.gate.clone(), 8).into_data();
            golden.check(&at("response_gate"), gate, INSIDE);
        }
    }
}
