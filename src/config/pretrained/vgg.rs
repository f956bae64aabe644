//! `[pretrained.vgg]`: a VGG convolution stack.

use serde::{Deserialize, Serialize};
use toml::Table;
use wordpaint_models::vision::image_space::{ChannelOrder, ImageSpace};
use wordpaint_models::vision::vgg::Pooling;

use super::super::error::ConfigError;
use super::super::parse::parse;
use super::Kind;

/// What a weights file does not say; a run knows its own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VggSettings {
    /// Layers with weights, 16 or 19.
    pub depth: usize,
    /// `average` (published SDN code) or `max`.
    pub pooling: Pooling,
    /// Input space of the weights.
    pub image_space: ImageSpace,
    /// `rgb` or `bgr`.
    pub channel_order: ChannelOrder,
}

impl Default for VggSettings {
    /// VGG19 with torchvision's input space.
    fn default() -> Self {
        Self {
            depth: 19,
            pooling: Pooling::Average,
            image_space: ImageSpace::ImageNetNorm,
            channel_order: ChannelOrder::default(),
        }
    }
}

pub(super) const KIND: Kind = Kind {
    key: "vgg",
    path: "pretrained.vgg",
    sources: "`cache:vgg19`, `experiment:NAME`, or the path of a run or weights file",
    accepts: |_| true,
    missing: |family| format!("`{family}` learns from the features of a frozen VGG"),
    unused: |family| format!("`{family}` needs no VGG"),
    unused_help: "take the table out",
    settings,
};

fn settings(table: Table) -> Result<Table, ConfigError> {
    let settings: VggSettings = parse(table, "pretrained.vgg")?;
    if !matches!(settings.depth, 16 | 19) {
        let message = format!("cannot be {}", settings.depth);
        return Err(ConfigError::at("pretrained.vgg.depth", message).with_expected("16 or 19"));
    }
    Table::try_from(settings)
        .map_err(|error| ConfigError::at("pretrained.vgg", format!("cannot be written: {error}")))
}
