//! The image encoder that stands in for Inception in files of whole steps: regions are a projection
//! of the image averaged to 4x4, the code one of its mean.

use burn::prelude::Tensor;
use wordpaint_models::vision::region_heads::{ImageCodes, RegionHeads, heads_key};

use super::file::Golden;
use super::published::load;
use super::staged::TestBackend;

/// The heads below `prefix`.
pub(crate) fn heads(golden: &Golden, prefix: &str) -> RegionHeads<TestBackend> {
    let weight = format!("{prefix}emb_features.weight");
    let [dim, channels] = [0, 1].map(|axis| golden.dim(&weight, axis));
    let pooled = golden.dim(&format!("{prefix}emb_cnn_code.weight"), 1);
    let heads = RegionHeads::init(channels, pooled, dim, &Default::default());
    load(golden, prefix, heads, heads_key)
}

pub(crate) fn encode(
    heads: &RegionHeads<TestBackend>,
    images: Tensor<TestBackend, 4>,
) -> ImageCodes<TestBackend> {
    const GRID: usize = 4;
    let [batch, channels, side, _] = images.dims();
    let cell = side / GRID;
    let cells = images.reshape([batch, channels, GRID, cell, GRID, cell]);
    let grid = cells
        .mean_dim(5)
        .mean_dim(3)
        .reshape([batch, channels, GRID, GRID]);
    let mean = grid.clone().flatten::<3>(2, 3).mean_dim(2).flatten(1, 2);
    heads.forward(grid, mean)
}
