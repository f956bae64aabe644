//! What a dataset holds, in numbers.

use std::collections::BTreeSet;

use rayon::prelude::*;
use serde::Serialize;
use wordpaint_data::{DataError, ImageSize, Split, TextImageDataset};

/// Numbers of a dataset.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Stats {
    /// Its address.
    pub uri: String,
    /// Digest of its content.
    pub fingerprint: String,
    /// Images of all splits.
    pub images: usize,
    /// Classes of all splits.
    pub classes: usize,
    /// Categories of data with several labels per image, else 0.
    pub categories: usize,
    /// Labels of an image, of data with several.
    pub labels: Spread,
    /// Splits by name.
    pub splits: Vec<SplitSize>,
    /// Captions of an image.
    pub captions: Spread,
    /// Words of a caption, split as for word-level systems.
    pub words: Spread,
    /// Different words.
    pub vocabulary: usize,
    /// Images that were decoded for the widths and heights.
    pub measured: usize,
    /// Widths in pixels.
    pub width: Spread,
    /// Heights in pixels.
    pub height: Spread,
}

/// One split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SplitSize {
    /// Which.
    pub split: Split,
    /// Its images.
    pub images: usize,
    /// Classes with an image in it.
    pub classes: usize,
}

/// Smallest, mean and largest of some numbers; all 0 for none.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize)]
pub struct Spread {
    /// Smallest.
    pub min: usize,
    /// Mean.
    pub mean: f64,
    /// Largest.
    pub max: usize,
}

impl Spread {
    fn of(values: &[usize]) -> Self {
        let sum: usize = values.iter().sum();
        Self {
            min: values.iter().copied().min().unwrap_or(0),
            mean: sum as f64 / values.len().max(1) as f64,
            max: values.iter().copied().max().unwrap_or(0),
        }
    }
}

/// Reads all captions of `dataset` and decodes `decoded` of its images, evenly spread. `progress` is
/// called after every image whose captions or pixels were read, with their number and the total.
///
/// # Errors
///
/// If a caption or an image cannot be read.
pub fn stats(
    dataset: &dyn TextImageDataset,
    decoded: usize,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Stats, DataError> {
    let images = dataset.len();
    let measured = evenly(images, decoded);
    let total = images + measured.len();
    let (mut captions, mut words, mut labels) = (Vec::new(), Vec::new(), Vec::new());
    let mut vocabulary = BTreeSet::new();
    for index in 0..images {
        let record = dataset.record(index)?;
        captions.push(record.captions.len());
        labels.push(record.labels.len());
        for caption in &record.captions {
            let before = words.len();
            words.push(0);
            for word in wordpaint_data::words::words(caption) {
                words[before] += 1;
                vocabulary.insert(word);
            }
        }
        progress(index + 1, total);
    }
    let (mut widths, mut heights) = (Vec::new(), Vec::new());
    for chunk in measured.chunks(32) {
        let sizes = chunk
            .par_iter()
            .map(|&index| Ok(dataset.image(index, ImageSize::Native)?.dimensions()))
            .collect::<Result<Vec<_>, DataError>>()?;
        for (width, height) in sizes {
            widths.push(width as usize);
            heights.push(height as usize);
        }
        progress(images + widths.len(), total);
    }
    let splits = [Split::Train, Split::Val, Split::Trainval, Split::Test];
    Ok(Stats {
        uri: dataset.uri(),
        fingerprint: dataset.fingerprint(),
        images,
        classes: dataset.classes().len(),
        categories: dataset.categories().len(),
        labels: Spread::of(&labels),
        splits: splits.map(|split| size(dataset, split)).into(),
        captions: Spread::of(&captions),
        words: Spread::of(&words),
        vocabulary: vocabulary.len(),
        measured: measured.len(),
        width: Spread::of(&widths),
        height: Spread::of(&heights),
    })
}

/// `count` of the indices `0..len`, evenly spread.
pub fn evenly(len: usize, count: usize) -> Vec<usize> {
    let count = count.min(len);
    (0..count).map(|i| i * len / count).collect()
}

fn size(dataset: &dyn TextImageDataset, split: Split) -> SplitSize {
    let indices = dataset.split(split);
    let classes: BTreeSet<usize> = indices.iter().map(|&i| dataset.class_of(i)).collect();
    SplitSize {
        split,
        images: indices.len(),
        classes: classes.len(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_of_built_in_birds_are_those_of_their_address() {
        let dataset = wordpaint_data::open("synth:birds?classes=6&per_class=5&size=24")
            .expect("the address is right");
        let mut last = (0, 0);

        let stats = stats(&*dataset, 7, &mut |done, total| last = (done, total)).expect("read");

        assert_eq!((stats.images, stats.classes), (30, 6));
        assert_eq!((stats.captions.min, stats.captions.max), (10, 10));
        assert_eq!(stats.measured, 7);
        assert_eq!((stats.width.min, stats.height.max), (24, 24));
        let of = |split| {
            stats
                .splits
                .iter()
                .find(|s| s.split == split)
                .expect("listed")
        };
        assert_eq!(of(Split::Trainval).images + of(Split::Test).images, 30);
        assert!(stats.words.min > 1 && stats.vocabulary > 10);
        assert_eq!(last, (37, 37));
    }

    #[test]
    fn labels_of_scenes_are_counted() {
        let dataset = wordpaint_data::open("synth:scenes?n=20&size=16").expect("right");

        let stats = stats(&*dataset, 1, &mut |_, _| ()).expect("read");

        assert_eq!((stats.categories, stats.classes), (80, 20));
        assert!(stats.labels.min >= 1 && stats.labels.max <= 5);
        assert!(stats.labels.mean > 2.0);
    }

    #[test]
    fn evenly_spread_indices_begin_at_the_first() {
        assert_eq!(evenly(10, 4), [0, 2, 5, 7]);
        assert_eq!(evenly(2, 4), [0, 1]);
        assert!(evenly(0, 4).is_empty());
    }
}
