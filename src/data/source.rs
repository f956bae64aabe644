//! A dataset split with everything a batch is assembled from.

use std::sync::Arc;

use image::RgbImage;
use rayon::prelude::*;
use wordpaint_data::resize::opencv_bilinear;
use wordpaint_data::tokenizers::Tokenizer;
use wordpaint_data::{DataError, ImageSize, Split, TextImageDataset};
use wordpaint_models::system::{Needs, Positive, Sampling};

use super::annotations;
use super::pixels::Pixels;
use super::sampler::SplitIndex;
use crate::config::schema;

/// Rows of equal length, one or more per image.
#[derive(Debug, Clone)]
pub struct Table {
    values: Arc<Vec<f32>>,
    /// Length of a row.
    pub dim: usize,
    per_image: usize,
    /// Images that have rows, ascending; `None` for all of the dataset.
    images: Option<Arc<[usize]>>,
}

impl Table {
    /// A table with `per_image` rows for every image of a dataset, in its order.
    pub const fn whole(values: Arc<Vec<f32>>, dim: usize, per_image: usize) -> Self {
        Self {
            values,
            dim,
            per_image,
            images: None,
        }
    }

    /// A table with `per_image` rows for each of `images`, which are dataset indices in ascending
    /// order.
    pub const fn of(
        images: Arc<[usize]>,
        values: Arc<Vec<f32>>,
        dim: usize,
        per_image: usize,
    ) -> Self {
        Self {
            values,
            dim,
            per_image,
            images: Some(images),
        }
    }

    /// Row `k` of `image`.
    pub fn row(&self, image: usize, k: usize) -> &[f32] {
        let position = self.images.as_ref().map_or(image, |images| {
            images
                .binary_search(&image)
                .expect("a table covers the images of its source")
        });
        let index = position * self.per_image + k;
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
    pub split: SplitIndex,
    /// Decoded images; `None` when the system looks at no pixels.
    pub pixels: Option<Pixels>,
    /// Sentence embeddings, a row per caption.
    pub embeddings: Option<Table>,
    /// Image features, a row per image.
    pub features: Option<Table>,
    /// From captions to ids, where the system reads ids.
    pub tokenizer: Option<Arc<dyn Tokenizer>>,
}

impl Source {
    /// Opens `split` of an opened dataset for `needs`.
    ///
    /// # Errors
    ///
    /// If the split is empty, its captions cannot be read, or an image lacks the annotations that are
    /// needed.
    pub fn new(
        dataset: Arc<dyn TextImageDataset>,
        config: &schema::Data,
        split: Split,
        needs: Needs,
    ) -> Result<Self, DataError> {
        let indices = images(dataset.as_ref(), split)?;
        Self::of(dataset, config, indices, needs)
    }

    /// The same for `indices` alone (ascending, not empty): nothing of other images is read.
    ///
    /// # Errors
    ///
    /// If captions cannot be read, or if an image lacks the annotations that are needed.
    pub fn of(
        dataset: Arc<dyn TextImageDataset>,
        config: &schema::Data,
        indices: Vec<usize>,
        needs: Needs,
    ) -> Result<Self, DataError> {
        annotations::check(dataset.as_ref(), &indices, needs.annotations)?;
        let captions = if needs.text.is_some() {
            captions_per_image(dataset.as_ref(), &indices)?
        } else {
            0
        };
        let classes = indices.iter().map(|&i| dataset.class_of(i)).collect();
        let needs = Needs {
            sampling: config.positives.sampling(needs.sampling),
            ..needs
        };
        let by_label = needs.sampling == Sampling::Positives(Positive::Label);
        let labels = (by_label && is_multi_label(dataset.as_ref()))
            .then(|| indices.iter().map(|&i| dataset.labels_of(i)).collect())
            .transpose()?;
        let pixels = (!needs.image_sizes.is_empty())
            .then(|| Pixels::new(Arc::clone(&dataset), config, &needs.image_sizes));
        Ok(Self {
            split: SplitIndex {
                indices,
                classes,
                captions,
                labels,
            },
            dataset,
            needs,
            pixels,
            embeddings: None,
            features: None,
            tokenizer: None,
        })
    }
}

impl Source {
    /// Image `index` with sides of `side` pixels as training sees it, but without chance: cropped to
    /// its box where training does so, then in the middle, and not flipped.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn real(&self, index: usize, side: u32) -> Result<RgbImage, DataError> {
        let image = match &self.pixels {
            Some(pixels) => pixels.centre(index)?,
            None => self.dataset.image(index, ImageSize::Hint(side))?,
        };
        Ok(if image.dimensions() == (side, side) {
            image
        } else {
            opencv_bilinear(&image, side, side)
        })
    }

