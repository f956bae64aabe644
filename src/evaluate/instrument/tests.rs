//! The table, its preprocessing against golden values, and files that do not belong.

use std::collections::BTreeMap;
use std::path::PathBuf;

use burn::backend::{Flex, NdArray};
use burn::prelude::{Tensor, TensorData};
use image::{Rgb, RgbImage};
use safetensors::{Dtype, SafeTensors};
use wordpaint_data::preprocessing::{Preprocessing, Resizer};
use wordpaint_models::nn::batch_norm::Mode;
use wordpaint_models::state::named_tensors;
use wordpaint_models::vision::efficientnet_lite::EfficientNetLiteConfig;
use wordpaint_models::vision::inception::{Inception, InceptionConfig, Layer, Naming};
use wordpaint_models::vision::lpips::LpipsConfig;

use super::*;
use crate::run::weights::to_safetensors;
use crate::setup::weights;

/// A golden file, or `None` where there is no folder of them and none is demanded.
fn golden(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("WORDPAINT_GOLDEN").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/golden"),
        PathBuf::from,
    );
    if !folder.is_dir() {
        let is_required = std::env::var_os("WORDPAINT_REQUIRE_GOLDEN").is_some_and(|v| v == "1");
        assert!(!is_required, "no golden files in {}", folder.display());
        return None;
    }
    Some(folder.join(format!("{name}.safetensors")))
}

fn dirs(cache: PathBuf) -> Dirs {
    Dirs {
        runs: "runs".into(),
        cache,
    }
}

/// Fails where `found` is further off than `tolerance` times the largest expected value.
fn check(key: &str, found: TensorData, expected: &TensorData, tolerance: f32) {
    let [found, expected] = [&found, expected].map(|data| {
        let data = data.clone().convert::<f32>();
        data.to_vec::<f32>().expect("converted to f32")
    });
    assert_eq!(found.len(), expected.len(), "{key}");
    let largest = expected.iter().fold(0.0_f32, |m, v| m.max(v.abs()));
    for (i, (found, expected)) in found.iter().zip(&expected).enumerate() {
        assert!(
            (found - expected).abs() <= tolerance * largest,
            "{key}[{i}]: expected {expected}, found {found}"
        );
    }
}

/// 8-bit images of planes in 0..1.
fn images(data: &TensorData) -> Vec<RgbImage> {
    let [_, 3, height, width] = data.shape[..] else {
        panic!("{:?}", data.shape)
    };
    let area = height * width;
    let values = data.as_slice::<f32>().expect("f32");
    let image = |planes: &[f32]| {
        RgbImage::from_fn(width as u32, height as u32, |x, y| {
            let at = y as usize * width + x as usize;
            Rgb([0, 1, 2].map(|c| (planes[c * area + at] * 255.0).round() as u8))
        })
    };
    values.chunks_exact(3 * area).map(image).collect()
}

#[test]
fn names_and_aliases_are_found_and_the_last_resort_comes_last() {
    let known: Vec<&str> = known().collect();

    for id in &known {
        assert!(find(id).is_some_and(|entry| entry.id == *id), "{id}");
    }
    assert_eq!((known[0], known.last()), ("pytorch", Some(&"thumb8")));
    assert!(find("imagenet-2015").is_some_and(|entry| entry.id == "tf-inception"));
}

#[test]
fn only_published_inception_networks_give_a_fid() {
    for entry in TABLE {
        let Source::Network { kind, weights, .. } = entry.source else {
            assert!(entry.fid.starts_with("fd_") && entry.score.is_none());
            continue;
        };
        let is_published = match kind {
            Kind::Inception { config, .. } => config.classes.is_some_and(|n| n >= 1000),
            _ => false,
        };
        assert!(
            is_published || !entry.fid.starts_with("FID"),
            "{}",
            entry.id
        );
        let is_fetched = matches!(weights, Weights::Fetched(_));
        let score = entry.score.unwrap_or_default();
        assert!(!is_fetched || !score.starts_with("IS"), "{}", entry.id);
    }
}

