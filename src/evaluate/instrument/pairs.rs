//! Instruments that compare two images.

use std::collections::BTreeMap;

use image::RgbImage;
use wordpaint_models::backend::Backend;
use wordpaint_models::vision::lpips::{Lpips, LpipsConfig};

use super::{Absent, Weights};
use crate::data::pixels::to_tensor;
use crate::evaluate::extract::ExtractError;
use crate::setup::Dirs;

/// Pairs per pass.
const BATCH: usize = 8;

/// A network that compares two images.
#[derive(Debug, Clone, Copy)]
pub struct PairNetwork {
    /// What a user types; also the name of its weights.
    pub id: &'static str,
    /// What the distance is called, whatever the network.
    pub title: &'static str,
    /// What it is called in tables.
    pub label: &'static str,
    /// Network, weights and preprocessing in words.
    pub network: &'static str,
    /// Architecture.
    pub config: LpipsConfig,
    /// Pixels a side that an image needs at least.
    pub smallest: u32,
}

/// A distance of two images of the same size.
pub trait Perceptual {
    /// What it is.
    fn of(&self) -> &PairNetwork;

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

impl PairNetwork {
    /// Loads the network on `device`; weights are looked for in `dirs.cache`.
    ///
    /// # Errors
    ///
    /// If its weights are not in place or are those of another network.
    pub fn open<B: Backend>(
        &self,
        device: &B::Device,
        dirs: &Dirs,
    ) -> Result<Box<dyn Perceptual>, Absent> {
        let absent = |why, how| Absent {
            id: self.id.to_owned(),
            why,
            how,
        };
        let weights = Weights::Fetched(self.id);
        let file = weights
            .find(dirs)
            .map_err(|missing| absent(missing.why, missing.how))?;
        let (net, report) = self.config.init::<B>(device).load(&file.arrays);
        if !report.ours.is_complete() || !report.unused.is_empty() {
            let first = [report.ours.mismatched, report.ours.missing, report.unused].concat();
            let why = format!(
                "{} is not {}: {}",
                file.path.display(),
                self.network,
                first.first().map_or("it is empty", String::as_str)
            );
            return Err(absent(why, weights.how(dirs)));
        }
        Ok(Box::new(Distance {
            of: *self,
            weights: file.sha256,
            net,
            device: device.clone(),
        }))
    }
}

struct Distance<B: Backend> {
    of: PairNetwork,
    weights: String,
    net: Lpips<B>,
    device: B::Device,
}

impl<B: Backend> Distance<B> {
    fn error(&self, message: String) -> ExtractError {
        ExtractError {
            instrument: self.of.id.into(),
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
            if w.min(h) < self.of.smallest {
                return Err(self.error(format!(
                    "pair {i} has {w} x {h} pixels; at least {} a side are needed",
                    self.of.smallest
                )));
            }
        }
        Ok(())
    }
}

impl<B: Backend> Perceptual for Distance<B> {
    fn of(&self) -> &PairNetwork {
        &self.of
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
            let side =
                |images: &[RgbImage]| to_tensor(batch.iter().map(|&i| &images[i]), &self.device);
            let found = self.net.forward(side(left), side(right)).into_data();
            for (&i, value) in batch.iter().zip(found.iter::<f32>()) {
                distances[i] = f64::from(value);
            }
        }
        Ok(distances)
    }
}

#[cfg(test)]
mod tests {
    use burn::backend::Flex;
    use burn::prelude::TensorData;
    use image::Rgb;
    use wordpaint_models::state::load_named;
    use wordpaint_models::vision::lpips::Net;

    use super::*;

    fn distance() -> Distance<Flex> {
        let config = LpipsConfig {
            net: Net::Alex,
            widths: [2, 3, 4, 3, 2],
        };
        // The heads begin at 0.
        let ones = |name: &str, shape: &[usize]| {
            let count = shape.iter().product();
            name.starts_with("heads")
                .then(|| TensorData::new(vec![1.0_f32; count], shape.to_vec()))
        };
        Distance {
            of: PairNetwork {
                id: "lpips-test",
                title: "test",
                label: "test",
                network: "test",
                config,
                smallest: 63,
            },
            weights: String::new(),
            net: load_named(config.init::<Flex>(&Default::default()), ones).0,
            device: Default::default(),
        }
    }

    fn picture(width: u32, height: u32, seed: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            Rgb([(x * seed) as u8, (y * 3 + seed) as u8, (x * y) as u8])
        })
    }

    #[test]
    fn pairs_of_several_sizes_keep_their_order() {
        let mut distance = distance();
        let sizes = [(64, 70), (80, 64), (64, 70)];
        let left = sizes.map(|(w, h)| picture(w, h, 1));
        let right = [picture(64, 70, 1), picture(80, 64, 5), picture(64, 70, 9)];

        let all = distance.distances(&left, &right).expect("good pairs");
        let alone = distance.distances(&left[1..2], &right[1..2]);

        assert_eq!(all[0], 0.0);
        assert!(all[1] > 0.0 && all[2] > 0.0, "{all:?}");
        let alone = alone.expect("a good pair")[0];
        assert!((all[1] - alone).abs() < 1e-6 * alone, "{all:?} {alone}");
    }

    #[test]
    fn lists_and_sizes_that_do_not_pair_are_refused() {
        let mut distance = distance();
        let (small, good, other) = (picture(62, 90, 1), picture(64, 64, 1), picture(64, 65, 1));
        let mut error = |left: &[RgbImage], right: &[RgbImage]| {
            let result = distance.distances(left, right);
            result.expect_err("refused").to_string()
        };

        let lengths = error(std::slice::from_ref(&good), &[]);
        let sizes = error(&[good.clone(), good], &[picture(64, 64, 2), other]);
        let smallest = error(std::slice::from_ref(&small), std::slice::from_ref(&small));

        assert!(lengths.contains("1 and 0"), "{lengths}");
        assert!(
            sizes.contains("pair 1") && sizes.contains("64 x 65"),
            "{sizes}"
        );
        assert!(smallest.contains("at least 63"), "{smallest}");
    }
}
