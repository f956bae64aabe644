//! Supervised contrast with several labels per sample, between images and texts.

use burn::prelude::Tensor;
use wordpaint_models::losses::sup_con::{Anchors, Pairs, Scope, Weighting, label_weights};

use super::ntxent::temperature;
use crate::support::file::{Golden, Tolerance};
use crate::support::staged::TestBackend;

#[test]
fn supcon_multi() {
    let Some(golden) = Golden::open("supcon_multi") else {
        return;
    };
    let keys = golden.keys("out/loss_");
    assert!(!keys.is_empty());
    for name in keys {
        let weighting = if name.starts_with("jaccard") {
            Weighting::Jaccard
        } else {
            Weighting::Any
        };
        let weights = label_weights(golden.tensor::<TestBackend, 2>("in/labels"), weighting);
        let pairs = Pairs::new(weights, 2, Scope::All, name.contains("pair"));
        let [image, text] =
            ["in/image", "in/text"].map(|k| golden.tensor::<TestBackend, 2>(k).require_grad());

        let rows = Tensor::cat(vec![image.clone(), text.clone()], 0);
        let loss = pairs.loss(rows, temperature(&name), Anchors::WithPositives);

        let key = format!("out/loss_{name}");
        golden.check(&key, loss.to_data(), Tolerance::RelativeToMax(1e-5));
        let gradients = loss.backward();
        for (side, input) in [("image", image), ("text", text)] {
            let gradient = input.grad(&gradients).map(Tensor::into_data);
            let key = format!("grad/{side}_{name}");
            let gradient = gradient.expect("the input is tracked");
            golden.check(&key, gradient, Tolerance::Absolute(1e-5));
        }
    }
}
