//! `[model]` table of the captioner.

use serde::{Deserialize, Serialize};

use crate::auxiliary::{check_same, image_encoder};
use crate::nn::resize::AlignCorners;
use crate::system::{
    Component, Group, Needs, Optimizer, Plan, Pretrained, Problem, Schedule, SystemConfig, check,
};
use crate::text::captioner::CaptionerConfig;
use crate::vision::matching::DamsmSizes;

/// Configuration of the captioner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Side of the images in pixels.
    pub image_size: usize,
    /// How they are brought to the size of the image encoder.
    pub align_corners: AlignCorners,
    /// Numbers by which the image encoder describes a whole image.
    pub image_dim: usize,
    /// Ids of words, as in the pretraining named by `text.encoder`.
    pub vocabulary: usize,
    /// Words read of a caption.
    pub words: usize,
    /// Sizes of the network.
    pub decoder: CaptionerConfig,
}

impl Default for Config {
    /// Beside the published image encoder of the birds.
    fn default() -> Self {
        Self {
            image_size: 256,
            align_corners: AlignCorners::False,
            image_dim: 2048,
            vocabulary: 5450,
            words: 18,
            decoder: CaptionerConfig::default(),
        }
    }
}

impl SystemConfig for Config {
    fn validate(&self) -> Result<(), Problem> {
        check::side("image_size", self.image_size, 1)?;
        check::within("words", self.words, 1..=check::MOST_WORDS)?;
        check::counts(&[
            ("image_dim", self.image_dim),
            ("decoder.embedding_dim", self.decoder.embedding_dim),
            ("decoder.hidden", self.decoder.hidden),
        ])?;
        check::within("vocabulary", self.vocabulary, 2..=check::LARGEST_VOCABULARY)?;
        check::share("decoder.dropout", self.decoder.dropout)
    }

    fn needs(&self) -> Needs {
        Needs::of_words(vec![self.image_size], self.words, self.vocabulary)
    }

    fn plan(&self) -> Plan {
        Plan::single(
            "captioning",
            "c",
            Group {
                name: "captioner",
                prefixes: vec!["decoder."],
                optimizer: Optimizer::Adam {
                    lr: 1e-3,
                    betas: [0.9, 0.999],
                    eps: 1e-8,
                },
                schedule: Schedule::StepDecay {
                    every: 3,
                    factor: 0.8,
                },
                clip: Some(5.0),
            },
        )
    }

    fn components(&self) -> Vec<Component> {
        let (image_dim, vocabulary) = (self.image_dim, self.vocabulary);
        let pair = Pretrained::new(move |found: &DamsmSizes| {
            check_same(&[("vocabulary", vocabulary, found.text.vocabulary)])?;
            found
                .image
                .map_or(Ok(()), |image| check_image_dim(image_dim, image.whole))
        });
        let cost = self.decoder.cost(image_dim, vocabulary, self.words);
        vec![
            Component::own("decoder", cost, 3.0),
            image_encoder(pair, &["heads", "trunk"], 1.0),
        ]
    }
}

fn check_image_dim(ours: usize, theirs: usize) -> Result<(), Problem> {
    if ours == theirs {
        return Ok(());
    }
    let message =
        format!("is {ours}, but the pretrained image encoder gives {theirs} numbers; set it so");
    Err(Problem::new("image_dim", message))
}
