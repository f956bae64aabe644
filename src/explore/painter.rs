//! A trained run with the text encoder it needs for captions of the user's.

use burn::prelude::Tensor;
use image::RgbImage;
use wordpaint_models::backend::Backend;
use wordpaint_models::batch::Text;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{Family, Generate, System, SystemConfig, TextForm};

use crate::config::Experiment;
use crate::evaluate::EvaluateError;
use crate::evaluate::generate::pictures;
use crate::launch::{LaunchError, open};
use crate::run::folder::RunFolder;
use crate::setup::text::{Encoder, check_caption};
use crate::setup::{Places, Say, SetupError};

/// A generator and its text encoder.
pub struct Painter<B: Backend, S> {
    /// Experiment of the run.
    pub experiment: Experiment,
    system: S,
    encoder: Encoder<B>,
}

impl<B: Backend, S: System<B>> Painter<B, S> {
    /// Opens a run. Captions go through the encoder inside it, or through `encoder` (a run folder or
    /// `experiment:NAME`) where one is named.
    ///
    /// # Errors
    ///
    /// If checkpoint or encoder are missing or do not fit, or if the family makes no images.
    pub fn open<F: Family<System<B> = S>>(
        run: &RunFolder,
        encoder: Option<&str>,
        device: &B::Device,
        places: &Places,
        say: Say<'_>,
    ) -> Result<Self, LaunchError> {
        let opened = open::<F, B>(run, device, say)?;
        let experiment = opened.experiment;
        if opened.system.generator().is_none() {
            return Err(EvaluateError::NoGenerator(experiment.family).into());
        }
        let encoder = match encoder {
            Some(reference) => Encoder::named(reference, experiment.quick, device, places)?,
            None => Encoder::open(&experiment, Some(run), device, places)?,
        };
        let config: F::Config = experiment.family_config()?;
        if let TextForm::Embedding { dim } = config.needs().text
            && dim != encoder.dim
        {
            return Err(SetupError::Setting {
                key: "model.text_dim",
                message: format!(
                    "the system was trained on embeddings of {dim} numbers, this encoder gives {}; \
                     name the encoder it was trained with by `--encoder RUN`",
                    encoder.dim
                ),
            }
            .into());
        }
        Ok(Self {
            experiment,
            system: opened.system,
            encoder,
        })
    }

    /// Embeds captions, `[captions, dim]`.
    ///
    /// # Errors
    ///
    /// If one is empty or absurdly long.
    pub fn embed(&self, captions: &[impl AsRef<str>]) -> Result<Tensor<B, 2>, LaunchError> {
        for caption in captions {
            check_caption(caption.as_ref())?;
        }
        Ok(self.encoder.encode(captions))
    }

    /// Whether other noise gives other images.
    pub fn draws_noise(&self) -> bool {
        self.generator().draws_noise()
    }

    /// Paints one embedding, `[1, dim]`: the final image of every head.
    pub fn paint(&self, embedding: Tensor<B, 2>, noise: Noise) -> Vec<RgbImage> {
        let text = Text::from_embeddings(embedding.unsqueeze_dim(1));
        let generated = self.generator().generate(&text, noise);
        let size = |image: &Tensor<B, 4>| image.dims()[3];
        let last = generated.images.last().map_or(0, size);
        (0..generated.images.len())
            .filter(|&i| size(&generated.images[i]) == last)
            .flat_map(|i| pictures(&generated, i))
            .collect()
    }

    fn generator(&self) -> &dyn Generate<B> {
        self.system
            .generator()
            .expect("checked when the run was opened")
    }
}
