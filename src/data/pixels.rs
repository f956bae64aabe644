//! Decoded images in memory, and the random crop and flip of training.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use burn::prelude::Tensor;
use image::RgbImage;
use wordpaint_data::resize::{crop_to_box, resize};
use wordpaint_data::{DataError, ImageSize, TextImageDataset};
use wordpaint_models::backend::Backend;
use wordpaint_rng::Rng;

use crate::config::schema;

/// Images of one dataset at the size from which training crops are taken.
pub struct Pixels {
    dataset: Arc<dyn TextImageDataset>,
    config: schema::Data,
    /// Sizes delivered, ascending.
    sizes: Vec<usize>,
    load_size: u32,
    cache: Vec<OnceLock<Arc<RgbImage>>>,
    /// Bytes that may still be cached.
    budget: AtomicUsize,
}

impl Pixels {
    /// Pixels of `dataset` at `sizes` (ascending, in pixels).
    pub fn new(dataset: Arc<dyn TextImageDataset>, config: &schema::Data, sizes: &[usize]) -> Self {
        let largest = sizes.last().copied().unwrap_or(0) as u32;
        let load_size = if config.load_size == 0 {
            largest
        } else {
            config.load_size
        };
        Self {
            cache: (0..dataset.len()).map(|_| OnceLock::new()).collect(),
            budget: AtomicUsize::new(config.cache_mib << 20),
            dataset,
            config: config.clone(),
            sizes: sizes.to_vec(),
            load_size,
        }
    }

    /// Image `index` as a square of the load size.
    fn loaded(&self, index: usize) -> Result<Arc<RgbImage>, DataError> {
        if let Some(image) = self.cache[index].get() {
            return Ok(Arc::clone(image));
        }
        let image = self.dataset.image(index, ImageSize::Hint(self.load_size))?;
        let bounds = if self.config.crop_to_box {
            self.dataset.record(index)?.bounding_box
        } else {
            None
        };
        let image = match bounds {
            Some(bounds) => crop_to_box(&image, bounds),
            None => image,
        };
        let image = Arc::new(resize(
            &image,
            self.load_size,
            self.load_size,
            self.filter(),
        ));
        let bytes = image.as_raw().len();
        let reserved = self
            .budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        if reserved.is_ok() {
            // Another worker may have been first; both hold the same pixels.
            let _ = self.cache[index].set(Arc::clone(&image));
        }
        Ok(image)
    }

    const fn filter(&self) -> wordpaint_data::resize::Filter {
        match self.config.resize {
            schema::Resize::OpencvBilinear => wordpaint_data::resize::Filter::OpencvBilinear,
            schema::Resize::PilBilinear => wordpaint_data::resize::Filter::PilBilinear,
        }
    }

    /// Image `index` at every size, augmented with the sample's own draws; channel-major values in
    /// [-1, 1], appended to `out[k]` for size `k`.
    pub fn training(&self, index: usize, key: u64, out: &mut [Vec<f32>]) -> Result<(), DataError> {
        let mut rng = Rng::new(&[key]);
        let (cx, cy, is_flipped) = (rng.f(0.0, 1.0), rng.f(0.0, 1.0), rng.n(2) == 1);
        let image = self.loaded(index)?;
        let room = self.load_size - self.sizes.last().copied().unwrap_or(0) as u32;
        let at = |u: f32| ((u * (room + 1) as f32) as u32).min(room);
        self.deliver(&image, at(cx), at(cy), self.config.flip && is_flipped, out);
        Ok(())
    }

    /// Image `index` at every size, centre crop, not flipped; appended to `out` as in
    /// [`Self::training`].
    pub fn evaluation(&self, index: usize, out: &mut [Vec<f32>]) -> Result<(), DataError> {
        let image = self.loaded(index)?;
        let room = self.load_size - self.sizes.last().copied().unwrap_or(0) as u32;
        self.deliver(&image, room / 2, room / 2, false, out);
        Ok(())
    }

    fn deliver(&self, image: &RgbImage, x: u32, y: u32, is_flipped: bool, out: &mut [Vec<f32>]) {
        let largest = self.sizes.last().copied().unwrap_or(0) as u32;
        for (&size, out) in self.sizes.iter().zip(out) {
            let size = size as u32;
            if size == largest {
                append(image, x, y, size, is_flipped, out);
            } else {
                let crop = image::imageops::crop_imm(image, x, y, largest, largest).to_image();
                let small = resize(&crop, size, size, self.filter());
                append(&small, 0, 0, size, is_flipped, out);
            }
        }
    }
}

/// Appends a square crop as channel-major values in [-1, 1].
fn append(image: &RgbImage, x: u32, y: u32, size: u32, is_flipped: bool, out: &mut Vec<f32>) {
    let width = image.width() as usize;
    let raw = image.as_raw();
    out.reserve((size * size * 3) as usize);
    for channel in 0..3 {
        for row in 0..size {
            let start = ((y + row) as usize * width + x as usize) * 3 + channel;
            let line = raw[start..].iter().step_by(3).take(size as usize);
            let value = |&v: &u8| f32::from(v) / 127.5 - 1.0;
            if is_flipped {
                out.extend(line.rev().map(value));
            } else {
                out.extend(line.map(value));
            }
        }
    }
}

/// RGB image of one `[3, size, size]` slice of values in [-1, 1] (clamped).
pub fn to_image(values: &[f32], size: usize) -> RgbImage {
    let plane = size * size;
    RgbImage::from_fn(size as u32, size as u32, |x, y| {
        let at = y as usize * size + x as usize;
        let byte = |c: usize| {
            ((values[c * plane + at] + 1.0) * 127.5)
                .round()
                .clamp(0.0, 255.0)
        };
        image::Rgb([byte(0) as u8, byte(1) as u8, byte(2) as u8])
    })
}

/// RGB images of a batch `[batch, 3, size, size]` of values in [-1, 1] (clamped).
pub fn to_images<B: Backend>(images: &Tensor<B, 4>) -> Vec<RgbImage> {
    let [_, _, size, _] = images.dims();
    let values: Vec<f32> = images.to_data().iter::<f32>().collect();
    values
        .chunks(3 * size * size)
        .map(|values| to_image(values, size))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_appended_image_comes_back_byte_for_byte() {
        let image = RgbImage::from_fn(5, 5, |x, y| image::Rgb([(x * 40) as u8, (y * 50) as u8, 7]));
        let mut values = Vec::new();
        append(&image, 0, 0, 5, false, &mut values);
        assert_eq!(to_image(&values, 5), image);
    }

    #[test]
    fn flipping_mirrors_columns() {
        let image = RgbImage::from_fn(4, 4, |x, _| image::Rgb([x as u8, 0, 0]));
        let mut values = Vec::new();
        append(&image, 1, 0, 3, true, &mut values);
        let red: Vec<u8> = to_image(&values, 3)
            .pixels()
            .take(3)
            .map(|p| p[0])
            .collect();
        assert_eq!(red, [3, 2, 1]);
    }
}
