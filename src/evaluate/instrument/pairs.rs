//! Instruments that compare two images.

use std::collections::BTreeMap;

use burn::prelude::{Tensor, TensorData};
use image::RgbImage;
use wordpaint_data::front_end::Resizer;
use wordpaint_data::resize::Filter;
use wordpaint_models::backend::Backend;
use wordpaint_models::vision::lpips::{Lpips, LpipsConfig};

use super::Weights;
use crate::evaluate::extract::ExtractError;
use crate::evaluate::networks::Absent;
use crate::setup::Places;

/// Pairs per pass.
const BATCH: usize = 8;
/// AlexNet's pools leave nothing of smaller images.
const SMALLEST: u32 = 63;

/// Names that [`open_pairs`] knows.
pub const PAIRS: &[&str] = &["lpips-alex", "lpips-vgg"];

/// A distance of two images of the same size.
pub trait Perceptual {
    /// What it is called in tables.
    fn label(&self) -> &str;

    /// Network, weights and front end in words.
    fn network(&self) -> &str;

    /// SHA-256 of the weights in hexadecimal.
    fn weights(&self) -> &str;

    /// Distance of every pair, lower is more alike.
    ///
    /// # Errors
    ///
    /// If the lists differ in length, or the images of a pair in size, or one is too small.
    fn distances(
        &mut self,
        left: &[RgbImage],
        right: &[RgbImage],
    ) -> Result<Vec<f64>, ExtractError>;
}

/// Opens the distance named `id` on `device`; weights are looked for in `places.cache`.
///
/// # Errors
///
/// If the name is unknown or its weights are not in place.
pub fn open_pairs<B: Backend>(
    id: &str,
    device: &B::Device,
    places: &Places,
) -> Result<Box<dyn Perceptual>, Absent> {
    let absent = |why, how| Absent {
        id: id.to_owned(),
        why,
        how,
    };
    let (config, name, label, network) = match id {
        "lpips-alex" => (
            LpipsConfig::ALEX,
            "lpips-alex",
            "LPIPS (alex)",
            "LPIPS 0.1, AlexNet; 8-bit RGB at its own size, values -1 to 1",
        ),
        "lpips-vgg" => (
            LpipsConfig::VGG,
            "lpips-vgg",
            "LPIPS (vgg)",
            "LPIPS 0.1, VGG16; 8-bit RGB at its own size, values -1 to 1",
        ),
        _ => {
            return Err(absent(
                "it is not known".into(),
                format!("choose one of: {}", PAIRS.join(", ")),
            ));
        }
    };
    let weights = Weights::Fetched(name);
    let file = weights
        .find(places)
        .map_err(|missing| absent(missing.why, missing.how))?;
    let (net, report) = config.init::<B>(device).load(&file.arrays);
    if !report.ours.is_complete() || !report.unused.is_empty() {
        let first = [report.ours.mismatched, report.ours.missing, report.unused].concat();
        let why = format!(
            "{} is not {network}: {}",
            file.path.display(),
            first.first().map_or("it is empty", String::as_str)
        );
        return Err(absent(why, weights.how(places)));
    }
    Ok(Box::new(Distance {
        id: name,
        label,
        network,
        weights: file.sha256,
        net,
        device: device.clone(),
    }))
}

struct Distance<B: Backend> {
    id: &'static str,
    label: &'static str,
    network: &'static str,
    weights: String,
    net: Lpips<B>,
    device: B::Device,
}

impl<B: Backend> Distance<B> {
    fn error(&self, message: String) -> ExtractError {
        ExtractError {
            instrument: self.id.into(),
            message,
        }
    }

    fn check(&self, left: &[RgbImage], right: &[RgbImage]) -> Result<(), ExtractError> {
        if left.len() != right.len() {
            return Err(self.error(format!(
                "pairs need as many images on either side; there are {} and {}",
                left.len(),
                right.len()
            )));
        }
        for (i, (a, b)) in left.iter().zip(right).enumerate() {
            let ([w, h], [v, g]) = ([a.width(), a.height()], [b.width(), b.height()]);
            if [w, h] != [v, g] {
                return Err(self.error(format!(
                    "pair {i} has {w} x {h} and {v} x {g} pixels; bring both to one size"
                )));
            }
            if w.min(h) < SMALLEST {
                return Err(self.error(format!(
                    "pair {i} has {w} x {h} pixels; at least {SMALLEST} a side are needed"
                )));
            }
        }
        Ok(())
    }

    fn upload(&self, images: &[&RgbImage]) -> Tensor<B, 4> {
        let (width, height) = images[0].dimensions();
        let values: Vec<f32> = images
            .iter()
            .flat_map(|i| Resizer::Bytes(Filter::PilBilinear).planes(i, width, height))
            .map(|v| v / 127.5 - 1.0)
            .collect();
        let shape = [images.len(), 3, height as usize, width as usize];
        Tensor::from_data(TensorData::new(values, shape), &self.device)
    }
}

impl<B: Backend> Perceptual for Distance<B> {
    fn label(&self) -> &str {
        self.label
    }

    fn network(&self) -> &str {
        self.network
    }

    fn weights(&self) -> &str {
        &self.weights
    }

    fn distances(
        &mut self,
        left: &[RgbImage],
        right: &[RgbImage],
    ) -> Result<Vec<f64>, ExtractError> {
        self.check(left, right)?;
        // Pairs of one size go through the network together.
        let mut sizes: BTreeMap<(u32, u32), Vec<usize>> = BTreeMap::new();
        for (i, image) in left.iter().enumerate() {
            sizes.entry(image.dimensions()).or_default().push(i);
        }
        let mut distances = vec![0.0; left.len()];
        for batch in sizes.values().flat_map(|indices| indices.chunks(BATCH)) {
            let side = |images: &[RgbImage]| {
                let picked: Vec<&RgbImage> = batch.iter().map(|&i| &images[i]).collect();
                self.upload(&picked)
            };
            let found = self.net.forward(side(left), side(right)).into_data();
            for (&i, value) in batch.iter().zip(found.iter::<f32>()) {
                distances[i] = f64::from(value);
            }
        }
        Ok(distances)
    }
}
