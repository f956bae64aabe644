//! Supervised contrast with one label per sample.

use burn::prelude::{Int, Tensor};
use wordpaint_models::losses::sup_con::sup_con;

use super::ntxent::temperature;
use crate::support::file::{Golden, Tolerance};
use crate::support::staged::TestBackend;

#[test]
fn supcon_single() {
    let Some(golden) = Golden::open("supcon_single") else {
        return;
    };
    let labels: Tensor<TestBackend, 1, Int> = golden.tensor::<_, 1>("in/labels").int();
    let keys = golden.keys("out/loss_");
    assert!(!keys.is_empty());
    for name in keys {
        let (tau, base) = match name.split_once("_base") {
            Some((tau, base)) => (temperature(tau), temperature(&format!("tau{base}"))),
            None => (temperature(&name), temperature(&name)),
        };
        let classes = (!name.starts_with("selfsup")).then(|| labels.clone());
        let features = golden
            .tensor::<TestBackend, 3>("in/features")
            .require_grad();

        let loss = sup_con(features.clone(), classes, tau, base);

        let key = format!("out/loss_{name}");
        golden.check(&key, loss.to_data(), Tolerance::RelativeToMax(1e-5));
        let gradient = features
            .grad(&loss.backward())
            .expect("the input is tracked");
        let key = format!("grad/features_{name}");
        golden.check(&key, gradient.into_data(), Tolerance::Absolute(1e-5));
    }
}
