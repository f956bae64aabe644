//! Word and sentence matching, with and without the mask of classes.

use burn::prelude::{Int, Tensor};
use wordpaint_models::losses::damsm::{Gammas, attend, sentence_matching, word_matching};
use wordpaint_models::text::padding;

use crate::support::file::{Golden, Tolerance};
use crate::support::staged::TestBackend;

const LOSS: Tolerance = Tolerance::Absolute(1e-4);
const GRADIENT: Tolerance = Tolerance::RelativeToMax(1e-4);
const MAP: Tolerance = Tolerance::Absolute(1e-5);

#[test]
fn damsm_losses() {
    let Some(golden) = Golden::open("damsm_losses") else {
        return;
    };
    let device = Default::default();
    let lengths = golden.counts("in/cap_lens");
    let gammas = Gammas::default();
    let classes: Tensor<TestBackend, 1> = golden.tensor("in/class_ids");
    let classes: Tensor<TestBackend, 1, Int> = classes.int();
    for (folder, classes) in [("masked", Some(&classes)), ("nomask", None)] {
        let words = golden
            .tensor::<TestBackend, 3>("in/words_emb")
            .require_grad();
        let regions = golden
            .tensor::<TestBackend, 4>("in/img_features")
            .require_grad();
        let sentences = golden
            .tensor::<TestBackend, 2>("in/rnn_code")
            .require_grad();
        let codes = golden
            .tensor::<TestBackend, 2>("in/cnn_code")
            .require_grad();
        let padding = padding(&lengths, words.dims()[2], &device);

        let by_word = word_matching(words.clone(), padding, regions.clone(), classes, &gammas);
        let whole = sentence_matching(sentences.clone(), codes.clone(), classes, &gammas);

        let losses = [
            ("w_loss0", &by_word.caption),
            ("w_loss1", &by_word.image),
            ("s_loss0", &whole.caption),
            ("s_loss1", &whole.image),
        ];
        for (name, loss) in losses {
            golden.check(&format!("out/{folder}/{name}"), loss.to_data(), LOSS);
        }
        let gradients = (by_word.sum() + whole.sum()).backward();
        let found = [
            ("words_emb", words.grad(&gradients).map(Tensor::into_data)),
            (
                "img_features",
                regions.grad(&gradients).map(Tensor::into_data),
            ),
            (
                "rnn_code",
                sentences.grad(&gradients).map(Tensor::into_data),
            ),
            ("cnn_code", codes.grad(&gradients).map(Tensor::into_data)),
        ];
        for (name, gradient) in found {
            let gradient = gradient.expect("the input is tracked");
            golden.check(&format!("grad/{folder}/{name}"), gradient, GRADIENT);
        }
    }
    check_maps(&golden, &lengths, gammas.attention);
}

fn check_maps(golden: &Golden, lengths: &[usize], gamma: f64) {
    let device = Default::default();
    let words: Tensor<TestBackend, 3> = golden.tensor("in/words_emb");
    let regions: Tensor<TestBackend, 4> = golden.tensor("in/img_features");
    let [batch, dim, count] = words.dims();
    let [_, _, height, width] = regions.dims();
    let hidden = padding(lengths, count, &device);
    let all = attend(words.clone(), hidden, regions.clone(), gamma).attention;
    for (i, &length) in lengths.iter().enumerate() {
        let own = all.clone().slice([i..i + 1, 0..length, 0..height * width]);
        let own = own.reshape([length, height, width]);
        golden.check(&format!("out/att_map_{i}"), own.into_data(), MAP);
    }
    let first = words.slice([0..batch, 0..dim, 0..1]);
    let attended = attend(first, padding(&vec![1; batch], 1, &device), regions, gamma);
    let context = attended.context.swap_dims(1, 2);
    golden.check("out/func_attention_word0", context.into_data(), MAP);
}
