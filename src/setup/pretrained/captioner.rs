//! Captioners, which know the words of `text.encoder` and were trained on its image encoder's features.

use burn::module::{AutodiffModule, Module};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::captioner;
use wordpaint_models::system::Description;
use wordpaint_models::text::captioner::{Captioner, CaptionerSizes};
use wordpaint_models::vision::matching::DamsmSizes;

use super::super::reference::{Target, resolve};
use super::super::trained::Trained;
use super::super::{SetupError, networks, words};
use super::{Digests, Kind, Request, digests};
use crate::config::pretrained::ENCODERS;
use crate::config::{self, Experiment, Reference};
use crate::run::folder::RunFolder;

/// See the module.
pub(super) struct Captioners;

impl Kind for Captioners {
    type Description = CaptionerSizes;
    type Network<B: Backend> = Captioner<B>;

    fn load<B: Backend>(
        request: &Request<'_>,
        device: &B::Device,
    ) -> Result<Captioner<B>, SetupError> {
        let (experiment, dirs) = (request.experiment, request.dirs);
        let from = experiment.pretrained_from(CaptionerSizes::KEY);
        let run = match resolve(from.unwrap_or_default(), experiment.quick, dirs)? {
            Target::Run(run) => run,
            Target::File(path) => {
                return Err(SetupError::Setting {
                    key: "pretrained.captioner.from",
                    message: format!("{} is a file, not a run of `captioner`", path.display()),
                });
            }
        };
        let captioner = of_run(&run, device)?;
        if words::of_run(&run)? != words::of_run(&words::pretraining(experiment, dirs)?)? {
            return Err(SetupError::Setting {
                key: "pretrained.captioner.from",
                message: format!(
                    "{} knows other words than the pretraining of `text.encoder`; train it with the \
                     same `text.encoder`",
                    run.path().display()
                ),
            });
        }
        let encoders = match request.digests.get(ENCODERS) {
            Some(digest) => Digests::from([(ENCODERS, digest.clone())]),
            None => digests(experiment, [DamsmSizes::KEY], dirs)?,
        };
        networks::check(&run, &encoders)?;
        Ok(captioner)
    }

    fn random<B: Backend>(
        request: &Request<'_>,
        device: &B::Device,
    ) -> Result<Captioner<B>, SetupError> {
        let settings = settings(request.experiment)?;
        let (features, vocabulary) = (settings.image_dim, settings.vocabulary);
        Ok(settings.decoder.init(features, vocabulary, device))
    }

    fn frozen<B: AutodiffBackend>(network: Captioner<B::InnerBackend>) -> Captioner<B> {
        Captioner::<B>::from_inner(network).no_grad()
    }
}

/// Settings of the captioner that `pretrained.captioner` names as an experiment.
fn settings(experiment: &Experiment) -> Result<captioner::Config, SetupError> {
    let from = experiment.pretrained_from(CaptionerSizes::KEY);
    if let Reference::Experiment(name) = Reference::of(from.unwrap_or_default()) {
        let trained = config::load(name, &[], experiment.quick)?;
        return Ok(trained.config_of::<captioner::Family>()?);
    }
    Err(SetupError::Setting {
        key: "pretrained.captioner.from",
        message: "the sizes of a captioner are known of `experiment:NAME`".into(),
    })
}

/// The captioner that `run` made.
///
/// # Errors
///
/// If it made none or cannot be read.
pub fn of_run<B: Backend>(run: &RunFolder, device: &B::Device) -> Result<Captioner<B>, SetupError> {
    let trained = Trained::<captioner::Family>::open(run)?;
    Ok(trained.system::<B>(device)?.decoder)
}
