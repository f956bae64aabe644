//! The text encoder of a pretraining whose image encoder is not needed.

use burn::module::{AutodiffModule, Module};
use wordpaint_models::backend::{AutodiffBackend, Backend};
use wordpaint_models::damsm;
use wordpaint_models::text::lstm::{Dimensions, Encoder};

use super::super::trained::Trained;
use super::super::{SetupError, words};
use super::{Kind, Request};
use crate::run::folder::RunFolder;
use crate::run::weights::trained_part;

/// See the module.
pub(super) struct TextEncoders;

impl Kind for TextEncoders {
    type Description = Dimensions;
    type Network<B: Backend> = Encoder<B>;

    fn load<B: Backend>(
        request: &Request<'_>,
        device: &B::Device,
    ) -> Result<Encoder<B>, SetupError> {
        let run = words::pretraining(request.experiment, request.dirs)?;
        let (encoder, _) = of_run(&run, device)?;
        Ok(encoder)
    }

    fn random<B: Backend>(
        request: &Request<'_>,
        device: &B::Device,
    ) -> Result<Encoder<B>, SetupError> {
        let settings = super::damsm::settings(request.experiment)?;
        Ok(settings.text.init(device))
    }

    fn frozen<B: AutodiffBackend>(network: Encoder<B::InnerBackend>) -> Encoder<B> {
        Encoder::<B>::from_inner(network).no_grad()
    }
}

/// The text encoder that the pretraining `run` made, and the settings of the pretraining.
///
/// # Errors
///
/// If it is no pretraining or cannot be read.
pub fn of_run<B: Backend>(
    run: &RunFolder,
    device: &B::Device,
) -> Result<(Encoder<B>, damsm::Config), SetupError> {
    let Trained {
        config: settings,
        checkpoint,
        ..
    } = Trained::<damsm::Family>::open(run)?;
    let fresh = settings.text.init::<B>(device);
    Ok((trained_part::<B, _>(&checkpoint, "text", fresh)?, settings))
}
