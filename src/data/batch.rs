//! Text, pixels and labels of some images as one batch: in host memory, then on a device.

use burn::prelude::{Int, Tensor, TensorData};
use wordpaint_data::DataError;
use wordpaint_data::tokenizers::{Encoded, Excess};
use wordpaint_models::backend::Backend;
use wordpaint_models::batch::{Batch, Text};
use wordpaint_models::system::TextForm;
use wordpaint_rng::Rng;

use super::annotations::HostLayout;
use super::sampler::Sample;
use super::source::{Source, is_multi_label};

/// A batch in host memory.
#[derive(Debug, Clone, PartialEq)]
pub struct HostBatch {
    /// Dataset index of every sample.
    pub indices: Vec<usize>,
    classes: Vec<i32>,
    pub(super) images: Vec<Vec<f32>>,
    mismatched: Option<Vec<f32>>,
    embeddings: Vec<f32>,
    tokens: Vec<i32>,
    lengths: Vec<usize>,
    features: Vec<f32>,
    attributes: Vec<i32>,
    layout: HostLayout,
    /// Multi-hot, image by image; empty for data with a single label.
    pub(super) labels: Vec<f32>,
}

impl HostBatch {
    /// A batch of `indices` with their classes and labels and nothing else yet.
    fn empty(source: &Source, indices: Vec<usize>) -> Result<Self, DataError> {
        let class = |&image: &usize| source.dataset.class_of(image) as i32;
        Ok(Self {
            classes: indices.iter().map(class).collect(),
            images: vec![Vec::new(); source.needs.image_sizes.len()],
            mismatched: None,
            embeddings: Vec::new(),
            tokens: Vec::new(),
            lengths: Vec::new(),
            features: Vec::new(),
            attributes: Vec::new(),
            layout: HostLayout::default(),
            labels: labels(source, &indices)?,
            indices,
        })
    }

    /// Moves the batch to `device`.
    pub fn upload<B: Backend>(self, source: &Source, device: &B::Device) -> Batch<B> {
        let n = self.indices.len();
        let captions = |len: usize, row: usize| len / (n * row);
        let square = |values: Vec<f32>, size: usize| {
            Tensor::from_data(TensorData::new(values, [n, 3, size, size]), device)
        };
        let sizes = &source.needs.image_sizes;
        let images = self
            .images
            .into_iter()
            .zip(sizes)
            .map(|(values, &size)| square(values, size));
        let largest = sizes.last().copied().unwrap_or(0);
        let embeddings = source
            .embeddings
            .as_ref()
            .filter(|_| !self.embeddings.is_empty());
        let text = Text {
            embeddings: embeddings.map(|table| {
                let shape = [n, captions(self.embeddings.len(), table.dim), table.dim];
                Tensor::from_data(TensorData::new(self.embeddings.clone(), shape), device)
            }),
            tokens: match source.needs.text {
                TextForm::Tokens(form) => {
                    let shape = [n, captions(self.tokens.len(), form.length), form.length];
                    let data = TensorData::new(self.tokens, shape);
                    Some(Tensor::<B, 3, Int>::from_data(data, device))
                }
                TextForm::None | TextForm::Embedding { .. } => None,
            },
            lengths: self.lengths,
        };
        let features = source
            .features
            .as_ref()
            .filter(|_| !self.features.is_empty())
            .map(|table| Tensor::from_data(TensorData::new(self.features, [n, table.dim]), device));
        let attributes = (!self.attributes.is_empty()).then(|| {
            let shape = [n, self.attributes.len() / n];
            Tensor::<B, 2, Int>::from_data(TensorData::new(self.attributes, shape), device)
        });
        let labels = (!self.labels.is_empty()).then(|| {
            let shape = [n, self.labels.len() / n];
            Tensor::from_data(TensorData::new(self.labels, shape), device)
        });
        Batch {
            images: images.collect(),
            mismatched: self.mismatched.map(|values| square(values, largest)),
            text,
            classes: Tensor::from_data(TensorData::new(self.classes, [n]), device),
            labels,
            features,
            attributes,
            layout: self.layout.upload(n, device),
            indices: self.indices,
        }
    }
}

