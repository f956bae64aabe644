//! A trained run with the text encoder it needs for captions of the user's.

use std::sync::Arc;

use burn::prelude::{Int, Tensor, TensorData};
use image::RgbImage;
use wordpaint_data::resize::opencv_bilinear;
use wordpaint_data::tokenizers::{Encoded, Excess, Tokenizer};
use wordpaint_models::backend::Backend;
use wordpaint_models::batch::Text;
use wordpaint_models::noise::Noise;
use wordpaint_models::system::{Family, Generated, Pipeline, System, SystemConfig, TextForm};

use super::Target;
use crate::config::Experiment;
use crate::data::pixels::to_images;
use crate::evaluate::EvaluateError;
use crate::launch::{LaunchError, Opened, open};
use crate::run::folder::RunFolder;
use crate::setup::text::{Encoder, check_caption};
use crate::setup::{Dirs, SetupError, Status, words};

/// Smallest side of the picture in a [`GeneratedFigure`], in pixels.
const SMALLEST: u32 = 128;

/// A figure of one caption and its image.
pub struct CaptionFigure<'a> {
    /// The run.
    pub run: RunFolder,
    /// Where things are looked for.
    pub dirs: Dirs,
    /// What to generate.
    pub caption: String,
    /// Seed of the noise.
    pub seed: u64,
    /// Where the picture goes.
    pub target: Target,
    /// Where lines about what is being done go.
    pub status: Status<'a>,
}

/// What was generated.
pub(super) struct GeneratedFigure<B: Backend> {
    /// The final image, enlarged where it is too small for a figure.
    pub(super) image: RgbImage,
    /// It and what explains it.
    pub(super) generated: Generated<B>,
}

impl CaptionFigure<'_> {
    /// Opens the run.
    pub(super) fn open<F: Family, B: Backend>(
        &self,
        device: &B::Device,
    ) -> Result<CaptionPipeline<B, F::System<B>>, LaunchError> {
        CaptionPipeline::open::<F>(&self.run, None, device, &self.dirs, self.status)
    }

    /// Reads the caption and generates its image, once the figure is known to have a place.
    pub(super) fn generate<B: Backend, S: System<B>>(
        &self,
        pipeline: &CaptionPipeline<B, S>,
    ) -> Result<GeneratedFigure<B>, LaunchError> {
        let text = pipeline.read(&self.caption)?;
        self.target.check()?;
        let noise = Noise::new(self.seed, 0);
        let generated = pipeline.pipeline().generate(&text, noise);
        let finals = generated.finals().next().map_or_else(Vec::new, to_images);
        let image = finals.first().expect("a generator paints every caption");
        let side = image.width().max(SMALLEST);
        Ok(GeneratedFigure {
            image: opencv_bilinear(image, side, side),
            generated,
        })
    }
}

/// A generator and its text encoder.
pub struct CaptionPipeline<B: Backend, S> {
    opened: Opened<S>,
    encoder: CaptionEncoder<B>,
}

/// How captions become what the system reads.
enum CaptionEncoder<B: Backend> {
    /// Sentence embeddings.
    Sentences(Box<Encoder<B>>),
    /// Ids of a tokenizer.
    Tokens {
        tokenizer: Arc<dyn Tokenizer>,
        /// Ids read of a caption.
        length: usize,
        device: B::Device,
    },
}

impl<B: Backend, S: System<B>> CaptionPipeline<B, S> {
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
        dirs: &Dirs,
        status: Status<'_>,
    ) -> Result<Self, LaunchError> {
        let opened = open::<F, B>(run, device, dirs, status)?;
        let experiment = &opened.experiment;
        if opened.pipeline().is_none() {
            return Err(EvaluateError::NoGenerator(experiment.family.clone()).into());
        }
        let config = experiment.config_of::<F>()?;
        let form = config.needs().text;
        if let TextForm::Tokens(tokens) = form {
            return Ok(Self {
                opened,
                encoder: CaptionEncoder::Tokens {
                    tokenizer: words::tokenizer_of_run(run, tokens)?,
                    length: tokens.length,
                    device: device.clone(),
                },
            });
        }
        let encoder = match encoder {
            Some(reference) => Encoder::named(reference, experiment.quick, device, dirs)?,
            None => Encoder::open(experiment, Some(run), device, dirs)?,
        };
        if let TextForm::Embedding { dim } = form
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
            opened,
            encoder: CaptionEncoder::Sentences(Box::new(encoder)),
        })
    }

    /// Embeds captions, `[captions, dim]`.
    ///
    /// # Errors
    ///
    /// If one is empty or absurdly long, or if the system reads words one by one.
    pub fn embed(&self, captions: &[impl AsRef<str>]) -> Result<Tensor<B, 2>, LaunchError> {
        for caption in captions {
            check_caption(caption.as_ref())?;
        }
        match &self.encoder {
            CaptionEncoder::Sentences(encoder) => Ok(encoder.encode(captions)),
            CaptionEncoder::Tokens { .. } => Err(LaunchError::Request(format!(
                "`{}` reads captions word by word; there is nothing between two of them",
                self.experiment().family
            ))),
        }
    }

    /// One caption as the system reads it.
    ///
    /// # Errors
    ///
    /// If it is empty, absurdly long, or has no word that the system knows.
    pub fn read(&self, caption: &str) -> Result<Text<B>, LaunchError> {
        let CaptionEncoder::Tokens {
            tokenizer,
            length,
            device,
        } = &self.encoder
        else {
            return Ok(Text::from_embeddings(
                self.embed(&[caption])?.unsqueeze_dim(1),
            ));
        };
        check_caption(caption)?;
        let Encoded { ids, count, .. } = tokenizer.encode(caption, *length, Excess::First);
        if count == 0 {
            return Err(LaunchError::Request(format!(
                "no word of \"{caption}\" is in the run's vocabulary; describe the picture with \
                 other words (`vocabulary.json` in the run folder lists them)"
            )));
        }
        let data = TensorData::new(ids, [1, 1, *length]);
        Ok(Text {
            embeddings: None,
            tokens: Some(Tensor::<B, 3, Int>::from_data(data, device)),
            lengths: vec![count],
        })
    }

    /// Whether other noise gives other images.
    pub fn draws_noise(&self) -> bool {
        self.pipeline().draws_noise()
    }

    /// Generates from one embedding, `[1, dim]`: the final image of every head.
    pub fn generate(&self, embedding: Tensor<B, 2>, noise: Noise) -> Vec<RgbImage> {
        self.generate_from(&Text::from_embeddings(embedding.unsqueeze_dim(1)), noise)
    }

    /// Generates from one caption: the final image of every head.
    pub fn generate_from(&self, text: &Text<B>, noise: Noise) -> Vec<RgbImage> {
        let generated = self.pipeline().generate(text, noise);
        generated.finals().flat_map(to_images).collect()
    }

    /// The words of `caption` that are read, in order; `None` where captions are read as a whole.
    pub fn words(&self, caption: &str) -> Option<Vec<String>> {
        let CaptionEncoder::Tokens {
            tokenizer, length, ..
        } = &self.encoder
        else {
            return None;
        };
        let Encoded { ids, count, .. } = tokenizer.encode(caption, *length, Excess::First);
        let word = |&id: &i32| tokenizer.token(id).unwrap_or_default();
        Some(ids[..count].iter().map(word).collect())
    }

    /// Experiment of the run.
    pub const fn experiment(&self) -> &Experiment {
        &self.opened.experiment
    }

    fn pipeline(&self) -> Pipeline<'_, B> {
        let pipeline = self.opened.pipeline();
        pipeline.expect("checked when the run was opened")
    }
}