#[test]
fn missing_weights_are_answered_with_what_to_do() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let dirs = dirs(folder.path().to_path_buf());

    for (id, expected) in [
        ("pytorch", "pt_inception-2015-12-05-6726825d.pth"),
        ("cub-finetuned", "inception-cub.npz"),
        ("efflite0", "cargo xtask fetch efflite0"),
        ("nothing", "choose one of"),
    ] {
        let absent = open::<Flex>(id, &Default::default(), &dirs).err();

        let text = absent.expect("nothing is there").to_string();
        assert!(text.contains(expected) && text.contains(id), "{text}");
    }
    let network = PairNetwork {
        id: "lpips-vgg",
        title: "LPIPS",
        label: "LPIPS (vgg)",
        network: "VGG16",
        config: LpipsConfig::VGG,
        smallest: 16,
    };
    let absent = network.open::<Flex>(&Default::default(), &dirs).err();
    assert!(absent.is_some_and(|absent| absent.how == "cargo xtask fetch lpips-vgg"));
}

#[test]
fn files_of_other_networks_and_damaged_ones_are_refused() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let weights = folder.path().join("weights");
    std::fs::create_dir(&weights).expect("created");
    let dirs = dirs(folder.path().to_path_buf());
    let one = TensorData::new(vec![0.0_f32; 27], [1, 3, 3, 3]);
    let write = |name: &str, key: &str| {
        let bytes = to_safetensors(&[(key.to_owned(), one.clone())]);
        std::fs::write(weights.join(name), bytes).expect("written");
    };
    write("inception-2015-12-05.safetensors", "features.0.weight");
    write("efflite0.safetensors", "features.0.weight");
    write("inception-cub.safetensors", "Conv2d_1a_3x3.conv.weight");
    let torch = weights.join("inception_v3_google-0cc3c7bd.pth");
    std::fs::write(torch, b"half a file").expect("written");

    for (id, expected) in [
        ("pytorch", "it begins with `features.0.weight`"),
        ("efflite0", "nothing for"),
        (
            "cub-finetuned",
            "expected shape [32, 3, 3, 3], found [1, 3, 3, 3]",
        ),
        ("torchvision", "its name promises 0cc3c7bd"),
    ] {
        let absent = open::<Flex>(id, &Default::default(), &dirs).err();

        let why = absent.expect("refused").why;
        assert!(why.contains(expected), "{id}: {why}");
    }
}

#[test]
fn an_extractor_gives_rows_in_order_on_every_backend() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let weights = folder.path().join("weights");
    std::fs::create_dir(&weights).expect("created");
    let dirs = dirs(folder.path().to_path_buf());
    let network = EfficientNetLiteConfig::LITE0.init::<Flex>(&Default::default());
    let published: Vec<(String, TensorData)> = named_tensors::<Flex, _>(&network)
        .into_iter()
        .map(|(name, data)| {
            let source = wordpaint_models::vision::efficientnet_lite::source(&name);
            let source = source.expect("every parameter has a published name");
            let data = match source.layout {
                wordpaint_models::import::Layout::Transposed => {
                    wordpaint_models::state::transposed(data)
                }
                _ => data,
            };
            (source.key, data)
        })
        .collect();
    std::fs::write(
        weights.join("efflite0.safetensors"),
        to_safetensors(&published),
    )
    .expect("written");
    let pictures = [
        RgbImage::from_fn(20, 31, |x, y| Rgb([9 * x as u8, 7 * y as u8, 3])),
        RgbImage::from_pixel(40, 25, Rgb([200, 10, 90])),
    ];

    let mut flex = open::<Flex>("efflite0", &Default::default(), &dirs).expect("in place");
    let both = flex.features(&pictures).expect("good images");
    let second = flex.features(&pictures[1..]).expect("good images");
    let mut ndarray = open::<NdArray>("efflite0", &Default::default(), &dirs).expect("in place");
    let elsewhere = ndarray.features(&pictures[..1]).expect("good images");
    let empty = flex.features(&[RgbImage::new(0, 4)]);

    assert_eq!((both.dims, both.classes), (1280, 1000));
    assert_eq!(flex.instrument().weights.len(), 64);
    let row = TensorData::new(both.pool[1280..].to_vec(), [1280]);
    check("alone", TensorData::new(second.pool, [1280]), &row, 1e-5);
    let row = TensorData::new(both.pool[..1280].to_vec(), [1280]);
    check(
        "ndarray",
        TensorData::new(elsewhere.pool, [1280]),
        &row,
        1e-3,
    );
    assert!(empty.is_err_and(|e| e.to_string().contains("0 x 4")));
}

