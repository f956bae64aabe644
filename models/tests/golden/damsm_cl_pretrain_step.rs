//! One whole step of pretraining with two captions per image and NT-Xent between them.

use burn::optim::{AdamConfig, GradientsParams, Optimizer};
use burn::prelude::{Int, Tensor, TensorData};
use wordpaint_models::grad_clip::clip_norm;
use wordpaint_models::losses::damsm::{Gammas, sentence_matching, word_matching};
use wordpaint_models::losses::nt_xent::nt_xent;
use wordpaint_models::text::lstm::{Kind, encoder_key};
use wordpaint_models::vision::region_heads::heads_key;

use super::damsm_rnn_encoder::encoder;
use crate::support::file::{Golden, Tolerance};
use crate::support::published::{check_each_gradient, check_state};
use crate::support::staged::TestBackend;
use crate::support::stub_encoder::{encode, heads};

const LOSS: Tolerance = Tolerance::Absolute(1e-4);
const GRADIENT: Tolerance = Tolerance::RelativeToMax(1e-3);
const PARAMETER: Tolerance = Tolerance::Absolute(2e-5);

#[test]
fn damsm_cl_pretrain_step() {
    let Some(golden) = Golden::open("damsm_cl_pretrain_step") else {
        return;
    };
    let text = encoder(&golden, "w/text/", Kind::Lstm);
    let image = heads(&golden, "w/image/");
    let classes: Tensor<TestBackend, 1, Int> = golden.tensor::<_, 1>("in/class_ids").int();
    let gammas = Gammas::default();
    let codes = encode(&image, golden.tensor("in/img"));
    let mut total = Tensor::<TestBackend, 1>::zeros([1], &Default::default());
    let mut sentences = Vec::new();
    for view in 1..=2 {
        let ids: Tensor<TestBackend, 2> = golden.tensor(&format!("in/captions{view}"));
        let lengths = golden.counts(&format!("in/cap_lens{view}"));
        let features = text.encode(ids.int(), &lengths);
        let sentence = features.sentence;
        golden.check(&format!("out/sent_emb{view}"), sentence.to_data(), LOSS);
        let words = word_matching(
            features.words,
            features.padding,
            codes.regions.clone(),
            Some(&classes),
            &gammas,
        );
        let code = codes.code.clone();
        let whole = sentence_matching(sentence.clone(), code, Some(&classes), &gammas);
        let losses = [
            ("w_loss0", &words.caption),
            ("w_loss1", &words.image),
            ("s_loss0", &whole.caption),
            ("s_loss1", &whole.image),
        ];
        for (name, loss) in losses {
            golden.check(&format!("out/{name}_{view}"), loss.to_data(), LOSS);
        }
        let damsm = words.sum() + whole.sum();
        if view == 1 {
            golden.check("out/damsm_branch1", damsm.to_data(), LOSS);
        }
        total = total + damsm;
        sentences.push(sentence);
    }
    let contrastive = nt_xent(sentences[0].clone(), sentences[1].clone(), 0.5);
    golden.check("out/ntxent", contrastive.to_data(), LOSS);
    total = total + contrastive;
    golden.check("out/total", total.to_data(), LOSS);

    let mut all = total.backward();
    let of_text = GradientsParams::from_module(&mut all, &text);
    let of_image = GradientsParams::from_module(&mut all, &image);
    check_each_gradient(
        &golden,
        "grad/text/",
        &text,
        &of_text,
        encoder_key,
        GRADIENT,
    );
    check_each_gradient(
        &golden,
        "grad/image/",
        &image,
        &of_image,
        heads_key,
        GRADIENT,
    );
    let (of_text, norm) = clip_norm::<TestBackend, _>(&text, of_text, 0.25);
    let norm = norm.expect("there are gradients").into_data();
    golden.check("out/text_grad_norm", norm, LOSS);

    let adam = AdamConfig::new().with_beta_1(0.5).with_epsilon(1e-8);
    let text = adam.init().step(0.002, text, of_text);
    let image = adam.init().step(0.002, image, of_image);
    // Adam blows up the rounding errors of gradients that are 0.
    let is_sure = |folder: &'static str| {
        let golden = &golden;
        move |key: &str, i: usize| {
            let gradient: TensorData = golden.data(&format!("grad/{folder}/{key}"));
            gradient
                .iter::<f32>()
                .nth(i)
                .is_some_and(|g| g.abs() > 1e-4)
        }
    };
    check_state(
        &golden,
        "out/after/text/",
        &text,
        encoder_key,
        PARAMETER,
        is_sure("text"),
    );
    check_state(
        &golden,
        "out/after/image/",
        &image,
        heads_key,
        PARAMETER,
        is_sure("image"),
    );
}
