//! Names of published weights.
//!
//! # Key mapping
//!
//! | file | published | ours |
//! |---|---|---|
//! | `text_encoder*.pth` | `encoder.weight`, `rnn.*` | `text.*` |
//! | `image_encoder*.pth` | `emb_features.*`, `emb_cnn_code.*` | `heads.*` |
//! | `image_encoder*.pth` | torchvision's names of Inception-v3 | `trunk.*` |

use super::config::Config;
use crate::import::Source;
use crate::published::{
    Arrays, Companion, KNOWS_BY_NUMBER, PublishedFiles, PublishedNetworks, Role, setting, size,
};
use crate::text::lstm::encoder_key;
use crate::vision::inception::Naming;
use crate::vision::region_heads::heads_key;

/// Name in `text_encoder*.pth` or `image_encoder*.pth` of one of our parameters.
pub fn published_key(name: &str) -> Option<Source> {
    let (network, field) = name.split_once('.')?;
    match network {
        "text" => encoder_key(field),
        "heads" => heads_key(field),
        "trunk" => Naming::Torch.sources(field).into_iter().next(),
        _ => None,
    }
}

/// Text and image encoder of one pretraining.
pub(super) struct Files;

impl PublishedFiles for Files {
    fn base(&self) -> &'static str {
        "damsm-cub"
    }

    fn first(&self) -> &'static str {
        "text encoder"
    }

    fn companions(&self) -> Vec<Companion> {
        let two = "text and image encoder were published as two files";
        vec![
            Companion::needed(Role::ImageEncoder, two),
            Companion::needed(Role::Vocabulary, KNOWS_BY_NUMBER),
        ]
    }

    fn called(&self) -> &'static str {
        "a pair of encoders of "
    }

    fn settings(&self, arrays: &Arrays) -> Vec<String> {
        let of = |key: &str, axis: usize| size(arrays, key, axis);
        let mut settings = Vec::new();
        let (rows, hidden) = (of("rnn.weight_hh_l0", 0), of("rnn.weight_hh_l0", 1));
        if rows
            .zip(hidden)
            .is_some_and(|(rows, hidden)| rows == 3 * hidden)
        {
            settings.push("model.encoder.kind=gru".into());
        }
        let embedding = of("encoder.weight", 1);
        setting(&mut settings, "encoder.embedding_dim", embedding);
        setting(&mut settings, "vocabulary", self.words(arrays));
        setting(&mut settings, "encoder.dim", of("emb_features.weight", 0));
        let width = of("Conv2d_1a_3x3.conv.weight", 0);
        let divisor = width.and_then(|width| 32_usize.checked_div(width));
        setting(&mut settings, "trunk.divisor", divisor);
        settings
    }

    fn words(&self, arrays: &Arrays) -> Option<usize> {
        size(arrays, "encoder.weight", 0)
    }
}

impl PublishedNetworks<Config> for Files {
    fn key(&self, name: &str, _config: &Config, _arrays: &Arrays) -> Option<Source> {
        published_key(name)
    }
}