/// Preprocessing of the published instruments before the networks that they belong to.
#[test]
fn metrics_inception_fid_tiny_front_ends() {
    let Some(path) = golden("metrics_inception_fid_tiny") else {
        return;
    };
    let file = weights::read(&path).expect("a golden file");
    let tree: BTreeMap<String, TensorData> = file
        .iter()
        .filter_map(|(key, data)| Some((key.strip_prefix("w/")?.to_owned(), data.clone())))
        .collect();
    let network = |published: InceptionConfig| -> Inception<Flex> {
        let config = InceptionConfig {
            divisor: 32 / tree["Conv2d_1a_3x3.conv.weight"].shape[0],
            classes: Some(tree["fc.bias"].shape[0]),
            ..published
        };
        let network = config.init::<Flex>(&Default::default());
        let (network, report) = network.load(Naming::Torch, &tree);
        assert!(report.ours.is_complete(), "{report:?}");
        network
    };
    let fid = network(InceptionConfig::FID_2015);
    let torchvision = network(InceptionConfig::TORCHVISION);
    let small = images(&file["in/small01"]);
    let input = |preprocessing: Preprocessing| -> Tensor<Flex, 4> {
        let side = preprocessing.size as usize;
        let data = TensorData::new(
            preprocessing.apply_all(&small),
            [small.len(), 3, side, side],
        );
        Tensor::from_data(data, &Default::default())
    };
    let of = |id: &str| match find(id).expect("in the table").source {
        Source::Network { preprocessing, .. } => preprocessing(),
        Source::Thumbnails => panic!("{id} has no preprocessing"),
    };

    let x = input(of("pytorch"));
    for (name, layer) in [
        ("64", "pool1"),
        ("192", "pool2"),
        ("768", "Mixed_6e"),
        ("2048", "Mixed_7c"),
    ] {
        let layer: Layer = layer.parse().expect("a layer");
        let map = fid.taps(x.clone(), &[layer], Mode::Running).remove(0);
        let mean: Tensor<Flex, 4> = map.clone().mean_dim(3).mean_dim(2);
        let key = format!("out/wrapper_resize299_block{name}_spatial_mean");
        check(&key, mean.into_data(), &file[&key], 1e-4);
        let key = format!("out/wrapper_resize299_block{name}");
        if let Some(expected) = file.get(&key) {
            check(
                &key,
                map.narrow(0, 0, expected.shape[0]).into_data(),
                expected,
                1e-4,
            );
        }
    }
    let aligned = Preprocessing::gray(299, Resizer::AlignedBilinear, 1.0 / 127.5, -1.0);
    let legacy = |resizer| Preprocessing::legacy(299, resizer);
    for (network, preprocessing, key) in [
        (&fid, of("tf-inception"), "out/tf1_front_end_pool3"),
        (&torchvision, aligned, "out/damsm_front_end_pool3"),
        (
            &torchvision,
            legacy(Resizer::AlignedBilinear),
            "out/legacy_dmgan_front_end_pool3",
        ),
        (
            &torchvision,
            legacy(Resizer::HalfPixelBilinear),
            "out/legacy_802da39_noalign_pool3",
        ),
    ] {
        let pool3 = network.pool3(input(preprocessing), Mode::Running);
        check(key, pool3.into_data(), &file[key], 1e-4);
    }
}

