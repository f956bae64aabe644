//! Which samples make up a batch: a pure function of (seed, epoch, batch index).

use std::sync::{Arc, Mutex};

use wordpaint_models::system::Sampling;
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

/// What the sampler has to know about the data.
#[derive(Debug, Clone)]
pub struct Population {
    /// Dataset indices of the split, ascending.
    pub indices: Vec<usize>,
    /// Class of each entry of `indices`.
    pub classes: Vec<usize>,
    /// Captions per image.
    pub captions: usize,
}

/// Draws batches.
#[derive(Debug)]
pub struct Sampler {
    population: Population,
    by_class: Vec<Vec<usize>>,
    sampling: Sampling,
    captions: usize,
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
    /// A sampler of `captions` captions per sample over `population`.
    ///
    /// # Errors
    ///
    /// If the split cannot fill a batch, has no captions, or has too few classes.
    pub fn new(
        population: Population,
        sampling: Sampling,
        captions: usize,
        has_mismatched: bool,
        batch_size: usize,
        seed: u64,
    ) -> Result<Self, SamplerError> {
        let classes = population.classes.iter().max().map_or(0, |m| m + 1);
        let mut by_class = vec![Vec::new(); classes];
        for (position, &class) in population.classes.iter().enumerate() {
            by_class[class].push(position);
        }
        by_class.retain(|members| !members.is_empty());
        let images = population.indices.len();
        let fail = |message: String| Err(SamplerError(message));
        if captions > 0 && population.captions == 0 {
            return fail("the images have no captions; the system trains on captions".into());
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
        let sampler = Self {
            population,
            by_class,
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
        let images = self.population.indices.len();
        match self.sampling {
            Sampling::Pairs => images * self.population.captions / self.batch_size,
            Sampling::Images | Sampling::ClassUniform => images / self.batch_size,
            // reedscot/cvpr2016: an epoch has as many iterations as there are classes.
            Sampling::DistinctClasses => self.by_class.len(),
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
        let images = self.population.indices.len();
        let range = index * self.batch_size..(index + 1) * self.batch_size;
        let chosen: Vec<(usize, Option<usize>)> = match self.sampling {
            Sampling::Pairs => {
                let per_image = self.population.captions;
                let order = self.order(epoch, images * per_image);
                let pair = |&p: &u32| (p as usize / per_image, Some(p as usize % per_image));
                order[range].iter().map(pair).collect()
            }
            Sampling::Images => {
                let order = self.order(epoch, images);
                order[range].iter().map(|&p| (p as usize, None)).collect()
            }
            Sampling::ClassUniform => (0..self.batch_size)
                .map(|_| {
                    let class = rng.n(self.by_class.len());
                    (*rng.pick(&self.by_class[class]), None)
                })
                .collect(),
            Sampling::DistinctClasses => {
                let mut classes: Vec<usize> = (0..self.by_class.len()).collect();
                rng.shuffle(&mut classes);
                classes[..self.batch_size]
                    .iter()
                    .map(|&class| (*rng.pick(&self.by_class[class]), None))
                    .collect()
            }
        };
        chosen
            .into_iter()
            .enumerate()
            .map(|(slot, (position, first))| {
                let captions = self.draw_captions(&mut rng, first);
                let mismatched = self
                    .has_mismatched
                    .then(|| self.draw_other(&mut rng, position));
                Sample {
                    image: self.population.indices[position],
                    captions,
                    mismatched,
                    key: Rng::new(&[seed, key("sample"), e, i, slot as u64]).state(),
                }
            })
            .collect()
    }

    fn draw_captions(&self, rng: &mut Rng, first: Option<usize>) -> Vec<usize> {
        let available = self.population.captions;
        match first {
            Some(first) => {
                let others = (1..self.captions).map(|_| rng.n(available));
                std::iter::once(first)
                    .chain(others)
                    .take(self.captions)
                    .collect()
            }
            None => (0..self.captions).map(|_| rng.n(available)).collect(),
        }
    }

    /// An image of another class, class-uniform.
    fn draw_other(&self, rng: &mut Rng, position: usize) -> usize {
        let class = self.population.classes[position];
        loop {
            let members = rng.pick(&self.by_class);
            if self.population.classes[members[0]] != class {
                return self.population.indices[*rng.pick(members)];
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn population() -> Population {
        Population {
            indices: (100..124).collect(),
            classes: (0..24).map(|i| i / 4 * 2).collect(),
            captions: 3,
        }
    }

    fn sampler(sampling: Sampling, batch: usize) -> Sampler {
        Sampler::new(population(), sampling, 2, true, batch, 5).expect("population is large enough")
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

    #[test]
    fn a_split_smaller_than_a_batch_is_refused() {
        let error = Sampler::new(population(), Sampling::Images, 1, false, 25, 0).expect_err("24");
        assert!(error.to_string().contains("train.batch_size"), "{error}");
    }
}
