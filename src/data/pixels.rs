//! Decoded images in memory, and the random crop and flip of training.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use burn::prelude::{Tensor, TensorData};
use image::RgbImage;
use wordpaint_data::resize::{crop_rectangle, crop_to_box, resize, resize_shorter_side};
use wordpaint_data::{DataError, ImageSize, TextImageDataset};
use wordpaint_models::backend::Backend;

use super::view::{Frame, View};
use crate::config::schema;

/// Images of one dataset at the size from which training crops are taken.
pub struct Pixels {
    dataset: Arc<dyn TextImageDataset>,
    config: schema::Data,
    /// Sizes delivered, ascending.
    sizes: Vec<usize>,
    load_size: u32,
    cache: Vec<OnceLock<Arc<Loaded>>>,
    /// Bytes that may still be cached.
    budget: AtomicUsize,
}

/// A part of an image.
struct Part {
    image: RgbImage,
    /// Top-left corner in pixels of the whole image.
    origin: [u32; 2],
    /// Width and height in pixels of the whole image.
    extent: [u32; 2],
}

/// An image at the size from which crops are taken.
struct Loaded {
    image: RgbImage,
    frame: Frame,
}

impl Loaded {
    fn size(&self) -> [u32; 2] {
        self.image.dimensions().into()
    }
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

    /// Image `index` with sides, or the shorter side, of the load size.
    fn loaded(&self, index: usize) -> Result<Arc<Loaded>, DataError> {
        if let Some(loaded) = self.cache[index].get() {
            return Ok(Arc::clone(loaded));
        }
        let Part {
            image,
            origin,
            extent,
        } = self.part(index)?;
        let (side, filter) = (self.load_size, self.filter());
        let image = match self.config.fit {
            schema::Fit::Stretch => resize(&image, side, side, filter),
            schema::Fit::ShorterSide => resize_shorter_side(&image, side, filter),
        };
        let size: [u32; 2] = image.dimensions().into();
        let frame = Frame {
            origin: origin.map(|pixels| pixels as f32),
            scale: std::array::from_fn(|axis| size[axis] as f32 / extent[axis] as f32),
        };
        let bytes = image.as_raw().len();
        let loaded = Arc::new(Loaded { image, frame });
        let reserved = self
            .budget
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            });
        if reserved.is_ok() {
            // Another worker may have been first; both hold the same pixels.
            let _ = self.cache[index].set(Arc::clone(&loaded));
        }
        Ok(loaded)
    }

    /// What is used of image `index`, before it is resized.
    fn part(&self, index: usize) -> Result<Part, DataError> {
        let bounds = if self.config.crop_to_box {
            self.dataset.record(index)?.bounding_box
        } else {
            None
        };
        let Some(bounds) = bounds else {
            let hint = ImageSize::Hint(self.load_size);
            let image = self.dataset.image(index, hint)?;
            let drawn = self.dataset.drawn_side().map(|side| [side; 2]);
            return Ok(Part {
                origin: [0; 2],
                extent: drawn.unwrap_or(image.dimensions().into()),
                image,
            });
        };
        // Boxes are those of the picture as it is, not as it could be drawn.
        let whole = self.dataset.image(index, ImageSize::Native)?;
        let image = crop_to_box(&whole, bounds);
        let [left, top, ..] = crop_rectangle(whole.width(), whole.height(), bounds);
        let is_whole = image.dimensions() == whole.dimensions();
        Ok(Part {
            origin: if is_whole { [0; 2] } else { [left, top] },
            extent: image.dimensions().into(),
            image,
        })
    }

    const fn filter(&self) -> wordpaint_data::resize::Filter {
        match self.config.resize {
            schema::Resize::OpencvBilinear => wordpaint_data::resize::Filter::OpencvBilinear,
            schema::Resize::PilBilinear => wordpaint_data::resize::Filter::PilBilinear,
        }
    }

    /// Image `index` at every size, in a view drawn with the sample's own `key`, which is returned;
    /// channel-major values in [-1, 1], appended to `out[k]` for size `k`.
    pub fn training(
        &self,
        index: usize,
        key: u64,
        out: &mut [Vec<f32>],
    ) -> Result<View, DataError> {
        let loaded = self.loaded(index)?;
        let (side, may_flip) = (self.largest(), self.config.flip);
        let view = View::draw(key, loaded.frame, loaded.size(), side, may_flip);
        self.deliver(&loaded.image, &view, out);
        Ok(view)
    }

    /// Image `index` at every size, centre crop, not flipped; appended to `out` as in
    /// [`Self::training`].
    pub fn evaluation(&self, index: usize, out: &mut [Vec<f32>]) -> Result<View, DataError> {
        let loaded = self.loaded(index)?;
        let view = View::centre(loaded.frame, loaded.size(), self.largest());
        self.deliver(&loaded.image, &view, out);
        Ok(view)
    }

    /// Image `index` at the largest size, centre crop, not flipped.
    pub fn centre(&self, index: usize) -> Result<RgbImage, DataError> {
        let loaded = self.loaded(index)?;
        let view = View::centre(loaded.frame, loaded.size(), self.largest());
        Ok(view.crop(&loaded.image))
    }

    fn largest(&self) -> u32 {
        self.sizes.last().copied().unwrap_or(0) as u32
    }

    fn deliver(&self, image: &RgbImage, view: &View, out: &mut [Vec<f32>]) {
        for (&size, out) in self.sizes.iter().zip(out) {
            let size = size as u32;
            if size == self.largest() {
                append(image, view.corner(), [size; 2], view.is_flipped(), out);
            } else {
                let small = resize(&view.crop(image), size, size, self.filter());
                append(&small, [0, 0], [size; 2], view.is_flipped(), out);
            }
        }
    }
}

