//! Pretrained encoders that go on learning while generator and discriminator train (SSA-GAN, main_finetune.py).

use burn::module::{AutodiffModule, Module};
use serde::{Deserialize, Serialize};

use crate::auxiliary::sum;
use crate::backend::AutodiffBackend;
use crate::batch::Batch;
use crate::losses::damsm::{Gammas, sentence_matching, word_matching};
use crate::nn::resize::AlignCorners;
use crate::state::{load_named, named_tensors};
use crate::system::{Iteration, LossTerms, Problem, check};
use crate::text::lstm::Words;
use crate::vision::matching::Damsm;
use crate::vision::region_heads::RegionHeads;

/// `[model.fine_tuning]`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FineTuning {
    /// Factor of matching real images with words and sentences; 0 leaves the encoders as they are.
    pub weight: f64,
    /// Channels of the pretrained image encoder's regions.
    pub channels: usize,
    /// Numbers by which it describes a whole image.
    pub pooled: usize,
}

impl Default for FineTuning {
    /// Off; sizes of Inception-v3.
    fn default() -> Self {
        Self {
            weight: 0.0,
            channels: 768,
            pooled: 2048,
        }
    }
}

impl FineTuning {
    /// Whether the encoders learn.
    pub fn is_on(&self) -> bool {
        self.weight != 0.0
    }

    pub(super) fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The first wrong key, with what is accepted.
    ///
    /// # Errors
    ///
    /// If a number is out of range.
    pub fn check(&self) -> Result<(), Problem> {
        check::weights(&[("fine_tuning.weight", self.weight)])?;
        check::counts(&[
            ("fine_tuning.channels", self.channels),
            ("fine_tuning.pooled", self.pooled),
        ])
    }
}

/// `fresh` with the parameters of a frozen `pretrained` network of the same sizes, to be trained.
///
/// # Panics
///
/// If the sizes differ: the configuration is checked against the pretraining before.
pub(super) fn taken_over<B: AutodiffBackend, M>(fresh: M, pretrained: &M) -> M
where
    M: Module<B> + AutodiffModule<B>,
{
    let mut values: std::collections::BTreeMap<_, _> =
        named_tensors(&pretrained.valid()).into_iter().collect();
    let (taken, report) = load_named::<B, M>(fresh, |name, _| values.remove(name));
    assert!(
        report.is_complete(),
        "checked against the pretraining: {report:?}"
    );
    taken
}

/// Terms of the encoders: real images matched with their captions, each in both directions.
pub(super) fn terms<B: AutodiffBackend>(
    (fine_tuning, gammas, align_corners): (&FineTuning, &Gammas, AlignCorners),
    heads: &RegionHeads<B>,
    captions: &[Words<B>],
    (damsm, batch): (&Damsm<B>, &Batch<B>),
) -> LossTerms<B> {
    let (regions, pooled) = damsm.features(batch.real(), align_corners);
    let image = heads.forward(regions.detach(), pooled.detach());
    // Every image of multi-label data is its own class.
    let classes = batch.labels.is_none().then_some(&batch.classes);
    let words = || {
        sum(captions.iter().map(|caption| {
            let Words { words, padding, .. } = caption.clone();
            word_matching(words, padding, image.regions.clone(), classes, gammas).sum()
        }))
    };
    let sentences = || {
        sum(captions.iter().map(|caption| {
            let sentence = caption.sentence.clone();
            sentence_matching(sentence, image.code.clone(), classes, gammas).sum()
        }))
    };
    LossTerms::new()
        .with("encoders/words", fine_tuning.weight, words)
        .with("encoders/sentence", fine_tuning.weight, sentences)
}

/// `iteration` with an image encoder that has `heads`.
pub(super) fn with_heads<B: AutodiffBackend>(
    iteration: &Iteration<B>,
    heads: &RegionHeads<B>,
) -> Iteration<B> {
    let damsm = iteration.frozen.get::<Damsm<B>>().clone();
    Iteration {
        frozen: iteration
            .frozen
            .clone()
            .with(damsm.with_heads(heads.clone())),
        ..iteration.clone()
    }
}
