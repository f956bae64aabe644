//! Frozen networks named by `[aids]`, and the image features computed with them.

use burn::module::{AutodiffModule, Module};
use sha2::{Digest, Sha256};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::captioner;
use wordpaint_models::damsm;
use wordpaint_models::state::named_tensors;
use wordpaint_models::system::{AidKind, Aids, Sampling, SystemConfig, TextForm};
use wordpaint_models::text::captioner::Captioner;
use wordpaint_models::text::lstm::Encoder;
use wordpaint_models::vgg_classifier;
use wordpaint_models::vision::image_space::Preprocessing;
use wordpaint_models::vision::inception::{Inception, Naming};
use wordpaint_models::vision::matching::Damsm;
use wordpaint_models::vision::vgg::{Depth, Vgg, VggConfig};

use super::networks::Digests;
use super::reference::{Target, resolve};
use super::tables::Entry;
use super::trained::{Trained, settings};
use super::{Places, Say, SetupError, networks, weights, words};
use crate::config::{Experiment, schema};
use crate::data::batch::fixed_batch;
use crate::data::source::{Source, Table};
use crate::run::checkpoint::hex;
use crate::run::folder::RunFolder;
use crate::run::manifest;
use crate::run::weights::{trained, trained_part};

/// Images looked at together.
const BATCH: usize = 32;

/// The frozen networks a system needs: those that teach it, and the VGG behind image features.
pub fn kinds(config: &impl SystemConfig) -> Vec<AidKind> {
    let mut kinds = config.aids();
    if config.needs().features.is_some() && !kinds.contains(&AidKind::Vgg) {
        kinds.push(AidKind::Vgg);
    }
    kinds
}

/// Loads the frozen networks in `kinds`, whose `digests` are known.
///
/// # Errors
///
/// If one is not configured, not there or does not fit.
pub fn load<B: AutodiffBackend>(
    config: &Experiment,
    kinds: &[AidKind],
    digests: &Digests,
    device: &B::Device,
    places: &Places,
) -> Result<Aids<B>, SetupError> {
    let mut aids = Aids::default();
    for kind in kinds {
        match kind {
            AidKind::Vgg => {
                let spec = config
                    .aids
                    .vgg
                    .as_ref()
                    .ok_or_else(|| SetupError::Setting {
                        key: "aids.vgg",
                        message: "this family is taught by a VGG; say where its weights are with \
                              `aids.vgg.from`"
                            .into(),
                    })?;
                let vgg = vgg::<B::InnerBackend>(spec, config.quick, device, places)?;
                aids.vgg = Some(Vgg::<B>::from_inner(vgg).no_grad());
            }
            AidKind::Inception => {
                let inception = inception::<B::InnerBackend>(config, device, places)?;
                aids.inception = Some(Inception::<B>::from_inner(inception).no_grad());
            }
            AidKind::TextEncoder => {
                let run = words::pretraining(config, places)?;
                let (text, _) = text_encoder::<B::InnerBackend>(&run, device)?;
                aids.text = Some(Encoder::<B>::from_inner(text).no_grad());
            }
            AidKind::Damsm => {
                let run = words::pretraining(config, places)?;
                let (pair, _) = pair_of::<B::InnerBackend>(&run, device, places)?;
                aids.damsm = Some(Damsm::<B>::from_inner(pair).no_grad());
            }
            AidKind::Captioner => {
                let pair = digests.get(networks::ENCODERS);
                let pair = pair.filter(|_| kinds.contains(&AidKind::Damsm));
                let captioner = captioner::<B::InnerBackend>(config, pair, device, places)?;
                aids.captioner = Some(Captioner::<B>::from_inner(captioner).no_grad());
            }
        }
    }
    if let (Some(damsm), Some(captioner)) = (&aids.damsm, &aids.captioner) {
        let ours = [damsm.whole_dim(), damsm.dimensions().vocabulary];
        let theirs = [captioner.features(), captioner.vocabulary()];
        if ours != theirs {
            return Err(SetupError::Setting {
                key: "aids.captioner.from",
                message: format!(
                    "was trained with {} numbers per image and {} ids of words, the pretraining of \
                     `text.encoder` has {} and {}; train it with the same `text.encoder`",
                    theirs[0], theirs[1], ours[0], ours[1]
                ),
            });
        }
    }
    Ok(aids)
}

