//! `[model]` table of the char-CNN-RNN.

use serde::{Deserialize, Serialize};

use crate::system::{
    Classes, Component, Group, Needs, Optimizer, Plan, Problem, Sampling, Schedule, SmallestBatch,
    SystemConfig, TextForm, Tokens, check,
};
use crate::text::char_cnn_rnn::{CHARACTERS, CharCnnRnnConfig, LENGTH, Variant};

/// Configuration of the joint embedding.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Recurrence.
    pub variant: Variant,
    /// Channels of the first two convolutions.
    pub conv_channels: [usize; 2],
    /// Channels of the last convolution and of the recurrence.
    pub cnn_dim: usize,
    /// Length of the embedding and of the image features.
    pub embedding_dim: usize,
    /// By how much the score of a pair has to exceed the others.
    pub margin: f64,
    /// Weight of the loss of texts that compete for an image.
    pub text_weight: f64,
    /// Weight of the loss of images that compete for a text; 0 makes the objective asymmetric.
    pub image_weight: f64,
}

impl Default for Config {
    /// The encoder whose embeddings of birds were published.
    fn default() -> Self {
        Self {
            variant: Variant::Gru18,
            conv_channels: [384, 512],
            cnn_dim: 512,
            embedding_dim: 1024,
            margin: 1.0,
            text_weight: 1.0,
            image_weight: 1.0,
        }
    }
}

impl Config {
    /// Sizes of the encoder.
    pub const fn encoder(&self) -> CharCnnRnnConfig {
        CharCnnRnnConfig {
            variant: self.variant,
            conv_channels: self.conv_channels,
            cnn_dim: self.cnn_dim,
            embedding_dim: self.embedding_dim,
        }
    }
}

impl SystemConfig for Config {
    fn validate(&self) -> Result<(), Problem> {
        check::counts(&[
            (
                "conv_channels",
                self.conv_channels[0].min(self.conv_channels[1]),
            ),
            (
                "conv_channels",
                self.conv_channels[0].max(self.conv_channels[1]),
            ),
            ("cnn_dim", self.cnn_dim),
            ("embedding_dim", self.embedding_dim),
        ])?;
        check::weights(&[
            ("margin", self.margin),
            ("text_weight", self.text_weight),
            ("image_weight", self.image_weight),
        ])?;
        if self.text_weight == 0.0 && self.image_weight == 0.0 {
            let message = "leaves no term to train on together with `image_weight` = 0";
            return Err(Problem::new("text_weight", message));
        }
        Ok(())
    }

    fn needs(&self) -> Needs {
        Needs {
            text: TextForm::Tokens(Tokens {
                tokenizer: "characters",
                length: LENGTH,
                vocabulary: CHARACTERS + 1,
            }),
            sampling: Sampling::DistinctClasses,
            features: Some(self.embedding_dim),
            ..Needs::default()
        }
    }

    fn smallest_batch(&self) -> SmallestBatch {
        SmallestBatch::new(
            2,
            "texts and images are told from those of other classes of the batch",
        )
    }

    fn classes(&self) -> Classes {
        Classes::Rivals
    }

    fn plan(&self) -> Plan {
        let group = Group {
            name: "encoder",
            prefixes: vec!["encoder."],
            // cvpr2016, scripts/train_cub_hybrid.sh; the smoothing is the library's default.
            optimizer: Optimizer::Rmsprop {
                lr: 7e-4,
                alpha: 0.99,
                eps: 1e-8,
            },
            schedule: Schedule::StepDecay {
                every: 1,
                factor: 0.98,
            },
            clip: None,
        };
        Plan::single("joint-embedding", "e", group)
    }

    fn components(&self) -> Vec<Component> {
        vec![Component::own("encoder", self.encoder().cost(), 3.0)]
    }
}
