//! VGG convolution stacks: of a run of `vgg-classifier`, or of a file with torchvision's names.

use burn::module::{AutodiffModule, Module};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::system::{Description, SystemConfig};
use wordpaint_models::vgg_classifier;
use wordpaint_models::vision::image_space::Preprocessing;
use wordpaint_models::vision::vgg::{Depth, Vgg, VggConfig};

use super::super::reference::{Target, resolve};
use super::super::trained::{Trained, settings};
use super::super::{Dirs, SetupError, weights};
use super::{Kind, Request};
use crate::config::Experiment;
use crate::config::pretrained::VggSettings;

/// Side of the images that the published weights were trained with, in pixels.
const PUBLISHED_SIDE: usize = 224;

/// See the module.
pub(super) struct Vggs;

impl Kind for Vggs {
    type Description = VggConfig;
    type Network<B: Backend> = Vgg<B>;

    fn load<B: Backend>(request: &Request<'_>, device: &B::Device) -> Result<Vgg<B>, SetupError> {
        load(request.experiment, device, request.dirs)
    }

    fn random<B: Backend>(request: &Request<'_>, device: &B::Device) -> Result<Vgg<B>, SetupError> {
        let wanted = request.pretrained.wanted::<VggConfig>();
        let wanted = wanted.copied().unwrap_or_default();
        let settings: VggSettings = request.experiment.pretrained_settings(VggConfig::KEY)?;
        let config = VggConfig {
            pooling: settings.pooling,
            ..wanted
        };
        Ok(config.init(device))
    }

    fn frozen<B: AutodiffBackend>(network: Vgg<B::InnerBackend>) -> Vgg<B> {
        Vgg::<B>::from_inner(network).no_grad()
    }
}

/// The VGG of `[pretrained.vgg]`.
///
/// # Errors
///
/// If it is not named, not there or does not fit.
pub fn load<B: Backend>(
    config: &Experiment,
    device: &B::Device,
    dirs: &Dirs,
) -> Result<Vgg<B>, SetupError> {
    let from = config.pretrained_from(VggConfig::KEY);
    let from = from.ok_or_else(|| SetupError::Setting {
        key: "pretrained.vgg",
        message: "image features come from a VGG; say where its weights are with \
                  `pretrained.vgg.from`"
            .into(),
    })?;
    match resolve(from, config.quick, dirs)? {
        Target::Run(run) => {
            let trained = Trained::<vgg_classifier::Family>::open(&run)?;
            Ok(trained.system::<B>(device)?.fold())
        }
        Target::File(path) => {
            let settings: VggSettings = config.pretrained_settings(VggConfig::KEY)?;
            let tensors = weights::read(&path)?;
            let (vgg, report) = published(&settings)?
                .init::<B>(device)
                .load_torchvision(|key| tensors.get(key).cloned());
            if report.is_complete() {
                return Ok(vgg);
            }
            let problems: Vec<String> = report
                .mismatched
                .iter()
                .chain(&report.missing)
                .take(4)
                .cloned()
                .collect();
            Err(SetupError::Weights {
                path,
                message: format!(
                    "is not a VGG{} with torchvision's names: {}; check `pretrained.vgg.depth` and \
                     the file",
                    settings.depth,
                    problems.join(", ")
                ),
            })
        }
    }
}

/// Configuration of a VGG whose weights come from a file.
fn published(settings: &VggSettings) -> Result<VggConfig, SetupError> {
    let depth = match settings.depth {
        16 => Depth::Vgg16,
        19 => Depth::Vgg19,
        other => {
            return Err(SetupError::Setting {
                key: "pretrained.vgg.depth",
                message: format!("{other} is not a VGG; expected 16 or 19"),
            });
        }
    };
    let hed = VggConfig::hed();
    let preprocessing = Preprocessing {
        image_space: settings.image_space,
        channel_order: settings.channel_order,
    };
    Ok(VggConfig {
        depth,
        pooling: settings.pooling,
        has_ceil: preprocessing == hed.preprocessing && hed.has_ceil,
        preprocessing,
        ..VggConfig::default()
    })
}

/// Side of the images that the VGG of `[pretrained]` was trained with, in pixels; for a file
/// `data.load_size`, else that of the published weights.
///
/// # Errors
///
/// If it is not there.
pub fn image_size(config: &Experiment, dirs: &Dirs) -> Result<usize, SetupError> {
    let Some(from) = config.pretrained_from(VggConfig::KEY) else {
        return Ok(PUBLISHED_SIDE);
    };
    match resolve(from, config.quick, dirs)? {
        Target::Run(run) => {
            let (_, trained) = settings::<vgg_classifier::Family>(&run)?;
            let sizes = trained.needs().image_sizes;
            Ok(sizes.last().copied().unwrap_or(PUBLISHED_SIDE))
        }
        Target::File(_) if config.data.load_size > 0 => Ok(config.data.load_size as usize),
        Target::File(_) => Ok(PUBLISHED_SIDE),
    }
}
