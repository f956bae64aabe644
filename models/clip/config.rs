//! `[model]` table of CLIP.

use serde::{Deserialize, Serialize};

use crate::nn::cost::Cost;
use crate::nn::transformer::BlockConfig;
use crate::system::{
    Component, Group, Needs, Optimizer, Plan, Problem, Schedule, SmallestBatch, SystemConfig,
    TextForm, Tokens, check,
};
use crate::text::clip::TextTowerConfig;
use crate::vision::clip::ClipConfig;
use crate::vision::vit::ImageTowerConfig;

/// Fewest ids: every byte inside and at the end of a piece, and the markers of begin and end.
pub const FEWEST_IDS: usize = 2 * 256 + 2;
/// Fewest ids of a caption: both markers and one between them.
const SHORTEST: usize = 3;
/// Most blocks of a tower.
const MOST_LAYERS: usize = 1000;

/// Configuration of CLIP; the default is the published ViT-B/32.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Side of the images in pixels.
    pub image_size: usize,
    /// Image tower.
    pub image: ImageSettings,
    /// Text tower.
    pub text: TextSettings,
    /// Length of an embedding.
    pub embedding: usize,
    /// Most ids of byte pairs.
    pub vocabulary: usize,
    /// Ids read of a caption, those that mark begin and end included.
    pub tokens: usize,
}

/// `[model.image]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ImageSettings {
    /// Side of a patch in pixels, which divides that of the images.
    pub patch: usize,
    /// Length of a token.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Attention heads of a block; their number divides the width.
    pub heads: usize,
}

/// `[model.text]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TextSettings {
    /// Length of a token.
    pub width: usize,
    /// Blocks.
    pub layers: usize,
    /// Attention heads of a block; their number divides the width.
    pub heads: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            image_size: 224,
            image: ImageSettings::default(),
            text: TextSettings::default(),
            embedding: 512,
            vocabulary: 49408,
            tokens: 77,
        }
    }
}

impl Default for ImageSettings {
    fn default() -> Self {
        Self {
            patch: 32,
            width: 768,
            layers: 12,
            heads: 12,
        }
    }
}

impl Default for TextSettings {
    fn default() -> Self {
        Self {
            width: 512,
            layers: 12,
            heads: 8,
        }
    }
}

impl Config {
    /// Sizes of both towers.
    pub const fn sizes(&self) -> ClipConfig {
        let (image, text) = (self.image, self.text);
        ClipConfig {
            image: ImageTowerConfig {
                image_size: self.image_size,
                patch: image.patch,
                layers: image.layers,
                block: BlockConfig {
                    width: image.width,
                    heads: image.heads,
                },
                embedding: self.embedding,
            },
            text: TextTowerConfig {
                vocabulary: self.vocabulary,
                length: self.tokens,
                layers: text.layers,
                block: BlockConfig {
                    width: text.width,
                    heads: text.heads,
                },
                embedding: self.embedding,
            },
        }
    }
}

/// Refuses heads that do not divide the width of tokens.
fn check_heads(tower: &str, heads: usize, width: usize) -> Result<(), Problem> {
    if width.is_multiple_of(heads) {
        return Ok(());
    }
    let message = format!("must divide `{tower}.width`, which is {width}");
    Err(Problem::new(format!("{tower}.heads"), message))
}

impl SystemConfig for Config {
    fn validate(&self) -> Result<(), Problem> {
        let (image, text) = (self.image, self.text);
        check::counts(&[
            ("embedding", self.embedding),
            ("image.patch", image.patch),
            ("image.width", image.width),
            ("image.heads", image.heads),
            ("text.width", text.width),
            ("text.heads", text.heads),
        ])?;
        check::within("image.layers", image.layers, 1..=MOST_LAYERS)?;
        check::within("text.layers", text.layers, 1..=MOST_LAYERS)?;
        check::within(
            "vocabulary",
            self.vocabulary,
            FEWEST_IDS..=check::LARGEST_VOCABULARY,
        )?;
        check::within("tokens", self.tokens, SHORTEST..=check::MOST_WORDS)?;
        check::side("image_size", self.image_size, 1)?;
        if !self.image_size.is_multiple_of(image.patch) {
            let message = format!("must divide `image_size`, which is {}", self.image_size);
            return Err(Problem::new("image.patch", message));
        }
        check_heads("image", image.heads, image.width)?;
        check_heads("text", text.heads, text.width)
    }

    fn needs(&self) -> Needs {
        Needs {
            text: TextForm::Tokens(Tokens {
                tokenizer: "byte-pairs",
                length: self.tokens,
                vocabulary: self.vocabulary,
            }),
            ..Needs::of_images(vec![self.image_size])
        }
    }

    fn smallest_batch(&self) -> SmallestBatch {
        SmallestBatch::MATCHING
    }

    fn components(&self) -> Vec<Component> {
        let sizes = self.sizes();
        let temperature = Cost {
            parameters: 1,
            ..Cost::default()
        };
        vec![
            Component::own("text", sizes.text.cost(), 3.0),
            Component::own("image", sizes.image.cost(), 3.0),
            Component::own("temperature", temperature, 3.0),
        ]
    }

    fn plan(&self) -> Plan {
        let group = Group {
            name: "clip",
            prefixes: vec!["text.", "image.", "temperature."],
            optimizer: Optimizer::Adam {
                lr: 5e-4, // Radford et al. 2021, table 20
                betas: [0.9, 0.98],
                eps: 1e-6,
            },
            schedule: Schedule::Constant,
            clip: Some(1.0), // ours, in the place of a warm-up
        };
        Plan::single("matching", "m", group)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_has_the_published_number_of_parameters() {
        let networks = Config::default().networks();
        let counts: Vec<usize> = networks.iter().map(|cost| cost.parameters).collect();

        // 63,428,097 in the text tower with the temperature.
        assert_eq!(counts, [63_428_096, 87_849_216, 1]);
    }

    #[test]
    fn heads_and_patches_have_to_divide_and_every_byte_needs_an_id() {
        let wrong = |change: fn(&mut Config)| {
            let mut config = Config::default();
            change(&mut config);
            config.validate().expect_err("does not fit").key
        };

        assert_eq!(wrong(|c| c.image.heads = 7), "image.heads");
        assert_eq!(wrong(|c| c.text.heads = 0), "text.heads");
        assert_eq!(wrong(|c| c.text.layers = 0), "text.layers");
        assert_eq!(wrong(|c| c.image_size = 225), "image.patch");
        assert_eq!(wrong(|c| c.image_size = 0), "image_size");
        assert_eq!(wrong(|c| c.vocabulary = 513), "vocabulary");
        assert_eq!(wrong(|c| c.tokens = 2), "tokens");
    }
}