/// Appends a crop of `size` (width, height) from `corner` as channel-major values in [-1, 1].
fn append(
    image: &RgbImage,
    corner: [u32; 2],
    size: [u32; 2],
    is_flipped: bool,
    out: &mut Vec<f32>,
) {
    let full = image.width() as usize;
    let raw = image.as_raw();
    let [x, y] = corner.map(|v| v as usize);
    let [width, height] = size.map(|v| v as usize);
    out.reserve(width * height * 3);
    for channel in 0..3 {
        for row in y..y + height {
            let start = (row * full + x) * 3 + channel;
            let line = raw[start..].iter().step_by(3).take(width);
            let value = |&v: &u8| f32::from(v) / 127.5 - 1.0;
            if is_flipped {
                out.extend(line.rev().map(value));
            } else {
                out.extend(line.map(value));
            }
        }
    }
}

/// Batch `[batch, 3, height, width]`, range [-1, 1], of images of one size.
///
/// # Panics
///
/// If there is no image, or if they differ in size.
pub fn to_tensor<'a, B: Backend>(
    images: impl IntoIterator<Item = &'a RgbImage>,
    device: &B::Device,
) -> Tensor<B, 4> {
    let mut images = images.into_iter().peekable();
    let (width, height) = images.peek().expect("an image").dimensions();
    let mut values = Vec::new();
    let mut count = 0;
    for image in images {
        assert_eq!(image.dimensions(), (width, height), "images of one size");
        append(image, [0, 0], [width, height], false, &mut values);
        count += 1;
    }
    let shape = [count, 3, height as usize, width as usize];
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// RGB image of one `[3, size, size]` slice of generated values in [-1, 1] (clamped).
///
/// Truncated to bytes, as the published samplers of AttnGAN, DM-GAN and SSA-GAN write them.
fn image_of(values: &[f32], size: usize) -> RgbImage {
    to_image(values, size, f32::trunc)
}

fn to_image(values: &[f32], size: usize, whole: fn(f32) -> f32) -> RgbImage {
    let plane = size * size;
    RgbImage::from_fn(size as u32, size as u32, |x, y| {
        let at = y as usize * size + x as usize;
        let byte = |c: usize| whole((values[c * plane + at] + 1.0) * 127.5).clamp(0.0, 255.0) as u8;
        image::Rgb([byte(0), byte(1), byte(2)])
    })
}

/// RGB images of a batch `[batch, 3, size, size]` of generated values in [-1, 1] (clamped), truncated
/// to bytes.
pub fn to_images<B: Backend>(images: &Tensor<B, 4>) -> Vec<RgbImage> {
    each_image(images, image_of)
}

/// The same of real images, which bytes became: rounded to those.
pub fn to_real_images<B: Backend>(images: &Tensor<B, 4>) -> Vec<RgbImage> {
    each_image(images, |values, size| to_image(values, size, f32::round))
}

fn each_image<B: Backend>(
    images: &Tensor<B, 4>,
    image_of: impl Fn(&[f32], usize) -> RgbImage,
) -> Vec<RgbImage> {
    let [_, _, size, _] = images.dims();
    let values: Vec<f32> = images.to_data().iter::<f32>().collect();
    values
        .chunks(3 * size * size)
        .map(|values| image_of(values, size))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The image whose values these are.
    fn exact(values: &[f32], size: usize) -> RgbImage {
        to_image(values, size, f32::round)
    }

    #[test]
    fn generated_values_are_truncated_to_bytes() {
        // 127.49, 127.5 and 254.99 of 255.
        let image_of = image_of(&[-0.0001, 0.0, 0.9999], 1);
        assert_eq!(image_of.get_pixel(0, 0).0, [127, 127, 254]);
        assert_eq!(
            exact(&[-0.0001, 0.0, 0.9999], 1).get_pixel(0, 0).0,
            [127, 128, 255]
        );
        let beyond = super::image_of(&[-1.5, 1.0, 2.0], 1);
        assert_eq!(beyond.get_pixel(0, 0).0, [0, 255, 255]);
    }

    #[test]
    fn the_centre_is_what_evaluation_sees() {
        let pixels = pixels(
            "synth:birds?preset=nano&size=64",
            "load_size = 40",
            &[16, 32],
        );
        let mut out = vec![Vec::new(); 2];
        pixels.evaluation(3, &mut out).expect("readable");
        assert_eq!(pixels.centre(3).expect("readable"), exact(&out[1], 32));
    }

    #[test]
    fn an_appended_image_comes_back_byte_for_byte() {
        let image = RgbImage::from_fn(5, 5, |x, y| image::Rgb([(x * 40) as u8, (y * 50) as u8, 7]));
        let mut values = Vec::new();
        append(&image, [0, 0], [5, 5], false, &mut values);
        assert_eq!(exact(&values, 5), image);
    }

    fn pixels(uri: &str, options: &str, sizes: &[usize]) -> Pixels {
        let table = format!("uri = '{uri}'\nresize = 'pil-bilinear'\n{options}");
        let config: schema::Data = toml::from_str(&table).expect("a valid table");
        let dataset = Arc::from(wordpaint_data::open(uri).expect("opens"));
        Pixels::new(dataset, &config, sizes)
    }

    #[test]
    fn smaller_images_are_those_of_the_same_crop() {
        let uri = "synth:birds?preset=nano&size=64";
        let pixels = pixels(uri, "load_size = 76\nflip = true", &[16, 32, 64]);
        for (index, key) in [(0, 1), (50, 2), (119, 3)] {
            let mut out = vec![Vec::new(); 3];

            pixels.training(index, key, &mut out).expect("drawn");

            let [small, middle, large] = [0, 1, 2].map(|k| exact(&out[k], 16 << k));
            let expected = |side| resize(&large, side, side, pixels.filter());
            // The crop is made smaller before it is mirrored, which may round otherwise.
            let near = |a: &RgbImage, b: &RgbImage| {
                a.iter().zip(b.iter()).all(|(a, b)| a.abs_diff(*b) <= 1)
            };
            assert!(near(&middle, &expected(32)) && near(&small, &expected(16)));
        }
    }

    #[test]
    fn the_box_of_a_drawn_picture_is_cropped_at_its_own_size() {
        let uri = "synth:birds?preset=nano&size=128";
        let pixels = pixels(uri, "load_size = 38\ncrop_to_box = true", &[32]);
        let dataset = wordpaint_data::open(uri).expect("built in");
        let image = dataset.image(7, ImageSize::Native).expect("drawn");
        let bounds = dataset.record(7).expect("drawn").bounding_box;
        let crop = crop_to_box(&image, bounds.expect("birds have one"));

        let loaded = pixels.loaded(7).expect("drawn");

        assert_eq!(loaded.image, resize(&crop, 38, 38, pixels.filter()));
    }

    #[test]
    fn the_shorter_side_is_fitted_and_the_longer_cropped() {
        let folder = tempfile::tempdir().expect("temporary folder");
        std::fs::create_dir(folder.path().join("a")).expect("folder");
        // Red grows to the right, green downwards.
        let wide = RgbImage::from_fn(80, 40, |x, y| image::Rgb([x as u8 * 3, y as u8 * 6, 0]));
        wide.save(folder.path().join("a/1.png")).expect("image");
        std::fs::write(folder.path().join("a/1.txt"), "wide").expect("captions");
        let uri = format!("folder:{}", folder.path().display());
        let stretched = pixels(&uri, "load_size = 20", &[16]);
        let fitted = pixels(&uri, "load_size = 20\nfit = 'shorter-side'", &[16]);

        assert_eq!(stretched.loaded(0).expect("read").size(), [20, 20]);
        assert_eq!(fitted.loaded(0).expect("read").size(), [40, 20]);
        let (mut xs, mut ys) = (Vec::new(), Vec::new());
        for key in 0..60 {
            let mut out = vec![Vec::new()];
            fitted.training(0, key, &mut out).expect("read");
            let first = exact(&out[0], 16).get_pixel(0, 0).0;
            xs.push(first[0] / 6);
            ys.push(first[1] / 12);
        }
        assert_eq!((xs.iter().min(), xs.iter().max()), (Some(&0), Some(&24)));
        assert_eq!((ys.iter().min(), ys.iter().max()), (Some(&0), Some(&4)));
        let mut centre = vec![Vec::new()];
        fitted.evaluation(0, &mut centre).expect("read");
        assert_eq!(exact(&centre[0], 16).get_pixel(0, 0).0[0] / 6, 12);
    }

    #[test]
    fn flipping_mirrors_columns() {
        let image = RgbImage::from_fn(4, 4, |x, _| image::Rgb([x as u8, 0, 0]));
        let mut values = Vec::new();
        append(&image, [1, 0], [3, 3], true, &mut values);
        let red: Vec<u8> = exact(&values, 3).pixels().take(3).map(|p| p[0]).collect();
        assert_eq!(red, [3, 2, 1]);
    }
}
