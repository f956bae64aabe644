//! Wrong labels for training: what is left of supervision when some of it is wrong.

use std::collections::BTreeMap;
use std::sync::Arc;

use wordpaint_data::{DataError, Split, TextImageDataset};
use wordpaint_rng::{Rng, key};

use super::relabelled::Relabelled;
use super::source::{images, is_multi_label};

/// `dataset` with wrong labels on about a `share` of the images of `split`.
///
/// Whether an image is among them, and what it gets, depends on `seed`, the image and the split alone;
/// a larger share holds the images of a smaller one. The wrong class is uniform over the others of the
/// split; where images have several labels, they get those of another image.
///
/// # Errors
///
/// If the split is empty or has nothing to draw wrong labels from.
pub fn mislabelled(
    dataset: Arc<dyn TextImageDataset>,
    split: Split,
    share: f64,
    seed: u64,
) -> Result<Arc<dyn TextImageDataset>, DataError> {
    if share <= 0.0 {
        return Ok(dataset);
    }
    let images = images(dataset.as_ref(), split)?;
    let mut classes: Vec<usize> = images.iter().map(|&i| dataset.class_of(i)).collect();
    classes.sort_unstable();
    classes.dedup();
    let is_multi_label = is_multi_label(dataset.as_ref());
    let choices = if is_multi_label { &images } else { &classes };
    if choices.len() < 2 {
        return Err(DataError::Inconsistent(format!(
            "{}: split `{split:?}` has one {} only, so there is no wrong one to draw; take \
             `data.label_noise` out",
            dataset.uri(),
            if is_multi_label { "image" } else { "class" }
        )));
    }
    let (mut wrong, mut givers) = (BTreeMap::new(), BTreeMap::new());
    for &image in &images {
        let mut rng = Rng::new(&[seed, key("label-noise"), image as u64]);
        if f64::from(rng.f(0.0, 1.0)) >= share {
            continue;
        }
        let own = if is_multi_label {
            image
        } else {
            dataset.class_of(image)
        };
        let place = choices.binary_search(&own).expect("one of the split's");
        let other = choices[(place + 1 + rng.n(choices.len() - 1)) % choices.len()];
        if is_multi_label {
            givers.insert(image, other);
        } else {
            wrong.insert(image, other);
        }
    }
    Ok(Arc::new(Relabelled {
        classes: wrong,
        givers,
        ..Relabelled::of(dataset)
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIRDS: &str = "synth:birds?preset=nano&size=16&seed=7";
    const SCENES: &str = "synth:scenes?n=60&size=16&seed=7";

    fn open(uri: &str) -> Arc<dyn TextImageDataset> {
        Arc::from(wordpaint_data::open(uri).expect("built in"))
    }

    fn noisy(uri: &str, share: f64, seed: u64) -> Arc<dyn TextImageDataset> {
        mislabelled(open(uri), Split::Trainval, share, seed).expect("there are others")
    }

    /// Images of a split whose class or labels are not their own.
    fn changed(uri: &str, dataset: &dyn TextImageDataset, split: Split) -> Vec<usize> {
        let clean = open(uri);
        let labels = |data: &dyn TextImageDataset, i| data.labels_of(i).expect("labels");
        let is_changed = |&i: &usize| {
            dataset.class_of(i) != clean.class_of(i)
                || labels(dataset, i) != labels(clean.as_ref(), i)
        };
        dataset
            .split(split)
            .into_iter()
            .filter(is_changed)
            .collect()
    }

    #[test]
    fn the_share_of_wrong_classes_is_the_one_asked_for_and_no_other_split_has_any() {
        let images = open(BIRDS).split(Split::Trainval).len() as f64;
        for share in [0.1, 0.3, 0.5] {
            let dataset = noisy(BIRDS, share, 3);

            let found = changed(BIRDS, dataset.as_ref(), Split::Trainval).len() as f64;

            let deviation = (images * share * (1.0 - share)).sqrt();
            let distance = (found - images * share).abs();
            assert!(distance < 4.0 * deviation, "{found} of {images} at {share}");
            assert!(changed(BIRDS, dataset.as_ref(), Split::Test).is_empty());
        }
        let all = noisy(BIRDS, 1.0, 3);
        assert_eq!(
            changed(BIRDS, all.as_ref(), Split::Trainval),
            all.split(Split::Trainval)
        );
        assert!(changed(BIRDS, noisy(BIRDS, 0.0, 3).as_ref(), Split::Trainval).is_empty());
    }

    #[test]
    fn wrong_labels_depend_on_seed_and_image_and_more_noise_keeps_those_of_less() {
        let of = |share, seed| {
            let dataset = noisy(BIRDS, share, seed);
            let images = changed(BIRDS, dataset.as_ref(), Split::Trainval).into_iter();
            images.map(|i| (i, dataset.class_of(i))).collect::<Vec<_>>()
        };
        let (less, more) = (of(0.2, 5), of(0.4, 5));

        assert_eq!(less, of(0.2, 5));
        assert_ne!(less, of(0.2, 6));
        assert!(less.iter().all(|wrong| more.contains(wrong)));
        assert!(less.len() < more.len());
    }

    #[test]
    fn wrong_classes_are_classes_of_the_split_and_records_agree_with_them() {
        let dataset = noisy(BIRDS, 0.5, 3);
        let clean = open(BIRDS);
        let known: Vec<usize> = clean
            .split(Split::Trainval)
            .iter()
            .map(|&i| clean.class_of(i))
            .collect();

        for image in dataset.split(Split::Trainval) {
            let record = dataset.record(image).expect("readable");
            assert!(known.contains(&record.class));
            assert_eq!(record.class, dataset.class_of(image));
            assert_eq!(
                record.captions,
                clean.record(image).expect("readable").captions
            );
        }
    }

    #[test]
    fn an_image_with_several_labels_gets_those_of_another_and_keeps_its_class() {
        let dataset = noisy(SCENES, 0.5, 3);
        let clean = open(SCENES);
        let known: Vec<Vec<usize>> = clean
            .split(Split::Trainval)
            .iter()
            .map(|&i| clean.labels_of(i).expect("labels"))
            .collect();

        let found = changed(SCENES, dataset.as_ref(), Split::Trainval);

        assert!(!found.is_empty());
        for image in found {
            assert_eq!(dataset.class_of(image), clean.class_of(image));
            assert!(known.contains(&dataset.labels_of(image).expect("labels")));
        }
    }
}
