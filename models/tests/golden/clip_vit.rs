//! Both towers of CLIP, block by block, and the gradient at the image, on two backends.

use std::collections::BTreeMap;

use burn::backend::{Autodiff, Flex, NdArray};
use burn::prelude::{Int, Tensor, TensorData};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::clip::openai_names;
use wordpaint_models::import::import;
use wordpaint_models::losses::info_nce::logits;
use wordpaint_models::nn::transformer::{BlockConfig, causal_mask};
use wordpaint_models::published::Arrays;
use wordpaint_models::text::clip::TextTowerConfig;
use wordpaint_models::vision::clip::{Clip, ClipConfig, published_key};
use wordpaint_models::vision::vit::ImageTowerConfig;

use crate::support::file::{Golden, Tolerance};

const VALUE: Tolerance = Tolerance::Absolute(2e-5);
const GRADIENT: Tolerance = Tolerance::RelativeToMax(1e-4);

#[test]
fn clip_vit() {
    let Some(golden) = Golden::open("clip_vit") else {
        return;
    };
    check::<Autodiff<Flex>>(&golden);
    check::<Autodiff<NdArray>>(&golden);
}

fn check<B: AutodiffBackend>(golden: &Golden) {
    let clip = load::<B>(config(golden), golden.all("w/"));
    let image = golden.tensor::<B, 4>("in/image").require_grad();
    let seen = check_images(golden, &clip, image.clone());
    let read = check_captions(golden, &clip);
    let scale = clip.temperature.scale.val();
    let of_images = logits(seen.clone(), read, scale);
    golden.check("out/logits_per_image", of_images.to_data(), VALUE);
    // Not in every file.
    if golden.get("out/logits_per_text").is_some() {
        let of_captions = of_images.transpose().to_data();
        golden.check("out/logits_per_text", of_captions, VALUE);
    }
    let loss = (seen * golden.tensor("in/image_cotangent")).sum();
    let gradient = image.grad(&loss.backward()).expect("the input is tracked");
    golden.check("grad/image", gradient.into_data(), GRADIENT);
}

/// Sizes of the file's networks.
pub(super) fn config(golden: &Golden) -> ClipConfig {
    let sizes: BTreeMap<String, usize> =
        serde_json::from_str(golden.text("config")).expect("numbers by name");
    let embedding = sizes["embed"];
    // The published code has one head for every 64 numbers of a token.
    let heads = |key: &str, width: &str| sizes.get(key).copied().unwrap_or(sizes[width] / 64);
    ClipConfig {
        image: ImageTowerConfig {
            image_size: sizes["px"],
            patch: sizes["patch"],
            layers: sizes["layers"],
            block: BlockConfig {
                width: sizes["W"],
                heads: heads("heads", "W"),
            },
            embedding,
        },
        text: TextTowerConfig {
            vocabulary: sizes["vocab"],
            length: sizes["ctx"],
            layers: sizes["tl"],
            block: BlockConfig {
                width: sizes["tw"],
                heads: heads("theads", "tw"),
            },
            embedding,
        },
    }
}

/// A CLIP of these sizes with the arrays of a published file.
pub(super) fn load<B: Backend>(config: ClipConfig, arrays: Arrays) -> Clip<B> {
    let fresh = config.init::<B>(&Default::default());
    let (clip, report) = import::<B, _>(fresh, &openai_names(arrays), published_key);
    assert!(report.ours.is_complete(), "{report:?}");
    assert_eq!(report.unused, [""; 0]);
    clip
}

fn check_images<B: Backend>(golden: &Golden, clip: &Clip<B>, images: Tensor<B, 4>) -> Tensor<B, 2> {
    let tower = &clip.image;
    let patches = tower.patches(images.clone());
    golden.check("out/patch_embed", patches.to_data(), VALUE);
    let mut tokens = tower.tokens(patches);
    golden.check("out/ln_pre", tokens.to_data(), VALUE);
    for (i, block) in tower.blocks().iter().enumerate() {
        tokens = block.forward(tokens, None);
        golden.check(&format!("out/vision_block_{i}"), tokens.to_data(), VALUE);
    }
    let embedding = tower.forward(images);
    golden.check("out/image_embedding", embedding.to_data(), VALUE);
    embedding
}

fn check_captions<B: Backend>(golden: &Golden, clip: &Clip<B>) -> Tensor<B, 2> {
    let tower = &clip.text;
    let (ids, lengths) = captions::<B>(golden);
    let mask = causal_mask(ids.dims()[1], &ids.device());
    let mut tokens = tower.embed(ids.clone());
    for (i, block) in tower.blocks().iter().enumerate() {
        tokens = block.forward(tokens, Some(&mask));
        golden.check(&format!("out/text_block_{i}"), tokens.to_data(), VALUE);
    }
    let encoded = tower.forward(ids, &lengths);
    golden.check("out/text_hidden", encoded.tokens.to_data(), VALUE);
    golden.check("out/text_embedding", encoded.sentence.to_data(), VALUE);
    encoded.sentence
}

/// Ids, and where each caption ends: at the first of its largest ids.
pub(super) fn captions<B: Backend>(golden: &Golden) -> (Tensor<B, 2, Int>, Vec<usize>) {
    let data: TensorData = golden.data("in/token_ids");
    let ids: Vec<i32> = data.iter::<i32>().collect();
    let end = |row: &[i32]| {
        let largest = row.iter().max().expect("not empty");
        let at = row.iter().position(|id| id == largest);
        at.expect("it is one of them") + 1
    };
    let lengths = ids.chunks(data.shape[1]).map(end).collect();
    let ids = TensorData::new(ids, data.shape.clone());
    (Tensor::from_data(ids, &Default::default()), lengths)
}
