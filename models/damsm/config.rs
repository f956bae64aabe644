//! `[model]` table of DAMSM pretraining.

use serde::{Deserialize, Serialize};

use crate::auxiliary::{TextInput, check_contrastive, check_gammas};
use crate::losses::contrastive::{ContrastiveLoss, SecondView, ViewNoise};
use crate::losses::damsm::Gammas;
use crate::system::{
    BatchFacts, Classes, Component, Group, Needs, Optimizer, Part, Phase, Plan, Pretrained,
    Problem, Schedule, Size, SmallestBatch, StagePlan, SystemConfig, check,
};
use crate::vision::backbone::BackboneConfig;
use crate::vision::inception::InceptionConfig;
use crate::vision::region_heads::cost;

/// Part of the backbone's feature maps that is held at a time: it is only passed forward, and its first
/// maps are the largest.
const PASSING: f64 = 0.3;

/// Configuration of the pretraining.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Text encoder and what it reads; words beyond its ids, the rarer ones, are left out.
    pub text: TextInput,
    /// The network in front of the image heads.
    #[serde(rename = "trunk")]
    pub backbone: BackboneConfig,
    /// Side of the images in pixels.
    pub image_size: usize,
    /// Sharpness of attention and scores.
    pub gammas: Gammas,
    /// Weight of matching words with regions.
    pub word_weight: f64,
    /// Weight of matching sentences with images.
    pub sentence_weight: f64,
    /// Contrastive loss between sentences (`nt-xent`) or of images and sentences.
    pub contrastive: ContrastiveLoss,
}

impl Default for Config {
    /// The published encoder and losses on a narrow VGG.
    fn default() -> Self {
        Self {
            text: TextInput::default(),
            backbone: BackboneConfig::default(),
            image_size: 64,
            gammas: Gammas::default(),
            word_weight: 1.0,     // AttnGAN, pretrain_DAMSM.py
            sentence_weight: 1.0, // AttnGAN, pretrain_DAMSM.py
            contrastive: ContrastiveLoss::default(),
        }
    }
}

impl SystemConfig for Config {
    const PARTS: &'static [Part] = &[TextInput::PART];

    fn validate(&self) -> Result<(), Problem> {
        self.text.validate()?;
        self.backbone.check(self.image_size)?;
        check_gammas(&self.gammas)?;
        check::weights(&[
            ("word_weight", self.word_weight),
            ("sentence_weight", self.sentence_weight),
        ])?;
        if self.contrastive.real_to_fake != 0.0 {
            let message = "must be 0: a pretraining paints no images";
            return Err(Problem::new("contrastive.real_to_fake", message));
        }
        if self.contrastive.second_view != SecondView::Full {
            let message = "must be `full`: a pretraining paints no images";
            return Err(Problem::new("contrastive.second_branch", message));
        }
        if self.contrastive.noise != ViewNoise::Independent {
            let message = "must be `independent`: a pretraining paints no images";
            return Err(Problem::new("contrastive.noise", message));
        }
        check_contrastive(&self.contrastive)
    }

    fn needs(&self) -> Needs {
        Needs {
            captions: self.contrastive.num_views(),
            has_distinct_captions: self.contrastive.distinct_captions,
            ..Needs::of_words(vec![self.image_size], self.text.words, self.text.vocabulary)
        }
    }

    fn smallest_batch(&self) -> SmallestBatch {
        self.contrastive.smallest_batch(SmallestBatch::MATCHING)
    }

    fn classes(&self) -> Classes {
        Classes::Rivals
    }

    fn check_batch(&self, batch: &BatchFacts) -> Result<(), Problem> {
        self.contrastive.check_batch(batch)
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
        }
    }

    fn components(&self) -> Vec<Component> {
        let views = self.contrastive.num_views() as f64;
        let side = self.backbone.side(self.image_size);
        let text = self.text.cost();
        let heads = cost(
            self.backbone.region_channels(),
            self.backbone.pooled(),
            self.text.encoder.dim,
            side,
        );
        let backbone = self.backbone.cost(self.image_size);
        vec![
            Component::own("text", text, 3.0 * views).kept(views),
            Component::own("heads", heads, 3.0),
            match self.backbone.clone() {
                BackboneConfig::Vgg(vgg) => {
                    let wanted = vgg.config();
                    let pretrained =
                        Pretrained::new(move |found| vgg.check_vgg(found)).like(wanted);
                    Component::frozen("trunk", pretrained, Size::Layers(backbone), 1.0)
                }
                BackboneConfig::Inception(inception) => {
                    let pretrained = Pretrained::new(|_: &InceptionConfig| Ok(()));
                    let pretrained = pretrained.like(inception.config());
                    Component::own("trunk", backbone, 1.0).initialised_from(pretrained)
                }
            }
            .kept(PASSING),
        ]
    }
}
