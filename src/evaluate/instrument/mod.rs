//! THE table of instruments: which network and weights, how images get into it, and what its numbers
//! may be called.

mod network;
mod pairs;
#[cfg(test)]
mod tests;
mod thumbnails;
mod weights;

use wordpaint_data::preprocessing::{Preprocessing, Resizer};
use wordpaint_data::resize::Filter;
use wordpaint_models::backend::Backend;
use wordpaint_models::vision::inception::{Bias, InceptionConfig};

use super::extract::{Extractor, Instrument};
use crate::setup::Dirs;
use network::Loaded;
pub use pairs::{PairNetwork, Perceptual};
pub use thumbnails::Thumbnails;

/// A feature network with everything around it.
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// What a user types and what files carry.
    pub(super) id: &'static str,
    /// Another name for the same, from the literature.
    alias: Option<&'static str>,
    /// Network and training data in words.
    network: &'static str,
    source: Source,
    /// The preprocessing in words.
    input: &'static str,
    /// What the Fréchet distance of the features is called.
    fid: &'static str,
    /// What the score of the classes is called; `None` where the publisher takes no score with this
    /// preprocessing.
    score: Option<&'static str>,
}

/// Where features come from.
#[derive(Clone, Copy)]
enum Source {
    /// The colours of a thumbnail.
    Thumbnails,
    /// A network behind its preprocessing.
    Network {
        kind: Kind,
        weights: Weights,
        preprocessing: fn() -> Preprocessing,
    },
}

/// Architecture and reading of the classes.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Inception-v3; the first `skip` classes are no classes of pictures.
    Inception {
        config: InceptionConfig,
        bias: Bias,
        skip: usize,
    },
    /// Keras's Inception-v3 below the layers of `nsfwjs`.
    Nsfw,
    /// EfficientNet-Lite0.
    EfficientNet,
}

/// Where weights come from.
#[derive(Clone, Copy)]
pub(super) enum Weights {
    /// `cargo xtask fetch NAME`.
    Fetched(&'static str),
    /// Files of a publisher, by the names they are published under, and how to get one.
    Given {
        /// Stems in the folder of weights.
        stems: &'static [&'static str],
        /// Where it is published and what to do with it.
        how: &'static str,
    },
}

const FID_2015: Kind = Kind::Inception {
    config: InceptionConfig::FID_2015,
    bias: Bias::Without,
    skip: 0,
};
const FID_WEIGHTS: Weights = Weights::Given {
    stems: &[
        "inception-2015-12-05",
        "pt_inception-2015-12-05-6726825d",
        "weights-inception-2015-12-05-6726825d",
    ],
    how: "download pt_inception-2015-12-05-6726825d.pth from the releases of pytorch-fid (96 MB)",
};
const FID_NETWORK: &str = "Inception-v3 of 2015-12-05, ImageNet, 1008 classes";
const TORCHVISION_WEIGHTS: Weights = Weights::Given {
    stems: &[
        "inception_v3_google-1a9a5a14",
        "inception_v3_google-0cc3c7bd",
        "inception-torchvision",
    ],
    how: "download inception_v3_google-0cc3c7bd.pth, torchvision's ImageNet weights (109 MB)",
};
const TORCHVISION: Kind = Kind::Inception {
    config: InceptionConfig::TORCHVISION,
    bias: Bias::With,
    skip: 0,
};
const PIL_SYMMETRIC: &str =
    "8-bit RGB, Pillow bilinear (antialiased) to 299 x 299 in 8 bits, values -1 to 1";

/// Side of the images that Inception networks take.
const INCEPTION_SIDE: u32 = 299;

const fn inception(resizer: Resizer, scale: f32, shift: f32) -> Preprocessing {
    Preprocessing::gray(INCEPTION_SIDE, resizer, scale, shift)
}

const fn pil_symmetric() -> Preprocessing {
    inception(Resizer::Bytes(Filter::PilBilinear), 1.0 / 127.5, -1.0)
}

