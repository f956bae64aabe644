//! Text encoder and image encoder that a run of `damsm` made to match.

use burn::module::{AutodiffModule, Module};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::damsm;
use wordpaint_models::system::{Description, System, SystemConfig};
use wordpaint_models::vision::backbone::BackboneConfig;
use wordpaint_models::vision::matching::{Damsm, DamsmSizes};
use wordpaint_models::vision::vgg::{Vgg, VggConfig};

use super::super::trained::Trained;
use super::super::{Dirs, SetupError, words};
use super::{Kind, Request, Use, vgg, wanted};
use crate::config::{self, Experiment, Reference};
use crate::run::folder::RunFolder;

/// See the module.
pub(super) struct Pairs;

impl Kind for Pairs {
    type Description = DamsmSizes;
    type Network<B: Backend> = Damsm<B>;

    // Its backbone.
    const PARTS: &'static [&'static str] = &[VggConfig::KEY];

    fn load<B: Backend>(request: &Request<'_>, device: &B::Device) -> Result<Damsm<B>, SetupError> {
        let run = words::pretraining(request.experiment, request.dirs)?;
        let (pair, _) = of_run(&run, device, request.dirs)?;
        Ok(pair)
    }

    fn random<B: Backend>(
        request: &Request<'_>,
        device: &B::Device,
    ) -> Result<Damsm<B>, SetupError> {
        let settings = settings(request.experiment)?;
        let vgg = match &settings.backbone {
            BackboneConfig::Vgg(backbone) => Some(backbone.config().init(device)),
            BackboneConfig::Inception(_) => None,
        };
        let pair = damsm::Pretraining::<B>::init(&settings, device).into_pair(vgg);
        Ok(pair.expect("a VGG is there where it is looked through"))
    }

    fn frozen<B: AutodiffBackend>(network: Damsm<B::InnerBackend>) -> Damsm<B> {
        Damsm::<B>::from_inner(network).no_grad()
    }
}

/// Settings of the pretraining that `text.encoder` names as an experiment.
///
/// # Errors
///
/// If it names none.
pub(super) fn settings(experiment: &Experiment) -> Result<damsm::Config, SetupError> {
    let from = &experiment.text.encoder;
    if let Reference::Experiment(name) = Reference::of(from) {
        let trained = config::load(name, &[], experiment.quick)?;
        return Ok(trained.config_of::<damsm::Family>()?);
    }
    Err(SetupError::Setting {
        key: "text.encoder",
        message: format!(
            "is `{from}`; the sizes of encoders are known of `experiment:NAME` of a pretraining"
        ),
    })
}

/// The pair of encoders that the pretraining `run` made, and its settings.
///
/// # Errors
///
/// If it is no pretraining, or what it saw through is not there or does not fit.
pub fn of_run<B: Backend>(
    run: &RunFolder,
    device: &B::Device,
    dirs: &Dirs,
) -> Result<(Damsm<B>, damsm::Config), SetupError> {
    let trained = Trained::<damsm::Family>::open(run)?;
    let vgg = vgg_of::<B>(&trained.experiment, &trained.config, device, dirs)?;
    let system = trained.system::<B>(device)?;
    let pair = system.into_pair(vgg).ok_or_else(|| SetupError::Weights {
        path: run.path().to_path_buf(),
        message: "has no network to look through".into(),
    })?;
    Ok((pair, trained.config))
}

/// The frozen VGG among the components of a pretraining.
fn vgg_of<B: Backend>(
    experiment: &Experiment,
    settings: &damsm::Config,
    device: &B::Device,
    dirs: &Dirs,
) -> Result<Option<Vgg<B>>, SetupError> {
    let components = settings.components();
    let frozen = wanted(&components, Use::Continuing);
    let has_vgg = frozen
        .iter()
        .any(|pretrained| pretrained.key == VggConfig::KEY);
    has_vgg
        .then(|| vgg::load::<B>(experiment, device, dirs))
        .transpose()
}