/// The captioner of `[aids.captioner]`, which knows the words of `text.encoder` and was trained on what
/// its image encoder sees; `pair` is the digest of that pretraining, where it is known.
///
/// # Errors
///
/// If it is not there or does not fit.
fn captioner<B: Backend>(
    config: &Experiment,
    pair: Option<&String>,
    device: &B::Device,
    places: &Places,
) -> Result<Captioner<B>, SetupError> {
    let from = config.aids.captioner().unwrap_or_default();
    let run = match resolve(from, config.quick, places)? {
        Target::Run(run) => run,
        Target::File(path) => {
            return Err(SetupError::Setting {
                key: "aids.captioner.from",
                message: format!("{} is a file, not a run of `captioner`", path.display()),
            });
        }
    };
    let captioner = captioner_of(&run, device)?;
    if words::of_run(&run)? != words::of_run(&words::pretraining(config, places)?)? {
        return Err(SetupError::Setting {
            key: "aids.captioner.from",
            message: format!(
                "{} knows other words than the pretraining of `text.encoder`; train it with the \
                 same `text.encoder`",
                run.path().display()
            ),
        });
    }
    let seen_through = match pair {
        Some(digest) => Digests::from([(networks::ENCODERS, digest.clone())]),
        None => networks::digests(config, &[AidKind::Damsm], places)?,
    };
    networks::check(&run, &seen_through)?;
    Ok(captioner)
}

/// The captioner that `run` made.
///
/// # Errors
///
/// If it made none or cannot be read.
pub fn captioner_of<B: Backend>(
    run: &RunFolder,
    device: &B::Device,
) -> Result<Captioner<B>, SetupError> {
    let trained = Trained::<captioner::Family>::open(run)?;
    Ok(trained.system::<B>(device)?.decoder)
}

/// The text encoder that the pretraining `run` made, and the settings of the pretraining.
///
/// # Errors
///
/// If it is no pretraining or cannot be read.
pub fn text_encoder<B: Backend>(
    run: &RunFolder,
    device: &B::Device,
) -> Result<(Encoder<B>, damsm::Config), SetupError> {
    let Trained {
        config: settings,
        checkpoint,
        ..
    } = Trained::<damsm::Family>::open(run)?;
    let fresh = settings.encoder.init::<B>(settings.vocabulary, device);
    Ok((trained_part::<B, _>(&checkpoint, "text", fresh)?, settings))
}

/// The pair of encoders that the pretraining `run` made, and its settings.
///
/// # Errors
///
/// If it is no pretraining, or what it saw through is not there or does not fit.
pub fn pair_of<B: Backend>(
    run: &RunFolder,
    device: &B::Device,
    places: &Places,
) -> Result<(Damsm<B>, damsm::Config), SetupError> {
    let (experiment, settings) = settings::<damsm::Family>(run)?;
    let fail = |message: String| SetupError::Weights {
        path: run.path().to_path_buf(),
        message,
    };
    let vgg = if settings.aids().contains(&AidKind::Vgg) {
        let spec = experiment.aids.vgg.as_ref();
        let spec = spec.ok_or_else(|| fail("its experiment has no `aids.vgg`".into()))?;
        Some(vgg::<B>(spec, experiment.quick, device, places)?)
    } else {
        None
    };
    let checkpoint = manifest::newest(run)?;
    let system: damsm::Pretraining<B> = trained::<B, _>(&checkpoint, &settings, device)?;
    let pair = system.into_pair(vgg);
    let pair = pair.ok_or_else(|| fail("has no network to look through".into()))?;
    Ok((pair, settings))
}

/// The Inception-v3 of `[aids.inception]`.
///
/// # Errors
///
/// If it is not there or does not fit.
pub fn inception<B: Backend>(
    config: &Experiment,
    device: &B::Device,
    places: &Places,
) -> Result<Inception<B>, SetupError> {
    let from = config.aids.inception().unwrap_or_default();
    let path = match resolve(from, config.quick, places)? {
        Target::File(path) => path,
        Target::Run(run) => {
            return Err(SetupError::Setting {
                key: "aids.inception.from",
                message: format!("{} is a run, not a weights file", run.path().display()),
            });
        }
    };
    let arrays = weights::read(&path)?;
    let network = config.family_facts()?.inception.init::<B>(device);
    let (network, report) = network.load(Naming::Torch, &arrays);
    if report.ours.is_complete() {
        return Ok(network);
    }
    let problems = report.ours.mismatched.iter().chain(&report.ours.missing);
    let problems: Vec<String> = problems.take(4).cloned().collect();
    Err(SetupError::Weights {
        path,
        message: format!(
            "is not Inception-v3 with torchvision's names: {}",
            problems.join(", ")
        ),
    })
}

