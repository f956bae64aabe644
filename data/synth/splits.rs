//! Which images are for training, validation and test, and which labels and captions are wrong on
//! purpose.

use std::collections::{HashMap, HashSet};

use wordpaint_rng::Rng;

use super::kind::SplitMode;
use super::preset::Counts;
use super::streams;
use super::uri::SynthSpec;
use crate::dataset::Split;

/// Captions per image.
pub(crate) const CAPTIONS: usize = 10;

/// Smallest division of a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Block {
    Train,
    Val,
    Test,
}

impl Block {
    const fn belongs_to(self, split: Split) -> bool {
        match split {
            Split::Train => matches!(self, Self::Train),
            Split::Val => matches!(self, Self::Val),
            Split::Trainval => matches!(self, Self::Train | Self::Val),
            Split::Test => matches!(self, Self::Test),
            Split::All => true,
        }
    }
}

/// Division of a dataset, with its noise.
#[derive(Debug, Clone)]
pub(crate) struct Splits {
    counts: Counts,
    seed: u64,
    /// Block of every image.
    blocks: Vec<Block>,
    /// Wrong labels by image.
    labels: HashMap<usize, usize>,
    /// Wrong captions, numbered `image * CAPTIONS + caption`.
    swapped: HashSet<usize>,
}

impl Splits {
    /// Divides a dataset; `combination` gives the pair of attribute values that a compositional
    /// split holds out together.
    pub(crate) fn new(spec: &SynthSpec, combination: impl Fn(usize) -> (u8, u8)) -> Option<Self> {
        let counts = spec.counts;
        let mut order: Vec<usize> = (0..counts.classes).collect();
        Rng::new(&[spec.seed, streams::SPLITS]).shuffle(&mut order);
        let blocks = match spec.split {
            SplitMode::PerImage => (0..counts.images())
                .map(|i| {
                    if counts.locate(i).1 % 5 == 4 {
                        Block::Test
                    } else {
                        Block::Train
                    }
                })
                .collect(),
            SplitMode::ClassDisjoint => {
                let mut of_class = vec![Block::Train; counts.classes];
                let train = counts.train();
                for (place, &class) in order.iter().enumerate().skip(train) {
                    of_class[class] = if place < train + counts.val {
                        Block::Val
                    } else {
                        Block::Test
                    };
                }
                spread(&counts, &of_class)
            }
            SplitMode::Compositional => {
                let pairs: Vec<(u8, u8)> = (0..counts.classes).map(combination).collect();
                let mut of_class = vec![Block::Train; counts.classes];
                hold_out(&pairs, &order, &mut of_class, Block::Test, counts.test);
                hold_out(&pairs, &order, &mut of_class, Block::Val, counts.val);
                if !of_class.contains(&Block::Test) {
                    return None;
                }
                spread(&counts, &of_class)
            }
        };
        let mut splits = Self {
            counts,
            seed: spec.seed,
            blocks,
            labels: HashMap::new(),
            swapped: HashSet::new(),
        };
        let images = counts.images();
        for image in share_of(images, spec.label_noise, &[spec.seed, streams::LABEL_NOISE]) {
            if let Some(donor) =
                splits.donor(image, &[spec.seed, streams::LABEL_NOISE, image as u64])
            {
                splits.labels.insert(image, counts.locate(donor).0);
            }
        }
        let keys = [spec.seed, streams::CAPTION_NOISE];
        splits
            .swapped
            .extend(share_of(images * CAPTIONS, spec.caption_noise, &keys));
        Some(splits)
    }

    /// Class an image is labelled with.
    pub(crate) fn label(&self, image: usize) -> usize {
        self.labels
            .get(&image)
            .copied()
            .unwrap_or_else(|| self.counts.locate(image).0)
    }

    /// The image whose caption `caption` is shown with `image`: itself, or one of another class.
    pub(crate) fn caption_source(&self, image: usize, caption: usize) -> usize {
        let number = image * CAPTIONS + caption;
        if !self.swapped.contains(&number) {
            return image;
        }
        let keys = [self.seed, streams::CAPTION_NOISE, number as u64];
        self.donor(image, &keys).unwrap_or(image)
    }

    /// Images of a split, ascending.
    pub(crate) fn images(&self, split: Split) -> Vec<usize> {
        (0..self.blocks.len())
            .filter(|i| self.blocks[*i].belongs_to(split))
            .collect()
    }

    /// A random image of the same block but another class, so that noise never mixes training and
    /// test classes; `None` if the block has one class only.
    fn donor(&self, image: usize, keys: &[u64]) -> Option<usize> {
        let class = self.counts.locate(image).0;
        let fits = |other: usize| {
            self.blocks[other] == self.blocks[image] && self.counts.locate(other).0 != class
        };
        let mut rng = Rng::new(keys);
        // Rejection ends quickly in all but tiny blocks, which the scan below settles.
        (0..64)
            .map(|_| rng.n(self.blocks.len()))
            .find(|other| fits(*other))
            .or_else(|| (0..self.blocks.len()).find(|other| fits(*other)))
    }
}

/// Block of every image from the block of every class.
fn spread(counts: &Counts, of_class: &[Block]) -> Vec<Block> {
    (0..counts.images())
        .map(|i| of_class[counts.locate(i).0])
        .collect()
}

/// A seeded random share of `0..n`; a larger share contains every smaller one.
pub(crate) fn share_of(n: usize, share: f32, keys: &[u64]) -> Vec<usize> {
    if share <= 0.0 {
        return Vec::new();
    }
    let mut order: Vec<usize> = (0..n).collect();
    Rng::new(keys).shuffle(&mut order);
    order.truncate((n as f64 * f64::from(share)).round() as usize);
    order
}

/// Moves whole attribute pairs out of training until `target` classes are held out, as long as both
/// values of each pair stay known from other training classes.
fn hold_out(
    pairs: &[(u8, u8)],
    order: &[usize],
    of_class: &mut [Block],
    block: Block,
    target: usize,
) {
    let mut held = 0;
    for &class in order {
        let pair = pairs[class];
        if of_class[class] != Block::Train {
            continue;
        }
        let train = || (0..pairs.len()).filter(|c| of_class[*c] == Block::Train);
        let members: Vec<usize> = train().filter(|c| pairs[*c] == pair).collect();
        let stays_known = train().any(|c| pairs[c] != pair && pairs[c].0 == pair.0)
            && train().any(|c| pairs[c] != pair && pairs[c].1 == pair.1);
        if stays_known && held + members.len() <= target {
            held += members.len();
            for member in members {
                of_class[member] = block;
            }
        }
    }
}
