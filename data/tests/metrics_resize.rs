//! Resizing agrees with the reference values of `metrics_resize.safetensors`.

mod golden;

use image::RgbImage;
use safetensors::SafeTensors;
use wordpaint_data::preprocessing::Resizer;
use wordpaint_data::resize::{Filter, resize};

/// Images of a `[batch, height, width, 3]` tensor.
fn images(file: &SafeTensors, name: &str) -> Vec<RgbImage> {
    let tensor = file.tensor(name).expect(name);
    let &[_, height, width, 3] = tensor.shape() else {
        panic!("{name}: {:?}", tensor.shape())
    };
    let image = |raw: &[u8]| RgbImage::from_raw(width as u32, height as u32, raw.to_vec());
    tensor
        .data()
        .chunks_exact(height * width * 3)
        .map(|c| image(c).expect("size"))
        .collect()
}

/// Planes of all resized images, `[batch, 3, height, width]`.
fn resized(images: &[RgbImage], [height, width]: [u32; 2], filter: Filter) -> Vec<u8> {
    let planes = |image: &RgbImage| {
        let small = resize(image, width, height, filter);
        (0..3)
            .flat_map(|c| small.pixels().map(|p| p.0[c]).collect::<Vec<_>>())
            .collect::<Vec<_>>()
    };
    images.iter().flat_map(planes).collect()
}

#[test]
fn metrics_resize() {
    let Some(path) = golden::golden("metrics_resize.safetensors") else {
        return;
    };
    let data = std::fs::read(path).expect("readable");
    let file = SafeTensors::deserialize(&data).expect("safetensors");
    let target = file.tensor("in/target_hw").expect("target");
    let target: Vec<u32> = target
        .data()
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&b| u32::from_le_bytes(b))
        .collect();
    for direction in ["up", "down"] {
        let images = images(&file, &format!("in/{direction}_u8"));
        for (name, filter) in [
            ("pil_bilinear_u8", Filter::PilBilinear),
            ("pil_bicubic_u8", Filter::PilBicubic),
        ] {
            let key = format!("out/{direction}_{name}");
            let expected = file.tensor(&key).expect("reference");
            let got = resized(&images, [target[0], target[1]], filter);
            let wrong = got
                .iter()
                .zip(expected.data())
                .filter(|(a, b)| a != b)
                .count();
            assert_eq!((got.len(), wrong), (expected.data().len(), 0), "{key}");
        }
        for (name, resizer) in [
            ("torch_bilinear_noalign_noaa", Resizer::HalfPixelBilinear),
            ("torch_bilinear_aligncorners", Resizer::AlignedBilinear),
            ("tf1_bilinear", Resizer::Tf1Bilinear),
            ("pil_bicubic_f32", Resizer::PilBicubicFloat),
        ] {
            let key = format!("out/{direction}_{name}");
            let expected = file.tensor(&key).expect("reference");
            let got: Vec<f32> = images
                .iter()
                .flat_map(|image| resizer.planes(image, target[1], target[0]))
                .collect();
            let (floats, _) = expected.data().as_chunks::<4>();
            assert_eq!(got.len(), floats.len(), "{key}");
            for (i, (&got, &expected)) in got.iter().zip(floats).enumerate() {
                // The reference of clean-fid clips after resizing, the file does not.
                let expected = f32::from_le_bytes(expected).clamp(0.0, 255.0);
                assert!(
                    (got - expected).abs() < 1e-3,
                    "{key}[{i}]: {got}, {expected}"
                );
            }
        }
        let key = format!("out/{direction}_torch_bilinear_noalign_noaa");
        let expected = file.tensor(&key).expect("reference");
        let got = resized(&images, [target[0], target[1]], Filter::OpencvBilinear);
        let (floats, _) = expected.data().as_chunks::<4>();
        assert_eq!(got.len(), floats.len(), "{key}");
        for (i, (&got, &expected)) in got.iter().zip(floats).enumerate() {
            let expected = f32::from_le_bytes(expected);
            // Half a step for rounding to bytes.
            assert!(
                (f32::from(got) - expected).abs() < 0.5 + 1e-3,
                "{key}[{i}]: {got}, {expected}"
            );
        }
    }
}
