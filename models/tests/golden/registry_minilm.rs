//! The real MiniLM weights, where the cache has them.

use burn::backend::Flex;
use burn::prelude::Tensor;
use wordpaint_models::text::minilm::MiniLmConfig;

use crate::support::file::{Golden, Tolerance, cached};

#[test]
fn registry_minilm() {
    let Some(golden) = Golden::open("registry_minilm") else {
        return;
    };
    let Some(weights) = cached("minilm") else {
        return;
    };
    let device = Default::default();
    let (network, report) = MiniLmConfig::L6.init::<Flex>(&device).load(&weights);
    assert!(report.ours.is_complete(), "{report:?}");
    assert_eq!(report.unused, [""; 0]);
    let ids =
        Tensor::<Flex, 2, burn::prelude::Int>::from_data(golden.data("in/input_ids"), &device);
    let mask = golden.data("in/attention_mask");
    let [batch, words] = ids.dims();
    let present: Vec<i32> = mask.iter::<i32>().collect();
    let lengths: Vec<usize> = present
        .chunks(words)
        .map(|row| row.iter().filter(|&&v| v == 1).count())
        .collect();

    let encoded = network.encode(ids, &lengths);

    // Beyond the end of a caption the published network computes on, ours may do anything.
    let channels = golden.dim("out/last_hidden", 2);
    let expected = golden.tensor::<Flex, 3>("out/last_hidden");
    for (i, &length) in (0..batch).zip(&lengths) {
        let part = |x: Tensor<Flex, 3>| x.narrow(0, i, 1).narrow(1, 0, length);
        let found = part(encoded.words.clone().narrow(2, 0, channels)).into_data();
        let tolerance = burn::tensor::Tolerance::<f32>::absolute(1e-4);
        found.assert_approx_eq(&part(expected.clone()).into_data(), tolerance);
    }
    golden.check(
        "out/sentence",
        encoded.sentence.into_data(),
        Tolerance::Absolute(1e-4),
    );
}
