//! A staged generator in training.

use burn::optim::GradientsParams;
use wordpaint_models::losses::gaussian_kl::gaussian_kl;
use wordpaint_models::nn::word_attention::MaskMode;
use wordpaint_models::staged::word_module::WordModule;

use super::file::{Golden, Tolerance};
use super::published::{check_each_gradient, check_state};
use super::staged::{check_output, generator, generator_name, inputs};

pub(crate) fn check(file: &str, word_module: WordModule) {
    let Some(golden) = Golden::open(file) else {
        return;
    };
    let generator = generator(&golden, "w/", word_module, MaskMode::Own);
    let inputs = inputs(&golden);

    let output = generator.forward(inputs.sentence, &inputs.caption, inputs.draw);
    check_output(&golden, "out/", &output, Tolerance::Absolute(1e-3));
    let condition = output.condition;
    let kl = gaussian_kl(condition.mean, condition.log_variance);
    golden.check("out/kl", kl.to_data(), Tolerance::Absolute(1e-5));
    let squares = output.images.into_iter().map(|x| (x - 0.5).square().mean());
    let squares = squares.reduce(|a, b| a + b).expect("there are images");
    golden.check("out/loss_mse", squares.to_data(), Tolerance::Absolute(1e-3));
    let gradients = GradientsParams::from_grads((squares + kl).backward(), &generator);

    let tolerance = Tolerance::RelativeToMaxAnd(1e-3, 1e-6);
    check_each_gradient(
        &golden,
        "grad/",
        &generator,
        &gradients,
        generator_name,
        tolerance,
    );
    let statistics = Tolerance::Absolute(1e-4);
    check_state(
        &golden,
        "out/after/",
        &generator,
        generator_name,
        statistics,
        |_, _| true,
    );
}