/// An extractor with the fetched weights of the cache, or a note that the test is skipped.
fn fetched(id: &str) -> Option<Box<dyn Extractor>> {
    let cache = std::env::var_os("WORDPAINT_CACHE").unwrap_or_else(|| "cache".into());
    let dirs = dirs(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(cache));
    open::<Flex>(id, &Default::default(), &dirs)
        .inspect_err(|absent| eprintln!("skipped: {absent}"))
        .ok()
}

fn floats(file: &SafeTensors, key: &str) -> TensorData {
    let view = file.tensor(key).expect("in the file");
    assert_eq!(view.dtype(), Dtype::F32);
    let (words, _) = view.data().as_chunks::<4>();
    let values: Vec<f32> = words.iter().map(|&b| f32::from_le_bytes(b)).collect();
    TensorData::new(values, view.shape().to_vec())
}

/// EfficientNet-Lite0 as published, a file of the older PyTorch format whose kernels are not
/// contiguous.
#[test]
fn registry_efficientnet_lite0() {
    let Some(path) = golden("registry_efficientnet_lite0") else {
        return;
    };
    let Some(mut extractor) = fetched("efflite0") else {
        return;
    };
    let bytes = std::fs::read(path).expect("a golden file");
    let (_, header) = SafeTensors::read_metadata(&bytes).expect("a golden file");
    let metadata = header.metadata().clone().expect("settings");
    let number = |key: &str| metadata[key].parse::<f64>().expect("a number");
    let (a, b, size) = (number("a"), number("b"), number("size") as u32);
    let picture = RgbImage::from_fn(size, size, |x, y| {
        Rgb([1, 2, 3].map(|c| {
            let wave = (a * f64::from(x * c)).sin() * (b * f64::from(y)).cos();
            (127.5 * (1.0 + wave)).floor() as u8
        }))
    });
    let file = SafeTensors::deserialize(&bytes).expect("a golden file");

    let features = extractor.features(&[picture]).expect("a good image");

    let pool = TensorData::new(features.pool, [features.dims]);
    check(
        "mean_features",
        pool,
        &floats(&file, "out/mean_features"),
        1e-3,
    );
    let logits = features.logits.expect("classes");
    let logits = TensorData::new(logits, [features.classes]);
    check("logits", logits, &floats(&file, "out/logits"), 1e-3);
}

/// The real Inception weights of `nsfwjs`, where the cache has them, from 8-bit images to
/// probabilities.
#[test]
fn metrics_inception_keras_real_weights() {
    let Some(path) = golden("metrics_inception_keras_real_weights") else {
        return;
    };
    let Some(mut extractor) = fetched("keras-nsfw") else {
        return;
    };
    let bytes = std::fs::read(path).expect("a golden file");
    let file = SafeTensors::deserialize(&bytes).expect("a golden file");
    let x = file.tensor("in/x").expect("in the file");
    let (height, width) = (x.shape()[1] as u32, x.shape()[2] as u32);
    let pictures: Vec<RgbImage> = x
        .data()
        .chunks_exact((height * width * 3) as usize)
        .map(|raw| RgbImage::from_raw(width, height, raw.to_vec()).expect("its size"))
        .collect();

    let features = extractor.features(&pictures).expect("good images");

    let pool = TensorData::new(features.pool, [pictures.len(), features.dims]);
    check("out/pool3", pool, &floats(&file, "out/pool3"), 1e-3);
    let logits = features.logits.expect("five classes");
    let probabilities: Vec<f32> = logits
        .chunks_exact(features.classes)
        .flat_map(|row| {
            let sum: f32 = row.iter().map(|v| v.exp()).sum();
            row.iter().map(move |v| v.exp() / sum).collect::<Vec<_>>()
        })
        .collect();
    let probabilities = TensorData::new(probabilities, [pictures.len(), features.classes]);
    check(
        "out/probs5",
        probabilities,
        &floats(&file, "out/probs5"),
        1e-3,
    );
}