    /// The same images for other needs, without captions, embeddings or features.
    #[must_use]
    pub fn view(&self, config: &schema::Data, needs: Needs) -> Self {
        let pixels = (!needs.image_sizes.is_empty())
            .then(|| Pixels::new(Arc::clone(&self.dataset), config, &needs.image_sizes));
        Self {
            dataset: Arc::clone(&self.dataset),
            split: self.split.clone(),
            needs,
            pixels,
            embeddings: None,
            features: None,
            tokenizer: None,
        }
    }
}

/// Whether labels and not classes say what belongs together: every image is a class of its own.
pub fn is_multi_label(dataset: &dyn TextImageDataset) -> bool {
    !dataset.categories().is_empty() && dataset.classes().len() == dataset.len()
}

/// The images of a split, ascending.
///
/// # Errors
///
/// If there is none.
pub fn images(dataset: &dyn TextImageDataset, split: Split) -> Result<Vec<usize>, DataError> {
    let indices = dataset.split(split);
    if indices.is_empty() {
        return Err(DataError::Inconsistent(format!(
            "{}: split `{split:?}` has no image; choose another with `data.split` or \
             `data.eval_split`",
            dataset.uri()
        )));
    }
    Ok(indices)
}

/// Captions every one of the images has; where they differ, the smallest number.
fn captions_per_image(
    dataset: &dyn TextImageDataset,
    indices: &[usize],
) -> Result<usize, DataError> {
    if let Some(embeddings) = dataset.embeddings()? {
        return Ok(embeddings.captions);
    }
    let count = |&index: &usize| {
        let record = dataset.record(index)?;
        if record.captions.is_empty() {
            return Err(DataError::Inconsistent(format!(
                "{}: image `{}` has no caption; add one or remove the image",
                dataset.uri(),
                record.key
            )));
        }
        Ok(record.captions.len())
    };
    // Results stay in order, so that of several faults the first is reported.
    let counts: Vec<Result<usize, DataError>> = indices.par_iter().map(count).collect();
    counts
        .into_iter()
        .try_fold(usize::MAX, |fewest, count| Ok(fewest.min(count?)))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;
    use image::RgbImage;
    use wordpaint_data::{ImageSize, Record};
    use wordpaint_models::system::TextForm;

    /// Built-in birds that note whose captions are read.
    struct Watched {
        birds: Box<dyn TextImageDataset>,
        read: Mutex<Vec<usize>>,
    }

    impl TextImageDataset for Watched {
        fn uri(&self) -> String {
            self.birds.uri()
        }

        fn len(&self) -> usize {
            self.birds.len()
        }

        fn classes(&self) -> &[String] {
            self.birds.classes()
        }

        fn class_of(&self, index: usize) -> usize {
            self.birds.class_of(index)
        }

        fn record(&self, index: usize) -> Result<Record, DataError> {
            self.read.lock().expect("not poisoned").push(index);
            self.birds.record(index)
        }

        fn image(&self, index: usize, size: ImageSize) -> Result<RgbImage, DataError> {
            self.birds.image(index, size)
        }

        fn split(&self, split: Split) -> Vec<usize> {
            self.birds.split(split)
        }

        fn fingerprint(&self) -> String {
            self.birds.fingerprint()
        }
    }

    #[test]
    fn captions_of_other_images_are_not_read() {
        let uri = "synth:birds?preset=nano&size=32&seed=7";
        let watched = Arc::new(Watched {
            birds: wordpaint_data::open(uri).expect("built in"),
            read: Mutex::default(),
        });
        let config = toml::from_str(&format!("uri = '{uri}'")).expect("a valid table");
        let needs = Needs {
            text: TextForm::Embedding { dim: 8 },
            ..Needs::default()
        };

        let source = Source::of(Arc::clone(&watched) as _, &config, vec![3, 5], needs);

        assert_eq!(source.expect("readable").split.captions, 10);
        let mut read = watched.read.lock().expect("not poisoned").clone();
        read.sort_unstable();
        assert_eq!(read, [3, 5]);
    }

    #[test]
    fn a_table_of_some_images_finds_the_rows_of_each() {
        let images = Arc::from([2, 5, 9]);
        let values = (0..12).map(|n| n as f32).collect();

        let table = Table::of(images, Arc::new(values), 2, 2);

        assert_eq!(table.row(2, 1), [2.0, 3.0]);
        assert_eq!(table.row(9, 0), [8.0, 9.0]);
    }
}