/// Every instrument, the ones to prefer first.
pub(super) const TABLE: &[Entry] = &[
    Entry {
        id: "pytorch",
        alias: None,
        network: FID_NETWORK,
        source: Source::Network {
            kind: FID_2015,
            weights: FID_WEIGHTS,
            preprocessing: || inception(Resizer::HalfPixelBilinear, 1.0 / 127.5, -1.0),
        },
        input: "8-bit RGB, bilinear between pixel centres without antialiasing to 299 x 299, \
                values -1 to 1",
        fid: "FID (fid/pytorch)",
        score: None,
    },
    Entry {
        id: "clean",
        alias: None,
        network: FID_NETWORK,
        source: Source::Network {
            kind: FID_2015,
            weights: FID_WEIGHTS,
            preprocessing: || inception(Resizer::PilBicubicFloat, 1.0 / 128.0, -1.0),
        },
        input: "8-bit RGB, Pillow bicubic (antialiased) to 299 x 299 in floats, clipped, \
                (x - 128) / 128",
        fid: "FID (fid/clean)",
        score: None,
    },
    Entry {
        id: "tf-inception",
        alias: Some("imagenet-2015"),
        network: FID_NETWORK,
        source: Source::Network {
            kind: FID_2015,
            weights: FID_WEIGHTS,
            preprocessing: || inception(Resizer::Tf1Bilinear, 1.0 / 128.0, -1.0),
        },
        input: "8-bit RGB, bilinear of TensorFlow 1 to 299 x 299, (x - 128) / 128",
        fid: "FID (fid/tf-inception)",
        score: Some("IS (is/imagenet-2015)"),
    },
    Entry {
        id: "clean-legacy-pytorch",
        alias: None,
        network: FID_NETWORK,
        source: Source::Network {
            kind: FID_2015,
            weights: FID_WEIGHTS,
            preprocessing: || inception(Resizer::HalfPixelBilinear, 1.0 / 128.0, -1.0),
        },
        input: "8-bit RGB, bilinear between pixel centres without antialiasing to 299 x 299, \
                (x - 128) / 128",
        fid: "FID (fid/clean-legacy-pytorch)",
        score: None,
    },
    Entry {
        id: "torchvision-legacy",
        alias: None,
        network: "Inception-v3 of torchvision, ImageNet, 1000 classes",
        source: Source::Network {
            kind: TORCHVISION,
            weights: TORCHVISION_WEIGHTS,
            preprocessing: || {
                Preprocessing::legacy(INCEPTION_SIDE, Resizer::Bytes(Filter::PilBilinear))
            },
        },
        input: "8-bit RGB, Pillow bilinear (antialiased) to 299 x 299 in 8 bits, ImageNet's \
                affine map applied to values 0 to 1 as DM-GAN's and GALIP's code does",
        fid: "FID (fid/torchvision-legacy)",
        score: None,
    },
    Entry {
        id: "torchvision",
        alias: None,
        network: "Inception-v3 of torchvision, ImageNet, 1000 classes",
        source: Source::Network {
            kind: TORCHVISION,
            weights: TORCHVISION_WEIGHTS,
            preprocessing: pil_symmetric,
        },
        input: PIL_SYMMETRIC,
        fid: "fd_torchvision",
        score: Some("IS (is/torchvision)"),
    },
    Entry {
        id: "cub-finetuned",
        alias: None,
        network: "StackGAN's Inception-v3, fine-tuned on the 50 test classes of CUB",
        source: Source::Network {
            kind: Kind::Inception {
                config: InceptionConfig::CUB,
                bias: Bias::With,
                skip: 1,
            },
            weights: Weights::Given {
                stems: &["inception-cub"],
                how: "download birds_valid299 from the README of StackGAN-inception-model and save the \
                  variables of model.ckpt-5000 with `numpy.savez` (TensorFlow: \
                  `tf.train.load_checkpoint`) as inception-cub.npz",
            },
            preprocessing: pil_symmetric,
        },
        input: PIL_SYMMETRIC,
        fid: "fd_cub_finetuned",
        score: Some("IS (is/cub-finetuned)"),
    },
    Entry {
        id: "flowers-finetuned",
        alias: None,
        network: "StackGAN's Inception-v3, fine-tuned on the 20 test classes of Oxford-102",
        source: Source::Network {
            kind: Kind::Inception {
                config: InceptionConfig::FLOWERS,
                bias: Bias::With,
                skip: 1,
            },
            weights: Weights::Given {
                stems: &["inception-flowers"],
                how: "download flowers_valid299 from the README of StackGAN-inception-model and save \
                  the variables of its checkpoint with `numpy.savez` (TensorFlow: \
                  `tf.train.load_checkpoint`) as inception-flowers.npz",
            },
            preprocessing: pil_symmetric,
        },
        input: PIL_SYMMETRIC,
        fid: "fd_flowers_finetuned",
        score: Some("IS (is/flowers-finetuned)"),
    },
    Entry {
        id: "efflite0",
        alias: None,
        network: "EfficientNet-Lite0, ImageNet, 1000 classes",
        source: Source::Network {
            kind: Kind::EfficientNet,
            weights: Weights::Fetched("efflite0"),
            preprocessing: || {
                let resizer = Resizer::Bytes(Filter::PilBicubic);
                Preprocessing::gray(224, resizer, 1.0 / 128.0, -127.0 / 128.0)
            },
        },
        input: "8-bit RGB, Pillow bicubic (antialiased) to 224 x 224 in 8 bits, (x - 127) / 128",
        fid: "fid_efflite0",
        score: Some("is_efflite0"),
    },
    Entry {
        id: "keras-nsfw",
        alias: None,
        network: "Keras's Inception-v3, ImageNet up to mixed5, fine-tuned on five other classes \
                  after it, weights in 8 bits",
        source: Source::Network {
            kind: Kind::Nsfw,
            weights: Weights::Fetched("inception-nsfw"),
            preprocessing: || inception(Resizer::HalfPixelBilinear, 1.0 / 255.0, 0.0),
        },
        input: "8-bit RGB, bilinear between pixel centres without antialiasing to 299 x 299, \
                values 0 to 1",
        fid: "fid_nsfwinc",
        score: Some("is_nsfwinc"),
    },
    thumbnails::ENTRY,
];

