//! A dataset split with everything a batch is assembled from.

use std::sync::Arc;

use wordpaint_data::{DataError, Split, TextImageDataset};
use wordpaint_models::system::{Needs, TextForm};

use super::pixels::Pixels;
use super::sampler::Population;
use crate::config::schema;

/// Rows of equal length, one per (image, caption) or per image of the dataset.
#[derive(Debug, Clone)]
pub struct Table {
    /// Row-major values.
    pub values: Arc<Vec<f32>>,
    /// Length of a row.
    pub dim: usize,
}

impl Table {
    /// Row `index`.
    pub fn row(&self, index: usize) -> &[f32] {
        &self.values[index * self.dim..(index + 1) * self.dim]
    }
}

/// A split of a dataset in the form a system needs.
pub struct Source {
    /// The dataset.
    pub dataset: Arc<dyn TextImageDataset>,
    /// What is asked of each batch.
    pub needs: Needs,
    /// The split's images.
    pub population: Population,
    /// Decoded images; `None` when the system looks at no pixels.
    pub pixels: Option<Pixels>,
    /// Sentence embeddings, row `image * captions + caption`.
    pub embeddings: Option<Table>,
    /// Image features, row `image`.
    pub features: Option<Table>,
}

impl Source {
    /// Opens `split` of an opened dataset for `needs`.
    ///
    /// # Errors
    ///
    /// If the split is empty or its captions cannot be read.
    pub fn new(
        dataset: Arc<dyn TextImageDataset>,
        config: &schema::Data,
        split: Split,
        needs: Needs,
    ) -> Result<Self, DataError> {
        let indices = dataset.split(split);
        let Some(&first) = indices.first() else {
            return Err(DataError::Inconsistent(format!(
                "{}: split `{split:?}` has no image; choose another with `data.split` or \
                 `data.eval_split`",
                dataset.uri()
            )));
        };
        let captions = match needs.text {
            TextForm::None => 0,
            TextForm::Embedding { .. } | TextForm::Characters { .. } => {
                captions_per_image(dataset.as_ref(), &indices, first)?
            }
        };
        let classes = indices.iter().map(|&i| dataset.class_of(i)).collect();
        let pixels = (!needs.image_sizes.is_empty())
            .then(|| Pixels::new(Arc::clone(&dataset), config, &needs.image_sizes));
        Ok(Self {
            population: Population {
                indices,
                classes,
                captions,
            },
            dataset,
            needs,
            pixels,
            embeddings: None,
            features: None,
        })
    }
}

impl Source {
    /// The same images for other needs, without captions, embeddings or features.
    #[must_use]
    pub fn view(&self, config: &schema::Data, needs: Needs) -> Self {
        let pixels = (!needs.image_sizes.is_empty())
            .then(|| Pixels::new(Arc::clone(&self.dataset), config, &needs.image_sizes));
        Self {
            dataset: Arc::clone(&self.dataset),
            population: self.population.clone(),
            needs,
            pixels,
            embeddings: None,
            features: None,
        }
    }
}

/// Captions every image of the split has; where they differ, the smallest number.
fn captions_per_image(
    dataset: &dyn TextImageDataset,
    indices: &[usize],
    first: usize,
) -> Result<usize, DataError> {
    if let Some(embeddings) = dataset.embeddings()? {
        return Ok(embeddings.captions);
    }
    let mut fewest = dataset.record(first)?.captions.len();
    for &index in indices {
        let record = dataset.record(index)?;
        if record.captions.is_empty() {
            return Err(DataError::Inconsistent(format!(
                "{}: image `{}` has no caption; add one or remove the image",
                dataset.uri(),
                record.key
            )));
        }
        fewest = fewest.min(record.captions.len());
    }
    Ok(fewest)
}
