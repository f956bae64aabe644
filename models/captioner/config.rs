//! `[model]` table of the captioner.

use serde::{Deserialize, Serialize};

use crate::nn::resize::Corners;
use crate::system::{
    AidKind, Group, Needs, NetworkCost, Optimizer, Plan, Problem, Sampling, Schedule, SystemConfig,
    TextForm,
};
use crate::text::captioner::CaptionerConfig;
use crate::text::lstm::Dimensions;

/// Configuration of the captioner.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Side of the images in pixels.
    pub image_size: usize,
    /// How they are brought to the size of the image encoder.
    pub corners: Corners,
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
            corners: Corners::Edges,
            image_dim: 2048,
            vocabulary: 5450,
            words: 18,
            decoder: CaptionerConfig::default(),
        }
    }
}

impl SystemConfig for Config {
    fn validate(&self) -> Result<(), Problem> {
        let sizes = [
            ("image_size", self.image_size),
            ("image_dim", self.image_dim),
            ("words", self.words),
            ("decoder.embedding_dim", self.decoder.embedding_dim),
            ("decoder.hidden", self.decoder.hidden),
        ];
        for (key, value) in sizes {
            if value == 0 {
                return Err(Problem::new(key, "must be at least 1"));
            }
        }
        if self.vocabulary < 2 {
            return Err(Problem::new("vocabulary", "must be at least 2"));
        }
        if !(0.0..1.0).contains(&self.decoder.dropout) {
            let message = "must be at least 0 and below 1";
            return Err(Problem::new("decoder.dropout", message));
        }
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs {
            image_sizes: vec![self.image_size],
            has_mismatched: false,
            text: TextForm::Words {
                length: self.words,
                vocabulary: self.vocabulary,
            },
            captions: 1,
            sampling: Sampling::Images,
            features: None,
            has_attributes: false,
        }
    }

    fn aids(&self) -> Vec<AidKind> {
        vec![AidKind::Damsm]
    }

    fn check_damsm(&self, damsm: &Dimensions) -> Result<(), Problem> {
        if self.vocabulary == damsm.vocabulary {
            return Ok(());
        }
        let message = format!(
            "is {}, but the pretrained encoder has {}; set it so",
            self.vocabulary, damsm.vocabulary
        );
        Err(Problem::new("vocabulary", message))
    }

    fn check_eyes(&self, length: usize) -> Result<(), Problem> {
        if self.image_dim == length {
            return Ok(());
        }
        let message = format!(
            "is {}, but the pretrained image encoder gives {length} numbers; set it so",
            self.image_dim
        );
        Err(Problem::new("image_dim", message))
    }

    fn looks(&self) -> f64 {
        1.0
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

    fn networks(&self) -> Vec<NetworkCost> {
        let cost = self
            .decoder
            .cost(self.image_dim, self.vocabulary, self.words);
        vec![NetworkCost::new("decoder", cost, 3.0)]
    }
}
