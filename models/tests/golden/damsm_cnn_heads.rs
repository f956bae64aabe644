//! DAMSM's projections of Inception features.

use burn::prelude::Tensor;
use wordpaint_models::vision::vgg::spatial_mean;

use crate::support::file::{Golden, Tolerance};
use crate::support::staged::TestBackend;
use crate::support::stub_encoder::heads;

const VALUE: Tolerance = Tolerance::Absolute(1e-4);

#[test]
fn damsm_cnn_heads() {
    let Some(golden) = Golden::open("damsm_cnn_heads") else {
        return;
    };
    let heads = heads(&golden, "w/");
    let top: Tensor<TestBackend, 4> = golden.tensor("in/mixed_7c");

    let regions = heads.regions(golden.tensor("in/mixed_6e"));
    let code = heads.code(spatial_mean(top));

    golden.check("out/features", regions.into_data(), VALUE);
    golden.check("out/cnn_code", code.into_data(), VALUE);
}
