//! Images from captions of a dataset, in batches, streamed to whoever measures them.

use image::RgbImage;
use wordpaint_models::backend::Backend;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::Pipeline;

use crate::data::batch::text_batch;
use crate::data::pixels::to_images;
use crate::data::source::Source;
use crate::setup::SetupError;

/// Captions whose images are generated at a time.
const BATCH: usize = 16;

/// What to generate from: dataset images with the caption of each that is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prompt {
    /// Dataset index.
    pub image: usize,
    /// Caption by position.
    pub caption: usize,
}

/// Generates `prompts` and hands each finished image (the first head, final resolution) to `sink`
/// with its position.
///
/// # Errors
///
/// If a caption cannot be read.
pub fn images<B: Backend>(
    pipeline: &Pipeline<'_, B>,
    source: &Source,
    prompts: &[Prompt],
    seed: u64,
    device: &B::Device,
    sink: impl FnMut(usize, RgbImage),
) -> Result<(), SetupError> {
    images_from(pipeline, source, prompts, (seed, 0), device, sink)
}

/// [`images`] with the noise of the first batch numbered by the second value of `noise`, so that
/// parts of a long list can be generated one by one.
///
/// # Errors
///
/// If a caption cannot be read.
pub fn images_from<B: Backend>(
    pipeline: &Pipeline<'_, B>,
    source: &Source,
    prompts: &[Prompt],
    (seed, first): (u64, u64),
    device: &B::Device,
    mut sink: impl FnMut(usize, RgbImage),
) -> Result<(), SetupError> {
    // Samples of a batch share the caption position, so that one call reads them all.
    let mut order: Vec<usize> = (0..prompts.len()).collect();
    order.sort_by_key(|&i| (prompts[i].caption, i));
    let groups = order.chunk_by(|&a, &b| prompts[a].caption == prompts[b].caption);
    for (number, positions) in groups.flat_map(|group| group.chunks(BATCH)).enumerate() {
        let images: Vec<usize> = positions.iter().map(|&i| prompts[i].image).collect();
        let caption = prompts[positions[0]].caption;
        let batch = text_batch(source, &images, caption)?.upload::<B>(source, device);
        let noise = Noise::new(seed, first + number as u64);
        let generated = pipeline.generate(&batch.text, noise);
        let first = generated.finals().next().map_or_else(Vec::new, to_images);
        for (&position, image) in positions.iter().zip(first) {
            sink(position, image);
        }
    }
    Ok(())
}