/// The VGG of `[aids.vgg]`.
///
/// # Errors
///
/// If it is not there or does not fit.
pub fn vgg<B: Backend>(
    spec: &schema::VggAid,
    is_quick: bool,
    device: &B::Device,
    places: &Places,
) -> Result<Vgg<B>, SetupError> {
    match resolve(&spec.from, is_quick, places)? {
        Target::Run(run) => {
            let trained = Trained::<vgg_classifier::Family>::open(&run)?;
            Ok(trained.system::<B>(device)?.fold())
        }
        Target::File(path) => {
            let config = vgg_config(spec)?;
            let tensors = weights::read(&path)?;
            let (vgg, report) = config
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
                    "is not a VGG{} with torchvision's names: {}; check `aids.vgg.depth` and the \
                     file",
                    spec.depth,
                    problems.join(", ")
                ),
            })
        }
    }
}

/// Configuration of a VGG whose weights come from a file.
fn vgg_config(spec: &schema::VggAid) -> Result<VggConfig, SetupError> {
    let depth = match spec.depth {
        16 => Depth::Vgg16,
        19 => Depth::Vgg19,
        other => {
            return Err(SetupError::Setting {
                key: "aids.vgg.depth",
                message: format!("{other} is not a VGG; expected 16 or 19"),
            });
        }
    };
    let hed = VggConfig::hed();
    let preprocessing = Preprocessing {
        image_space: spec.image_space,
        channel_order: spec.channel_order,
    };
    Ok(VggConfig {
        depth,
        pooling: spec.pooling,
        has_ceil: preprocessing == hed.preprocessing && hed.has_ceil,
        preprocessing,
        ..VggConfig::default()
    })
}

/// Features of every image of the source from the VGG of `[aids]`. Images are seen whole, at the size
/// the VGG was trained with.
///
/// # Errors
///
/// If there is no VGG or an image cannot be read.
pub fn features<B: AutodiffBackend>(
    config: &Experiment,
    source: &Source,
    aids: &Aids<B>,
    device: &B::Device,
    places: &Places,
    say: Say<'_>,
) -> Result<Table, SetupError> {
    // A system that is not taught by the VGG does not keep it.
    let vgg = match (&aids.vgg, &config.aids.vgg) {
        (Some(vgg), _) => vgg.valid(),
        (None, Some(spec)) => vgg::<B::InnerBackend>(spec, config.quick, device, places)?,
        (None, None) => {
            return Err(SetupError::Setting {
                key: "aids.vgg",
                message: "image features come from a VGG; say where its weights are".into(),
            });
        }
    };
    let size = feature_size(config, places)?;
    let mut needs = source.needs.clone();
    needs.image_sizes = vec![size];
    needs.text = TextForm::None;
    needs.sampling = Sampling::Images;
    needs.features = None;
    let data = schema::Data {
        load_size: 0,
        ..config.data.clone()
    };
    let looking = source.view(&data, needs);
    let settings = format!("{:?}", vgg.config());
    let (network, backend) = (identity(&vgg, &settings), B::name(device));
    let seen = format!(
        "{size} {:?} {} {:?}",
        data.resize, data.crop_to_box, data.fit
    );
    let decided_by = [
        ("network", network.as_str()),
        ("backend", &backend),
        ("seen", &seen),
    ];
    Entry::new("features", source, 1, &decided_by, places).get(say, || {
        let indices = &source.population.indices;
        say(&format!("image features of {} images", indices.len()));
        let (mut values, mut dim) = (Vec::new(), 0);
        for images in indices.chunks(BATCH) {
            let batch = fixed_batch(&looking, images, 0)?;
            let batch = batch.upload::<B::InnerBackend>(&looking, device);
            let features = vgg.features(vgg.config().preprocessing.apply(batch.real()));
            dim = features.dims()[1];
            values.extend(features.into_data().iter::<f32>());
        }
        Ok((values, dim))
    })
}

/// Digest of a network's weights and settings.
pub fn identity<B: Backend, M: Module<B>>(network: &M, settings: &str) -> String {
    let mut digest = Sha256::new();
    digest.update(settings);
    for (name, data) in named_tensors::<B, _>(network) {
        digest.update(name);
        digest.update(data.as_bytes());
    }
    hex(&digest.finalize())
}

/// Side of the images the VGG of `[aids]` looks at when it computes features: what a run was trained
/// with; for a file `data.load_size`, else the 224 of the published weights.
///
/// # Errors
///
/// If it is not there.
pub fn feature_size(config: &Experiment, places: &Places) -> Result<usize, SetupError> {
    let Some(spec) = &config.aids.vgg else {
        return Ok(224);
    };
    match resolve(&spec.from, config.quick, places)? {
        Target::Run(run) => {
            let (_, trained) = settings::<vgg_classifier::Family>(&run)?;
            Ok(trained.needs().image_sizes.last().copied().unwrap_or(224))
        }
        Target::File(_) if config.data.load_size > 0 => Ok(config.data.load_size as usize),
        Target::File(_) => Ok(224),
    }
}
