//! Which samples make up a batch: a pure function of (seed, epoch, batch index).

use std::sync::{Arc, Mutex};

use wordpaint_models::system::{Positive, Sampling};
use wordpaint_rng::{Rng, key};

/// One sample of a batch by reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// Dataset index of the image.
    pub image: usize,
    /// Captions by position in the image's list.
    pub captions: Vec<usize>,
    /// Dataset index of an image of another class.
    pub mismatched: Option<usize>,
    /// Key of the sample's own random draws (crop, flip).
    pub key: u64,
}

/// Which captions a sample gets.
#[derive(Debug, Clone)]
enum Captions {
    /// Drawn.
    Any,
    /// This one, the others drawn.
    First(usize),
    /// These.
    These(Vec<usize>),
}

/// The captions that a sample is to get.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CaptionDraws {
    /// How many.
    pub count: usize,
    /// Whether none is drawn twice.
    pub are_distinct: bool,
}

/// What the sampler has to know about the data.
#[derive(Debug, Clone)]
pub struct SplitIndex {
    /// Dataset indices of the split, ascending.
    pub indices: Vec<usize>,
    /// Class of each entry of `indices`.
    pub classes: Vec<usize>,
    /// Captions per image.
    pub captions: usize,
    /// Labels of each entry of `indices`, where they and not the classes say what belongs together.
    pub labels: Option<Vec<Vec<usize>>>,
}

/// Draws batches.
#[derive(Debug)]
pub struct Sampler {
    split: SplitIndex,
    by_class: Vec<Vec<usize>>,
    /// Positions in the split that have a label, by label.
    by_label: Vec<Vec<usize>>,
    sampling: Sampling,
    captions: CaptionDraws,
    has_mismatched: bool,
    batch_size: usize,
    seed: u64,
    /// Permutation of the epoch last asked for.
    order: Mutex<Option<(usize, Arc<Vec<u32>>)>>,
}

/// A split too small for the way it is to be sampled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct SamplerError(String);

