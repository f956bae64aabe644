//! One step of a generator of two stages against two discriminators, without and with DAMSM.

use burn::module::Module;
use burn::optim::GradientsParams;
use burn::prelude::Tensor;
use wordpaint_models::losses::damsm::{Gammas, sentence_matching, word_matching};
use wordpaint_models::losses::gaussian_kl::gaussian_kl;
use wordpaint_models::nn::word_attention::MaskMode;
use wordpaint_models::staged::discriminator::Normalization;
use wordpaint_models::staged::objective::generator_parts;
use wordpaint_models::staged::word_module::WordModule;

use crate::support::file::{Golden, Tolerance};
use crate::support::published::check_each_gradient;
use crate::support::staged::{
    TestBackend, discriminator, every, generator, generator_name, inputs,
};
use crate::support::stub_encoder::{encode, heads};

const VALUE: Tolerance = Tolerance::Absolute(1e-4);

/// Total loss with `lambda` times the matching losses.
fn total(golden: &Golden, lambda: f64) {
    let generator = generator(golden, "w/G/", WordModule::Attention, MaskMode::Own);
    let inputs = inputs::<TestBackend>(golden);
    let text_dim = inputs.sentence.dims()[1];
    let output = generator.forward(inputs.sentence.clone(), &inputs.caption, inputs.draw);
    let mut total = Tensor::<TestBackend, 1>::zeros([1], &Default::default());
    for (i, fake) in output.images.iter().enumerate() {
        let prefix = format!("w/D{i}/");
        let critic =
            discriminator(golden, &prefix, text_dim, i, Normalization::BatchNorm).no_grad();
        let parts = generator_parts(&critic, fake.clone(), inputs.sentence.clone());
        for (part, name) in parts.into_iter().zip(["g_uncond", "g_cond"]) {
            golden.check(&format!("out/{name}{i}"), part.value.to_data(), VALUE);
            total = total + part.value * part.weight;
        }
    }
    let condition = output.condition;
    let kl = gaussian_kl(condition.mean, condition.log_variance);
    golden.check("out/kl", kl.to_data(), VALUE);
    total = total + kl;
    let last = output.images.last().expect("there are images").clone();
    if last.dims()[2] == 128 {
        let thinned = every(last.clone(), 4).into_data();
        golden.check("out/img128_stride4", thinned, Tolerance::Absolute(1e-3));
    }
    if lambda != 0.0 {
        let heads = heads(golden, "w/E/").no_grad();
        let codes = encode(&heads, last);
        let classes = golden.counts("in/class_ids");
        let classes: Vec<i32> = classes.into_iter().map(|c| c as i32).collect();
        let classes = Tensor::from_ints(classes.as_slice(), &Default::default());
        let gammas = Gammas::default();
        let caption = inputs.caption;
        let words = word_matching(
            caption.words,
            caption.padding,
            codes.regions,
            Some(&classes),
            &gammas,
        );
        let sentence = sentence_matching(inputs.sentence, codes.code, Some(&classes), &gammas);
        golden.check("out/w_loss0", words.caption.to_data(), VALUE);
        golden.check("out/w_loss1", words.image.to_data(), VALUE);
        golden.check("out/s_loss0", sentence.caption.to_data(), VALUE);
        golden.check("out/s_loss1", sentence.image.to_data(), VALUE);
        total = total + (words.sum() + sentence.sum()) * lambda;
    }
    let key = format!("out/total_lambda{lambda}");
    let expected = golden.data(&key).iter::<f32>().next().expect("a number");
    let tolerance = Tolerance::Absolute(1e-4 * expected.abs().max(1.0));
    golden.check(&key, total.to_data(), tolerance);
    let gradients = GradientsParams::from_grads(total.backward(), &generator);
    let prefix = format!("grad/lambda{lambda}/");
    let tolerance = Tolerance::RelativeToMax(1e-3);
    check_each_gradient(
        golden,
        &prefix,
        &generator,
        &gradients,
        generator_name,
        tolerance,
    );
}

#[test]
fn attngan_g_step() {
    let Some(golden) = Golden::open("attngan_g_step") else {
        return;
    };
    total(&golden, 0.0);
    total(&golden, 5.0);
}