/// The entry of a name.
pub(super) fn find(id: &str) -> Option<&'static Entry> {
    TABLE
        .iter()
        .find(|entry| entry.id == id || entry.alias == Some(id))
}

/// A network that cannot be used here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("feature network `{id}`: {why}; {how}")]
pub struct Absent {
    /// What was asked for.
    pub id: String,
    /// Why it cannot be used.
    pub why: String,
    /// What would make it usable.
    pub how: String,
}

/// Names that [`open`] knows, best first.
pub fn known() -> impl Iterator<Item = &'static str> {
    TABLE.iter().map(|entry| entry.id)
}

/// Opens the instrument named `id` on `device`; weights are looked for in `dirs.cache`.
///
/// # Errors
///
/// If the name is unknown or its weights are not in place.
pub fn open<B: Backend>(
    id: &str,
    device: &B::Device,
    dirs: &Dirs,
) -> Result<Box<dyn Extractor>, Absent> {
    match find(id) {
        Some(entry) => entry.open::<B>(device, dirs),
        None => Err(Absent {
            id: id.into(),
            why: "it is not known".into(),
            how: format!("choose one of: {}", known().collect::<Vec<_>>().join(", ")),
        }),
    }
}

impl Entry {
    /// With the digest of its weights.
    fn instrument(&self, weights: String) -> Instrument {
        Instrument {
            id: self.id.into(),
            network: self.network.into(),
            weights,
            preprocessing: self.input.into(),
            fid: self.fid.into(),
            inception_score: self.score.map(str::to_owned),
        }
    }

    /// Loads the network.
    ///
    /// # Errors
    ///
    /// If its weights are not in place, are damaged or are those of another network.
    fn open<B: Backend>(
        &self,
        device: &B::Device,
        dirs: &Dirs,
    ) -> Result<Box<dyn Extractor>, Absent> {
        let (kind, weights, preprocessing) = match self.source {
            Source::Thumbnails => return Ok(Box::new(Thumbnails::default())),
            Source::Network {
                kind,
                weights,
                preprocessing,
            } => (kind, weights, preprocessing()),
        };
        let absent = |why, how| Absent {
            id: self.id.to_owned(),
            why,
            how,
        };
        let file = weights
            .find(dirs)
            .map_err(|missing| absent(missing.why, missing.how))?;
        let network = kind.load::<B>(&file.arrays, device).map_err(|what| {
            let why = format!("{} is not {}: {what}", file.path.display(), self.network);
            absent(why, weights.how(dirs))
        })?;
        Ok(Box::new(Loaded::new(
            self.instrument(file.sha256),
            preprocessing,
            network,
            device.clone(),
        )))
    }
}