impl Sampler {
    /// A sampler of `captions` per sample over `split`.
    ///
    /// # Errors
    ///
    /// If the split cannot fill a batch, has no captions, or has too few classes.
    pub fn new(
        split: SplitIndex,
        sampling: Sampling,
        captions: CaptionDraws,
        has_mismatched: bool,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self, SamplerError> {
        let classes = split.classes.iter().max().map_or(0, |m| m + 1);
        let mut by_class = vec![Vec::new(); classes];
        for (position, &class) in split.classes.iter().enumerate() {
            by_class[class].push(position);
        }
        by_class.retain(|members| !members.is_empty());
        let images = split.indices.len();
        let fail = |message: String| Err(SamplerError(message));
        if captions.count > 0 && split.captions == 0 {
            return fail("the images have no captions; the system trains on captions".into());
        }
        if captions.are_distinct && split.captions < captions.count {
            return fail(format!(
                "{} distinct captions are drawn per image, but the images have {}; turn \
                 `model.contrastive.distinct_captions` off",
                captions.count, split.captions
            ));
        }
        if has_mismatched && by_class.len() < 2 {
            return fail(format!(
                "mismatched pairs need images of at least two classes, the split has {}",
                by_class.len()
            ));
        }
        if sampling == Sampling::DistinctClasses && by_class.len() < batch_size {
            return fail(format!(
                "batches of distinct classes need at least {batch_size} classes, the split has \
                 {}; lower `train.batch_size`",
                by_class.len()
            ));
        }
        if matches!(sampling, Sampling::Positives(_)) && !batch_size.is_multiple_of(2) {
            return fail(format!(
                "half of a batch are partners of the other half, but `train.batch_size` is \
                 {batch_size}; make it even"
            ));
        }
        let mut by_label: Vec<Vec<usize>> = Vec::new();
        for (position, labels) in split.labels.iter().flatten().enumerate() {
            for &label in labels {
                if by_label.len() <= label {
                    by_label.resize(label + 1, Vec::new());
                }
                by_label[label].push(position);
            }
        }
        let sampler = Self {
            split,
            by_class,
            by_label,
            sampling,
            captions,
            has_mismatched,
            batch_size,
            seed,
            order: Mutex::new(None),
        };
        if sampler.batches_per_epoch() == 0 {
            return fail(format!(
                "the split has {images} images, less than one batch of {batch_size}; lower \
                 `train.batch_size`"
            ));
        }
        Ok(sampler)
    }

    /// Full batches of one epoch; an incomplete last batch is dropped.
    pub const fn batches_per_epoch(&self) -> usize {
        let images = self.split.indices.len();
        match self.sampling {
            Sampling::Pairs => images * self.split.captions / self.batch_size,
            Sampling::Images | Sampling::ClassUniform => images / self.batch_size,
            // reedscot/cvpr2016: an epoch has as many iterations as there are classes.
            Sampling::DistinctClasses => self.by_class.len(),
            Sampling::Positives(_) => images * 2 / self.batch_size,
        }
    }

    /// Samples per batch.
    pub const fn batch_size(&self) -> usize {
        self.batch_size
    }

    fn order(&self, epoch: usize, len: usize) -> Arc<Vec<u32>> {
        let mut cached = self
            .order
            .lock()
            .expect("no code panics while it holds the order");
        if let Some((of, order)) = cached.as_ref()
            && *of == epoch
        {
            return Arc::clone(order);
        }
        let mut order: Vec<u32> = (0..len as u32).collect();
        Rng::new(&[self.seed, key("order"), epoch as u64]).shuffle(&mut order);
        let order = Arc::new(order);
        *cached = Some((epoch, Arc::clone(&order)));
        order
    }

    /// Samples of batch `index` of `epoch`, both 0-based.
    pub fn batch(&self, epoch: usize, index: usize) -> Vec<Sample> {
        let (seed, e, i) = (self.seed, epoch as u64, index as u64);
        let mut rng = Rng::new(&[seed, key("batch"), e, i]);
        let images = self.split.indices.len();
        let range = index * self.batch_size..(index + 1) * self.batch_size;
        let alone = |position: usize| (position, Captions::Any);
        let chosen: Vec<(usize, Captions)> = match self.sampling {
            Sampling::Pairs => {
                let per_image = self.split.captions;
                let order = self.order(epoch, images * per_image);
                let pair = |&p: &u32| {
                    let (position, caption) = (p as usize / per_image, p as usize % per_image);
                    (position, Captions::First(caption))
                };
                order[range].iter().map(pair).collect()
            }
            Sampling::Images => {
                let order = self.order(epoch, images);
                order[range].iter().map(|&p| alone(p as usize)).collect()
            }
            Sampling::ClassUniform => (0..self.batch_size)
                .map(|_| {
                    let class = rng.n(self.by_class.len());
                    alone(*rng.pick(&self.by_class[class]))
                })
                .collect(),
            Sampling::DistinctClasses => {
                let mut classes: Vec<usize> = (0..self.by_class.len()).collect();
                rng.shuffle(&mut classes);
                classes[..self.batch_size]
                    .iter()
                    .map(|&class| alone(*rng.pick(&self.by_class[class])))
                    .collect()
            }
            Sampling::Positives(positive) => {
                let half = self.batch_size / 2;
                let order = self.order(epoch, images);
                let anchors = order[index * half..(index + 1) * half].iter();
                let (anchors, positives): (Vec<_>, Vec<_>) = anchors
                    .map(|&p| self.pair(positive, epoch, p as usize))
                    .unzip();
                [anchors, positives].concat()
            }
        };
        chosen
            .into_iter()
            .enumerate()
            .map(|(slot, (position, captions))| {
                let captions = match captions {
                    Captions::Any => self.draw_captions(&mut rng, None),
                    Captions::First(first) => self.draw_captions(&mut rng, Some(first)),
                    Captions::These(captions) => captions,
                };
                let mismatched = self
                    .has_mismatched
                    .then(|| self.draw_other(&mut rng, position));
                Sample {
                    image: self.split.indices[position],
                    captions,
                    mismatched,
                    key: Rng::new(&[seed, key("sample"), e, i, slot as u64]).state(),
                }
            })
            .collect()
    }

    fn draw_captions(&self, rng: &mut Rng, first: Option<usize>) -> Vec<usize> {
        let CaptionDraws {
            count,
            are_distinct,
        } = self.captions;
        let mut drawn: Vec<usize> = first.into_iter().take(count).collect();
        while drawn.len() < count {
            let caption = rng.n(self.split.captions);
            if !(are_distinct && drawn.contains(&caption)) {
                drawn.push(caption);
            }
        }
        drawn
    }

    /// An anchor and its positive. They depend on seed, epoch and anchor alone, not on the batch.
    fn pair(
        &self,
        positive: Positive,
        epoch: usize,
        anchor: usize,
    ) -> ((usize, Captions), (usize, Captions)) {
        let image = self.split.indices[anchor] as u64;
        let mut rng = Rng::new(&[self.seed, key("partner"), epoch as u64, image]);
        let captions = self.draw_captions(&mut rng, None);
        let found = match positive {
            Positive::Label => self.draw_positive(&mut rng, anchor),
            Positive::Caption => None,
        };
        let theirs = match found {
            Some(_) => self.draw_captions(&mut rng, None),
            None => self.draw_other_captions(&mut rng, &captions),
        };
        (
            (anchor, Captions::These(captions)),
            (found.unwrap_or(anchor), Captions::These(theirs)),
        )
    }

    /// Another image that belongs to `anchor`.
    fn draw_positive(&self, rng: &mut Rng, anchor: usize) -> Option<usize> {
        let is_other = |members: &&Vec<usize>| members.len() > 1;
        let members = if let Some(labels) = &self.split.labels {
            // A label first, then an image: otherwise the most frequent label would prevail.
            let labels = labels[anchor].iter().map(|&label| &self.by_label[label]);
            let shared: Vec<&Vec<usize>> = labels.filter(is_other).collect();
            (!shared.is_empty()).then(|| *rng.pick(&shared))?
        } else {
            let class = self.split.classes[anchor];
            let of_class = |members: &&Vec<usize>| self.split.classes[members[0]] == class;
            self.by_class.iter().find(of_class).filter(is_other)?
        };
        let own = members.binary_search(&anchor).ok()?;
        let step = 1 + rng.n(members.len() - 1);
        Some(members[(own + step) % members.len()])
    }

    /// For each of `captions` another one of the same image, where there is one.
    fn draw_other_captions(&self, rng: &mut Rng, captions: &[usize]) -> Vec<usize> {
        let available = self.split.captions;
        let other = |&caption: &usize| match available {
            0 | 1 => caption,
            _ => (caption + 1 + rng.n(available - 1)) % available,
        };
        captions.iter().map(other).collect()
    }

    /// An image of another class, class-uniform.
    fn draw_other(&self, rng: &mut Rng, position: usize) -> usize {
        let class = self.split.classes[position];
        loop {
            let members = rng.pick(&self.by_class);
            if self.split.classes[members[0]] != class {
                return self.split.indices[*rng.pick(members)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split() -> SplitIndex {
        SplitIndex {
            indices: (100..124).collect(),
            classes: (0..24).map(|i| i / 4 * 2).collect(),
            captions: 3,
            labels: None,
        }
    }

    const fn any(count: usize) -> CaptionDraws {
        CaptionDraws {
            count,
            are_distinct: false,
        }
    }

    const fn distinct(count: usize) -> CaptionDraws {
        CaptionDraws {
            count,
            are_distinct: true,
        }
    }

    fn sampler(sampling: Sampling, batch: usize) -> Sampler {
        Sampler::new(split(), sampling, any(2), true, batch, 5).expect("the split is large enough")
    }

    /// Images of the first epochs that get the same caption twice, and all of them.
    fn twice(sampling: Sampling, captions: CaptionDraws) -> [usize; 2] {
        let sampler = Sampler::new(split(), sampling, captions, false, 8, 5);
        let sampler = sampler.expect("the split is large enough");
        let batches = (0..20).flat_map(|e| (0..sampler.batches_per_epoch()).map(move |b| (e, b)));
        let samples: Vec<Sample> = batches.flat_map(|(e, b)| sampler.batch(e, b)).collect();
        let twice = samples.iter().filter(|s| s.captions[0] == s.captions[1]);
        [twice.count(), samples.len()]
    }

    #[test]
    fn the_same_caption_is_drawn_twice_unless_it_may_not() {
        for sampling in [Sampling::Images, Sampling::Pairs] {
            let [same, all] = twice(sampling, any(2));
            // One in three of three captions.
            assert!((all / 4..all / 2).contains(&same), "{same} of {all}");
            assert_eq!(twice(sampling, distinct(2))[0], 0);
        }
        let error = Sampler::new(split(), Sampling::Images, distinct(4), false, 8, 5);
        let error = error.expect_err("there are three").to_string();
        assert!(error.contains("the images have 3"), "{error}");
    }

    #[test]
    fn pairs_visit_every_caption_of_every_image_once_per_epoch() {
        let sampler = sampler(Sampling::Pairs, 8);
        let mut seen: Vec<(usize, usize)> = (0..sampler.batches_per_epoch())
            .flat_map(|b| sampler.batch(3, b))
            .map(|s| (s.image, s.captions[0]))
            .collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 72);
    }

    #[test]
    fn a_batch_does_not_depend_on_what_was_asked_before() {
        let (a, b) = (sampler(Sampling::Pairs, 8), sampler(Sampling::Pairs, 8));
        for (epoch, batch) in [(1, 2), (0, 0), (1, 2), (0, 3)] {
            a.batch(epoch, batch);
        }
        assert_eq!(a.batch(1, 4), b.batch(1, 4));
        assert_ne!(a.batch(1, 4), a.batch(2, 4));
    }

    #[test]
    fn distinct_classes_never_repeat_in_a_batch() {
        let sampler = sampler(Sampling::DistinctClasses, 5);
        for batch in 0..20 {
            let mut classes: Vec<usize> = sampler
                .batch(0, batch)
                .iter()
                .map(|s| (s.image - 100) / 4)
                .collect();
            classes.sort_unstable();
            classes.dedup();
            assert_eq!(classes.len(), 5);
        }
    }

    #[test]
    fn mismatched_images_are_of_another_class() {
        let sampler = sampler(Sampling::ClassUniform, 6);
        for sample in (0..4).flat_map(|b| sampler.batch(0, b)) {
            let other = sample.mismatched.expect("mismatched images were asked for");
            assert_ne!((sample.image - 100) / 4, (other - 100) / 4);
        }
    }

    /// The anchors of an epoch with their positives.
    fn pairs(sampler: &Sampler, epoch: usize) -> Vec<(Sample, Sample)> {
        (0..sampler.batches_per_epoch())
            .flat_map(|b| {
                let mut anchors = sampler.batch(epoch, b);
                let positives = anchors.split_off(anchors.len() / 2);
                anchors.into_iter().zip(positives)
            })
            .collect()
    }

    #[test]
    fn positives_are_other_images_of_the_class() {
        let sampler = sampler(Sampling::Positives(Positive::Label), 8);

        let pairs = pairs(&sampler, 2);

        let mut anchors: Vec<usize> = pairs.iter().map(|(a, _)| a.image).collect();
        anchors.sort_unstable();
        assert_eq!(anchors, (100..124).collect::<Vec<_>>());
        for (anchor, positive) in pairs {
            assert_eq!((anchor.image - 100) / 4, (positive.image - 100) / 4);
            assert_ne!(anchor.image, positive.image);
        }
    }

    #[test]
    fn positives_do_not_depend_on_the_size_of_the_batch() {
        let of = |batch| {
            let mut pairs = pairs(&sampler(Sampling::Positives(Positive::Label), batch), 1);
            pairs.sort_by_key(|(anchor, _)| anchor.image);
            let images = pairs.into_iter();
            images
                .map(|(a, b)| (a.image, a.captions, b.image, b.captions))
                .collect::<Vec<_>>()
        };

        assert_eq!(of(8), of(6));
        assert_eq!(of(8), of(2));
    }

    #[test]
    fn the_control_is_the_same_image_with_another_caption() {
        let pairs = pairs(&sampler(Sampling::Positives(Positive::Caption), 4), 0);

        assert_eq!(pairs.len(), 24);
        for (anchor, positive) in pairs {
            assert_eq!(anchor.image, positive.image);
            for (a, b) in anchor.captions.iter().zip(&positive.captions) {
                assert_ne!(a, b);
            }
        }
    }

    #[test]
    fn positives_share_a_label_and_rare_labels_are_not_drowned() {
        // Everyone has label 0; label 5 is on two images, and one has no label.
        let mut labels = vec![vec![0]; 24];
        labels[3] = vec![0, 5];
        labels[4] = vec![0, 5];
        labels[9].clear();
        let split = SplitIndex {
            classes: (0..24).collect(),
            labels: Some(labels.clone()),
            ..split()
        };
        let sampling = Sampling::Positives(Positive::Label);
        let sampler = Sampler::new(split, sampling, any(1), false, 6, 5).expect("large enough");
        let mut together = 0;
        for epoch in 0..200 {
            for (anchor, positive) in pairs(&sampler, epoch) {
                let (a, b) = (anchor.image - 100, positive.image - 100);
                if a == 9 {
                    assert_eq!(b, 9);
                    assert_ne!(anchor.captions, positive.captions);
                } else {
                    assert_ne!(a, b);
                    assert!(labels[a].iter().any(|label| labels[b].contains(label)));
                    together += usize::from(a == 3 && b == 4);
                }
            }
        }
        // Half of the draws choose the rare label; uniform over images it would be 1 in 22.
        assert!((70..140).contains(&together), "{together} of 200");
    }

    #[test]
    fn pairs_need_an_even_batch() {
        let sampling = Sampling::Positives(Positive::Label);
        let error = Sampler::new(split(), sampling, any(1), false, 7, 0).expect_err("odd");
        assert!(error.to_string().contains("make it even"), "{error}");
    }

    #[test]
    fn a_split_smaller_than_a_batch_is_refused() {
        let error = Sampler::new(split(), Sampling::Images, any(1), false, 25, 0);
        let error = error.expect_err("24");
        assert!(error.to_string().contains("train.batch_size"), "{error}");
    }
}