/// Reads everything `samples` refer to.
pub(super) fn training_batch(source: &Source, samples: &[Sample]) -> Result<HostBatch, DataError> {
    let needs = &source.needs;
    let mut batch = HostBatch::empty(source, samples.iter().map(|s| s.image).collect())?;
    batch.mismatched = needs.has_mismatched.then(Vec::new);
    let mut others = vec![Vec::new(); needs.image_sizes.len()];
    for sample in samples {
        if let Some(pixels) = &source.pixels {
            let view = pixels.training(sample.image, sample.key, &mut batch.images)?;
            batch.layout.append(source, sample.image, &view)?;
            if let Some(other) = sample.mismatched {
                pixels.training(other, sample.key ^ 1, &mut others)?;
            }
        }
        append_text(
            source,
            sample.image,
            &sample.captions,
            Some(sample.key),
            &mut batch,
        )?;
        if let Some(features) = &source.features {
            batch
                .features
                .extend_from_slice(features.row(sample.image, 0));
        }
        append_attributes(source, sample.image, &mut batch)?;
    }
    if batch.mismatched.is_some() {
        batch.mismatched = others.pop();
    }
    Ok(batch)
}

/// Text of the captions of one image. Of captions with too many tokens those at places drawn with
/// `key` are kept, without a key the first.
fn append_text(
    source: &Source,
    image: usize,
    captions: &[usize],
    key: Option<u64>,
    batch: &mut HostBatch,
) -> Result<(), DataError> {
    let count = source.split.captions;
    let beyond = captions.iter().find(|caption| **caption >= count);
    if let (Some(caption), false) = (beyond, source.needs.text == TextForm::None) {
        return Err(DataError::Inconsistent(format!(
            "{}: caption {caption} of an image is asked for (`evaluate.caption`), but images have \
             {count}, counted from 0",
            source.dataset.uri()
        )));
    }
    match source.needs.text {
        TextForm::None => {}
        TextForm::Embedding { .. } => {
            if let Some(table) = &source.embeddings {
                for &caption in captions {
                    let row = table.row(image, caption);
                    batch.embeddings.extend_from_slice(row);
                }
            }
        }
        TextForm::Tokens(form) => {
            let record = source.dataset.record(image)?;
            let tokenizer = source
                .tokenizer
                .as_ref()
                .expect("set before batches are made");
            for (position, &caption) in captions.iter().enumerate() {
                let text = &record.captions[caption];
                let excess = key.map_or(Excess::First, |key| {
                    let stream = wordpaint_rng::key("words");
                    Excess::Drawn(Rng::new(&[key, stream, position as u64]))
                });
                let Encoded { ids, count, .. } = tokenizer.encode(text, form.length, excess);
                if count == 0 {
                    return Err(DataError::Inconsistent(format!(
                        "{}: caption {caption} of image `{}` has no word of the vocabulary: {text}",
                        source.dataset.uri(),
                        record.key
                    )));
                }
                batch.lengths.push(count);
                batch.tokens.extend(ids);
            }
        }
    }
    Ok(())
}

/// Multi-hot rows of data with several labels per image.
fn labels(source: &Source, images: &[usize]) -> Result<Vec<f32>, DataError> {
    let dataset = source.dataset.as_ref();
    let mut rows = Vec::new();
    if is_multi_label(dataset) {
        for &image in images {
            let start = rows.len();
            rows.resize(start + dataset.categories().len(), 0.0);
            for label in dataset.labels_of(image)? {
                rows[start + label] = 1.0;
            }
        }
    }
    Ok(rows)
}

fn append_attributes(
    source: &Source,
    image: usize,
    batch: &mut HostBatch,
) -> Result<(), DataError> {
    if source.needs.has_attributes {
        let values = source.dataset.attributes(image).ok_or_else(|| {
            DataError::Inconsistent(format!(
                "{} has no known attributes; the attribute probe trains on built-in birds only \
                 (`data.uri = \"synth:birds?...\"`)",
                source.dataset.uri()
            ))
        })?;
        batch
            .attributes
            .extend(values.iter().map(|&v| i32::from(v)));
    }
    Ok(())
}

/// What a generator reads: caption `caption` of each of `images`, none of their pixels.
pub fn text_batch(
    source: &Source,
    images: &[usize],
    caption: usize,
) -> Result<HostBatch, DataError> {
    let mut batch = HostBatch::empty(source, images.to_vec())?;
    batch.images.clear();
    for &image in images {
        append_text(source, image, &[caption], None, &mut batch)?;
    }
    Ok(batch)
}

/// Fixed images with caption `caption` of each: centre crops, no flips.
pub fn fixed_batch(
    source: &Source,
    images: &[usize],
    caption: usize,
) -> Result<HostBatch, DataError> {
    let mut batch = HostBatch::empty(source, images.to_vec())?;
    for &image in images {
        if let Some(pixels) = &source.pixels {
            let view = pixels.evaluation(image, &mut batch.images)?;
            batch.layout.append(source, image, &view)?;
        }
        append_text(source, image, &[caption], None, &mut batch)?;
        if let Some(features) = &source.features {
            batch.features.extend_from_slice(features.row(image, 0));
        }
        append_attributes(source, image, &mut batch)?;
    }
    Ok(batch)
}
