//! `[model]` table of DAMSM pretraining.

use serde::{Deserialize, Serialize};

use crate::guidance::{check_contrast, check_gammas, check_reader};
use crate::losses::contrast::{BranchNoise, Contrast, SecondBranch};
use crate::losses::damsm::Gammas;
use crate::system::{
    AidKind, Classes, Group, Needs, NetworkCost, Optimizer, Phase, Plan, Problem, Schedule,
    SmallestBatch, StagePlan, SystemConfig, check,
};
use crate::text::lstm::EncoderConfig;
use crate::vision::inception::InceptionConfig;
use crate::vision::region_heads::cost;
use crate::vision::trunk::Trunk;
use crate::vision::vgg::VggConfig;

/// Part of the trunk's feature maps that is held at a time: it is only passed forward, and its first
/// maps are the largest.
const PASSING: f64 = 0.3;

/// Configuration of the pretraining.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Text encoder.
    pub encoder: EncoderConfig,
    /// Ids of the text encoder, the one for "nothing there" included; rarer words are left out.
    pub vocabulary: usize,
    /// Words read of a caption.
    pub words: usize,
    /// What the image heads see.
    pub trunk: Trunk,
    /// Side of the images in pixels.
    pub image_size: usize,
    /// Sharpness of attention and scores.
    pub gammas: Gammas,
    /// Weight of matching words with regions.
    pub word_weight: f64,
    /// Weight of matching sentences with images.
    pub sentence_weight: f64,
    /// Contrast between sentences (`nt-xent`) or of images and sentences.
    pub contrast: Contrast,
}

impl Default for Config {
    /// The published encoder and losses on a narrow VGG.
    fn default() -> Self {
        Self {
            encoder: EncoderConfig::default(),
            vocabulary: 5450, // AttnGAN, captions.pickle of the birds
            words: 18,        // AttnGAN, cfg/DAMSM/bird.yml
            trunk: Trunk::default(),
            image_size: 64,
            gammas: Gammas::default(),
            word_weight: 1.0,     // AttnGAN, pretrain_DAMSM.py
            sentence_weight: 1.0, // AttnGAN, pretrain_DAMSM.py
            contrast: Contrast::default(),
        }
    }
}

impl SystemConfig for Config {
    fn validate(&self) -> Result<(), Problem> {
        check_reader(&self.encoder, self.vocabulary, self.words)?;
        self.trunk.check(self.image_size)?;
        check_gammas(&self.gammas)?;
        check::weights(&[
            ("word_weight", self.word_weight),
            ("sentence_weight", self.sentence_weight),
        ])?;
        if self.contrast.real_to_fake != 0.0 {
            let message = "must be 0: a pretraining paints no images";
            return Err(Problem::new("contrast.real_to_fake", message));
        }
        if self.contrast.second_branch != SecondBranch::Full {
            let message = "must be `full`: a pretraining paints no images";
            return Err(Problem::new("contrast.second_branch", message));
        }
        if self.contrast.noise != BranchNoise::Independent {
            let message = "must be `independent`: a pretraining paints no images";
            return Err(Problem::new("contrast.noise", message));
        }
        check_contrast(&self.contrast)
    }

    fn needs(&self) -> Needs {
        Needs {
            captions: self.contrast.branches(),
            has_distinct_captions: self.contrast.distinct_captions,
            ..Needs::of_words(vec![self.image_size], self.words, self.vocabulary)
        }
    }

    fn smallest_batch(&self) -> SmallestBatch {
        self.contrast.smallest_batch(SmallestBatch::MATCHING)
    }

    fn classes(&self) -> Classes {
        Classes::Rivals
    }

    fn aids(&self) -> Vec<AidKind> {
        vec![match self.trunk {
            Trunk::Vgg(_) => AidKind::Vgg,
            Trunk::Inception(_) => AidKind::Inception,
        }]
    }

    fn check_vgg(&self, vgg: &VggConfig) -> Result<(), Problem> {
        let Trunk::Vgg(trunk) = &self.trunk else {
            return Ok(());
        };
        if trunk.fits(vgg) {
            return Ok(());
        }
        let message = format!(
            "expects a VGG of depth {} with widths {:?}, `aids.vgg` has depth {} and {:?}",
            u32::from(trunk.depth),
            trunk.widths,
            u32::from(vgg.depth),
            vgg.widths
        );
        Err(Problem::new("trunk", message))
    }

    fn inception(&self) -> InceptionConfig {
        match &self.trunk {
            Trunk::Inception(trunk) => trunk.config(),
            Trunk::Vgg(_) => InceptionConfig::DAMSM,
        }
    }

    fn contrast(&self) -> Option<&Contrast> {
        Some(&self.contrast)
    }

    fn plan(&self) -> Plan {
        let group = |name, prefix, clip| Group {
            name,
            prefixes: vec![prefix],
            optimizer: Optimizer::Adam {
                lr: 0.002,           // AttnGAN, cfg/DAMSM/*.yml
                betas: [0.5, 0.999], // AttnGAN, pretrain_DAMSM.py
                eps: 1e-8,
            },
            schedule: Schedule::DecayTo {
                factor: 0.98, // AttnGAN, pretrain_DAMSM.py
                floor: 0.1,
            },
            clip,
        };
        Plan {
            groups: vec![
                group("text", "text.", Some(0.25)), // AttnGAN, cfg/DAMSM/*.yml RNN_GRAD_CLIP
                group("heads", "heads.", None),
            ],
            stages: vec![StagePlan {
                has_fresh_optimizer_per_epoch: true,
                ..StagePlan::new("matching", vec![Phase::new("m", ["text", "heads"])])
            }],
            ..Plan::default()
        }
    }

    fn networks(&self) -> Vec<NetworkCost> {
        let branches = self.contrast.branches() as f64;
        let trunk = &self.trunk;
        let side = trunk.side(self.image_size);
        vec![
            NetworkCost::new(
                "text",
                self.encoder.cost(self.vocabulary, self.words),
                3.0 * branches,
            )
            .kept(branches),
            NetworkCost::new(
                "heads",
                cost(
                    trunk.region_channels(),
                    trunk.pooled(),
                    self.encoder.dim,
                    side,
                ),
                3.0,
            ),
            NetworkCost::new("trunk", trunk.cost(self.image_size), 1.0)
                .kept(PASSING)
                .frozen(),
        ]
    }
}
