//! NT-Xent at several temperatures.

use burn::prelude::Tensor;
use wordpaint_models::losses::nt_xent::nt_xent;

use crate::support::file::{Golden, Tolerance};
use crate::support::staged::TestBackend;

#[test]
fn ntxent() {
    let Some(golden) = Golden::open("ntxent") else {
        return;
    };
    let keys = golden.keys("out/loss_");
    assert!(!keys.is_empty());
    for name in keys {
        let temperature = temperature(&name);
        let [first, second] =
            ["in/z_i", "in/z_j"].map(|k| golden.tensor::<TestBackend, 2>(k).require_grad());

        let loss = nt_xent(first.clone(), second.clone(), temperature);

        let key = format!("out/loss_{name}");
        golden.check(&key, loss.to_data(), Tolerance::Absolute(1e-5));
        let gradients = loss.backward();
        for (side, input) in [("z_i", first), ("z_j", second)] {
            let gradient = input.grad(&gradients).map(Tensor::into_data);
            let key = format!("grad/{side}_{name}");
            let gradient = gradient.expect("the input is tracked");
            golden.check(&key, gradient, Tolerance::Absolute(1e-6));
        }
    }
}

/// `tau0p5` as 0.5.
pub(super) fn temperature(name: &str) -> f64 {
    let digits = name.rsplit("tau").next().unwrap_or_default();
    digits.replace('p', ".").parse().expect("a temperature")
}
