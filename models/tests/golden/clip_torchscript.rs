//! The archive of TorchScript beside the golden file: read as a published CLIP is, and run.

use burn::backend::Flex;
use burn::prelude::TensorData;
use wordpaint_data::formats::torch;
use wordpaint_models::published::Arrays;

use super::clip_vit::{captions, config, load};
use crate::support::file::{Golden, Tolerance};

#[test]
fn clip_torchscript() {
    let Some(golden) = Golden::open("clip_torchscript") else {
        return;
    };
    let exact = Tolerance::Absolute(0.0);
    let arrays = read(&golden);
    for key in golden.keys("w/") {
        golden.check(&format!("w/{key}"), arrays[&key].clone(), exact);
    }
    let clip = load::<Flex>(config(&golden), arrays);
    let tolerance = Tolerance::Absolute(2e-5);

    let seen = clip.image.forward(golden.tensor("in/image"));
    golden.check("out/image_embedding", seen.into_data(), tolerance);
    let (ids, lengths) = captions::<Flex>(&golden);
    let read = clip.encode_captions(ids, &lengths);
    golden.check("out/text_embedding", read.into_data(), tolerance);
}

/// Arrays of the archive.
fn read(golden: &Golden) -> Arrays {
    let path = golden.beside("pt");
    let arrays = torch::read(&path).expect("an archive of TorchScript");
    let arrays = arrays.into_iter();
    let named = arrays.map(|(name, array)| (name, TensorData::new(array.values, array.shape)));
    named.collect()
}
